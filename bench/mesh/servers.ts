import { join } from 'node:path';
import { ManagedProcess } from '../../tools/local/managed-process.ts';
import type { CertificateFiles } from './certificates.ts';

/** The servers, in a process of their own. */
export class Servers {
  readonly ports: readonly number[];
  private readonly process: ManagedProcess;

  private constructor(process: ManagedProcess, ports: readonly number[]) {
    this.process = process;
    this.ports = ports;
  }

  /** @throws StackError with what they said when they do not start. */
  static async start(
    count: number,
    certificates: CertificateFiles | undefined,
    signal: AbortSignal,
  ): Promise<Servers> {
    const script = join(import.meta.dirname, 'serve.ts');
    const files = certificates ? [JSON.stringify(certificates)] : [];
    let ports: readonly number[] | undefined;
    const child = new ManagedProcess(
      {
        name: 'servers',
        command: process.execPath,
        args: [script, String(count), ...files],
        ready: () => (ports ? Promise.resolve() : Promise.reject(new Error('no ports yet'))),
      },
      {
        line: (_name, line) => {
          if (line.startsWith('[')) ports = JSON.parse(line) as number[];
        },
      },
    );
    await child.start(signal);
    return new Servers(child, ports ?? []);
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}
