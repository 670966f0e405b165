import type { Logger } from '@flashmesh/telemetry';
import type { Request } from './call.ts';
import { deliver } from './deliver.ts';
import { isZooKeeperError } from './errors.ts';
import { OpCode } from './op-codes.ts';
import type { WatcherEvent } from './records.ts';
import { removeWatches, type WatcherType } from './requests.ts';
import {
  type Registration,
  type WatchBatch,
  type WatchEvent,
  type WatchKind,
  WatchRegistry,
} from './watch-registry.ts';

/** A watch to be armed with a request. */
export interface Watch {
  readonly kind: WatchKind;
  readonly path: string;
  readonly listener: (event: WatchEvent) => void;
  /** Takes the watch back. */
  readonly until?: AbortSignal | undefined;
}

/** A watch whose request is on its way. */
export interface ArmedWatch {
  /** How the request ended; to be called before anything that arrives later is looked at. */
  settled(op: OpCode, error: unknown): void;
  /** The request is under way: from now on the watch can be taken back. */
  sent(reply: Promise<unknown>): void;
  /** There will be no request. */
  discard(): void;
}

/** How the server names the kinds of watches when they are to be removed. */
const TYPE_OF = {
  data: 'data',
  exist: 'data',
  child: 'children',
  persistent: 'persistent',
  recursive: 'recursive',
} as const satisfies Record<WatchKind, WatcherType>;
const KINDS_OF: Readonly<Record<WatcherType, readonly WatchKind[]>> = {
  data: ['data', 'exist'],
  children: ['child'],
  persistent: ['persistent'],
  recursive: ['recursive'],
  any: ['data', 'exist', 'child', 'persistent', 'recursive'],
};

/** The server's limit is its frame limit; Java's client and ours keep well below it. */
const MAX_BATCH_BYTES = 128 * 1024 - 64;

/** The life of a session's watches: armed with a request, told of events, taken back, carried from one connection to the next. */
export class SessionWatches {
  private readonly registry = new WatchRegistry();
  /** Asks the server at once; `undefined` when there is no connection. */
  private readonly ask: (request: Request<unknown>) => Promise<unknown> | undefined;
  private readonly logger: Logger | undefined;

  constructor(ask: (request: Request<unknown>) => Promise<unknown> | undefined, logger: Logger | undefined) {
    this.ask = ask;
    this.logger = logger;
  }

  /** How many watches wait. */
  get size(): number {
    return this.registry.size;
  }

  /** Armed before its request leaves, since the event may come before the reply; disarmed when the request fails. */
  arm({ kind, path, listener, until }: Watch): ArmedWatch {
    const registration = this.registry.add(kind, path, listener);
    return {
      settled: (op, error) => {
        if (error === undefined) return;
        // `exists` on a missing node arms a watch all the same: for its creation.
        if (op === OpCode.exists && isZooKeeperError(error, 'ZK_NO_NODE')) {
          this.registry.move(registration, 'exist');
        } else this.registry.remove(registration);
      },
      sent: (reply) => {
        if (until) this.takeBackOn(until, registration, reply);
      },
      discard: () => this.registry.remove(registration),
    };
  }

  /** Takes out the watches of a type at the path, which the server has just removed. */
  take(path: string, type: WatcherType): Registration[] {
    return this.registry.take(path, KINDS_OF[type]);
  }

  notify(event: WatcherEvent): void {
    this.registry.dispatch(event, tell);
  }

  /** @param final whether no other session follows. */
  expire(final: boolean): void {
    this.registry.expire(final, tell);
  }

  rearmed(): void {
    this.registry.rearmed(tell);
  }

  /** What to arm on a new connection, in parts that a server takes. */
  batches(newSession: boolean): Iterable<WatchBatch> {
    return this.registry.batches(MAX_BATCH_BYTES, newSession);
  }

  clear(): void {
    this.registry.clear();
  }

  /**
   * Takes one watch back, at the server too when it was the last of its kind there. Never fails: what the server does not hear of
   * now, it learns with the next connection.
   */
  private takeBack(registration: Registration): void {
    if (!this.registry.remove(registration)) return;
    const { kind, path } = registration;
    const type = TYPE_OF[kind];
    if (this.registry.has(path, KINDS_OF[type])) return;
    // It may just have fired.
    this.ask(removeWatches(path, type))?.catch((error: unknown) =>
      this.logger?.debug({ err: error, path }, 'watch not removed'),
    );
  }

  private takeBackOn(until: AbortSignal, registration: Registration, asked: Promise<unknown>): void {
    const takeBack = () => this.takeBack(registration);
    if (until.aborted) return takeBack();
    until.addEventListener('abort', takeBack, { once: true });
    const forget = () => until.removeEventListener('abort', takeBack);
    registration.onGone = forget;
    asked.catch(forget);
  }
}

function tell({ listener }: Registration, event: WatchEvent): void {
  deliver(listener, event);
}
