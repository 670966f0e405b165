import type { Logger } from '@flashmesh/telemetry';
import type { Request } from './call.ts';
import { deliver } from './deliver.ts';
import { ZooKeeperError } from './errors.ts';
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
  /** The request is under way. */
  sent(): void;
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
    registration.asking = true;
    if (until) this.takeBackOn(until, registration);
    return {
      settled: (op, error) => this.settle(registration, op, error),
      sent: () => {
        if (until?.aborted) this.takeBack(registration);
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

  private settle(registration: Registration, op: OpCode, error: unknown): void {
    registration.asking = false;
    const refused = error instanceof ZooKeeperError;
    // `exists` on a missing node arms a watch all the same: for its creation.
    const absent = refused && error.code === 'ZK_NO_NODE' && op === OpCode.exists;
    if (absent) this.registry.move(registration, 'exist');
    if (error === undefined || absent) {
      // Taken back meanwhile, or an event of an earlier watch has used it up: the server has it all the same.
      if (!this.registry.holds(registration)) this.forget(registration);
    } else if (refused) {
      this.registry.remove(registration);
      if (registration.inherits) this.forget(registration);
    }
    // The caller gave up, which does not keep the server from arming it.
    else this.takeBack(registration);
  }

  /**
   * Takes one watch back, at the server too when it was the last of its kind there; while it is not known whether the server has it,
   * as soon as that is. Never fails: what the server does not hear of now, it learns with the next connection.
   */
  private takeBack(registration: Registration): void {
    if (!this.registry.remove(registration)) return;
    if (!registration.asking) this.forget(registration);
  }

  /** Has the server forget a watch that nobody here waits for any more. */
  private forget({ kind, path }: Registration): void {
    const type = TYPE_OF[kind];
    const others = this.registry.at(path, KINDS_OF[type]);
    // They may turn out not to be armed themselves.
    for (const other of others) other.inherits = true;
    if (others.length > 0) return;
    // It may just have fired.
    this.ask(removeWatches(path, type))?.catch((error: unknown) =>
      this.logger?.debug({ err: error, path }, 'watch not removed'),
    );
  }

  private takeBackOn(until: AbortSignal, registration: Registration): void {
    const takeBack = () => this.takeBack(registration);
    until.addEventListener('abort', takeBack, { once: true });
    registration.onGone = () => until.removeEventListener('abort', takeBack);
  }
}

function tell({ listener }: Registration, event: WatchEvent): void {
  deliver(listener, event);
}
