/** What the bench needs beside the repository's own dependencies: the other clients, Curator, and a server. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findJava } from '../../tools/local/java.ts';
import { local, root } from '../../tools/local/paths.ts';
import { type Print, step } from '../../tools/local/progress.ts';
import { type CommandResult, runCommand } from '../../tools/local/run-command.ts';
import { StackError } from '../../tools/local/stack-error.ts';
import { NATIVE } from './clients.ts';

const here = import.meta.dirname;
/** Where the bench writes. */
export const folder = join(local, 'bench-zookeeper');
/** The peer's own script compiles the C client without optimising; it is measured with that all the same. */
const optimised = '-O2';

export interface Programs {
  readonly java: string;
  /** Curator, the class of ours that uses it, and the server. */
  readonly classpath: string;
  /** Why the native client is not measured; `undefined` when it is. */
  readonly nativeFault: string | undefined;
}

/** Installs what is missing; what is there already is not touched. */
export async function install(print: Print, signal: AbortSignal): Promise<Programs> {
  const java = await findJava();
  if (!(await isInstalled())) {
    await step(print, 'Installing the other clients', 'The other clients installed', () =>
      must('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: here, signal }),
    );
  }
  let nativeFault = await loadFault(signal);
  if (nativeFault !== undefined) {
    const built = await step(print, 'Compiling the native client', 'Compiling the native client ended', () =>
      buildNative(signal),
    );
    nativeFault = await loadFault(signal);
    if (nativeFault !== undefined) nativeFault = errorIn(built.lines) ?? nativeFault;
  }
  const classpath = await step(print, 'Building the Curator program', 'The Curator program built', () =>
    buildCurator(signal),
  );
  return { java, classpath, nativeFault };
}

/** Whether the packages are there in the versions that `package.json` pins. */
async function isInstalled(): Promise<boolean> {
  const { dependencies } = await versionsIn(join(here, 'package.json'));
  for (const [name, version] of Object.entries(dependencies ?? {})) {
    const present = join(here, 'node_modules', name, 'package.json');
    if (!existsSync(present) || (await versionsIn(present)).version !== version) return false;
  }
  return true;
}

async function versionsIn(
  file: string,
): Promise<{ version?: string; dependencies?: Record<string, string> }> {
  return JSON.parse(await readFile(file, 'utf8'));
}

/** The version of an installed peer. */
export async function peerVersion(name: string): Promise<string> {
  return (await versionsIn(join(here, 'package.json'))).dependencies?.[name] ?? '';
}

/** Why the native client cannot be loaded. */
async function loadFault(signal: AbortSignal): Promise<string | undefined> {
  const { code, lines } = await runCommand(process.execPath, ['-e', `require('${NATIVE}')`], {
    cwd: here,
    signal,
  });
  return code === 0 ? undefined : (errorIn(lines) ?? `loading it ended with code ${code}`);
}

/** Its own install script, for the Node that runs this: with that one's headers where they came along, else fetched by node-gyp. */
function buildNative(signal: AbortSignal): Promise<CommandResult> {
  const headers = headersOf(process.execPath);
  return runCommand('npm', ['rebuild', NATIVE, '--foreground-scripts'], {
    cwd: here,
    signal,
    env: {
      CC: `cc ${optimised}`,
      CXX: `c++ -include ${join(here, 'native', 'node-26.h')}`,
      ...(headers && { npm_config_nodedir: headers }),
    },
  });
}

function headersOf(node: string): string | undefined {
  const candidates = [
    join(root, 'node_modules', 'node', 'node_modules', `node-${process.platform}-${process.arch}`),
    dirname(dirname(node)),
  ];
  return candidates.find((candidate) => existsSync(join(candidate, 'include', 'node', 'node_api.h')));
}

async function buildCurator(signal: AbortSignal): Promise<string> {
  const list = join(folder, 'classpath.txt');
  const args = ['-B', '-q', 'compile', 'dependency:build-classpath', `-Dmdep.outputFile=${list}`];
  await must('mvn', args, { cwd: join(here, 'curator'), signal });
  return [join(folder, 'curator', 'classes'), (await readFile(list, 'utf8')).trim()].join(':');
}

async function must(command: string, args: string[], o: { cwd: string; signal: AbortSignal }): Promise<void> {
  const { code, lines } = await runCommand(command, args, o);
  if (code === 0) return;
  throw new StackError(`\`${command} ${args[0]}\` ended with code ${code}.`, 'Its last lines are above.', {
    evidence: lines.slice(-12),
  });
}

function errorIn(lines: readonly string[]): string | undefined {
  return lines.find((line) => /\berror\b/i.test(line))?.trim();
}
