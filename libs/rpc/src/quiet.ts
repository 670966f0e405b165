// Timers here keep the process alive, unlike the clock's: the end of a drain is what it lives for.

/** @internal */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(ms, 0));
  });
}

/** Whether it settled in time. @internal */
export function settledWithin(settled: Promise<true>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), Math.max(ms, 0));
    void settled.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

const LOOKS = 5;

/** Waits until the count has stayed the same for `quietMs`, at most `mostMs`. @internal */
export async function untilQuiet(count: () => number, quietMs: number, mostMs: number): Promise<void> {
  const giveUpAt = performance.now() + mostMs;
  let last = count();
  for (let quiet = 0; quiet < LOOKS && performance.now() < giveUpAt; quiet++) {
    await pause(quietMs / LOOKS);
    const now = count();
    if (now !== last) quiet = -1;
    last = now;
  }
}
