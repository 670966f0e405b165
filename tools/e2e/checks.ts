import { since } from '../local/progress.ts';

/** Runs checks one after the other, tells how each ended, and counts. A check that fails does not keep the next from running. */
export class Checks {
  private passed = 0;
  private readonly failures: string[] = [];

  async check(name: string, run: () => Promise<string | void>): Promise<boolean> {
    const start = performance.now();
    try {
      const told = await run();
      this.passed++;
      console.log(`ok   ${name} (${since(start)})${told ? `: ${told}` : ''}`);
      return true;
    } catch (error) {
      this.failures.push(name);
      console.log(`FAIL ${name} (${since(start)})`);
      console.log(describe(error).replaceAll(/^/gm, '     '));
      return false;
    }
  }

  /** How many have failed so far. */
  get failed(): number {
    return this.failures.length;
  }

  /** Tells the counts; @returns the exit code. */
  report(): number {
    for (const name of this.failures) console.log(`failed: ${name}`);
    console.log(`\ncluster: ${this.passed} passed, ${this.failures.length} failed`);
    return this.failures.length === 0 && this.passed > 0 ? 0 : 1;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\ncaused by: ${describe(error.cause)}`;
}

/** @throws Error saying what is wrong, when it is. */
export function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
