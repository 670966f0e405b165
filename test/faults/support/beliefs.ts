import type { Holding } from '@flashmesh/coordination';

/**
 * What all holders of one thing believe, looked at in the same instant: they live in one process, and `isHeld` answers from the
 * clock. Leases that are certain at one moment never exceed what there is to hold.
 */
export class Beliefs<Kind extends string> {
  /** What broke the rule. */
  readonly violations: string[] = [];
  /** How many held it together at most, by kind. */
  readonly most = new Map<Kind, number>();
  private readonly holders = new Set<{ kind: Kind; holding: Pick<Holding, 'isHeld' | 'path'> }>();
  private readonly rule: (held: Readonly<Record<Kind, number>>) => boolean;
  private readonly kinds: readonly Kind[];

  /** @param rule whether so many holders of each kind may be together. */
  constructor(kinds: readonly Kind[], rule: (held: Readonly<Record<Kind, number>>) => boolean) {
    this.kinds = kinds;
    this.rule = rule;
  }

  /** Counts the holder from now on. @returns to be called before it is released. */
  enter(kind: Kind, holding: Pick<Holding, 'isHeld' | 'path'>): () => void {
    const holder = { kind, holding };
    this.holders.add(holder);
    this.look();
    return () => {
      this.look();
      this.holders.delete(holder);
    };
  }

  /** Asks all at once. */
  look(): void {
    const certain = [...this.holders].filter(({ holding }) => holding.isHeld());
    const held = Object.fromEntries(
      this.kinds.map((kind) => [kind, certain.filter((holder) => holder.kind === kind).length]),
    ) as Record<Kind, number>;
    for (const kind of this.kinds) this.most.set(kind, Math.max(this.most.get(kind) ?? 0, held[kind]));
    if (!this.rule(held)) this.violations.push(certain.map(({ holding }) => holding.path).join(' with '));
  }
}
