import { ManagedProcess, type ProcessListener, type ProcessSpec } from './managed-process.ts';
import { signalGroup } from './process-identity.ts';

/** Owns processes that were started in an order, and stops them in the reverse of it. */
export class Supervisor {
  private readonly listener: ProcessListener;
  private readonly generations: ManagedProcess[][] = [];

  constructor(listener: ProcessListener = {}) {
    this.listener = listener;
  }

  get processes(): readonly ManagedProcess[] {
    return this.generations.flat();
  }

  find(name: string): ManagedProcess | undefined {
    return this.processes.find((process) => process.name === name);
  }

  /**
   * Starts these processes at the same time and waits for all of them. They form one generation: they are stopped together,
   * before the generations that were started earlier.
   *
   * @throws the error of the first that does not get ready; the others go on until `stop`.
   */
  async start(specs: readonly ProcessSpec[], signal?: AbortSignal): Promise<void> {
    const generation = specs.map((spec) => new ManagedProcess(spec, this.listener));
    this.generations.push(generation);
    await Promise.all(generation.map((process) => process.start(signal)));
  }

  /** Stops everything, the youngest generation first. */
  async stop(onStopped?: (names: string[]) => void): Promise<void> {
    for (const generation of this.generations.toReversed()) {
      await Promise.all(generation.map((process) => process.stop()));
      onStopped?.(generation.map((process) => process.name));
    }
  }

  /** For the moment when there is no time left: SIGKILL to every group, without waiting. */
  killAll(): void {
    for (const { pid } of this.processes) if (pid !== undefined) signalGroup(pid, 'SIGKILL');
  }
}
