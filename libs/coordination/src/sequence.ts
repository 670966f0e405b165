const SEQUENCE = /\d{10}$/;

/** Names of sequential nodes in the order of their creation; names without a sequence number are left out. */
export function inSequence(names: readonly string[]): string[] {
  return names.filter((name) => SEQUENCE.test(name)).sort(bySequence);
}

/** The numbers are the parent's 32-bit change counter and may wrap: the difference modulo 2^32 is what orders them. */
function bySequence(a: string, b: string): number {
  return (sequenceOf(a) - sequenceOf(b)) | 0;
}

/**
 * A name before the number ends with a dash (`lock-0000000001`), which is no minus unless ten digits follow a second one, or with an
 * underscore (`__READ__`).
 */
function sequenceOf(name: string): number {
  const digits = Number(name.slice(-10));
  return /[-_]-\d{10}$/.test(name) ? -digits : digits;
}
