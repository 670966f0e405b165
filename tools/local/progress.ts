/** Where lines go: the terminal, or nowhere in tests. */
export type Print = (line: string) => void;

/** Prints to standard output. */
export const toTerminal: Print = (line) => void process.stdout.write(`${line}\n`);

/** `3.1 s`: the time since `start`, a reading of performance.now(). */
export function since(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/**
 * Runs a step that may take long: prints `<what>... 10 s` every five seconds while it runs and `<done> in 3.1 s` at its end.
 *
 * @param detail is asked at each line for what is going on just now.
 */
export async function step<T>(
  print: Print,
  what: string,
  done: string,
  run: () => Promise<T>,
  detail: () => string = () => '',
): Promise<T> {
  const start = performance.now();
  const tick = setInterval(() => {
    const now = detail();
    print(`${what}... ${Math.round((performance.now() - start) / 1000)} s${now && `, ${now}`}`);
  }, 5000);
  try {
    const result = await run();
    print(`${done} in ${since(start)}`);
    return result;
  } finally {
    clearInterval(tick);
  }
}
