import { systemClock } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import type { INestApplicationContext, ValueProvider } from '@nestjs/common';
import { AdminJobs, type JobHandler } from './admin-jobs.ts';
import type { BaseEnv } from './env.ts';
import { LiveSettings, type SettingsDefinition } from './live-settings.ts';
import { Members } from './members.ts';
import type { ShutdownStack } from './shutdown.ts';

/** @internal What of a service is for those who operate it. */
interface OperationsOptions<E> {
  readonly name: string;
  readonly settings?: SettingsDefinition<E, object>;
  jobs?(app: INestApplicationContext): Readonly<Record<string, JobHandler>>;
  readonly observesMembers?: boolean;
}

/** @internal */
export interface Operations {
  readonly providers: readonly ValueProvider<object>[];
  /** The service serves now: it can be seen, and does jobs. */
  open(context: INestApplicationContext): Promise<void>;
}

/** @internal Settings, jobs and membership of a service; the settings hold as soon as this has resolved. */
export async function startOperations<E extends BaseEnv>(
  options: OperationsOptions<E>,
  env: E,
  logger: Logger,
  shutdown: ShutdownStack,
  zookeeper: ZooKeeper,
): Promise<Operations> {
  const { name, settings: definition, observesMembers: observe = false } = options;
  const members = new Members(zookeeper, name, env, { observe, clock: systemClock, logger });
  const jobs = new AdminJobs(zookeeper, { instance: env.INSTANCE_ID, logger });
  const providers: ValueProvider<object>[] = [
    { provide: Members, useValue: members },
    { provide: AdminJobs, useValue: jobs },
  ];
  if (definition) {
    const { schema } = definition;
    const settings = new LiveSettings(zookeeper, name, {
      schema,
      defaults: definition.defaults(env),
      logger,
    });
    await settings.start();
    shutdown.push('settings', () => settings.stop());
    providers.push({ provide: LiveSettings, useValue: settings });
  }
  return {
    providers,
    async open(context) {
      shutdown.push('job ids', () => jobs.close());
      const handlers = options.jobs?.(context);
      if (handlers) {
        const stop = new AbortController();
        const doing = jobs.consume(name, handlers, stop.signal);
        // What is under way is left to another instance.
        shutdown.push('jobs', () => {
          stop.abort();
          return doing;
        });
      }
      await members.start();
      shutdown.push('membership', () => members.close());
    },
  };
}
