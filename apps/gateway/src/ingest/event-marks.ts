import type { Redis } from 'ioredis';

/** What is known of an event id. */
export type Mark =
  /** It is in the log. */
  | { readonly kind: 'appended' }
  /** Somebody began to append it then, under that key, and has not said how it went. */
  | { readonly kind: 'pending'; readonly since: number; readonly key: string; readonly text: string }
  /** It was unknown, and is pending for the caller now. */
  | { readonly kind: 'claimed' }
  /** Redis knows nothing at all: it was emptied, or is new. */
  | { readonly kind: 'no-view' };

/** As long as the log keeps the events. */
const MARK_TTL_MS = 7 * 24 * 60 * 60 * 1000;
const APPENDED = 'appended';

const scripts = {
  ingestClaim: {
    numberOfKeys: 2,
    lua: `
      if redis.call('EXISTS', KEYS[1]) == 0 then return 'no-view' end
      local mark = redis.call('GET', KEYS[2])
      if mark then return mark end
      redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
      return 'claimed'`,
  },
  ingestTakeOver: {
    numberOfKeys: 1,
    lua: `
      if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
      redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
      return 1`,
  },
  ingestFinishRebuild: {
    numberOfKeys: 2,
    lua: `
      if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
      redis.call('SET', KEYS[1], ARGV[1])
      redis.call('DEL', KEYS[2])
      return 1`,
  },
};

type Run = (...args: (string | number)[]) => Promise<unknown>;
type Scripted = Record<keyof typeof scripts, Run>;

/**
 * Which event ids are in the log, in Redis. A view: the epoch key says that it is whole, so an emptied Redis is noticed by
 * the next call and rebuilt from the log instead of letting duplicates through.
 */
export class EventMarks {
  private readonly redis: Redis & Scripted;
  private readonly prefix: string;

  /** @param name what the keys in Redis begin with. */
  constructor(redis: Redis, name: string) {
    this.prefix = `{${name}}`;
    for (const [name, script] of Object.entries(scripts)) redis.defineCommand(name, script);
    this.redis = redis as Redis & Scripted;
  }

  /** Looks an id up and claims it when it is unknown, in one step. */
  async claim(id: string, key: string, nowMs: number): Promise<Mark> {
    const text = String(
      await this.redis.ingestClaim(this.epochKey, this.markKey(id), pendingText(key, nowMs), MARK_TTL_MS),
    );
    if (text === 'no-view') return { kind: 'no-view' };
    if (text === 'claimed') return { kind: 'claimed' };
    if (text === APPENDED) return { kind: 'appended' };
    const { since, key: pendingKey } = JSON.parse(text) as { since: number; key: string };
    return { kind: 'pending', since, key: pendingKey, text };
  }

  /** Claims an id whose mark is still the given pending one; false when somebody else was faster. */
  async takeOver(id: string, pending: string, key: string, nowMs: number): Promise<boolean> {
    const taken = await this.redis.ingestTakeOver(
      this.markKey(id),
      pending,
      pendingText(key, nowMs),
      MARK_TTL_MS,
    );
    return taken === 1;
  }

  /** The ids are in the log; true whatever happened to Redis meanwhile. */
  async confirm(ids: readonly string[]): Promise<void> {
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.set(this.markKey(id), APPENDED, 'PX', MARK_TTL_MS);
    const answers = (await pipeline.exec()) ?? [];
    for (const [error] of answers) if (error) throw error;
  }

  /** Begins a rebuild unless one is under way anywhere; it counts as dead after `ttlMs`. */
  async beginRebuild(token: string, ttlMs: number): Promise<boolean> {
    return (await this.redis.set(this.rebuildKey, token, 'PX', ttlMs, 'NX')) === 'OK';
  }

  /** Declares the view whole; false when Redis was emptied again or the rebuild took too long. */
  async finishRebuild(token: string): Promise<boolean> {
    return (await this.redis.ingestFinishRebuild(this.epochKey, this.rebuildKey, token)) === 1;
  }

  private get epochKey(): string {
    return `${this.prefix}:epoch`;
  }

  private get rebuildKey(): string {
    return `${this.prefix}:rebuild`;
  }

  private markKey(id: string): string {
    return `${this.prefix}:id:${id}`;
  }
}

function pendingText(key: string, since: number): string {
  return JSON.stringify({ since, key });
}
