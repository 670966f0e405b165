import { tokenDigits } from '@flashmesh/core';
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
 * stock, buyers at their limit, answers that come before their question, deadlines that have passed or have not, holders of a
 * sale's lock that come after later ones.
 */
export function randomCommands(seed: number, count: number): TimedCommand[] {
  const random = seeded(seed);
  const upTo = (n: number) => Math.floor(random() * n);
  const oneOf = <T>(values: readonly [T, ...T[]]): T => values[upTo(values.length)] ?? values[0];
  let time = Date.UTC(2026, 0, 1);
  let commands = 0;
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
      'restock',
      'fence',
    ]);
    const saleId = `sale-${upTo(2)}`;
    // Holders come later and later, mostly; beyond 2^53, where neighbours are the same double.
    const czxid = tokenDigits(2n ** 53n + BigInt(upTo(Math.max(2, ++commands / 10))));
    const token = { ensemble: `ensemble-${upTo(1 + commands / 200)}`, czxid };
    if (kind === 'fence') return { kind, sku, saleId, token };
    if (kind === 'restock') {
      const restock = { kind, sku, restockId: `restock-${upTo(30)}`, quantity: 1 + upTo(9) };
      return oneOf<Command>([
        restock,
        { ...restock, saleId, token },
        { ...restock, saleId, token },
        { ...restock, saleId },
      ]);
    }
    if (kind !== 'reserve') return { kind, sku, orderId };
    return {
      kind,
      sku,
      orderId,
      saleId,
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
