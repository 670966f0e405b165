import { parentOf } from '../../paths.ts';
import type { Change } from './data-tree.ts';

/** Types of events on the wire. */
export const EventType = { created: 1, deleted: 2, changed: 3, children: 4 } as const;

/** As a server keeps them for one connection; `data` is for `exists`, too. */
export type ServerWatchKind = 'data' | 'child' | 'persistent' | 'recursive';

/** The watches of one connection at its server. */
export class ServerWatches {
  private readonly paths: Record<ServerWatchKind, Set<string>> = {
    data: new Set(),
    child: new Set(),
    persistent: new Set(),
    recursive: new Set(),
  };

  add(kind: ServerWatchKind, path: string): void {
    this.paths[kind].add(path);
  }

  has(kind: ServerWatchKind, path: string): boolean {
    return this.paths[kind].has(path);
  }

  remove(kind: ServerWatchKind, path: string): boolean {
    return this.paths[kind].delete(path);
  }

  /** Kind and path of each. */
  all(): string[] {
    return Object.entries(this.paths).flatMap(([kind, paths]) => [...paths].map((path) => `${kind} ${path}`));
  }

  /** The events that the change causes; a connection hears of each once, whatever it has armed. One-shot ones are used up. */
  fire({ type, path }: Change): { type: number; path: string }[] {
    const events: { type: number; path: string }[] = [];
    const { data, child, persistent } = this.paths;
    const atNode =
      type === 'create' ? EventType.created : type === 'set' ? EventType.changed : EventType.deleted;
    const oneShot = data.delete(path);
    const oneShotChild = type === 'delete' && child.delete(path);
    if (oneShot || oneShotChild || persistent.has(path) || this.hasRecursiveAbove(path)) {
      events.push({ type: atNode, path });
    }
    if (type !== 'set') {
      const parent = parentOf(path);
      if (child.delete(parent) || persistent.has(parent))
        events.push({ type: EventType.children, path: parent });
    }
    return events;
  }

  private hasRecursiveAbove(path: string): boolean {
    const { recursive } = this.paths;
    if (recursive.size === 0) return false;
    for (let at = path; ; at = parentOf(at)) {
      if (recursive.has(at)) return true;
      if (at === '/') return false;
    }
  }
}
