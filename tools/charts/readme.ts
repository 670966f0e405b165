import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { chartFolders } from './paths.ts';
import { readValues } from './values.ts';

const begin = '<!-- values -->';
const end = '<!-- /values -->';

/**
 * The table of a chart's values, in Markdown: one row for each value, and one for each group that is described.
 *
 * @throws Error that names every value without a description.
 */
export function valuesTable(values: string): string {
  const entries = readValues(values);
  const missing = entries.filter(({ isGroup, description }) => !isGroup && description === '');
  if (missing.length > 0) {
    throw new Error(`no comment above ${missing.map(({ path }) => path).join(', ')}`);
  }
  const rows = entries
    .filter(({ description }) => description !== '')
    .map(({ path, description, value, isGroup }) => {
      const standard = isGroup ? '' : code(JSON.stringify(value));
      return `| ${code(path)} | ${standard} | ${description.replaceAll('|', String.raw`\|`)} |`;
    });
  return ['| Value | Default | What it is |', '| --- | --- | --- |', ...rows].join('\n');
}

/** A code span inside a table: a bar ends a cell even there, and a backtick needs a longer fence. */
function code(text: string): string {
  const escaped = text.replaceAll('|', String.raw`\|`);
  return escaped.includes('`') ? `\`\` ${escaped} \`\`` : `\`${escaped}\``;
}

/**
 * A chart's README with its table filled in, formatted as the repository formats Markdown.
 *
 * @throws Error when a marker or a description is missing.
 */
export async function fillReadme(readme: string, values: string, path: string): Promise<string> {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the README needs ${begin} and, after it, ${end}`);
  const filled = `${readme.slice(0, from + begin.length)}\n\n${valuesTable(values)}\n\n${readme.slice(to)}`;
  return format(filled, { ...(await resolveConfig(path)), filepath: path });
}

/** What is wrong with the table of one chart; with `write`, a stale one is written afresh instead. */
export async function checkReadme(chart: string, write: boolean): Promise<string[]> {
  const path = join(chart, 'README.md');
  try {
    const readme = readFileSync(path, 'utf8');
    const fresh = await fillReadme(readme, readFileSync(join(chart, 'values.yaml'), 'utf8'), path);
    if (fresh === readme) return [];
    if (!write) return [`${basename(chart)}: the README's table is not what values.yaml says`];
    writeFileSync(path, fresh);
    console.log(`wrote helm/${basename(chart)}/README.md`);
    return [];
  } catch (error) {
    return [`${basename(chart)}: ${(error as Error).message}`];
  }
}

/** `node tools/charts/readme.ts [--check] [CHART...]` */
if (import.meta.main) {
  const args = process.argv.slice(2);
  const check = args.includes('--check');
  const names = args.filter((arg) => arg !== '--check');
  const unknown = names.filter((name) => !chartFolders().some((folder) => basename(folder) === name));
  const folders = chartFolders().filter((folder) => names.length === 0 || names.includes(basename(folder)));
  const problems = (await Promise.all(folders.map((folder) => checkReadme(folder, !check)))).flat();
  problems.push(...unknown.map((name) => `${name}: there is no such chart`));
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
