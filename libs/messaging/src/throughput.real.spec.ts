import { eventually, handleBatch, listen, Stack } from './spec-support.ts';

// Figures for the reader; nothing about speed is asserted.
it('publishes and consumes 20 000 events', async () => {
  const stack = new Stack();
  try {
    const topic = await stack.topic(8);
    const server = stack.server([topic]);
    let handled = 0;
    handleBatch(server, topic, 500, (events) => {
      handled += events.length;
    });
    const total = 20_000;
    await stack.publish(topic, 'warm', 'warm');
    const publishStart = performance.now();
    let next = 0;
    const publisher = async () => {
      while (next < total) await stack.publish(topic, `key-${next % 1000}`, `${next++}`);
    };
    await Promise.all(Array.from({ length: 500 }, publisher));
    const publishMs = performance.now() - publishStart;
    const consumeStart = performance.now();
    await listen(server);
    await eventually(() => handled === total + 1);
    const consumeMs = performance.now() - consumeStart;
    const rate = (ms: number) => Math.round((total / ms) * 1000).toLocaleString('en');
    process.stdout.write(
      `published ${rate(publishMs)}/s (500 in flight), joined and consumed ${rate(consumeMs)}/s\n`,
    );
    expect(handled).toBe(total + 1);
  } finally {
    await stack.close();
  }
});
