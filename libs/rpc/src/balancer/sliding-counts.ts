const SLOTS = 10;

/** Two sums over the last `windowMs`, in ten slots: as exact as a budget or a rate needs, at the price of two additions. */
export class SlidingCounts {
  private readonly slotMs: number;
  private readonly first = new Float64Array(SLOTS);
  private readonly second = new Float64Array(SLOTS);
  private slot = -SLOTS;
  private firstSum = 0;
  private secondSum = 0;

  constructor(windowMs: number) {
    this.slotMs = windowMs / SLOTS;
  }

  add(first: number, second: number, nowMs: number): void {
    this.advance(nowMs);
    const at = this.slot % SLOTS;
    this.first[at] = (this.first[at] as number) + first;
    this.second[at] = (this.second[at] as number) + second;
    this.firstSum += first;
    this.secondSum += second;
  }

  /** Sum of the first values within the window. */
  firstTotal(nowMs: number): number {
    this.advance(nowMs);
    return this.firstSum;
  }

  /** Sum of the second values within the window. */
  secondTotal(nowMs: number): number {
    this.advance(nowMs);
    return this.secondSum;
  }

  clear(): void {
    this.first.fill(0);
    this.second.fill(0);
    this.firstSum = 0;
    this.secondSum = 0;
  }

  private advance(nowMs: number): void {
    const slot = Math.floor(nowMs / this.slotMs);
    if (slot <= this.slot) return;
    if (slot - this.slot >= SLOTS) this.clear();
    else {
      for (let passed = this.slot + 1; passed <= slot; passed++) {
        const at = passed % SLOTS;
        this.firstSum -= this.first[at] as number;
        this.secondSum -= this.second[at] as number;
        this.first[at] = 0;
        this.second[at] = 0;
      }
    }
    this.slot = slot;
  }
}
