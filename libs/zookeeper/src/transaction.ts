import type { Request } from './call.ts';
import { errorOfWire, ZooKeeperError } from './errors.ts';
import type { JuteReader } from './jute-reader.ts';
import { type CreateMode, OpCode } from './op-codes.ts';
import { type Acl, readStat, type Stat } from './records.ts';
import { createOp, readCreated, readData, readNames, writeCreate } from './requests.ts';

/** One of the writes that are done together or not at all. Paths are the caller's. */
export type Operation =
  | {
      readonly op: 'create';
      readonly path: string;
      readonly data?: Uint8Array | string;
      /** @default 'persistent' */
      readonly mode?: CreateMode;
      readonly acl?: readonly Acl[];
      readonly ttlMs?: number;
    }
  | {
      readonly op: 'set';
      readonly path: string;
      readonly data: Uint8Array | string;
      /** @default -1, any */
      readonly version?: number;
    }
  | { readonly op: 'delete'; readonly path: string; readonly version?: number }
  /** Nothing is done unless the node exists with that version; -1: any. */
  | { readonly op: 'check'; readonly path: string; readonly version?: number };

/** What an operation answers. */
export type ResultOf<O> = O extends { readonly op: 'create' }
  ? { readonly path: string; readonly stat: Stat }
  : O extends { readonly op: 'set' }
    ? Stat
    : undefined;

/** One of the reads that are done at the same moment. */
export type ReadOperation =
  { readonly op: 'get'; readonly path: string } | { readonly op: 'children'; readonly path: string };

/** What a read answers: an error concerns it alone. */
export type ReadResultOf<O> =
  | (O extends { readonly op: 'get' } ? { readonly data: Buffer; readonly stat: Stat } : string[])
  | ZooKeeperError;

/** A transaction was refused: nothing of it was done. `code` and `path` are those of the operation that was at fault. */
export class TransactionRefused extends ZooKeeperError {
  override readonly name = 'TransactionRefused';
  /** Position of the operation that was at fault. */
  readonly index: number;

  constructor(cause: ZooKeeperError, index: number, path: string) {
    super(cause.code, `operation ${index} of a transaction`, { cause, path });
    this.index = index;
  }
}

/** How paths and access are translated for the server. */
export interface Translation {
  readonly toServer: (path: string) => string;
  readonly acl: readonly Acl[];
}

/** A transaction; it answers the results, or what the server refused. */
export function multi(
  operations: readonly Operation[],
  { toServer, acl }: Translation,
): Request<unknown[] | TransactionRefused> {
  const steps = operations.map((operation) => ({ ...operation, at: toServer(operation.path) }));
  return {
    op: OpCode.multi,
    path: operations[0]?.path,
    encode: (writer) => {
      for (const step of steps) {
        switch (step.op) {
          case 'create': {
            const mode = step.mode ?? 'persistent';
            writer.int(createOp(mode)).bool(false).int(-1);
            const { at, data = '', ttlMs } = step;
            writeCreate(writer, { at, data, mode, acl: step.acl ?? acl, ttlMs });
            break;
          }
          case 'set':
            writer.int(OpCode.setData).bool(false).int(-1).ustring(step.at).buffer(step.data);
            writer.int(step.version ?? -1);
            break;
          case 'delete':
          case 'check': {
            const op = step.op === 'delete' ? OpCode.delete : OpCode.check;
            writer.int(op).bool(false).int(-1).ustring(step.at);
            writer.int(step.version ?? -1);
          }
        }
      }
      writer.int(-1).bool(true).int(-1);
    },
    decode: (reader) => {
      const results = readResults(reader);
      // Those before the one at fault carry no error, those after it `runtime inconsistency`.
      const index = results.findIndex((result) => result instanceof ZooKeeperError);
      if (index < 0) return results;
      const refusal = results[index] as ZooKeeperError;
      return new TransactionRefused(refusal, index, operations[index]?.path ?? '');
    },
  };
}

/** Reads done at the same moment: no write comes between them. */
export function multiRead(
  operations: readonly ReadOperation[],
  toServer: (path: string) => string,
): Request<unknown[]> {
  const steps = operations.map(({ op, path }) => ({ op, at: toServer(path) }));
  return {
    op: OpCode.multiRead,
    path: operations[0]?.path,
    encode: (writer) => {
      for (const { op, at } of steps) {
        writer
          .int(op === 'get' ? OpCode.getData : OpCode.getChildren)
          .bool(false)
          .int(-1);
        writer.ustring(at).bool(false);
      }
      writer.int(-1).bool(true).int(-1);
    },
    decode: readResults,
  };
}

function readResults(reader: JuteReader): unknown[] {
  const results: unknown[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.bool();
    reader.int();
    if (done) return results;
    results.push(readResult(type, reader));
  }
}

function readResult(type: number, reader: JuteReader): unknown {
  switch (type) {
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTtl:
      return readCreated(reader);
    case OpCode.setData:
      return readStat(reader);
    case OpCode.delete:
    case OpCode.check:
      return undefined;
    case OpCode.getData:
      return readData(reader);
    case OpCode.getChildren:
      return readNames(reader);
    case OpCode.error: {
      const wire = reader.int();
      return wire === 0 ? undefined : errorOfWire(wire);
    }
    default:
      throw new ZooKeeperError('ZK_MARSHALLING_ERROR', `a result of type ${type}`);
  }
}
