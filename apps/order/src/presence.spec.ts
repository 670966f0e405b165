import { Presence } from './presence.ts';

describe('Presence', () => {
  it('shares one call per partition among the questions of a turn', async () => {
    const asked: [number, string[]][] = [];
    const presence = new Presence((partition, orderIds) => {
      asked.push([partition, orderIds]);
      return Promise.resolve(orderIds.filter((id) => id === 'gone'));
    });
    const answers = await Promise.all([
      presence.holds(0, 'a'),
      presence.holds(0, 'gone'),
      presence.holds(1, 'b'),
    ]);
    expect(answers).toEqual([true, false, true]);
    expect(asked).toEqual([
      [0, ['a', 'gone']],
      [1, ['b']],
    ]);
  });

  it('never answers with a call made before the question', async () => {
    const held = new Set<string>();
    let calls = 0;
    const presence = new Presence(async (_partition, orderIds) => {
      calls++;
      const missing = orderIds.filter((id) => !held.has(id));
      await new Promise((resolve) => setImmediate(resolve));
      return missing;
    });
    const first = presence.holds(0, 'a');
    await new Promise((resolve) => setImmediate(resolve));
    held.add('a');
    expect(await Promise.all([first, presence.holds(0, 'a')])).toEqual([false, true]);
    expect(calls).toBe(2);
  });

  it('passes a failure on to everyone who asked', async () => {
    const presence = new Presence(() => Promise.reject(new Error('down')));
    await expect(Promise.all([presence.holds(0, 'a'), presence.holds(0, 'b')])).rejects.toThrow('down');
  });
});
