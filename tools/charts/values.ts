import { isCollection, isMap, isScalar, LineCounter, parseDocument, type YAMLMap } from 'yaml';

/** One key of a values file. */
export interface ValueEntry {
  /** Keys from the top, joined with dots. */
  readonly path: string;
  /** The comment block directly above the key, as one line; empty where there is none. */
  readonly description: string;
  /** What the key is set to; undefined for a group, whose children are entries of their own. */
  readonly value?: unknown;
  readonly isGroup: boolean;
}

/**
 * The keys of a values file, in its order. A map in block style is a group; everything else is one value: scalars, lists, empty
 * maps, maps in flow style (`{a: 1}`), and a map that is described as a whole, with no comment inside, like `resources`.
 *
 * @throws Error when the text is no YAML map.
 */
export function readValues(text: string): ValueEntry[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  if (document.errors[0]) throw document.errors[0];
  if (!isMap(document.contents)) throw new Error('the values are no map');
  const lines = text.split('\n');

  const visit = (map: YAMLMap, above: readonly string[]): ValueEntry[] =>
    map.items.flatMap(({ key, value }) => {
      if (!isScalar(key) || !key.range) throw new Error(`a key below "${above.join('.')}" is no text`);
      const path = [...above, String(key.value)];
      const { line } = lineCounter.linePos(key.range[0]);
      const common = { path: path.join('.'), description: commentAbove(lines, line - 1) };
      if (isMap(value) && value.flow !== true && value.items.length > 0) {
        const children = visit(value, path);
        const asOne = common.description !== '' && children.every(({ description }) => description === '');
        if (!asOne) return [{ ...common, isGroup: true }, ...children];
      }
      const plain: unknown = isCollection(value) || isScalar(value) ? value.toJS(document) : null;
      return [{ ...common, value: plain, isGroup: false }];
    });
  return visit(document.contents, []);
}

/** The comment lines that end right above a line, joined. A blank line, or a bare `#`, starts a new block. */
function commentAbove(lines: readonly string[], index: number): string {
  const block: string[] = [];
  for (let i = index - 1; i >= 0; i--) {
    const text = /^\s*#+\s?(?<text>.*)$/.exec(lines[i] ?? '')?.groups?.['text'];
    if (text === undefined || text.trim() === '') break;
    block.unshift(text.trim());
  }
  return block.join(' ');
}
