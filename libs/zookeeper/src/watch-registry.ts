import type { WatcherEvent } from './records.ts';

/** What a watch saw. It fires once; to see more, read again with a new watch. */
export interface WatchEvent {
  /** `session-lost`: the session that held the watch is over; read again to watch with the next one. */
  readonly type: 'created' | 'deleted' | 'changed' | 'children' | 'session-lost';
  readonly path: string;
}

/** `data` and `exist` fire on the same events; the server re-arms them by different rules. */
export type WatchKind = 'data' | 'exist' | 'child';

/** The watches of one kind each, as `setWatches` carries them. */
export type WatchBatch = Record<WatchKind, string[]>;

/** One registered watch. */
export interface Registration {
  kind: WatchKind;
  readonly path: string;
  readonly listener: (event: WatchEvent) => void;
}

const KINDS: readonly WatchKind[] = ['data', 'exist', 'child'];

/** By `EventType` of the wire: what happened, and the kinds of watches that see it. */
const EVENTS: Readonly<Record<number, { type: WatchEvent['type']; kinds: readonly WatchKind[] }>> = {
  1: { type: 'created', kinds: ['data', 'exist'] },
  2: { type: 'deleted', kinds: KINDS },
  3: { type: 'changed', kinds: ['data', 'exist'] },
  4: { type: 'children', kinds: ['child'] },
};

/** The one-shot watches of a session, by the server's paths. */
export class WatchRegistry {
  private readonly byKind: Record<WatchKind, Map<string, Set<Registration>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
  };

  /** How many watches wait. */
  get size(): number {
    return KINDS.reduce((sum, kind) => sum + this.all(kind).length, 0);
  }

  add(kind: WatchKind, path: string, listener: (event: WatchEvent) => void): Registration {
    const registration = { kind, path, listener };
    this.insert(registration);
    return registration;
  }

  /** Whether it was still waiting. */
  remove(registration: Registration): boolean {
    const { kind, path } = registration;
    const set = this.byKind[kind].get(path);
    const removed = set?.delete(registration) ?? false;
    if (set?.size === 0) this.byKind[kind].delete(path);
    return removed;
  }

  /** Makes a waiting watch one of another kind; one that fired already stays gone. */
  move(registration: Registration, kind: WatchKind): void {
    if (!this.remove(registration)) return;
    registration.kind = kind;
    this.insert(registration);
  }

  /** Takes the watches that the event concerns out and calls each through `deliver`. */
  dispatch(event: WatcherEvent, deliver: (registration: Registration, event: WatchEvent) => void): void {
    const meaning = EVENTS[event.type];
    if (!meaning) return;
    const fired = meaning.kinds.flatMap((kind) => this.take(kind, event.path));
    for (const registration of fired) deliver(registration, { type: meaning.type, path: event.path });
  }

  /** Takes all watches out and tells each that its session is over. */
  expire(deliver: (registration: Registration, event: WatchEvent) => void): void {
    const all = KINDS.flatMap((kind) => this.all(kind));
    this.clear();
    for (const registration of all) deliver(registration, { type: 'session-lost', path: registration.path });
  }

  clear(): void {
    for (const kind of KINDS) this.byKind[kind].clear();
  }

  /** All watched paths in batches whose encoded paths stay within `maxBytes` each. */
  *batches(maxBytes: number): Generator<WatchBatch> {
    let batch: WatchBatch = { data: [], exist: [], child: [] };
    let bytes = 0;
    for (const kind of KINDS) {
      for (const path of this.byKind[kind].keys()) {
        const size = 4 + Buffer.byteLength(path);
        if (bytes > 0 && bytes + size > maxBytes) {
          yield batch;
          batch = { data: [], exist: [], child: [] };
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

  private take(kind: WatchKind, path: string): Registration[] {
    const set = this.byKind[kind].get(path);
    this.byKind[kind].delete(path);
    return set ? [...set] : [];
  }

  private all(kind: WatchKind): Registration[] {
    return [...this.byKind[kind].values()].flatMap((set) => [...set]);
  }
}
