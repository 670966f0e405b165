import { type FencingToken, isStale } from '@flashmesh/coordination';

/** Somebody who came with a token and was let in. */
interface Access {
  readonly kind: 'read' | 'write';
  readonly czxid: bigint;
}

/**
 * What a lock protects in earnest: a store that refuses whoever comes with a token older than one that it has seen of those who
 * must not be there at the same time. Keeps the history of whom it let in.
 */
export class FencedResource {
  refused = 0;
  private readonly history: Access[] = [];
  private newest: FencingToken | undefined;
  private newestWrite: FencingToken | undefined;

  /** Whether it was taken: nobody came with a newer token. */
  write(token: FencingToken): boolean {
    if (!this.admit('write', token, this.newest)) return false;
    this.newest = token;
    this.newestWrite = token;
    return true;
  }

  /** Whether it was allowed: no writer came with a newer token. */
  read(token: FencingToken): boolean {
    if (!this.admit('read', token, this.newestWrite)) return false;
    if (!this.newest || !isStale(token, this.newest)) this.newest = token;
    return true;
  }

  get accesses(): number {
    return this.history.length;
  }

  /** Whoever was let in after somebody newer whom it excludes, or who excludes it: it had lost its lock. */
  get stepsBack(): string[] {
    const found: string[] = [];
    let newest = 0n;
    let newestWrite = 0n;
    for (const { kind, czxid } of this.history) {
      const before = kind === 'write' ? newest : newestWrite;
      if (czxid < before) found.push(`${kind} with ${czxid} after ${before}`);
      if (czxid > newest) newest = czxid;
      if (kind === 'write' && czxid > newestWrite) newestWrite = czxid;
    }
    return found;
  }

  private admit(kind: Access['kind'], token: FencingToken, seen: FencingToken | undefined): boolean {
    if (seen && isStale(token, seen)) {
      this.refused++;
      return false;
    }
    this.history.push({ kind, czxid: token.czxid });
    return true;
  }
}
