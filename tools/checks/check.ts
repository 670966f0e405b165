import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * `npm run check`: everything that must hold before a change is worth testing, in one command. Every check runs, so that
 * one run shows all there is to mend; the exit code is 1 when any failed.
 */
const root = join(import.meta.dirname, '..', '..');
const generated = join(root, 'libs/contracts/src/gen');
const bin = join(root, 'node_modules/.bin');

interface Check {
  readonly name: string;
  /** What to do when it fails. */
  readonly fix: string;
  run(): boolean;
}

const checks: Check[] = [
  {
    name: 'types (TypeScript 7)',
    fix: 'mend the types',
    run: () =>
      command(root, process.execPath, 'node_modules/@typescript/native/bin/tsc', '-p', 'tsconfig.json'),
  },
  {
    name: 'lint (no warnings)',
    fix: 'mend what is named',
    run: () => command(root, join(bin, 'oxlint'), '--type-aware', '--deny-warnings', '--quiet'),
  },
  {
    name: 'format',
    fix: 'npm run format',
    run: () => command(root, join(bin, 'prettier'), '--check', '--log-level', 'warn', '.'),
  },
  {
    name: 'dependency rules and cycles',
    fix: 'import from below, and only a lib’s index.ts',
    run: () =>
      command(root, join(bin, 'depcruise'), '--output-type', 'err', 'apps', 'libs', 'tools', 'test', 'bench'),
  },
  {
    name: 'schemas (buf lint, buf format)',
    fix: 'npm run format, and mend what is named',
    run: () =>
      command(join(root, 'proto'), join(bin, 'buf'), 'lint') &&
      command(join(root, 'proto'), join(bin, 'buf'), 'format', '--diff', '--exit-code'),
  },
  { name: 'generated code is up to date', fix: 'npm run generate', run: generatedIsFresh },
];

/** Generates afresh beside the tree and compares, so that a check never changes what it checks. */
function generatedIsFresh(): boolean {
  const scratch = mkdtempSync(join(tmpdir(), 'flashmesh-gen-'));
  try {
    const proto = join(root, 'proto');
    // The template writes to ../libs/contracts/src/gen, relative to --output.
    const output = join(scratch, 'proto');
    return (
      command(proto, join(bin, 'buf'), 'generate', '--output', output) &&
      command(root, 'diff', '-rq', generated, join(scratch, 'libs/contracts/src/gen'))
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function command(cwd: string, file: string, ...args: string[]): boolean {
  const path = [bin, process.env['PATH']].join(delimiter);
  return spawnSync(file, args, { cwd, stdio: 'inherit', env: { ...process.env, PATH: path } }).status === 0;
}

const failed: Check[] = [];
for (const check of checks) {
  const before = performance.now();
  const ok = check.run();
  if (!ok) failed.push(check);
  console.log(
    `${ok ? 'ok  ' : 'FAIL'} ${check.name} (${((performance.now() - before) / 1000).toFixed(1)} s)`,
  );
}
for (const { name, fix } of failed) console.log(`to mend "${name}": ${fix}`);
process.exitCode = failed.length > 0 ? 1 : 0;
