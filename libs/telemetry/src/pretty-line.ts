const COLOURS: Record<string, number> = { trace: 90, debug: 36, info: 32, warn: 33, error: 31, fatal: 35 };
const SHOWN_APART = new Set([
  'level',
  'time',
  'service',
  'instance',
  'msg',
  'trace_id',
  'span_id',
  'err',
  'context',
]);

/**
 * One JSON log line as a person likes to read it: time, level, instance, message, other fields, the beginning of the trace
 * id, and an error's stack below. A line that is not JSON is given back as it is.
 */
export function prettyLine(line: string, colour: boolean): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const level = text(entry['level']) || 'info';
  const parts = [
    paint(90, clockTime(entry['time'])),
    paint(COLOURS[level] ?? 0, level.toUpperCase().padEnd(5)),
    paint(36, (text(entry['instance']) || text(entry['service'])).padEnd(14)),
  ];
  if (typeof entry['context'] === 'string') parts.push(paint(90, `[${entry['context']}]`));
  parts.push(text(entry['msg']));
  const rest = Object.entries(entry).filter(([key]) => !SHOWN_APART.has(key));
  if (rest.length > 0) parts.push(paint(90, rest.map(([key, value]) => `${key}=${inline(value)}`).join(' ')));
  if (typeof entry['trace_id'] === 'string') parts.push(paint(90, `#${entry['trace_id'].slice(0, 8)}`));
  return `${parts.join(' ')}\n${errorLines(entry['err'])}`;
}

function clockTime(time: unknown): string {
  const date = new Date(typeof time === 'number' || typeof time === 'string' ? time : NaN);
  if (Number.isNaN(date.getTime())) return '--:--:--.---';
  const two = (n: number) => String(n).padStart(2, '0');
  const seconds = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

function inline(value: unknown): string {
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}

function errorLines(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { stack, message } = error as { stack?: unknown; message?: unknown };
  const shown = text(stack) || text(message) || JSON.stringify(error);
  return `${shown
    .split('\n')
    .map((row) => `    ${row.trim()}`)
    .join('\n')}\n`;
}
