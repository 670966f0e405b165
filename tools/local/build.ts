import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './paths.ts';
import { type Print, step } from './progress.ts';
import { runCommand } from './run-command.ts';
import { diskFull, StackError } from './stack-error.ts';

const stampFile = join(root, 'dist', 'apps', '.sources');
const sourceFolders = ['apps', 'libs'];
const sourceFiles = ['nest-cli.json', 'rspack.config.mjs', 'tsconfig.json', 'package-lock.json'];

/** Where the program of an app is after a build. */
export function mainOf(app: string): string {
  return join(root, 'dist', 'apps', app, 'main.js');
}

/**
 * Builds every app when a source differs from those of the last build; compares contents, so that a checkout or a touch
 * does not build again.
 *
 * @throws StackError with the compiler's words when the build fails.
 */
export async function ensureBuilt(
  apps: readonly string[],
  print: Print,
  signal?: AbortSignal,
): Promise<void> {
  const sources = await hashSources();
  const built = await readFile(stampFile, 'utf8').catch(() => undefined);
  if (built === sources && apps.every((app) => existsSync(mainOf(app)))) return;
  await rm(stampFile, { force: true });
  await step(print, 'Building the apps', 'Apps built', () => build(signal));
  await mkdir(join(root, 'dist', 'apps'), { recursive: true });
  await writeFile(stampFile, sources);
}

async function build(signal?: AbortSignal): Promise<void> {
  const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  const told = await runCommand(process.execPath, [nest, 'build', '--all'], { cwd: root, signal });
  if (told.code === 0) return;
  throw (
    diskFull(undefined, told.lines) ??
    new StackError('The apps do not build.', 'The compiler says above what is wrong.', {
      evidence: told.lines.slice(-30),
    })
  );
}

/** One hash over the names and contents of everything that goes into a build; specs do not. */
async function hashSources(): Promise<string> {
  const found = await Promise.all(
    sourceFolders.map(async (folder) => {
      const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
        .map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  const files = [...found.flat(), ...sourceFiles.map((file) => join(root, file))]
    .filter((file) => !file.includes('/node_modules/'))
    .sort();
  const contents = await Promise.all(files.map((file) => readFile(file)));
  const hash = createHash('sha256');
  for (const [i, content] of contents.entries()) {
    hash.update(`${files[i]}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
