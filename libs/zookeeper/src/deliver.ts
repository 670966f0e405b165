/** Calls a listener. A fault in it is its owner's: it must not reach the protocol, nor vanish. */
export function deliver<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
