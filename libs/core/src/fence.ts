/** Which holding of a lock a write comes from, as records carry it. */
export interface WriteToken {
  /** The ensemble that gave the lock. */
  readonly ensemble: string;
  /** 16 hexadecimal digits, larger for every later holder: see {@link tokenDigits}. */
  readonly czxid: string;
}

/** What has come by so far: the highest token, and the ensembles that were superseded. */
export interface Fence extends WriteToken {
  readonly superseded: readonly string[];
}

/** A transaction id as tokens have it: 16 hexadecimal digits, so that the order of the texts is that of the numbers. */
export function tokenDigits(czxid: bigint): string {
  return czxid.toString(16).padStart(16, '0');
}

/**
 * The fence after a write with that token came by; `undefined` when the write is stale and must change nothing. It depends on the
 * order of the writes alone: whoever reads them in that order decides the same.
 *
 * - Of one ensemble, a token older than the highest is stale; the highest may come again.
 * - An ensemble not seen before supersedes the others: it was set up anew, and counts its transactions anew. One that was superseded
 *   is stale for ever.
 * - A write without a token is from before there were tokens: stale as soon as there was one.
 */
export function passFence(
  fence: Fence | undefined,
  token: WriteToken | undefined,
): { readonly fence: Fence | undefined } | undefined {
  if (!token) return fence ? undefined : { fence };
  const { ensemble, czxid } = token;
  if (!fence) return { fence: { ensemble, czxid, superseded: [] } };
  if (ensemble === fence.ensemble) return czxid < fence.czxid ? undefined : { fence: { ...fence, czxid } };
  if (fence.superseded.includes(ensemble)) return undefined;
  return { fence: { ensemble, czxid, superseded: [fence.ensemble, ...fence.superseded] } };
}
