import { createFlags } from '../../op-codes.ts';
import { parentOf } from '../../paths.ts';
import type { Stat } from '../../records.ts';
import { type Change, type DataTree, type Moment, statOf } from './data-tree.ts';

/** Codes on the wire of what a server refuses. */
export const Refusal = {
  unimplemented: -6,
  runtimeInconsistency: -2,
  noNode: -101,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  sessionMoved: -118,
  noWatcher: -121,
} as const;

const EPHEMERAL = new Set([createFlags.ephemeral, createFlags['ephemeral-sequential']]);
const SEQUENTIAL = new Set([
  createFlags['persistent-sequential'],
  createFlags['ephemeral-sequential'],
  createFlags['ttl-sequential'],
]);

/** A write as a client asks for it. */
export type Write =
  | { readonly op: 'create'; readonly path: string; readonly data: Buffer; readonly flags: number }
  | { readonly op: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly op: 'delete'; readonly path: string; readonly version: number }
  | { readonly op: 'check'; readonly path: string; readonly version: number };

/** What one write answers. */
export interface Outcome {
  readonly write: Write;
  /** A code of {@link Refusal}; 0: done. */
  readonly error: number;
  readonly path: string;
  readonly stat: Stat | undefined;
}

/** Writes that are done together or not at all: what would happen, were they committed at that moment. */
export function prepare(
  before: DataTree,
  writes: readonly Write[],
  session: bigint,
  moment: Moment,
): { tree: DataTree; changes: Change[]; outcomes: Outcome[]; refused: boolean } {
  const tree = before.copy();
  const changes: Change[] = [];
  const outcomes: Outcome[] = [];
  for (const write of writes) {
    const decided = decide(tree, write, session);
    if (typeof decided === 'number') {
      // Those before carry no error, those after it an inconsistency: as the server tells it.
      const failed = writes.map((each, index) => ({
        write: each,
        error: index < outcomes.length ? 0 : index > outcomes.length ? Refusal.runtimeInconsistency : decided,
        path: each.path,
        stat: undefined,
      }));
      return { tree: before, changes: [], outcomes: failed, refused: true };
    }
    if (decided) {
      tree.apply(decided, moment);
      changes.push(decided);
    }
    const path = decided?.path ?? write.path;
    const node = tree.get(path);
    outcomes.push({ write, error: 0, path, stat: node && statOf(node) });
  }
  return { tree, changes, outcomes, refused: false };
}

/** The change that a write means, `undefined` for none, or why it is refused. */
function decide(tree: DataTree, write: Write, session: bigint): Change | number | undefined {
  if (write.op === 'create') return decideCreate(tree, write, session);
  const node = tree.get(write.path);
  if (!node) return Refusal.noNode;
  if (write.version !== -1 && write.version !== node.version) return Refusal.badVersion;
  if (write.op === 'check') return undefined;
  if (write.op === 'set') return { type: 'set', path: write.path, data: write.data };
  return node.children.size > 0 ? Refusal.notEmpty : { type: 'delete', path: write.path };
}

function decideCreate(
  tree: DataTree,
  { path: wanted, data, flags }: Extract<Write, { op: 'create' }>,
  session: bigint,
): Change | number {
  const parent = tree.get(parentOf(wanted));
  if (!parent) return Refusal.noNode;
  if (parent.owner !== 0n) return Refusal.noChildrenForEphemerals;
  const path = SEQUENTIAL.has(flags) ? wanted + String(parent.created).padStart(10, '0') : wanted;
  if (tree.get(path)) return Refusal.nodeExists;
  return { type: 'create', path, data, owner: EPHEMERAL.has(flags) ? session : 0n };
}
