import { DataTree } from './data-tree.ts';
import type { Link, ServerEnd } from './link.ts';
import type { ClientConnection, Leader, Member, Transaction } from './model.ts';
import { ServerConnection } from './server-connection.ts';

/** One server: a copy of the tree that may be behind, and the connections of its clients with their watches. */
export class SimulatedServer implements Member {
  readonly ensemble: Leader;
  readonly name: string;
  readonly tree = new DataTree();
  readonly connections = new Set<ServerConnection>();
  /** The last transaction that it has. */
  applied = 0n;
  private readonly behind: Transaction[] = [];
  private readonly waiting: { zxid: bigint; tell: () => void }[] = [];
  private lastApplyAt = 0;
  private up = true;
  private lagging = false;

  constructor(ensemble: Leader, name: string) {
    this.ensemble = ensemble;
    this.name = name;
  }

  get isUp(): boolean {
    return this.up;
  }

  /** Takes a connection, unless nobody is there. */
  accept(link: Link): ServerEnd | undefined {
    if (!this.up || !this.ensemble.hasLeader) return undefined;
    const connection = new ServerConnection(this, link);
    this.connections.add(connection);
    return connection;
  }

  /** Hears of what was committed, and does the same after a while. */
  learn(transaction: Transaction): void {
    const { clock, random } = this.ensemble;
    this.behind.push(transaction);
    this.lastApplyAt = Math.max(this.lastApplyAt, clock.monotonic() + random.between(0.05, 3));
    clock.after(this.lastApplyAt - clock.monotonic(), () => this.applyNext());
  }

  /** Calls back when it has the transaction. */
  whenApplied(zxid: bigint, tell: () => void): void {
    if (this.applied >= zxid) tell();
    else this.waiting.push({ zxid, tell });
  }

  /** Falls behind, until {@link SimulatedServer.catchUp}. */
  lag(): void {
    this.lagging = true;
  }

  catchUp(): void {
    this.lagging = false;
    while (this.behind.length > 0) this.applyNext();
  }

  crash(): void {
    this.up = false;
    this.dropConnections();
  }

  restart(): void {
    this.up = true;
  }

  forget(connection: ClientConnection): void {
    for (const each of this.connections) if (each === connection) this.connections.delete(each);
  }

  dropConnections(): void {
    const dropped = [...this.connections];
    for (const { link } of dropped) link.reset();
  }

  private applyNext(): void {
    if (this.lagging) return;
    const transaction = this.behind.shift();
    if (!transaction) return;
    this.applied = transaction.zxid;
    for (const change of transaction.changes) {
      this.tree.apply(change, transaction);
      for (const connection of this.connections) connection.changed(change);
    }
    if (transaction.closes !== undefined) {
      const all = [...this.connections];
      for (const connection of all) {
        if (connection.session?.id === transaction.closes) connection.sessionOver();
      }
    }
    while (this.waiting[0] && this.waiting[0].zxid <= this.applied) this.waiting.shift()?.tell();
  }
}
