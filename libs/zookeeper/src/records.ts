import type { JuteReader } from './jute-reader.ts';
import type { JuteWriter } from './jute-writer.ts';

/** What ZooKeeper knows about a node beside its data. */
export interface Stat {
  /** Transaction that created the node: grows over the life of an ensemble, so it serves as a fencing token. */
  readonly czxid: bigint;
  /** Transaction that last changed the data. */
  readonly mzxid: bigint;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly ctime: number;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly mtime: number;
  /** How often the data changed. */
  readonly version: number;
  /** How often the children changed. */
  readonly cversion: number;
  /** How often the ACL changed. */
  readonly aversion: number;
  /** The session that owns an ephemeral node, else 0. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
  /** Transaction that last added or removed a child. */
  readonly pzxid: bigint;
}

/** One entry of an access control list. */
export interface Acl {
  /** Sum of read 1, write 2, create 4, delete 8, admin 16. */
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** Everybody may do everything. */
export const OPEN_ACL: readonly Acl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }];
/** Whoever authenticated with the credentials of the creating session may do everything, nobody else anything. */
export const CREATOR_ALL_ACL: readonly Acl[] = [{ permissions: 31, scheme: 'auth', id: '' }];

export interface ConnectRequest {
  readonly lastZxid: bigint;
  readonly timeoutMs: number;
  /** 0 asks for a new session. */
  readonly sessionId: bigint;
  readonly password: Buffer;
  /** Whether a server that has no quorum, and so takes no writes, will do. */
  readonly readOnly: boolean;
}

export interface ConnectResponse {
  /** The negotiated session timeout; 0 or less means that the session has expired. */
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Buffer;
  /** Whether the server takes no writes now. */
  readonly readOnly: boolean;
}

export interface ReplyHeader {
  readonly xid: number;
  /** The server's latest transaction; not positive when the reply carries none. */
  readonly zxid: bigint;
  readonly error: number;
}

export interface WatcherEvent {
  readonly type: number;
  readonly path: string;
}

export function writeConnectRequest(writer: JuteWriter, request: ConnectRequest): void {
  writer
    .int(0)
    .long(request.lastZxid)
    .int(request.timeoutMs)
    .long(request.sessionId)
    .buffer(request.password)
    .bool(request.readOnly);
}

export function readConnectResponse(reader: JuteReader): ConnectResponse {
  reader.int();
  return {
    timeoutMs: reader.int(),
    sessionId: reader.long(),
    // Kept for the life of the session: a copy, so that it does not hold the network buffer.
    password: Buffer.from(reader.buffer() ?? []),
    // Servers before 3.4 do not send it.
    readOnly: reader.remaining > 0 && reader.bool(),
  };
}

export function readReplyHeader(reader: JuteReader): ReplyHeader {
  return { xid: reader.int(), zxid: reader.long(), error: reader.int() };
}

export function readWatcherEvent(reader: JuteReader): WatcherEvent {
  const type = reader.int();
  reader.int();
  return { type, path: reader.ustring() };
}

export function readStat(reader: JuteReader): Stat {
  return {
    czxid: reader.long(),
    mzxid: reader.long(),
    ctime: reader.safeLong(),
    mtime: reader.safeLong(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: reader.long(),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.long(),
  };
}

export function writeAcl(writer: JuteWriter, acl: Acl): void {
  writer.int(acl.permissions).ustring(acl.scheme).ustring(acl.id);
}

export function readAcl(reader: JuteReader): Acl {
  return { permissions: reader.int(), scheme: reader.ustring(), id: reader.ustring() };
}
