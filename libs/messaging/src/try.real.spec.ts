import { appendFileSync } from 'node:fs';
import { eventually, handle, listen, Stack } from './spec-support.ts';
it('broker outage', async () => {
  const stack = new Stack();
  const topic = await stack.topic(4);
  const server = stack.server([topic]);
  const seen = new Set<string>();
  let dup = 0;
  const order = new Map<string, number>();
  let bad = 0;
  handle(server, topic, ({ id, key }) => {
    if (seen.has(id)) dup++;
    else {
      const n = Number(id);
      if (n < (order.get(key) ?? -1)) bad++;
      order.set(key, n);
    }
    seen.add(id);
  });
  await listen(server);
  const log = (s: string) => appendFileSync('/tmp/msgtry/log', s + '\n');
  log('started');
  let sent = 0,
    failed = 0;
  const end = performance.now() + 50_000;
  while (performance.now() < end) {
    const id = `${sent}`;
    for (;;) {
      try {
        await stack.publish(topic, `k${sent % 10}`, id);
        break;
      } catch (e) {
        failed++;
        log(`${Math.round(performance.now())} ${(e as Error).message} healthy=${server.healthy}`);
      }
    }
    sent++;
    await new Promise((r) => setTimeout(r, 20));
  }
  const t = performance.now();
  await eventually(() => seen.size === sent);
  log(
    `sent ${sent} failed ${failed} seen ${seen.size} dup ${dup} bad ${bad} caughtup ${performance.now() - t}`,
  );
  expect(bad).toBe(0);
  await stack.close();
}, 120_000);
