import { FlashmeshError, sleep } from '@flashmesh/core';
import { holdsInTime } from '@flashmesh/zookeeper/testing';
import { Lock } from '../../lock.ts';
import { protectedCreate } from '../../protected-create.ts';
import { childrenOf, type Corner, corner, PARENT } from './corner.ts';
import * as lockCorners from './lock-corners.ts';
import * as queueCorners from './queue-corners.ts';
import * as workerIdCorners from './worker-id-corners.ts';

/** The create was applied and its reply lost; the next server has not heard of it yet. */
export const replyLostAndServerBehind = corner(async (sim, { zk }) => {
  const { connection } = sim.ensemble.sessions.get(zk.sessionId) ?? {};
  if (!connection) throw new Error('the client has no connection');
  connection.losesNextReply = true;
  for (const server of sim.ensemble.servers) if (server !== connection.server) server.lag();
  sim.clock.after(300, () => sim.ensemble.servers.forEach((server) => server.catchUp()));
  const node = await protectedCreate(zk, PARENT, 'x-', '');
  await sleep(500, undefined, sim.clock);
  sim.check(
    childrenOf(sim).join() === node.name,
    `${childrenOf(sim).join()} where only ${node.name} is known`,
  );
});

/**
 * The create was applied, and no reply came for so long that the client gave its session up, which the server has not: the node that
 * is found belongs to nobody.
 */
export const nodeOfAnOldSession = corner(async (sim, { zk }) => {
  const before = zk.sessionId;
  const connection = sim.ensemble.sessions.get(before)?.connection;
  sim.ensemble.interfere = (asking, moment) => {
    if (asking === connection && moment === 'applied')
      connection.link.silence({ toServer: false, toClient: true });
  };
  // It cannot come back before it has given the session up.
  zk.onState(({ name }) => {
    if (name === 'suspended') for (const server of sim.ensemble.servers) server.crash();
    if (name === 'lost') for (const server of sim.ensemble.servers) server.restart();
  });
  const creating = protectedCreate(zk, PARENT, 'x-', '');
  await holdsInTime(sim, 'the session is given up', () => ![0n, before].includes(zk.sessionId), 5000);
  const node = await creating;
  sim.check(node.owner === zk.sessionId, 'the node of an old session is taken for the own one');
  sim.check(
    childrenOf(sim).join() === node.name,
    `${childrenOf(sim).join()} where only ${node.name} is known`,
  );
});

/** Somebody took the holder's node away, and the holder has not heard of it: what it guards is refused by the ensemble. */
export const nodeTakenAway = corner(async (sim, { zk }) => {
  await zk.create('/guarded', '');
  const handle = await new Lock(zk, PARENT).acquire();
  const connection = sim.ensemble.sessions.get(zk.sessionId)?.connection;
  const { zk: operator } = await sim.connect('operator');
  connection?.link.silence({ toServer: false, toClient: true });
  await operator.delete(handle.path);
  sim.check(handle.isHeld(), 'the holder knew already');
  const write = handle.guard([{ op: 'set', path: '/guarded', data: 'mine' }]).then(
    () => 'done',
    (error: unknown) => (error instanceof FlashmeshError ? error.code : String(error)),
  );
  await sleep(100, undefined, sim.clock);
  connection?.link.heal();
  const outcome = await write;
  sim.check(outcome === 'NOT_HELD', `a guarded write of a holder without a node: ${outcome}`);
  sim.check(sim.ensemble.tree.get('/guarded')?.version === 0, 'it was written');
  await operator.close();
});

export const corners = {
  replyLostAndServerBehind,
  nodeOfAnOldSession,
  nodeTakenAway,
  ...lockCorners,
  ...queueCorners,
  ...workerIdCorners,
} as const satisfies Record<string, Corner>;
