import { appInstances } from './apps.ts';
import type { Print } from './progress.ts';

const colours = [36, 32, 33, 35, 34, 96, 92, 93, 95];
const width = Math.max(...appInstances.map(({ name }) => name.length));

/**
 * Prints what the apps say, each line with its app's name, in a colour of its own on a terminal. The servers' chatter
 * stays in their log files.
 */
export function logPrinter(print: Print): (name: string, line: string) => void {
  const isTerminal = process.stdout.isTTY && !process.env.NO_COLOR;
  return (name, line) => {
    const index = appInstances.findIndex((instance) => instance.name === name);
    if (index < 0) return;
    // The pretty format names the app by itself.
    if (line.includes(name)) return print(line);
    const label = name.padEnd(width);
    print(
      isTerminal ? `\x1b[${colours[index % colours.length]}m${label}\x1b[0m ${line}` : `${label} ${line}`,
    );
  };
}
