import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { paths } from './paths.ts';
import type { Print } from './progress.ts';
import { step } from './progress.ts';
import { runCommand, type CommandResult } from './run-command.ts';
import { diskFull, StackError } from './stack-error.ts';
import { isWholeZip } from './zip.ts';

interface Stamp {
  /** Of the pom and of what was asked for. */
  readonly request: string;
  readonly jars: readonly { name: string; size: number; mtimeMs: number; sha256: string }[];
}

const pom = join(import.meta.dirname, 'pom.xml');
const attempts = 3;

/**
 * The jars of Kafka and ZooKeeper (and of Redis when asked for) in `.local/lib/jars`, fetched through Maven when they are
 * not there yet or not whole. When they are, neither Maven nor the network is touched.
 *
 * @returns paths of all jars.
 * @throws StackError when Maven is missing, or something cannot be fetched.
 */
export async function resolveJars(o: {
  redis: boolean;
  print: Print;
  signal?: AbortSignal;
}): Promise<string[]> {
  const folder = join(paths.lib, 'jars');
  const stampFile = join(paths.lib, 'jars.json');
  const request = createHash('sha256')
    .update(await readFile(pom))
    .update(String(o.redis))
    .digest('hex');
  const known = await readStamp(stampFile);
  if (known?.request === request && (await allWhole(folder, known))) {
    return known.jars.map((jar) => join(folder, jar.name));
  }
  if (known?.request === request) o.print('A jar in .local/lib is damaged or missing: fetching it again.');
  await rm(stampFile, { force: true });
  const sources = await step(
    o.print,
    'Fetching Kafka and ZooKeeper through Maven',
    'Kafka and ZooKeeper fetched',
    () => fetchThroughMaven(o),
    () => (fetched === 0 ? '' : `${fetched} files`),
  );
  const jars = await copyAll(sources, folder);
  await writeFile(`${stampFile}.new`, JSON.stringify({ request, jars } satisfies Stamp, null, 1));
  await rename(`${stampFile}.new`, stampFile);
  return jars.map((jar) => join(folder, jar.name));
}

let fetched = 0;

/** Paths of the whole jars in Maven's own repository: first with what is there, then with the network. */
async function fetchThroughMaven(o: {
  redis: boolean;
  print: Print;
  signal?: AbortSignal;
}): Promise<string[]> {
  let last: CommandResult = { code: 1, lines: [] };
  for (let attempt = 0; attempt <= attempts; attempt++) {
    const offline = attempt === 0;
    const list = join(paths.lib, 'classpath.txt');
    await mkdir(paths.lib, { recursive: true });
    last = await maven(
      [
        ...(offline ? ['-o'] : ['-U']),
        '-B',
        '-f',
        pom,
        `-Dmdep.outputFile=${list}`,
        '-Dmdep.pathSeparator=\n',
        ...(o.redis ? ['-Predis'] : []),
        'dependency:build-classpath',
      ],
      o.signal,
    );
    if (last.code === 0) {
      const jars = (await readFile(list, 'utf8')).split('\n').filter((line) => line.endsWith('.jar'));
      const broken = await removeBroken(jars);
      if (broken.length === 0) return jars;
      o.print(`Half-downloaded: ${broken.map((jar) => basename(jar)).join(', ')}; fetching again.`);
    } else if (!offline) {
      const full = diskFull(undefined, last.lines);
      if (full) throw full;
      // Maven's own plugins and descriptions may be the half-downloaded ones.
      const suspects = filesNamedIn(last.lines);
      const broken = await removeBroken(suspects);
      if (broken.length === 0 && attempt > 1) break;
    }
  }
  throw new StackError(
    'Kafka and ZooKeeper could not be fetched through Maven.',
    'Check the network (and the proxy or mirror in ~/.m2/settings.xml), and run the command again.',
    { evidence: last.lines.filter((line) => /ERROR|BUILD/.test(line)).slice(0, 4) },
  );
}

async function maven(args: string[], signal?: AbortSignal): Promise<CommandResult> {
  fetched = 0;
  const onLine = (line: string) => {
    if (line.includes('Downloaded from')) fetched += 1;
  };
  try {
    return await runCommand('mvn', args, { signal, onLine, cwd: import.meta.dirname });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new StackError(
      'Maven is needed once to fetch Kafka and ZooKeeper, and there is no `mvn` on the PATH.',
      'Install it (Debian: `apt install maven`, macOS: `brew install maven`), and run the command again.',
      { cause: error },
    );
  }
}

/** Jars and descriptions that Maven's complaints name, as far as they lie as in a repository: `a/1.0/a-1.0.jar`. */
function filesNamedIn(lines: readonly string[]): string[] {
  const named = lines.flatMap((line) => line.match(/\/[^\s:'"]+\.(?:jar|pom)/g) ?? []);
  return [...new Set(named)].filter((path) => {
    const version = dirname(path);
    return basename(path).startsWith(`${basename(dirname(version))}-${basename(version)}`);
  });
}

/** Deletes those that are not whole, with everything that Maven keeps beside them. @returns their paths. */
async function removeBroken(files: readonly string[]): Promise<string[]> {
  const broken: string[] = [];
  for (const file of files) {
    if (await isWhole(file)) continue;
    broken.push(file);
    await rm(dirname(file), { recursive: true, force: true });
  }
  return broken;
}

async function isWhole(file: string): Promise<boolean> {
  if (file.endsWith('.jar')) return (await isWholeZip(file)) && (await matchesChecksum(file));
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().endsWith('</project>');
}

/** Maven keeps the checksum that it downloaded beside the file. */
async function matchesChecksum(file: string): Promise<boolean> {
  const told = await readFile(`${file}.sha1`, 'utf8').catch(() => '');
  const sum = /^[0-9a-f]{40}/i.exec(told.trim())?.[0];
  return sum === undefined || sum.toLowerCase() === (await digest('sha1', file));
}

async function digest(algorithm: string, file: string): Promise<string> {
  return createHash(algorithm)
    .update(await readFile(file))
    .digest('hex');
}

async function copyAll(sources: readonly string[], folder: string): Promise<Stamp['jars']> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return Promise.all(
    sources.map(async (source) => {
      const name = basename(source);
      const target = join(folder, name);
      // A clone where the file system can: no second copy on disk, and still independent of Maven's.
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      const { size, mtimeMs } = await stat(target);
      return { name, size, mtimeMs, sha256: await digest('sha256', target) };
    }),
  );
}

async function allWhole(folder: string, stamp: Stamp): Promise<boolean> {
  const present = new Set(await readdir(folder).catch(() => []));
  const checks = stamp.jars.map(async (jar) => {
    if (!present.has(jar.name)) return false;
    const { size, mtimeMs } = await stat(join(folder, jar.name));
    // Untouched since it was checked; else look inside.
    if (size !== jar.size) return false;
    return mtimeMs === jar.mtimeMs || (await digest('sha256', join(folder, jar.name))) === jar.sha256;
  });
  return (await Promise.all(checks)).every(Boolean);
}

async function readStamp(file: string): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Stamp;
  } catch {
    return undefined;
  }
}
