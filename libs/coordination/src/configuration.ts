import { FlashmeshError, messageOf } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { SharedValue } from './shared-value.ts';

/** Checks a value; zod's schemas are such. */
export interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { message: string } };
}

export interface ConfigurationOptions<T> {
  readonly schema: Schema<T>;
  /** The value until one was published. */
  readonly initial: T;
  /** Called with every new value that is good. It must not block. */
  readonly onChange?: (value: T, version: number) => void;
  readonly logger?: Logger;
}

/**
 * A typed value that is published to all who subscribe. Publishing checks it; a subscriber checks it again, since somebody may have
 * written it by hand, and keeps the last good one when a bad one comes.
 */
export class Configuration<T> {
  private readonly value: SharedValue;
  private readonly o: ConfigurationOptions<T>;
  private readonly stopped = new AbortController();
  private good: { value: T; version: number };

  constructor(zk: ZooKeeper, path: string, o: ConfigurationOptions<T>) {
    this.value = new SharedValue(zk, path, JSON.stringify(o.initial));
    this.o = o;
    this.good = { value: o.initial, version: -1 };
  }

  /** Subscribes; resolves when the value was read once. */
  start(): Promise<void> {
    const onError = (error: unknown) => this.o.logger?.debug({ err: error }, 'configuration not read');
    return this.value.watch(({ data, version }) => this.take(data, version), {
      until: this.stopped.signal,
      onError,
    });
  }

  stop(): void {
    this.stopped.abort();
  }

  /** The last good value. */
  get current(): T {
    return this.good.value;
  }

  /** The version of the last good value; -1 before one was read. */
  get version(): number {
    return this.good.version;
  }

  /**
   * Publishes a value.
   *
   * @param fromVersion only if the version is still that one.
   * @returns its version.
   * @throws FlashmeshError `invalid_argument` (`BAD_CONFIGURATION`) and `aborted` (`CONFIGURATION_CHANGED`): nothing is changed.
   */
  async publish(value: T, fromVersion?: number): Promise<number> {
    const checked = this.o.schema.safeParse(value);
    if (!checked.success)
      throw new FlashmeshError('invalid_argument', 'BAD_CONFIGURATION', checked.error.message);
    const text = JSON.stringify(checked.data);
    if (fromVersion === undefined) return (await this.value.set(text)).version;
    const done = await this.value.trySet(fromVersion, text);
    if (!done)
      throw new FlashmeshError(
        'aborted',
        'CONFIGURATION_CHANGED',
        `it is not version ${fromVersion} any more`,
      );
    return done.version;
  }

  private take(data: Buffer, version: number): void {
    try {
      const checked = this.o.schema.safeParse(JSON.parse(data.toString()));
      if (!checked.success) throw new Error(checked.error.message);
      this.good = { value: checked.data, version };
    } catch (error) {
      this.o.logger?.warn(
        { version, error: messageOf(error) },
        'a bad configuration was published: the last good one stays',
      );
      return;
    }
    this.o.onChange?.(this.good.value, version);
  }
}
