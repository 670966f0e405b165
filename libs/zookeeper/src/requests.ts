/** The requests a caller can make, by the server's paths: what goes out and what comes back. */
import type { Request } from './call.ts';
import { isZooKeeperError } from './errors.ts';
import type { JuteReader } from './jute-reader.ts';
import type { JuteWriter } from './jute-writer.ts';
import { type CreateMode, createFlags, OpCode } from './op-codes.ts';
import { type Acl, readAcl, readStat, type Stat, writeAcl } from './records.ts';

/** A node to be created. */
export interface NewNode {
  readonly at: string;
  readonly data: Uint8Array | string;
  readonly mode: CreateMode;
  readonly acl: readonly Acl[];
  /** For the `ttl` modes. */
  readonly ttlMs: number | undefined;
}

/** A server of an ensemble may be added, removed, or the whole membership be replaced. */
export interface Reconfiguration {
  /** Servers to add or change, as lines of the configuration: `server.4=host:2888:3888:participant;2181`. */
  readonly joining?: readonly string[];
  /** Ids of servers to remove. */
  readonly leaving?: readonly string[];
  /** All servers there shall be, instead of the two above. */
  readonly members?: readonly string[];
  /** Only if the configuration is that of this version (a hexadecimal number in its last line); -1: whatever it is. @default -1n */
  readonly fromConfig?: bigint;
}

/** Somebody the server knows this session as. */
export interface ClientInfo {
  readonly scheme: string;
  readonly user: string;
}

/** The most bytes that it can take on the wire. */
function sizeOf(value: Uint8Array | string): number {
  return typeof value === 'string' ? value.length * 3 : value.length;
}

/** Which request creates a node of that mode. */
export function createOp(mode: CreateMode): OpCode {
  if (mode === 'container') return OpCode.createContainer;
  return mode === 'ttl' || mode === 'ttl-sequential' ? OpCode.createTtl : OpCode.create2;
}

export function writeCreate(writer: JuteWriter, { at, data, mode, acl, ttlMs }: NewNode): JuteWriter {
  writer.ustring(at).buffer(data).vector(acl, writeAcl).int(createFlags[mode]);
  return ttlMs === undefined ? writer : writer.long(BigInt(ttlMs));
}

export function readCreated(reader: JuteReader): { path: string; stat: Stat } {
  return { path: reader.ustring(), stat: readStat(reader) };
}

export function readData(reader: JuteReader): { data: Buffer; stat: Stat } {
  return { data: reader.buffer() ?? Buffer.alloc(0), stat: readStat(reader) };
}

export function readNames(reader: JuteReader): string[] {
  return reader.vector((r) => r.ustring());
}

export function create(node: NewNode): Request<{ path: string; stat: Stat }> {
  return {
    op: createOp(node.mode),
    sizeHint: sizeOf(node.at) + sizeOf(node.data),
    encode: (writer) => writeCreate(writer, node),
    decode: readCreated,
  };
}

export function get(at: string, watch: boolean): Request<{ data: Buffer; stat: Stat }> {
  return read(OpCode.getData, at, watch, readData);
}

export function exists(at: string, watch: boolean): Request<Stat | undefined> {
  return {
    ...read<Stat | undefined>(OpCode.exists, at, watch, readStat),
    recover: (error) => {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      return undefined;
    },
  };
}

export function children(at: string, watch: boolean): Request<string[]> {
  return read(OpCode.getChildren, at, watch, readNames);
}

export function childrenAndStat(at: string, watch: boolean): Request<{ children: string[]; stat: Stat }> {
  return read(OpCode.getChildren2, at, watch, (reader) => ({
    children: readNames(reader),
    stat: readStat(reader),
  }));
}

export function set(at: string, data: Uint8Array | string, version: number): Request<Stat> {
  return {
    op: OpCode.setData,
    sizeHint: sizeOf(at) + sizeOf(data),
    encode: (writer) => writer.ustring(at).buffer(data).int(version),
    decode: readStat,
  };
}

export function remove(at: string, version: number): Request<void> {
  return about(OpCode.delete, at, (writer) => writer.int(version), nothing);
}

export function getAcl(at: string): Request<{ acl: Acl[]; stat: Stat }> {
  return about(
    OpCode.getAcl,
    at,
    (writer) => writer,
    (reader) => ({ acl: reader.vector(readAcl), stat: readStat(reader) }),
  );
}

export function setAcl(at: string, acl: readonly Acl[], version: number): Request<Stat> {
  return about(OpCode.setAcl, at, (writer) => writer.vector(acl, writeAcl).int(version), readStat);
}

export function sync(at: string): Request<void> {
  return about(OpCode.sync, at, (writer) => writer, nothing);
}

export function ephemerals(at: string): Request<string[]> {
  return about(OpCode.getEphemerals, at, (writer) => writer, readNames);
}

export function countDescendants(at: string): Request<number> {
  return about(
    OpCode.getAllChildrenNumber,
    at,
    (writer) => writer,
    (reader) => reader.int(),
  );
}

export function whoAmI(): Request<ClientInfo[]> {
  return {
    op: OpCode.whoAmI,
    decode: (reader) => reader.vector((r) => ({ scheme: r.ustring(), user: r.ustring() })),
  };
}

export function reconfig(o: Reconfiguration): Request<{ data: Buffer; stat: Stat }> {
  const lists = [o.joining, o.leaving, o.members].map((list) => (list ? list.join(',') : ''));
  return {
    op: OpCode.reconfig,
    sizeHint: lists.reduce((sum, list) => sum + sizeOf(list), 0),
    encode: (writer) => {
      // An empty string is a list of no servers; null is no list.
      for (const list of lists) writer.buffer(list === '' ? null : list);
      writer.long(o.fromConfig ?? -1n);
    },
    decode: readData,
  };
}

export function addWatch(at: string, recursive: boolean): Request<void> {
  return about(OpCode.addWatch, at, (writer) => writer.int(recursive ? 1 : 0), nothing);
}

/** By `WatcherType` of the wire. */
const watcherTypes = { children: 1, data: 2, any: 3, persistent: 4, recursive: 5 } as const;
export type WatcherType = keyof typeof watcherTypes;

export function removeWatches(at: string, type: WatcherType): Request<void> {
  return about(OpCode.removeWatches, at, (writer) => writer.int(watcherTypes[type]), nothing);
}

export function checkWatches(at: string, type: WatcherType): Request<void> {
  return about(OpCode.checkWatches, at, (writer) => writer.int(watcherTypes[type]), nothing);
}

function read<T>(op: OpCode, at: string, watch: boolean, decode: (reader: JuteReader) => T): Request<T> {
  return about(op, at, (writer) => writer.bool(watch), decode);
}

function about<T>(
  op: OpCode,
  at: string,
  encode: (writer: JuteWriter) => unknown,
  decode: (reader: JuteReader) => T,
): Request<T> {
  return { op, sizeHint: sizeOf(at), encode: (writer) => encode(writer.ustring(at)), decode };
}

function nothing(): void {
  // The header said it all.
}
