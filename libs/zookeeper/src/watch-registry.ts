import { parentOf } from './paths.ts';
import type { WatcherEvent } from './records.ts';

/** What a watch saw. */
export interface WatchEvent {
  /**
   * - `created`, `deleted`, `changed` (its data), `children` (one was added or removed): happened to the node at `path`.
   * - `rearmed`, for persistent watches: the connection was another for a while, and whatever happened meanwhile was not told. Read
   *   again.
   * - `removed`: somebody took the watch back.
   * - `session-lost`: the session that held the watch is over; read again to watch with the next one.
   */
  readonly type: 'created' | 'deleted' | 'changed' | 'children' | 'rearmed' | 'removed' | 'session-lost';
  readonly path: string;
}

/**
 * One-shot: `data` and `exist` fire on the same events, the server re-arms them by different rules; `child`. They stay until they are
 * taken back: `persistent` sees what happens to its node, `recursive` what happens to its node and everything beneath, but no
 * `children` events, which would say the same twice.
 */
export type WatchKind = 'data' | 'exist' | 'child' | 'persistent' | 'recursive';

/** The watches of one kind each, as `setWatches2` carries them. */
export type WatchBatch = Record<WatchKind, string[]>;

/** One registered watch. */
export interface Registration {
  kind: WatchKind;
  readonly path: string;
  readonly listener: (event: WatchEvent) => void;
  /** While it is not known whether the server has armed it. */
  asking?: boolean;
  /** Another one of its kind was taken back, which the server was not told because of this one. */
  inherits?: boolean;
  /** Called when it has fired for the last time or was taken out. */
  onGone?: () => void;
}

const ONE_SHOT: readonly WatchKind[] = ['data', 'exist', 'child'];
const LASTING: readonly WatchKind[] = ['persistent', 'recursive'];

/** By `EventType` of the wire: what happened, and the kinds of one-shot watches that see it. */
const EVENTS: Readonly<Record<number, { type: WatchEvent['type']; kinds: readonly WatchKind[] }>> = {
  1: { type: 'created', kinds: ['data', 'exist'] },
  2: { type: 'deleted', kinds: ONE_SHOT },
  3: { type: 'changed', kinds: ['data', 'exist'] },
  4: { type: 'children', kinds: ['child'] },
};

/** The watches of a session, by the server's paths. */
export class WatchRegistry {
  private readonly byKind: Record<WatchKind, Map<string, Set<Registration>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    recursive: new Map(),
  };

  /** How many watches wait. */
  get size(): number {
    return [...ONE_SHOT, ...LASTING].reduce((sum, kind) => sum + this.all(kind).length, 0);
  }

  add(kind: WatchKind, path: string, listener: (event: WatchEvent) => void): Registration {
    const registration: Registration = { kind, path, listener };
    this.insert(registration);
    return registration;
  }

  /** Whether it was still waiting. */
  remove(registration: Registration): boolean {
    const { kind, path } = registration;
    const set = this.byKind[kind].get(path);
    const removed = set?.delete(registration) ?? false;
    if (set?.size === 0) this.byKind[kind].delete(path);
    if (removed) registration.onGone?.();
    return removed;
  }

  /** Makes a waiting watch one of another kind; one that fired already stays gone. */
  move(registration: Registration, kind: WatchKind): void {
    const set = this.byKind[registration.kind].get(registration.path);
    if (!set?.delete(registration)) return;
    if (set.size === 0) this.byKind[registration.kind].delete(registration.path);
    registration.kind = kind;
    this.insert(registration);
  }

  /** Whether the watch still waits. */
  holds(registration: Registration): boolean {
    return this.byKind[registration.kind].get(registration.path)?.has(registration) ?? false;
  }

  /** The watches of the kinds that wait at the path. */
  at(path: string, kinds: readonly WatchKind[]): Registration[] {
    return kinds.flatMap((kind) => [...(this.byKind[kind].get(path) ?? [])]);
  }

  /** Takes out all watches of the kinds at the path. */
  take(path: string, kinds: readonly WatchKind[]): Registration[] {
    const taken = kinds.flatMap((kind) => {
      const set = this.byKind[kind].get(path);
      this.byKind[kind].delete(path);
      return set ? [...set] : [];
    });
    for (const { onGone } of taken) onGone?.();
    return taken;
  }

  /** Calls each watch that the event concerns through `deliver`; the one-shot ones are taken out before. */
  dispatch(event: WatcherEvent, deliver: (registration: Registration, event: WatchEvent) => void): void {
    const meaning = EVENTS[event.type];
    if (!meaning) return;
    const { path } = event;
    const concerned = [...this.take(path, meaning.kinds), ...(this.byKind.persistent.get(path) ?? [])];
    if (meaning.type !== 'children') concerned.push(...this.recursiveAbove(path));
    for (const registration of concerned) deliver(registration, { type: meaning.type, path });
  }

  /** Takes the one-shot watches out and tells each that its session is over; also the others when no session follows. */
  expire(final: boolean, deliver: (registration: Registration, event: WatchEvent) => void): void {
    for (const registration of this.takeAll(final ? [...ONE_SHOT, ...LASTING] : ONE_SHOT)) {
      registration.onGone?.();
      deliver(registration, { type: 'session-lost', path: registration.path });
    }
  }

  /** Tells the persistent watches that they may have missed something. */
  rearmed(deliver: (registration: Registration, event: WatchEvent) => void): void {
    for (const registration of LASTING.flatMap((kind) => this.all(kind))) {
      deliver(registration, { type: 'rearmed', path: registration.path });
    }
  }

  /** Takes all watches out. */
  clear(): void {
    for (const { onGone } of this.takeAll([...ONE_SHOT, ...LASTING])) onGone?.();
  }

  /**
   * The watched paths in batches whose encoded paths stay within `maxBytes` each, without those that a request that waits will arm; for a
   * new session those of persistent watches.
   */
  *batches(maxBytes: number, newSession = false): Generator<WatchBatch> {
    let batch = emptyBatch();
    let bytes = 0;
    for (const kind of newSession ? LASTING : [...ONE_SHOT, ...LASTING]) {
      for (const [path, registrations] of this.byKind[kind]) {
        if ([...registrations].every(({ asking }) => asking)) continue;
        const size = 4 + Buffer.byteLength(path);
        if (bytes > 0 && bytes + size > maxBytes) {
          yield batch;
          batch = emptyBatch();
          bytes = 0;
        }
        batch[kind].push(path);
        bytes += size;
      }
    }
    if (bytes > 0) yield batch;
  }

  private insert(registration: Registration): void {
    const paths = this.byKind[registration.kind];
    const set = paths.get(registration.path);
    if (set) set.add(registration);
    else paths.set(registration.path, new Set([registration]));
  }

  private recursiveAbove(path: string): Registration[] {
    const { recursive } = this.byKind;
    if (recursive.size === 0) return [];
    const found: Registration[] = [];
    for (let at = path; ; at = parentOf(at)) {
      found.push(...(recursive.get(at) ?? []));
      if (at === '/') return found;
    }
  }

  private takeAll(kinds: readonly WatchKind[]): Registration[] {
    const all = kinds.flatMap((kind) => this.all(kind));
    for (const kind of kinds) this.byKind[kind].clear();
    return all;
  }

  private all(kind: WatchKind): Registration[] {
    return [...this.byKind[kind].values()].flatMap((set) => [...set]);
  }
}

function emptyBatch(): WatchBatch {
  return { data: [], exist: [], child: [], persistent: [], recursive: [] };
}
