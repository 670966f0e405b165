import type { ConnectionState, ZooKeeper } from '@flashmesh/zookeeper';
import { hold } from './holding.ts';

const OWNER = 7n;

/** A client that has the own node, and can be moved to another server. */
function clientOn(readOnly: boolean) {
  const connected: ConnectionState = { name: 'connected', sessionId: OWNER, readOnly };
  const listeners = new Set<(state: ConnectionState) => void>();
  const client: Partial<Record<string, unknown>> & { state: ConnectionState } = {
    state: connected,
    sessionId: OWNER,
    aliveForMs: 5000,
    onState: (listener: (state: ConnectionState) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get: () => Promise.resolve({ data: Buffer.from('ensemble') }),
    exists: () => Promise.resolve({}),
  };
  const move = (state: ConnectionState) => {
    client.state = state;
    for (const listener of listeners) listener(state);
  };
  return { zk: client as unknown as ZooKeeper, move };
}

/** Servers of 3.9 take no such session read-only; older ones do. */
describe('hold, with a session that a read-only server took', () => {
  const node = { path: '/lock/lock-0000000001', name: 'lock-0000000001', czxid: 5n, owner: OWNER };

  it('holds nothing there, though the own node is to be seen', async () => {
    expect(await hold(clientOn(true).zk, node)).toBeUndefined();
    expect(await hold(clientOn(false).zk, node)).toBeDefined();
  });

  it('ends what was held', async () => {
    const { zk, move } = clientOn(false);
    const held = await hold(zk, node);
    expect([held?.isHeld(), held?.signal.aborted]).toEqual([true, false]);
    move({ name: 'connected', sessionId: OWNER, readOnly: true });
    expect([held?.isHeld(), held?.signal.aborted]).toEqual([false, true]);
  });
});
