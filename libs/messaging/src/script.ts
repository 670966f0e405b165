import { createHash } from 'node:crypto';
import { nameScript } from '@flashmesh/telemetry';
import type { Redis } from 'ioredis';

/** What a caller may pass to a script. */
export type ScriptArgument = string | number | Buffer;

/** A Lua script, to be run on the state of one partition. */
export interface Script {
  readonly name: string;
  readonly body: string;
}

/**
 * Defines a script. Its body sees
 * - `S`: the keys of the partition's state, by suffix, e.g. `S.orders`;
 * - `A`: the caller's arguments, from 1, as strings;
 * - `emit(entry)`: puts an entry into the outbox, to be published after the script.
 *
 * What it returns is the result; `return redis.error_reply('CODE text')` refuses, and leaves the watermark where it is. It
 * must check before it writes: Redis does not undo what a script did before it failed.
 *
 * @param name appears in traces and errors
 */
export function defineScript(name: string, body: string): Script {
  return { name, body };
}

/** A script as Redis gets it. @internal */
export interface CompiledScript {
  readonly name: string;
  readonly text: string;
  readonly sha1: string;
}

/** @internal */
export function compileScript(name: string, text: string): CompiledScript {
  const sha1 = createHash('sha1').update(text).digest('hex');
  nameScript(sha1, name);
  return { name, text, sha1 };
}

/** Runs a script by its hash; by its text where Redis does not know it (yet, or no longer). @internal */
export async function runScript(
  redis: Redis,
  script: CompiledScript,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  try {
    return await redis.evalsha(script.sha1, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return await redis.eval(script.text, keys.length, ...keys, ...args);
  }
}
