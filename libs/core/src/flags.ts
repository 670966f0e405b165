import { parseArgs, type ParseArgsConfig } from 'node:util';
import { FlashmeshError, messageOf } from './errors.ts';

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
