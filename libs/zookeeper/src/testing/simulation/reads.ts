import type { JuteReader } from '../../jute-reader.ts';
import type { JuteWriter } from '../../jute-writer.ts';
import { OpCode } from '../../op-codes.ts';
import { statOf } from './data-tree.ts';
import type { Member } from './model.ts';
import { Refusal } from './proposal.ts';
import { EventType, type ServerWatches, type ServerWatchKind } from './server-watches.ts';
import { writeStat } from './writes.ts';

/** What a read answers. */
export interface Answer {
  readonly error?: number;
  readonly write?: (writer: JuteWriter) => unknown;
  /** Whether a watch was armed with it. */
  readonly armed?: boolean;
}

const KINDS_OF_TYPE: Readonly<Record<number, readonly ServerWatchKind[]>> = {
  1: ['child'],
  2: ['data'],
  3: ['data', 'child', 'persistent', 'recursive'],
  4: ['persistent'],
  5: ['recursive'],
};

/** Answers whatever is no write from what the server knows. */
export function answerRead(
  op: number,
  body: JuteReader,
  server: Member,
  watches: ServerWatches,
  notify: (type: number, path: string) => void,
): Answer {
  switch (op) {
    case OpCode.exists:
    case OpCode.getData:
    case OpCode.getChildren:
    case OpCode.getChildren2:
      return readNode(op, body, server, watches);
    case OpCode.multiRead:
      return readMany(body, server);
    case OpCode.addWatch: {
      const path = body.ustring();
      watches.add(body.int() === 1 ? 'recursive' : 'persistent', path);
      return { armed: true };
    }
    case OpCode.removeWatches:
    case OpCode.checkWatches: {
      const path = body.ustring();
      const kinds = (KINDS_OF_TYPE[body.int()] ?? []).filter((kind) => watches.has(kind, path));
      if (kinds.length === 0) return { error: Refusal.noWatcher };
      if (op === OpCode.removeWatches) for (const kind of kinds) watches.remove(kind, path);
      return {};
    }
    case OpCode.setWatches:
    case OpCode.setWatches2:
      restore(op === OpCode.setWatches2, body, server, watches, notify);
      return {};
    case OpCode.auth:
      return {};
    default:
      return { error: Refusal.unimplemented };
  }
}

function readNode(op: number, body: JuteReader, server: Member, watches: ServerWatches): Answer {
  const path = body.ustring();
  const watch = body.bool();
  const node = server.tree.get(path);
  if (watch && (node || op === OpCode.exists)) {
    watches.add(op === OpCode.exists || op === OpCode.getData ? 'data' : 'child', path);
  }
  if (!node) return { error: Refusal.noNode, armed: watch && op === OpCode.exists };
  return {
    armed: watch,
    write: (writer) => {
      if (op === OpCode.getData) writer.buffer(node.data);
      if (op === OpCode.getChildren || op === OpCode.getChildren2) {
        writer.vector([...node.children], (w, name) => w.ustring(name));
      }
      if (op !== OpCode.getChildren) writeStat(writer, statOf(node));
    },
  };
}

function readMany(body: JuteReader, server: Member): Answer {
  const asked: { op: number; path: string }[] = [];
  for (;;) {
    const op = body.int();
    const done = body.bool();
    body.int();
    if (done) break;
    asked.push({ op, path: body.ustring() });
    body.bool();
  }
  const nodes = asked.map(({ op, path }) => ({ op, node: server.tree.get(path) }));
  return {
    write: (writer) => {
      for (const { op, node } of nodes) {
        if (!node) writer.int(OpCode.error).bool(false).int(Refusal.noNode).int(Refusal.noNode);
        else if (op === OpCode.getData) {
          writer.int(op).bool(false).int(0).buffer(node.data);
          writeStat(writer, statOf(node));
        } else {
          writer.int(op).bool(false).int(0);
          writer.vector([...node.children], (w, name) => w.ustring(name));
        }
      }
      writer.int(-1).bool(true).int(-1);
    },
  };
}

/** Arms watches of an earlier connection; tells at once what one-shot ones missed (`DataTree.setWatches`). */
function restore(
  lasting: boolean,
  body: JuteReader,
  { tree }: Member,
  watches: ServerWatches,
  notify: (type: number, path: string) => void,
): void {
  const seen = body.long();
  const list = () => body.vector((reader) => reader.ustring());
  for (const path of list()) {
    const node = tree.get(path);
    if (!node) notify(EventType.deleted, path);
    else if (node.mzxid > seen) notify(EventType.changed, path);
    else watches.add('data', path);
  }
  for (const path of list()) {
    if (tree.get(path)) notify(EventType.created, path);
    else watches.add('data', path);
  }
  for (const path of list()) {
    const node = tree.get(path);
    if (!node) notify(EventType.deleted, path);
    else if (node.pzxid > seen) notify(EventType.children, path);
    else watches.add('child', path);
  }
  if (!lasting) return;
  for (const path of list()) watches.add('persistent', path);
  for (const path of list()) watches.add('recursive', path);
}
