/**
 * What `npm start`, `npm run demo` and `npm test` run: makes sure that the dependencies of the lock file are installed, and
 * hands over to the command line tool with the pinned Node. Plain JavaScript without dependencies, for any Node from 20 on.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(root, 'node_modules');
const pinnedNode = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
/** There while an installation is under way: one that was killed leaves it behind. */
const installing = join(root, '.local', 'installing');
const neededBytes = 1024 * 1024 * 1024;

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`Node 20 or newer is needed, and this is ${process.version}.`, 'Install a newer Node.');

try {
  if (!isInstalled()) await install();
} catch (error) {
  if (error.code === 'ENOSPC') fail('The disk is full.', 'Free at least 1 GB and run the command again.');
  throw error;
}
process.exitCode = await handOver();

/** Whether every package of the lock file is there in its version. */
function isInstalled() {
  if (existsSync(installing) || !existsSync(pinnedNode)) return false;
  try {
    const wanted = readPackages(join(root, 'package-lock.json'));
    const present = readPackages(join(modules, '.package-lock.json'));
    return Object.entries(wanted).every(([path, entry]) => {
      // The root itself, and what npm may leave out on this system.
      if (path === '' || !path.includes('node_modules/')) return true;
      if (!(path in present)) {
        return entry.optional === true || entry.devOptional === true || entry.peer === true;
      }
      if (entry.link) return existsSync(join(root, path));
      return present[path].version === entry.version && existsSync(join(root, path, 'package.json'));
    });
  } catch {
    return false;
  }
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/**
 * Installs what the lock file says, with a line every few seconds. A lock file that was written where the registry has not
 * every optional package of other systems is refused by `npm ci`; `npm install --no-save` takes the same versions from it.
 */
async function install() {
  mkdirSync(dirname(installing), { recursive: true });
  if (freeBytes() < neededBytes) {
    fail('The disk is full: less than 1 GB is free.', 'Free some space and run the command again.');
  }
  writeFileSync(installing, String(process.pid));
  const start = Date.now();
  const seconds = () => Math.round((Date.now() - start) / 1000);
  console.log('Installing dependencies...');
  const tick = setInterval(() => console.log(`Installing dependencies... ${seconds()} s`), 5000);
  let result = await npm('ci');
  if (result.code !== 0 && result.output.includes('EUSAGE')) {
    rmSync(modules, { recursive: true, force: true });
    result = await npm('install', '--no-save');
  }
  clearInterval(tick);
  if (result.code !== 0) {
    process.stderr.write(`${result.output.trim().split('\n').slice(-12).join('\n')}\n`);
    if (result.output.includes('ENOSPC')) {
      fail('The disk is full.', 'Free at least 1 GB and run the command again.');
    }
    fail(
      'The dependencies could not be installed; the last lines of npm are above.',
      'Check the network and run the command again.',
    );
  }
  if (!existsSync(pinnedNode)) {
    fail(
      'The pinned Node was not installed, although npm said nothing.',
      'Allow install scripts (`npm config set ignore-scripts false`) and run the command again.',
    );
  }
  rmSync(installing, { force: true });
  if (!isInstalled()) {
    fail(
      'package-lock.json does not fit package.json.',
      'Run `npm install`, commit the lock file, and run the command again.',
    );
  }
  console.log(`Dependencies installed in ${seconds()} s`);
}

/** Runs npm to its end; a signal ends it and us. */
async function npm(...args) {
  const child = spawn('npm', [...args, '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const stop = forwardSignals(child);
  const code = await ended(child);
  stop();
  if (stop.signal) process.exit(128 + constants.signals[stop.signal]);
  return { code, output };
}

/** Runs the real tool and becomes its exit code. */
async function handOver() {
  const [command, ...rest] = process.argv.slice(2);
  const own = {
    check: 'tools/checks/check.ts',
    cluster: 'tools/e2e/main.ts',
    charts: 'tools/charts/lint.ts',
    'bench:mesh': 'bench/mesh/main.ts',
    'bench:zookeeper': 'bench/zookeeper/run.ts',
  }[command];
  const script = own
    ? [join(root, own), ...rest]
    : [join(root, 'tools', 'local', 'cli.ts'), ...(command === undefined ? [] : [command]), ...rest];
  const child = spawn(pinnedNode, ['--disable-warning=ExperimentalWarning', ...script], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(modules, '.bin')}:${dirname(pinnedNode)}:${process.env.PATH}` },
  });
  forwardSignals(child);
  watchNpm(child);
  return ended(child);
}

/** A signal that was sent to us alone reaches the child, too; the child tells apart a Ctrl-C that it gets twice. */
function forwardSignals(child) {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const forward = (name) => {
    stop.signal = name;
    child.kill(name);
  };
  const stop = () => names.forEach((name) => process.off(name, forward));
  for (const name of names) process.on(name, forward);
  return stop;
}

/** Under npm nobody would be left to press Ctrl-C when npm is gone. */
function watchNpm(child) {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 1000).unref();
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function freeBytes() {
  const { bavail, bsize } = statfsSync(root);
  return bavail * bsize;
}

function fail(what, fix) {
  console.error(`${what} ${fix}`);
  process.exit(1);
}
