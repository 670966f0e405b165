/** What was found of one rule. */
export interface RuleReport {
  readonly rule: string;
  readonly ok: boolean;
  /** What was looked at, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** How often the rule is broken. */
  readonly broken: number;
  /** The first few breaches, in words. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 10;

/** Collects breaches of one rule, bounded: a wrong run may break it a hundred thousand times. */
export class Violations {
  private count: number;
  private readonly examples: string[];

  /** @param found breaches to begin with; they are not changed. */
  constructor(found?: Violations) {
    this.count = found?.count ?? 0;
    this.examples = [...(found?.examples ?? [])];
  }

  add(what: string): void {
    this.count++;
    if (this.examples.length < MAX_EXAMPLES) this.examples.push(what);
  }

  report(rule: string, counts: Record<string, number>): RuleReport {
    return { rule, ok: this.count === 0, counts, broken: this.count, examples: [...this.examples] };
  }
}
