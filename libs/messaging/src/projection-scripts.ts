// The Lua around the scripts of a projection. KEYS: meta, outbox, then the state keys.
//
// meta is a hash: `epoch` (a new one with every rebuild), `token` (raised with every claim), `offset` (last record applied,
// -1 before the first), `status` (ready | rebuilding), `relayed` (entries trimmed from the outbox since the epoch began).
import { compileScript, type CompiledScript, type Script } from './script.ts';

/** On whose behalf a script runs, and so what is checked before. */
export type ScriptMode = 'apply' | 'rebuild' | 'write' | 'read';

const OWNER_CHECKS = (status: 'ready' | 'rebuilding') => `
local m = redis.call('HMGET', KEYS[1], 'epoch', 'token', 'offset', 'status')
if m[1] ~= ARGV[1] or m[4] ~= '${status}' then return redis.error_reply('EPOCH the state was wiped or replaced') end
if m[2] ~= ARGV[2] then return redis.error_reply('FENCED the partition was claimed by another') end`;

const CHAIN_CHECK = `
if ARGV[4] ~= '' and m[3] ~= ARGV[3] then return redis.error_reply('GAP the state is at ' .. m[3] .. ', not at ' .. ARGV[3]) end`;

const READY_CHECK = `
if redis.call('HGET', KEYS[1], 'status') ~= 'ready' then return redis.error_reply('REBUILDING the state is being rebuilt') end`;

const CHECKS: Record<ScriptMode, string> = {
  apply: OWNER_CHECKS('ready') + CHAIN_CHECK,
  rebuild: OWNER_CHECKS('rebuilding'),
  write: READY_CHECK,
  read: READY_CHECK,
};

/** Arguments before the caller's: epoch, token, after, upTo for owners; none for others. */
const FIRST_ARGUMENT: Record<ScriptMode, number> = { apply: 5, rebuild: 5, write: 1, read: 1 };

/** The script with its checks before and its watermark after; it answers [entries emitted, result]. */
export function wrapScript(script: Script, mode: ScriptMode, stateKeys: readonly string[]): CompiledScript {
  const first = FIRST_ARGUMENT[mode];
  const keys = stateKeys.map((suffix, index) => `['${suffix}'] = KEYS[${index + 3}]`).join(', ');
  const moves = first > 1 ? `if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'offset', ARGV[4]) end` : '';
  return compileScript(
    script.name,
    `${CHECKS[mode]}
local S = {${keys}}
local A = {}
for i = ${first}, #ARGV do A[i - ${first - 1}] = ARGV[i] end
local emitted = 0
local function emit(entry)
  emitted = emitted + 1
  redis.call('RPUSH', KEYS[2], entry)
end
local function run()
${script.body}
end
local result = run()
if type(result) == 'table' and result.err then return result end
${moves}
return {emitted, result}
`,
  );
}

/** Takes the partition: as it is when its state is ready, else emptied for a rebuild. ARGV: an epoch for the rebuild. */
export const CLAIM = compileScript(
  'claim',
  `
local m = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'status')
local token = redis.call('HINCRBY', KEYS[1], 'token', 1)
if m[1] and m[3] == 'ready' then return {'ready', m[1], tostring(token), m[2]} end
redis.call('DEL', unpack(KEYS, 2))
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', '-1', 'status', 'rebuilding', 'relayed', '0')
return {'rebuild', ARGV[1], tostring(token), '-1'}
`,
);

/** Makes the state one that is refused, and rebuilt by the next claim; the token stays, so that no older owner comes back. */
export const FORGET = compileScript('forget', `return redis.call('HDEL', KEYS[1], 'epoch', 'status')`);

/** Ends a rebuild. ARGV: epoch, token, last offset that the state holds. */
export const FINISH_REBUILD = compileScript(
  'finish-rebuild',
  `${OWNER_CHECKS('rebuilding')}
redis.call('HSET', KEYS[1], 'offset', ARGV[3], 'status', 'ready')
return redis.status_reply('OK')
`,
);

/** Replaces the outbox during a rebuild. ARGV: epoch, token, 1 to empty it first, then entries to append. */
export const REFILL_OUTBOX = compileScript(
  'refill-outbox',
  `${OWNER_CHECKS('rebuilding')}
if ARGV[3] == '1' then redis.call('DEL', KEYS[2]) end
for i = 4, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
return redis.status_reply('OK')
`,
);

/**
 * Trims what was published and answers the next entries. ARGV: epoch, token, how many entries were published since the epoch
 * began (-1: as many as were trimmed), how many to answer. It says how many in all, not how many more, so that a call
 * repeated after a lost answer trims nothing twice.
 */
export const RELAY = compileScript(
  'relay',
  `${OWNER_CHECKS('ready')}
local relayed = tonumber(redis.call('HGET', KEYS[1], 'relayed') or '0')
local published = tonumber(ARGV[3])
if published > relayed then
  redis.call('LTRIM', KEYS[2], published - relayed, -1)
  redis.call('HSET', KEYS[1], 'relayed', ARGV[3])
  relayed = published
end
return {relayed, redis.call('LRANGE', KEYS[2], 0, tonumber(ARGV[4]) - 1)}
`,
);
