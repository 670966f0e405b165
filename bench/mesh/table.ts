import { markdownTable, median, medianWithRange } from '../support/table.ts';
import type { Measured } from './measure.ts';

/** What every round measured of one caller. */
export interface Row {
  readonly name: string;
  readonly rounds: readonly Measured[];
}

const COLUMNS = [
  'Caller',
  'CPU a call, µs',
  'more than the first',
  'CPU of the proxy, µs',
  'calls a second',
  'of the first',
  'p50, ms',
  'p99, ms',
  'connections',
];

/**
 * A Markdown table of medians. A comparison with the first row is the median of what each round came to, and in brackets the least and
 * the most: both were measured within seconds of each other, so what the machine does besides falls out.
 */
export function table(rows: readonly Row[]): string {
  const base = rows[0]?.rounds ?? [];
  return markdownTable(
    COLUMNS,
    rows.map((row) => cells(row, base)),
  );
}

function cells({ name, rounds }: Row, base: readonly Measured[]): string[] {
  const middle = (what: (one: Measured) => number) => median(rounds.map(what));
  const compare = (what: (one: Measured, first: Measured) => number, show: (value: number) => string) => {
    if (rounds === base) return '';
    return medianWithRange(
      rounds.map((one, round) => what(one, base[round] as Measured)),
      show,
    );
  };
  const connections = rounds.map((one) => one.connections).filter((count) => count !== null);
  return [
    name,
    middle((one) => one.cpuMicros).toFixed(1),
    compare((one, first) => one.cpuMicros - first.cpuMicros, signed),
    rounds.some((one) => one.proxyCpuMicros === null)
      ? ''
      : middle((one) => one.proxyCpuMicros ?? 0).toFixed(1),
    middle((one) => one.perSecond).toFixed(0),
    compare((one, first) => (100 * one.perSecond) / first.perSecond, percent),
    middle((one) => one.p50Ms).toFixed(2),
    middle((one) => one.p99Ms).toFixed(2),
    [...new Set(connections)].join(' or '),
  ];
}

function signed(value: number): string {
  return (value < 0 ? '' : '+') + value.toFixed(1);
}

function percent(value: number): string {
  return `${value.toFixed(0)} %`;
}
