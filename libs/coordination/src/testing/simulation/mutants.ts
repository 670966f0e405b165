/** A safety rule that is switched off in the source, to see that a test notices. */
export interface Mutant {
  /** Within `libs/`. */
  readonly file: string;
  /** What stands there, once, and what stands there instead. */
  readonly from: string;
  readonly to: string;
}

const PROTECTED_CREATE = 'coordination/src/protected-create.ts';
const HOLDING = 'coordination/src/holding.ts';
const SESSION = 'zookeeper/src/session.ts';

/** By the rule that is off. `npm test` has the time for the first three: those that most depends on. */
export const mutants = {
  'a store refuses a token that was overtaken': {
    file: 'coordination/src/fencing-token.ts',
    from: 'return token.czxid < seen.czxid;',
    to: 'return false;',
  },
  'a protected create searches after a lost reply': {
    file: PROTECTED_CREATE,
    from: 'if (found) return found;',
    to: '',
  },
  'a cache reads all again after a reconnect': {
    file: 'zookeeper/src/subtree-cache.ts',
    from: "if (type === 'rearmed') this.stale = true;",
    to: "if (type === 'rearmed') return;",
  },
  'the search does not trust a server that is behind': {
    file: PROTECTED_CREATE,
    from: 'await zk.sync(parent);',
    to: '',
  },
  'a found node of an old session is discarded': {
    file: PROTECTED_CREATE,
    from: 'if (stat.ephemeralOwner === zk.sessionId)',
    to: 'if (stat)',
  },
  'watches are armed again on a new connection': {
    file: SESSION,
    from: 'of this.watches.batches(newSession)',
    to: 'of [...this.watches.batches(newSession)].slice(0, 0)',
  },
  'guarded writes are checked by the ensemble': {
    file: HOLDING,
    from: "[{ op: 'check', path }, ...operations]",
    to: "[{ op: 'check', path: '/' }, ...operations]",
  },
  'a holding is certain only while its session is known to live': {
    file: HOLDING,
    from: ' && zk.aliveForMs > 0',
    to: '',
  },
  'a server that is behind is not read from': {
    file: SESSION,
    from: 'lastZxid: this.lastZxid,',
    to: 'lastZxid: 0n,',
  },
  'a watch that was taken back before its reply is forgotten by the server': {
    file: 'zookeeper/src/session-watches.ts',
    from: 'if (!this.registry.holds(registration)) this.forget(registration);',
    to: '',
  },
  'a claim is searched after a lost reply': {
    file: 'coordination/src/claim-node.ts',
    from: 'if (found?.data.toString() === data && ',
    to: 'if (false && found && ',
  },
  'work that failed gives its claim back': {
    file: 'coordination/src/item-queue.ts',
    from: 'await guaranteedDelete(this.zk, claim.path, claim.owner, claim.czxid);',
    to: '',
  },
  'a delete that is repeated spares the node of another': {
    file: 'coordination/src/guaranteed-delete.ts',
    from: 'stat?.ephemeralOwner !== owner || stat.czxid !== (czxid ?? stat.czxid)',
    to: '!stat',
  },
  'a delete that is repeated spares a later node of the same session': {
    file: 'coordination/src/guaranteed-delete.ts',
    from: ' || stat.czxid !== (czxid ?? stat.czxid)',
    to: '',
  },
  'a put is not repeated when it was done': {
    file: 'coordination/src/transact-once.ts',
    from: 'return stat !== undefined;',
    to: 'return false;',
  },
  'a holder is asked for its lock only when it has it': {
    file: 'coordination/src/lock.ts',
    from: 'void this.handedOver.promise.then(() => this.tell(ended));',
    to: 'this.onRevoke();',
  },
  'a withdrawal is repeated until the node is gone': {
    file: 'zookeeper/src/persistent-node.ts',
    from: "if (!repeatable || error.code === 'ZK_NOT_READ_ONLY') throw error;",
    to: 'throw error;',
  },
  'work is told when its claim goes': {
    file: 'coordination/src/item-queue.ts',
    from: 'AbortSignal.any([signal, held.signal])',
    to: 'signal',
  },
  'what is due is judged by one moment': {
    file: 'coordination/src/item-queue.ts',
    from: '.filter((due) => due > at)',
    to: '.filter((due) => due > this.clock.now())',
  },
  'a number that did not come to be held is given back': {
    file: 'coordination/src/worker-id.ts',
    from: 'if (!held) await leaveBehind(zk, node, signal);',
    to: '',
  },
  'a lock that may be asked back looks once it is its turn': {
    file: 'coordination/src/turn.ts',
    from: 'await line.prepare?.(holding, signal);',
    to: '',
  },
  'a lock that may have been downgraded leaves no node': {
    file: 'coordination/src/read-write-lock.ts',
    from: 'guaranteedDelete(this.zk, path, session), ',
    to: '',
  },
  'a waiter watches the one before': {
    file: 'coordination/src/turn.ts',
    from: 'names[names.indexOf(own) - 1]',
    to: 'names[names.indexOf(own) - 2]',
  },
} as const satisfies Record<string, Mutant>;

export type MutantName = keyof typeof mutants;
