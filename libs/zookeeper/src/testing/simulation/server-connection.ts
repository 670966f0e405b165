import { FrameDecoder } from '../../frame-decoder.ts';
import { JuteReader } from '../../jute-reader.ts';
import { JuteWriter } from '../../jute-writer.ts';
import { OpCode, Xid } from '../../op-codes.ts';
import type { Change } from './data-tree.ts';
import type { Link, ServerEnd } from './link.ts';
import type { ClientConnection, LeaderSession, Member } from './model.ts';
import { Refusal, type Write } from './proposal.ts';
import { answerRead } from './reads.ts';
import { ServerWatches } from './server-watches.ts';
import { readMulti, readWrite, writeMultiReply, writeOutcome } from './writes.ts';

const MAX_FRAME_BYTES = 1 << 20;
/** As servers clamp it. */
const TIMEOUT_BOUNDS_MS = { least: 400, most: 40_000 };
const NONE = -1n;

type Body = (writer: JuteWriter) => unknown;

/** A request that waits for those before it. */
interface Asked {
  readonly xid: number;
  readonly op: number;
  readonly body: JuteReader;
}

/** One client's connection at a server: answers its requests one after the other. */
export class ServerConnection implements ServerEnd, ClientConnection {
  readonly server: Member;
  readonly link: Link;
  readonly watches = new ServerWatches();
  session: LeaderSession | undefined;
  losesNextReply = false;
  private readonly decoder = new FrameDecoder(MAX_FRAME_BYTES);
  private readonly queue: Asked[] = [];
  private greeted = false;
  private busy = false;
  private over = false;
  private closing: Asked | undefined;

  constructor(server: Member, link: Link) {
    this.server = server;
    this.link = link;
  }

  receive(bytes: Buffer): void {
    if (this.over) return;
    this.decoder.push(bytes, (frame) => {
      const body = new JuteReader(frame);
      if (!this.greeted) {
        this.greeted = true;
        return this.greet(body);
      }
      if (this.session) this.session.heardAt = this.server.ensemble.clock.monotonic();
      this.queue.push({ xid: body.int(), op: body.int(), body });
      this.next();
    });
  }

  closed(): void {
    this.over = true;
    this.server.forget(this);
  }

  /** Tells the client what its watches see. */
  changed(change: Change): void {
    for (const { type, path } of this.watches.fire(change)) this.notify(type, path);
  }

  /** The session ended: nothing more is said, but to a client that asked for it. */
  sessionOver(): void {
    if (this.closing) this.reply(this.closing);
    this.end();
  }

  end(): void {
    if (this.over) return;
    this.closed();
    this.link.end();
  }

  private greet(hello: JuteReader): void {
    const { ensemble } = this.server;
    hello.int();
    const lastZxid = hello.long();
    const asked = hello.int();
    const id = hello.long();
    const password = hello.buffer();
    // The client has seen what this server does not know yet.
    if (lastZxid > this.server.applied) return this.end();
    if (id === 0n) {
      const timeoutMs = Math.min(Math.max(asked, TIMEOUT_BOUNDS_MS.least), TIMEOUT_BOUNDS_MS.most);
      this.busy = true;
      return ensemble.openSession(timeoutMs, this, (session) => {
        this.server.whenApplied(ensemble.zxid, () => this.welcome(session));
      });
    }
    const session = ensemble.sessions.get(id);
    if (!session || session.end || !password?.equals(session.password)) {
      this.send(new JuteWriter().int(0).int(0).long(0n).buffer(Buffer.alloc(16)).bool(false));
      return this.end();
    }
    const before = session.connection;
    session.connection = this;
    session.heardAt = ensemble.clock.monotonic();
    // The same server notices at once that the client has come again; another only when something still arrives there.
    if (before?.server === this.server) before.end();
    this.welcome(session);
  }

  private welcome(session: LeaderSession): void {
    if (this.over) return;
    this.session = session;
    this.busy = false;
    const { timeoutMs, id, password } = session;
    this.send(new JuteWriter(64).int(0).int(timeoutMs).long(id).buffer(password).bool(false));
    if (session.end) return this.end();
    this.next();
  }

  private next(): void {
    while (!this.busy && !this.over) {
      const asked = this.queue.shift();
      if (!asked) return;
      this.handle(asked);
    }
  }

  private handle(asked: Asked): void {
    const { ensemble } = this.server;
    ensemble.interfere(this, 'asked');
    if (this.over) return;
    if (this.session?.connection !== this) return this.refuse(asked, Refusal.sessionMoved);
    const { op, body } = asked;
    switch (op) {
      case OpCode.ping:
        return this.reply(asked);
      case OpCode.closeSession:
        this.busy = true;
        this.closing = asked;
        return ensemble.closeSession(this.session);
      case OpCode.sync: {
        // Everything that is committed when the leader hears of it.
        this.busy = true;
        const { zxid } = ensemble;
        return this.server.whenApplied(zxid, () => this.finish(asked, (w) => w.ustring(body.ustring())));
      }
      case OpCode.multi: {
        const writes = readMulti(body);
        return this.write(asked, writes, (w, { outcomes }) => writeMultiReply(w, outcomes));
      }
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTtl:
      case OpCode.setData:
      case OpCode.delete:
        return this.write(asked, [readWrite(op, body)], (w, { outcomes }) => {
          if (outcomes[0]) writeOutcome(w, outcomes[0]);
        });
      default:
        return this.read(asked);
    }
  }

  private write(
    asked: Asked,
    writes: readonly Write[],
    body: (writer: JuteWriter, result: { outcomes: Parameters<typeof writeMultiReply>[1] }) => unknown,
  ): void {
    const { ensemble } = this.server;
    const session = this.session as LeaderSession;
    if (session.end) return this.refuse(asked, Refusal.sessionExpired);
    this.busy = true;
    ensemble.propose(session, this, writes, (result) => {
      if (result === 'expired') return this.refuse(asked, Refusal.sessionExpired);
      if (result === 'moved') return this.refuse(asked, Refusal.sessionMoved);
      this.server.whenApplied(result.zxid, () => {
        if (this.over) return;
        ensemble.interfere(this, 'applied');
        if (this.losesNextReply && !this.link.isOver) {
          ensemble.record(`the reply to session ${session.id} is lost`);
          this.link.reset();
        }
        const single = asked.op !== OpCode.multi;
        const error = single && result.refused ? (result.outcomes[0]?.error ?? 0) : 0;
        this.finish(asked, error === 0 ? (w) => body(w, result) : undefined, error, result.zxid);
      });
    });
  }

  private read(asked: Asked): void {
    const { ensemble } = this.server;
    const answer = answerRead(asked.op, asked.body, this.server, this.watches, (type, path) =>
      this.notify(type, path),
    );
    const { error = 0, write, armed = false } = answer;
    // The reply to what armed a watch may come after the event.
    if (armed && ensemble.random.chance(0.1)) {
      this.busy = true;
      const zxid = this.server.applied;
      ensemble.clock.after(ensemble.random.between(0.1, 5), () => this.finish(asked, write, error, zxid));
      return;
    }
    this.reply(asked, write, error);
  }

  private finish(asked: Asked, body?: Body, error = 0, zxid = this.server.applied): void {
    this.reply(asked, body, error, zxid);
    this.busy = false;
    this.next();
  }

  private refuse(asked: Asked, error: number): void {
    this.reply(asked, undefined, error);
    this.end();
  }

  private reply({ xid, op }: Asked, body?: Body, error = 0, zxid = this.server.applied): void {
    const writer = new JuteWriter(256)
      .int(op === OpCode.auth ? Xid.auth : xid)
      .long(zxid)
      .int(error);
    body?.(writer);
    this.send(writer);
  }

  private notify(type: number, path: string): void {
    this.send(new JuteWriter(256).int(Xid.notification).long(NONE).int(0).int(type).int(3).ustring(path));
  }

  private send(writer: JuteWriter): void {
    if (!this.over) this.link.send(writer.finish());
  }
}
