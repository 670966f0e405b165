/** @throws RangeError naming the option and the value, unless it is an integer of 1 or more. */
export function requirePositiveInteger(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${name} must be a positive integer, got ${value}`);
  }
  return value;
}

/** @throws RangeError naming the option and the value, unless it is a finite number within [min, max]. */
export function requireInRange(name: string, value: number, min: number, max: number): number {
  if (!Number.isFinite(value) || value < min || value > max) {
    throw new RangeError(`${name} must be between ${min} and ${max}, got ${value}`);
  }
  return value;
}

/**
 * Refuses what a typing error in a JSON, or a cast, would else leave unnoticed.
 *
 * @param known any object that has every option as a key.
 * @throws RangeError naming the option that does not exist.
 */
export function requireKnownOptions(what: string, given: object, known: object): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw new RangeError(`${what} has no option ${unknown}`);
}

/** The options with every `undefined` replaced by its default; neither input is changed. */
export function withDefaults<T extends object>(defaults: Required<T>, options: T): Required<T> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}
