import { sleep } from '@flashmesh/core';
import { Echo } from './testing/echo.ts';
import { load, warmUp } from './testing/load.ts';
import { FakeNaming, instance, until } from './mesh.fixture.ts';
import {
  closeMeshClients,
  createMeshClient,
  type MeshClient,
  type MeshClientOptions,
} from './mesh-client.ts';
import { registerMeshResolver } from './mesh-resolver.ts';
import { type EndpointSnapshot, meshSnapshot } from './mesh-snapshot.ts';
import { BlackHole, Replica, type ReplicaBehaviour } from './replicas.fixture.ts';

type Client = MeshClient<typeof Echo>;

const naming = new FakeNaming();
let services = 0;
let service = '';
let replicas: Replica[] = [];
let holes: BlackHole[] = [];

beforeAll(() => registerMeshResolver(naming));
beforeEach(() => {
  service = `echo-${++services}`;
});
afterEach(async () => {
  closeMeshClients();
  await Promise.all([...holes.map((hole) => hole.close()), ...replicas.map((replica) => replica.end())]);
  replicas = [];
  holes = [];
});

async function start(...behaviours: readonly ReplicaBehaviour[]): Promise<Replica[]> {
  const started = await Promise.all(behaviours.map((behaviour) => Replica.start(behaviour)));
  replicas.push(...started);
  return started;
}

function connect(options: Omit<MeshClientOptions<typeof Echo>, 'target'> = {}): Client {
  // Machines that run tests may be slow: attempts have 2 s, and what is sent to somebody who is well has all the time.
  const methods = { read: { tryTimeoutMs: 2000 } };
  return createMeshClient(Echo, {
    target: `zk:///${service}`,
    defaultDeadlineMs: 30_000,
    methods,
    ...options,
  });
}

function endpoint(port: number): EndpointSnapshot {
  const channel = meshSnapshot().find(({ target }) => target === `zk:///${service}`);
  const found = channel?.endpoints.find(({ address }) => address.endsWith(`:${port}`));
  if (!found) throw new Error(`no endpoint at ${port}`);
  return found;
}

describe('a mesh client and three replicas', () => {
  it('keeps away from one that is much slower: the 99th percentile is a fifth of that of taking turns, or less', async () => {
    const [slow, b, c] = (await start({ delayMs: 200 }, {}, {})) as [Replica, Replica, Replica];
    const [best, turns] = (['p2c', 'round_robin'] as const).map((policy) =>
      connect({ balancing: { policy } }),
    ) as [Client, Client];
    naming.say(service, slow.port, b.port, c.port);
    await Promise.all([warmUp(3, () => best.read({})), warmUp(3, () => turns.read({}))]);
    // Both at the same time: whatever else the machine does, it does to both. A try may be spoilt by pauses that hit more than half a
    // percent of the calls (another half is what p2c may spend on seeing whether the slow one is well again); so there are three.
    // Where even those who are well take longer than a fifth, the machine says nothing about the 99th percentile, and what is left
    // to see is that p2c goes elsewhere.
    let found = { p99: false, share: false };
    for (let tries = 0; tries < 3 && !(found.p99 && found.share); tries++) {
      const [ours, inTurn] = await Promise.all([
        load(150, () => best.read({}), 2000),
        load(150, () => turns.read({}), 2000),
      ]);
      expect([...ours.failures, ...inTurn.failures]).toEqual([]);
      for (const good of [b, c]) expect(ours.from(good)).toBeGreaterThan(0);
      const fifthMs = inTurn.quantileMs(0.99) / 5;
      const tells = inTurn.quantileMs(0.99, [b, c]) <= fifthMs;
      found = {
        p99: !tells || ours.quantileMs(0.99) <= fifthMs,
        // A third in turns.
        share: inTurn.from(slow) > inTurn.made / 4 && ours.from(slow) < inTurn.from(slow) / 2,
      };
    }
    expect(found).toEqual({ p99: true, share: true });
  });

  it.each([['p2c'], ['round_robin']] as const)(
    'hides one that fails half its calls, and does not overload the others, by %s',
    async (policy) => {
      const [spoilt, b, c] = (await start({ fail: 0.5 }, {}, {})) as [Replica, Replica, Replica];
      const client = connect({ balancing: { policy } });
      naming.say(service, spoilt.port, b.port, c.port);
      // p2c also goes by how fast the good ones are, and the machine may hold one of them up: so there are three tries.
      let found = { made: 0, attempts: Infinity, mostServed: Infinity };
      for (let tries = 0; tries < 3 && found.mostServed >= (1.25 * found.made) / 2; tries++) {
        const before = await Promise.all([b, c].map((good) => good.served()));
        const attemptsBefore = tries === 0 ? 0 : endpoint(spoilt.port).attempts;
        const outcomes = await load(200, () => client.read({}), 1200);
        expect(outcomes.failures).toEqual([]);
        const after = await Promise.all([b, c].map((good) => good.served()));
        found = {
          made: outcomes.made,
          attempts: endpoint(spoilt.port).attempts - attemptsBefore,
          mostServed: Math.max(...after.map((served, i) => served - (before[i] as number))),
        };
      }
      // With one left alone, their load is a half each: retries come on top of that, and are what is bounded here.
      expect(found.mostServed).toBeLessThan((1.25 * found.made) / 2);
      // In turns it would be a third.
      expect(endpoint(spoilt.port).failures).toBeGreaterThan(0);
      expect(found.attempts).toBeLessThan(found.made / 4);
    },
  );

  it.each([['SIGSTOP'], ['SIGKILL']] as const)('hides that one of them got %s', async (signal) => {
    const [victim, b, c] = (await start({}, {}, {})) as [Replica, Replica, Replica];
    const client = connect();
    naming.say(service, victim.port, b.port, c.port);
    await warmUp(3, () => client.read({}));
    const doing = (async () => {
      await sleep(1000);
      victim.signal(signal);
      await sleep(5000);
    })();
    const outcomes = await load(200, () => client.read({}), doing);
    expect(outcomes.failures).toEqual([]);
  });

  it.each([['p2c'], ['round_robin']] as const)(
    'leaves a peer that vanished without a word, by %s',
    async (policy) => {
      const [lost, b, c] = (await start({}, {}, {})) as [Replica, Replica, Replica];
      const hole = await BlackHole.before(lost.port);
      holes.push(hole);
      const client = connect({ balancing: { policy } });
      naming.say(service, hole.port, b.port, c.port);
      await warmUp(3, () => client.read({}));
      hole.swallow();
      // One call at a time, as in the case that this is made after: there every call in three waited for its deadline.
      for (let i = 0; i < 60; i++) await client.read({});
      expect(endpoint(hole.port).timeouts).toBeLessThanOrEqual(3);
      expect(endpoint(hole.port).attempts).toBeGreaterThan(0);
      const outcomes = await load(100, () => client.read({}), sleep(3000));
      expect(outcomes.failures).toEqual([]);
    },
  );

  it('does not blame an endpoint for a pause of its own', async () => {
    const [a, b] = (await start({ delayMs: 20 }, { delayMs: 20 })) as [Replica, Replica];
    const client = connect({ methods: { read: { tryTimeoutMs: 1000 } } });
    naming.say(service, a.port, b.port);
    await warmUp(2, () => client.read({}));
    const before = [a, b].map(({ port }) => endpoint(port).timeouts);
    const call = client.read({});
    await sleep(5);
    // From here the loop goes on to its timers, not to its sockets.
    await new Promise((resolve) => setImmediate(resolve));
    const until = performance.now() + 1500;
    while (performance.now() < until);
    await call;
    expect([a, b].map(({ port }) => endpoint(port).timeouts)).toEqual(before);
  });

  it.each([['SIGTERM'], ['SIGKILL']] as const)(
    'survives that all of them drain and get %s under load, also with calls that must not be repeated',
    async (signal) => {
      const old = await start({ delayMs: 20 }, { delayMs: 20 }, { delayMs: 20 });
      const client = connect();
      naming.say(service, ...old.map(({ port }) => port));
      await warmUp(3, () => client.read({}));
      const rolling = (async () => {
        let current = old.map(({ port }) => port);
        for (const leaving of old) {
          const [fresh] = (await start({ delayMs: 20 })) as [Replica];
          current = [...current.filter((port) => port !== leaving.port), fresh.port];
          naming.sayInstances(service, [
            { ...instance(leaving.port), state: 'draining' },
            ...current.map((port) => instance(port)),
          ]);
          // Whoever called it is answered by then; nobody else has called since.
          await until(() => endpoint(leaving.port).state === 'draining');
          await until(() => endpoint(leaving.port).inFlight === 0, 20_000);
          await leaving.end(signal);
          naming.say(service, ...current);
        }
      })();
      const [reads, writes] = await Promise.all([
        load(100, () => client.read({}), rolling),
        load(100, () => client.write({}), rolling),
      ]);
      expect(reads.failures).toEqual([]);
      expect(writes.failures).toEqual([]);
    },
  );
});
