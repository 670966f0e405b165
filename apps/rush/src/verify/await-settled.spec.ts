import { ManualClock } from '@flashmesh/core';
import { awaitSettled, type Settling } from './await-settled.ts';

const look = (ok: boolean, open: number, length: number): Settling => ({
  ok,
  open,
  records: { a: length },
  duplicates: {},
});

async function run(looks: Settling[], waitMs = 10_000) {
  const clock = new ManualClock();
  let count = 0;
  const done = awaitSettled(
    async () => looks[Math.min(count++, looks.length - 1)] as Settling,
    waitMs,
    clock,
  );
  const seen: { result?: Settling } = {};
  void done.then((settled) => (seen.result = settled));
  await clock.advance(0);
  for (let i = 0; i < 30 && !seen.result; i++) await clock.advance(1000);
  return { result: await done, count };
}

describe('awaitSettled', () => {
  it('is content at once', async () => {
    expect(await run([look(true, 0, 1)])).toMatchObject({ result: { ok: true }, count: 1 });
  });

  it('waits for stragglers', async () => {
    const looks = [look(false, 2, 5), look(false, 1, 6), look(true, 0, 7)];
    expect(await run(looks)).toMatchObject({ result: { ok: true }, count: 3 });
  });

  it('looks on as long as orders end, however long it takes', async () => {
    const looks = [9, 8, 8, 7, 7, 6, 5, 5, 4].map((open, index) => look(false, open, index));
    expect(await run([...looks, look(true, 0, 10)], 3000)).toMatchObject({ result: { ok: true }, count: 10 });
  });

  it('gives up on what is broken for good as soon as the log is quiet', async () => {
    expect(await run([look(false, 0, 5), look(false, 0, 6), look(false, 0, 6)])).toMatchObject({
      result: { ok: false },
      count: 3,
    });
  });

  it('gives up on lost orders when the time is up', async () => {
    expect(await run([look(false, 1, 5)], 3000)).toMatchObject({ result: { open: 1 }, count: 4 });
    expect(await run([look(false, 1, 5)], 0)).toMatchObject({ count: 1 });
  });
});
