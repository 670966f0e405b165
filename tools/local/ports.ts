import { connect, createServer } from 'node:net';
import { StackError } from './stack-error.ts';

/** Below the range that systems hand out to clients, so that a free port stays free until its server takes it. */
const searchFrom = 20_000;
const searchTo = 30_000;

/** Whether nothing listens on the port of 127.0.0.1 and a server could. */
export async function isFree(port: number): Promise<boolean> {
  // Some systems let a server bind beside one that holds all addresses: ask first whether somebody answers.
  if (await answers(port)) return false;
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(500, () => finish(true));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** Hands out ports of 127.0.0.1, none of them twice. */
export class PortPicker {
  private readonly taken = new Set<number>();

  /** The preferred port when it is free, else a free one. */
  async pick(preferred: number): Promise<number> {
    return (await this.take(preferred)) ? preferred : this.any();
  }

  /** Any free port, for one that need not be known, or that looks free while it is another stack's. */
  async any(): Promise<number> {
    const start = searchFrom + Math.floor(Math.random() * (searchTo - searchFrom));
    for (let i = 0; i < searchTo - searchFrom; i++) {
      const port = searchFrom + ((start - searchFrom + i) % (searchTo - searchFrom));
      if (await this.take(port)) return port;
    }
    throw new StackError(
      'No port is free.',
      `Stop something that listens between ${searchFrom} and ${searchTo}.`,
    );
  }

  /**
   * Exactly this port: somebody asked for it.
   *
   * @throws StackError naming the option when something else uses it.
   */
  async require(port: number, option: string): Promise<number> {
    if (await this.take(port)) return port;
    throw new StackError(
      `Port ${port} is in use by something else.`,
      `Stop that, or give another port with ${option}, or leave the option out to take any free one.`,
    );
  }

  private async take(port: number): Promise<boolean> {
    if (this.taken.has(port) || !(await isFree(port))) return false;
    this.taken.add(port);
    return true;
  }
}
