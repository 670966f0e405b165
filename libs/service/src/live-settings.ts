import { Configuration, type Schema } from '@flashmesh/coordination';
import type { Logger } from '@flashmesh/telemetry';
import type { ZooKeeper } from '@flashmesh/zookeeper';

/** What may be set while a service runs, and what holds where nothing is. */
export interface SettingsDefinition<E, T extends object> {
  /** Of the published document: any of the settings, and nothing else. */
  readonly schema: Schema<Partial<T>>;
  /** The values without a document. */
  defaults(env: E): T;
}

/** Where the document of a service is. */
export function settingsPath(service: string): string {
  return `/flashmesh/config/${service}`;
}

/**
 * The settings of a service: from its environment, overridden by the JSON document that is published for it. All instances follow it by
 * watch. A document that breaks a rule is logged and changes nothing, an empty or deleted one brings back the environment's values,
 * and while ZooKeeper is away the last good ones stay.
 *
 * Read {@link LiveSettings.current} where a value is used; what is remembered does not follow.
 */
export class LiveSettings<T extends object> {
  private readonly configuration: Configuration<Partial<T>>;
  private readonly listeners = new Set<(values: T) => void>();
  private values: T;

  constructor(
    zk: ZooKeeper,
    service: string,
    { schema, defaults, logger }: { schema: Schema<Partial<T>>; defaults: T; logger: Logger },
  ) {
    this.values = defaults;
    const path = settingsPath(service);
    this.configuration = new Configuration<Partial<T>>(zk, path, {
      schema,
      initial: {},
      onChange: (overrides, version) => {
        this.values = { ...defaults, ...overrides };
        if (version > 0) logger.info({ path, version, overrides }, 'new settings');
        for (const listener of this.listeners) listener(this.values);
      },
      logger,
    });
  }

  /** Follows the document; resolves when it was read once. */
  start(): Promise<void> {
    return this.configuration.start();
  }

  stop(): void {
    this.configuration.stop();
  }

  /** The values that hold now. */
  get current(): Readonly<T> {
    return this.values;
  }

  /** Calls the listener after every change, until the answer is called. It must not block. */
  onChange(listener: (values: Readonly<T>) => void): () => void {
    const own = (values: T) => listener(values);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }
}
