import { errorOfIssues, FlashmeshError, type Issue, messageOf } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';
import { SharedValue } from './shared-value.ts';

/** Checks a value; zod's schemas are such. Where it tells issues, the first of them names field and rule. */
export interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { readonly message: string; readonly issues?: readonly Issue[] } };
}

/** What was published last: the value, or the rule that it breaks. */
export type Published<T> = { readonly version: number } & (
  { readonly value: T } | { readonly fault: string }
);

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
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly value: SharedValue;
  private readonly o: ConfigurationOptions<T>;
  private readonly stopped = new AbortController();
  private good: { value: T; version: number };

  constructor(zk: ZooKeeper, path: string, o: ConfigurationOptions<T>) {
    this.zk = zk;
    this.path = path;
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

  /** Reads what was published last, whoever did, without subscribing. */
  async read(): Promise<Published<T>> {
    await this.zk.sync(this.path);
    const { data, version } = await this.value.get();
    try {
      return { value: this.parse(data), version };
    } catch (error) {
      return { fault: messageOf(error), version };
    }
  }

  /**
   * Publishes a value.
   *
   * @param fromVersion only if the version is still that one.
   * @returns its version.
   * @throws FlashmeshError `invalid_argument` (`BAD_CONFIGURATION`) and `aborted` (`CONFIGURATION_CHANGED`): nothing is changed.
   */
  async publish(value: T, fromVersion?: number): Promise<number> {
    const text = JSON.stringify(this.check(value));
    if (fromVersion === undefined) return (await this.value.set(text)).version;
    try {
      const done = await this.value.trySet(fromVersion, text);
      if (done) return done.version;
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
    }
    throw new FlashmeshError('aborted', 'CONFIGURATION_CHANGED', `it is not version ${fromVersion} any more`);
  }

  private take(data: Buffer, version: number): void {
    try {
      this.good = { value: this.parse(data), version };
    } catch (error) {
      this.o.logger?.warn(
        { path: this.path, version, error: messageOf(error) },
        'a bad configuration was published: the last good one stays',
      );
      return;
    }
    this.o.onChange?.(this.good.value, version);
  }

  /** @throws SyntaxError; FlashmeshError as {@link check}. */
  private parse(data: Buffer): T {
    return this.check(JSON.parse(data.toString()));
  }

  /** @throws FlashmeshError `invalid_argument` (`BAD_CONFIGURATION`). */
  private check(value: unknown): T {
    const checked = this.o.schema.safeParse(value);
    if (checked.success) return checked.data;
    const { message, issues } = checked.error;
    const fault = issues?.length ? errorOfIssues(issues) : { message, field: undefined };
    throw new FlashmeshError('invalid_argument', 'BAD_CONFIGURATION', fault.message, { field: fault.field });
  }
}
