import type { IHeaders } from 'kafkajs';

/** Headers as text; of a repeated header the last value counts. */
export function textHeaders(headers: IHeaders | undefined): Record<string, string> {
  const text: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last != null) text[name] = last.toString();
  }
  return text;
}
