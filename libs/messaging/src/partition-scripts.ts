import type { Redis } from 'ioredis';
import { projectionError } from './projection-errors.ts';
import { type ScriptMode, wrapScript } from './projection-scripts.ts';
import { type CompiledScript, runScript, type Script, type ScriptArgument } from './script.ts';

/** Runs scripts on the keys of a projection's partitions. */
export class PartitionScripts {
  readonly redis: Redis;
  private readonly name: string;
  private readonly stateKeys: readonly string[];
  private readonly wrapped: Record<ScriptMode, WeakMap<Script, CompiledScript>> = {
    apply: new WeakMap(),
    rebuild: new WeakMap(),
    write: new WeakMap(),
    read: new WeakMap(),
  };

  /** @throws RangeError for a suffix that is none */
  constructor(redis: Redis, name: string, stateKeys: readonly string[]) {
    for (const suffix of stateKeys) {
      if (!/^[a-z][a-z0-9_-]*$/i.test(suffix)) throw new RangeError(`stateKeys: not a key suffix: ${suffix}`);
    }
    this.redis = redis;
    this.name = name;
    this.stateKeys = stateKeys;
  }

  /** The braces are Redis's hash tag: all keys of a partition share a slot. */
  key(partition: number, suffix: string): string {
    return `{${this.name}:${partition}}:${suffix}`;
  }

  /** Runs one of the projection's own scripts. @throws FlashmeshError as {@link projectionError} says */
  async run(script: CompiledScript, partition: number, args: readonly ScriptArgument[]): Promise<unknown> {
    const keys = ['meta', 'outbox', ...this.stateKeys].map((suffix) => this.key(partition, suffix));
    try {
      return await runScript(this.redis, script, keys, args);
    } catch (error) {
      throw projectionError(script.name, error);
    }
  }

  /** Runs a user's script behind the checks of its mode; `emitted` says how many entries it put into the outbox. */
  async runChecked(
    script: Script,
    mode: ScriptMode,
    partition: number,
    args: readonly ScriptArgument[],
  ): Promise<{ emitted: number; result: unknown }> {
    let compiled = this.wrapped[mode].get(script);
    if (!compiled) {
      compiled = wrapScript(script, mode, this.stateKeys);
      this.wrapped[mode].set(script, compiled);
    }
    // Lua's nil ends an array.
    const [emitted, result = null] = (await this.run(compiled, partition, args)) as [number, unknown];
    return { emitted, result };
  }
}
