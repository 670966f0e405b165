import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { paths } from './paths.ts';
import { runCommand } from './run-command.ts';
import { StackError } from './stack-error.ts';
import { readEntry, readZip } from './zip.ts';

/** `redis-server` when the PATH has one that runs. */
export async function redisOnPath(): Promise<string | undefined> {
  const told = await runCommand('redis-server', ['--version']).catch(() => undefined);
  return told?.code === 0 ? 'redis-server' : undefined;
}

/**
 * The Redis server out of the embedded-redis jar, unpacked to `.local/lib` for this system.
 *
 * @throws StackError when the jar has none for this system.
 */
export async function redisFromJar(jars: readonly string[]): Promise<string> {
  const jar = jars.find((path) => basename(path).startsWith('embedded-redis'));
  if (jar === undefined) throw new Error('embedded-redis was not resolved');
  const entries = await readZip(jar);
  const suffix = `-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const entry = entries.find((e) => basename(e.name).startsWith('redis-server-') && e.name.endsWith(suffix));
  if (entry === undefined) {
    throw new StackError(
      `There is no bundled Redis for ${process.platform}/${process.arch}.`,
      'Install Redis so that `redis-server` is on the PATH, and run the command again.',
    );
  }
  const target = join(paths.lib, basename(entry.name));
  const known = await stat(target).catch(() => undefined);
  if (known?.size === entry.size) return target;
  await mkdir(paths.lib, { recursive: true });
  for (const old of await readdir(paths.lib)) {
    if (old.startsWith('redis-server-')) await rm(join(paths.lib, old));
  }
  await writeFile(`${target}.new`, await readEntry(jar, entry));
  await chmod(`${target}.new`, 0o755);
  await rename(`${target}.new`, target);
  return target;
}
