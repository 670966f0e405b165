import { FlashmeshError, messageOf } from '@flashmesh/core';
import { runCommand } from './run/command.ts';
import { USAGE } from './usage.ts';
import { verifyCommand } from './verify/command.ts';

const [name, ...args] = process.argv.slice(2);
const interrupt = new AbortController();
const commands: Record<string, (args: readonly string[]) => Promise<number>> = {
  run: (args) => runCommand(args, interrupt.signal),
  verify: verifyCommand,
};
const command = commands[name ?? ''];
// The first process of a container ignores signals that it does not handle.
process.once('SIGTERM', () => process.exit(1));
process.on('SIGINT', () => {
  if (name !== 'run' || interrupt.signal.aborted) process.exit(1);
  interrupt.abort(new Error('interrupted before the first buyer came'));
});
// Timers of the libraries do not keep a process alive by themselves; the work under way shall.
const keepAlive = setInterval(() => undefined, 60_000);
try {
  if (command) process.exitCode = await command(args);
  else {
    const asked = name === 'help' || name === '--help' || name === '-h';
    (asked ? process.stdout : process.stderr).write(USAGE);
    process.exitCode = asked ? 0 : 2;
  }
} catch (error) {
  const usage = error instanceof FlashmeshError && error.code === 'USAGE';
  process.stderr.write(`rush: ${messageOf(error)}\n${usage ? USAGE : ''}`);
  process.exitCode = usage ? 2 : 1;
} finally {
  clearInterval(keepAlive);
}
