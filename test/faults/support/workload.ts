import { FlashmeshError } from '@flashmesh/core';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';
import type { Ensemble } from './ensemble.ts';
import { eventually, pause } from '../../support/eventually.ts';

/** Where a workload works. */
export interface Ground {
  /** Clients whose network and servers are going to be broken. */
  readonly clients: readonly ZooKeeper[];
  /** A client that nothing is done to, for the truth afterwards. */
  readonly direct: ZooKeeper;
  readonly ensemble: Ensemble;
  /** A node of its own. */
  readonly path: string;
}

/** After a failure, so that a client without a connection does not spin. */
const ERROR_PAUSE_MS = 50;

/**
 * What clients do with one recipe over and over while faults happen, and the history of it. A step may fail because of the fault;
 * what else goes wrong is remembered and fails the spec.
 */
export abstract class Workload {
  abstract readonly name: string;
  /** Errors that no fault explains. */
  readonly surprises: unknown[] = [];
  protected readonly ground: Ground;
  private readonly stopping = new AbortController();
  private readonly steps: number[] = [];
  private readonly running: Promise<void>[] = [];

  constructor(ground: Ground) {
    this.ground = ground;
  }

  /** Begins. */
  abstract start(): Promise<void>;

  /** Lets each worker end its step and waits for all. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  /** @throws what does not fit together in the history, by `expect`. The workload was stopped before; its clients are still open. */
  abstract verify(): Promise<void>;

  /** Resolves when each worker has done two more steps: so at least one began after the call. */
  async progress(): Promise<void> {
    const before = [...this.steps];
    await eventually(`${this.name} to go on`, () =>
      this.steps.every((steps, i) => steps >= (before[i] as number) + 2),
    );
  }

  /** Aborts when the workload is to end. */
  protected get ending(): AbortSignal {
    return this.stopping.signal;
  }

  /** A worker that does `step` again and again. */
  protected repeat(step: () => Promise<void>): void {
    const index = this.steps.push(0) - 1;
    const work = async () => {
      while (!this.ending.aborted) {
        try {
          await step();
          this.steps[index] = (this.steps[index] as number) + 1;
        } catch (error) {
          if (!this.expected(error)) this.surprises.push(error);
          await pause(ERROR_PAUSE_MS);
        }
      }
    };
    this.running.push(work());
  }

  /** What a fault, or the end, may cause. */
  private expected(error: unknown): boolean {
    if (isZooKeeperError(error)) return error.kind === 'unavailable';
    return error instanceof FlashmeshError && this.ending.aborted && error.kind === 'cancelled';
  }
}
