import { markdownTable } from '../support/table.ts';

/** One line of a table: a value for each column, of which the first is ours. `undefined`: it never came. */
export interface Row {
  readonly what: string;
  readonly values: readonly (number | undefined)[];
  readonly better: 'higher' | 'lower';
  /** What stands where a value never came. */
  readonly otherwise?: string;
}

/** A Markdown table; in brackets how many times as good the first column is. */
export function table(heading: string, columns: readonly string[], rows: readonly Row[]): string {
  return markdownTable([heading, ...columns], rows.map(cellsOf));
}

function cellsOf({ what, values, better, otherwise = '-' }: Row): string[] {
  const [first] = values;
  const cells = values.map((value, index) => {
    if (value === undefined) return otherwise;
    if (index === 0 || first === undefined) return figure(value);
    return `${figure(value)} (${(better === 'higher' ? first / value : value / first).toFixed(2)})`;
  });
  return [what, ...cells];
}

/** Three digits that count. */
function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return value.toFixed(value >= 10 ? 1 : 2);
}
