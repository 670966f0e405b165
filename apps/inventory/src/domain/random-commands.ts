import type { Command } from './command.ts';

/** A command and the moment of its record. */
export interface TimedCommand {
  readonly command: Command;
  readonly time: number;
}

/** A small seeded generator of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * For tests: commands from so few ids that everything collides - orders that come twice, for another SKU or for none with
 * stock, buyers at their limit, answers that come before their question, deadlines that have passed or have not.
 */
export function randomCommands(seed: number, count: number): TimedCommand[] {
  const random = seeded(seed);
  const upTo = (n: number) => Math.floor(random() * n);
  const oneOf = <T>(values: readonly [T, ...T[]]): T => values[upTo(values.length)] ?? values[0];
  let time = Date.UTC(2026, 0, 1);
  const command = (): Command => {
    const sku = `sku-${upTo(3)}`;
    const orderId = `ord_${upTo(Math.max(4, count / 4))}`;
    const kind = oneOf<Command['kind']>([
      'reserve',
      'reserve',
      'reserve',
      'commit',
      'release',
      'expire',
      'expire',
      'restock',
    ]);
    if (kind === 'restock') return { kind, sku, restockId: `restock-${upTo(12)}`, quantity: 1 + upTo(9) };
    if (kind !== 'reserve') return { kind, sku, orderId };
    return {
      kind,
      sku,
      orderId,
      saleId: `sale-${upTo(2)}`,
      buyerId: oneOf(['ann', 'bob b.', '魏 / "x"\n']),
      quantity: 1 + upTo(3),
      limitPerBuyer: 1 + upTo(5),
      ttlMs: 1000 * (1 + upTo(20)),
    };
  };
  return Array.from({ length: count }, () => {
    // Producers' clocks differ, so time may go back; in steps, so that some come at a deadline exactly.
    time += 1000 * oneOf([-1, 0, 0, 1, 1, 1]);
    return { command: command(), time };
  });
}
