import { FlashmeshError, messageOf } from '@flashmesh/core';
import { parseArgs, type ParseArgsConfig } from 'node:util';

export const USAGE = `usage:
  rush run    --gateway URL --sale ID --sku SKU --buyers N --rate R [--quantity 1] [--payment-method tok_ok]
              [--decline-ratio 0] [--patience 60] --out FILE [--json]
      Lets N buyers order at R orders a second, whatever the answers are, and writes the accepted orders to FILE. Who is
      told nothing certain (503, 504, no answer) asks again with the same key, for at most --patience seconds.
  rush verify --brokers HOST:PORT,... [--accepted FILE] [--gateway URL] [--wait SECONDS] [--expect-confirmed UNITS] [--json]
      Reads Kafka from the beginning and checks: no oversell, no lost order, no double charge. Waits for orders that have
      not ended yet. With FILE every accepted order must have ended; with URL too, buyers must read how.
exit code: 0 all is well, 1 a rule is broken or the shop cannot be reached, 2 the command line is wrong
`;

type Flags = NonNullable<ParseArgsConfig['options']>;

/** @throws FlashmeshError `invalid_argument` (`USAGE`) on unknown options and left-over words. */
export function parseFlags<F extends Flags>(args: readonly string[], options: F) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    throw usage(messageOf(cause));
  }
}

/** @throws FlashmeshError `USAGE` when the option is missing. */
export function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw usage(`--${name} is needed`);
  return value;
}

/** @throws FlashmeshError `USAGE` when it is no number within [min, max], or must be whole and is not. */
export function numberFlag(
  name: string,
  text: string,
  rule: { readonly min: number; readonly max: number; readonly whole?: boolean },
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const { min, max, whole = false } = rule;
  if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    throw usage(`--${name} must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}

/** @throws FlashmeshError `USAGE` when it is no http URL. */
export function urlFlag(name: string, text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw usage(`--${name} must be a URL like http://127.0.0.1:8080, not "${text}"`);
  }
  return text;
}

function usage(what: string): FlashmeshError {
  return new FlashmeshError('invalid_argument', 'USAGE', what);
}
