import { catalog, order, payment, inventory, topics } from '@flashmesh/contracts';
import { sleep } from '@flashmesh/core';
import { KafkaConnection, readLog } from '@flashmesh/messaging';
import { createMeshClient, registerMeshResolver, closeMeshClients } from '@flashmesh/rpc';
import { Registry } from '@flashmesh/registry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { createLogger } from '@flashmesh/telemetry';
import { Redis } from 'ioredis';
const N = Number(process.env['N'] ?? 300),
  STOCK = Number(process.env['STOCK'] ?? 100),
  FLUSH = process.env['FLUSH'],
  RATE = Number(process.env['RATE'] ?? 1000);
const logger = createLogger({ service: 'x', instance: 'y', level: 'warn' });
it('flows', async () => {
  const zk = await ZooKeeper.connect({ servers: process.env['ZOOKEEPER']!, logger });
  const reg = new Registry(zk, { logger });
  registerMeshResolver(reg);
  const cat = createMeshClient(catalog.CatalogServiceDefinition, {
    target: 'zk:///catalog',
    defaultDeadlineMs: 20000,
  });
  const ord = createMeshClient(order.OrderServiceDefinition, {
    target: 'zk:///order',
    defaultDeadlineMs: 10000,
  });
  const id = 's' + Date.now();
  const sku = 'k' + id;
  await sleep(500);
  await cat.openSale({
    sale: {
      id,
      name: 'x',
      opensAt: new Date(Date.now() - 1000),
      closesAt: new Date(Date.now() + 3600000),
      currency: 'EUR',
      reservationTtlSeconds: 20,
      items: [{ sku, unitPrice: 100, limitPerBuyer: 2, stock: STOCK }],
    },
    products: [{ sku, name: 'P' }],
  } as never);
  const conn = new KafkaConnection({ brokers: [process.env['KAFKA_BROKERS']!], clientId: 't', logger });
  const accepted: string[] = [];
  const errs = new Map<string, number>();
  const lat: number[] = [];
  const tok = process.env['VISA']
    ? ['tok_visa']
    : ['tok_visa', 'tok_visa', 'tok_visa', 'tok_decline', 'tok_twice', 'tok_timeout'];
  const t0 = performance.now();
  const all: Promise<void>[] = [];
  const redis = new Redis(process.env['REDIS_URL']!);
  for (let i = 0; i < N; i++) {
    const at = t0 + (i * 1000) / RATE;
    if (performance.now() < at) await sleep(at - performance.now());
    if (FLUSH && i === Math.floor(N / 3)) {
      await redis.flushall();
      console.log('flushed', i);
    }
    all.push(
      (async () => {
        const r = {
          buyerId: `b-${id}-${i}`,
          idempotencyKey: `k${i}`,
          saleId: id,
          sku,
          quantity: 1,
          paymentMethod: tok[i % tok.length]!,
        };
        for (let t = 0; t < 30; t++) {
          const s = performance.now();
          try {
            const x = await ord.placeOrder(r);
            lat.push(performance.now() - s);
            accepted.push(x.order!.id);
            return;
          } catch (e) {
            const k = (e as { code: string }).code + ' ' + (e as { kind: string }).kind;
            errs.set(k, (errs.get(k) ?? 0) + 1);
            if (
              (e as { kind: string }).kind !== 'unavailable' &&
              (e as { kind: string }).kind !== 'deadline_exceeded'
            )
              return;
            await sleep(300);
          }
        }
      })(),
    );
  }
  await Promise.all(all);
  lat.sort((a, b) => a - b);
  console.log(
    'accepted',
    accepted.length,
    'in',
    Math.round(performance.now() - t0),
    'p50',
    lat[lat.length >> 1],
    'p99',
    lat[Math.floor(lat.length * 0.99)],
    [...errs],
  );
  const states = new Map<string, number>();
  const tEnd = Date.now() + 60000;
  for (;;) {
    states.clear();
    const term = new Map<string, string>();
    await readLog(conn, topics.orderEvents, {}, (es) => {
      for (const e of es) {
        const o = e.data.order!;
        if (e.data.event?.$case === 'placed') continue;
        if (!term.has(o.id)) term.set(o.id, e.data.event!.$case + ':' + o.reason);
        else if (term.get(o.id) !== e.data.event!.$case + ':' + o.reason)
          console.log('TWO ENDS', o.id, term.get(o.id), e.data.event!.$case);
      }
    });
    for (const a of accepted) {
      const s = term.get(a) ?? 'open';
      states.set(s, (states.get(s) ?? 0) + 1);
    }
    if (!states.get('open') || Date.now() > tEnd) {
      // money
      const first = new Map<string, payment.LedgerEntry>();
      await readLog(conn, topics.ledger, {}, (es) => {
        for (const e of es) if (!first.has(e.id)) first.set(e.id, e.data);
      });
      const net = new Map<string, number>();
      for (const e of first.values())
        net.set(
          e.orderId,
          (net.get(e.orderId) ?? 0) +
            (e.kind === payment.LedgerEntryKind.CHARGE
              ? e.amount
              : e.kind === payment.LedgerEntryKind.REFUND
                ? -e.amount
                : 0),
        );
      const accSet = new Set(accepted);
      let bad = 0,
        confirmed = 0;
      for (const [o, s] of term) {
        if (!accSet.has(o)) continue;
        const n = net.get(o) ?? 0;
        if (s.startsWith('confirmed')) {
          confirmed++;
          if (n !== 100) bad++;
        } else if (n !== 0) bad++;
      }
      console.log(
        'states',
        [...states],
        'after',
        Math.round(performance.now() - t0),
        'bad money',
        bad,
        'confirmed',
        confirmed,
      );
      const inv = createMeshClient(inventory.InventoryServiceDefinition, { target: 'zk:///inventory' });
      console.log(await inv.getStock({ sku }));
      break;
    }
    await sleep(500);
  }
  const sample = await Promise.all(accepted.slice(0, 50).map((o) => o));
  void sample;
  closeMeshClients();
  reg.close();
  await zk.close();
  await conn.close();
  redis.disconnect();
}, 120000);
