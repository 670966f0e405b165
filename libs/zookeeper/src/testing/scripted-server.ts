import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { FrameDecoder } from '../frame-decoder.ts';
import { JuteReader } from '../jute-reader.ts';
import { JuteWriter } from '../jute-writer.ts';

/** One request as the scripted server sees it. */
export interface SeenRequest {
  readonly xid: number;
  readonly op: number;
  readonly body: JuteReader;
  readonly socket: Socket;
}

/** What the server answers a handshake with. */
export interface ScriptedSession {
  readonly sessionId: bigint;
  /** 0: the session has expired. */
  readonly timeoutMs: number;
  readonly readOnly?: boolean;
}

/** A server for tests that speaks the handshake and leaves every answer to the script. */
export class ScriptedServer {
  /** Handshakes seen: what the client asked for. */
  readonly hellos: { lastZxid: bigint; timeoutMs: number; sessionId: bigint; readOnly: boolean }[] = [];
  /** The next sessions to answer with; the last one is repeated. */
  sessions: ScriptedSession[] = [{ sessionId: 7n, timeoutMs: 6000 }];
  /** The answer to `isro`. */
  mode: 'rw' | 'ro' = 'ro';
  /** How many bytes a write to the client carries at most. */
  sliceBytes = Infinity;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(
    script: (request: SeenRequest, server: ScriptedServer) => void,
    tls: { cert: Buffer; key: Buffer } | undefined,
  ) {
    const serve = (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
      const decoder = new FrameDecoder(1 << 20);
      let greeted = false;
      socket.on('data', (chunk: Buffer) => {
        if (!greeted && chunk.toString('latin1') === 'isro') {
          socket.end(this.mode);
          return;
        }
        decoder.push(chunk, (frame) => {
          const body = new JuteReader(frame);
          if (greeted) return script({ xid: body.int(), op: body.int(), body, socket }, this);
          greeted = true;
          this.greet(socket, body);
        });
      });
    };
    this.server = tls ? createTlsServer(tls, serve) : createServer({ noDelay: true }, serve);
  }

  static async start(
    script: (request: SeenRequest, server: ScriptedServer) => void,
    tls?: { cert: Buffer; key: Buffer },
  ): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(script, tls);
    await new Promise<void>((resolve) => scripted.server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Sends a reply; `write` adds the body. */
  reply(
    to: SeenRequest,
    o: { xid?: number; zxid?: bigint; error?: number; write?: (w: JuteWriter) => unknown } = {},
  ): void {
    const writer = new JuteWriter(256)
      .int(o.xid ?? to.xid)
      .long(o.zxid ?? 0n)
      .int(o.error ?? 0);
    o.write?.(writer);
    this.send(to.socket, writer.finish());
  }

  notify(socket: Socket, type: number, path: string): void {
    this.send(socket, new JuteWriter(256).int(-1).long(-1n).int(0).int(type).int(3).ustring(path).finish());
  }

  /** Drops all connections. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.drop();
    await closed;
  }

  private greet(socket: Socket, body: JuteReader): void {
    body.int();
    const [lastZxid, timeoutMs, sessionId] = [body.long(), body.int(), body.long()];
    body.buffer();
    this.hellos.push({ lastZxid, timeoutMs, sessionId, readOnly: body.bool() });
    const session = (this.sessions.length > 1 ? this.sessions.shift() : this.sessions[0]) as ScriptedSession;
    const writer = new JuteWriter().int(0).int(session.timeoutMs).long(session.sessionId);
    this.send(
      socket,
      writer
        .buffer(Buffer.alloc(16, 1))
        .bool(session.readOnly ?? false)
        .finish(),
    );
  }

  private send(socket: Socket, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += this.sliceBytes) {
      socket.write(bytes.subarray(at, Math.min(at + this.sliceBytes, bytes.length)));
    }
  }
}

/** A stat with every field 1 but the owner of an ephemeral node, for scripted replies. */
export function writeStat(writer: JuteWriter, ephemeralOwner = 0n): JuteWriter {
  writer.long(1n).long(1n).long(1n).long(1n).int(1).int(1).int(1).long(ephemeralOwner).int(1).int(0).long(1n);
  return writer;
}
