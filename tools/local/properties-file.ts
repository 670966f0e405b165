/** The text of a Java properties file; Java reads it as Latin-1 with escapes. */
export function properties(entries: Readonly<Record<string, string | number | boolean>>): string {
  const escape = (value: string) =>
    value
      .replaceAll('\\', '\\\\')
      .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return Object.entries(entries)
    .map(([key, value]) => `${key}=${escape(String(value))}\n`)
    .join('');
}
