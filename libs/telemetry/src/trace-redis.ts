import { createHash } from 'node:crypto';
import { messageOf } from '@flashmesh/core';
import { SpanKind, trace } from '@opentelemetry/api';
import type { Redis } from 'ioredis';
import { attr } from './attributes.ts';
import { recordError, startSpan } from './tracing.ts';

/** The part of ioredis's Command that is used here. */
interface RedisCommand {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly promise: Promise<unknown>;
}

const scriptNames = new Map<string, string>();

/** Gives a Lua script, known to Redis only by its SHA-1 (hex), the name that its spans show: `redis script <name>`. */
export function nameScript(sha1: string, name: string): void {
  scriptNames.set(sha1, name);
}

/**
 * Makes a client report its commands as spans, named `redis GET` or `redis script <name>`; commands of a pipeline each have
 * their own. Keys and values are not recorded.
 *
 * A command outside a recorded span makes none: background work (relays, watchdogs, pings) would be traces that nobody reads.
 *
 * @returns the same client
 */
export function traceRedis<T extends Redis>(redis: T): T {
  const sendCommand = redis.sendCommand.bind(redis) as (...args: unknown[]) => unknown;
  const defineCommand = redis.defineCommand.bind(redis);
  // A command that waits for a connection is sent again when there is one.
  const seen = new WeakSet<RedisCommand>();

  redis.defineCommand = (name, definition) => {
    nameScript(createHash('sha1').update(definition.lua).digest('hex'), name);
    return defineCommand(name, definition);
  };
  redis.sendCommand = (command: RedisCommand, ...rest: unknown[]) => {
    if (!trace.getActiveSpan()?.isRecording() || seen.has(command)) return sendCommand(command, ...rest);
    seen.add(command);
    // Behind sentinels the options hold only a default, and nobody knows the server before it is asked for.
    const { host, port } = redis.options.sentinels ? {} : redis.options;
    const { name, attributes } = describe(command);
    const span = startSpan(name, {
      kind: SpanKind.CLIENT,
      attributes: {
        [attr.dbSystem]: 'redis',
        [attr.serverAddress]: host,
        [attr.serverPort]: port,
        ...attributes,
      },
    });
    command.promise.then(
      () => span.end(),
      (error: unknown) => {
        // Redis does not know the script yet: the caller sends its text next, nothing has failed.
        if (!messageOf(error).startsWith('NOSCRIPT')) recordError(span, error);
        span.end();
      },
    );
    return sendCommand(command, ...rest);
  };
  return redis;
}

function describe(command: RedisCommand): { name: string; attributes: Record<string, string> } {
  const operation = command.name.toUpperCase();
  const script = operation.startsWith('EVAL') ? scriptName(operation, String(command.args[0])) : undefined;
  return script === undefined
    ? { name: `redis ${operation}`, attributes: { [attr.dbOperation]: operation } }
    : {
        name: `redis script ${script}`,
        attributes: { [attr.dbOperation]: operation, [attr.dbStoredProcedure]: script },
      };
}

function scriptName(operation: string, script: string): string | undefined {
  const sha1 = operation.startsWith('EVALSHA') ? script : createHash('sha1').update(script).digest('hex');
  return scriptNames.get(sha1);
}
