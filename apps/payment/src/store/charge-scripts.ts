import { chargeInputs, chargeStates, transition } from '../domain/charge.ts';

/** The domain's table as a Lua literal, `T[state][input] = next`, with the pairs left out that change nothing. */
function chargeTable(): string {
  const rows = chargeStates.map((state) => {
    const cells = chargeInputs
      .map((input) => [input, transition(state, input)] as const)
      .filter(([, next]) => next !== state)
      .map(([input, next]) => `${input}='${next}'`);
    return `${state}={${cells.join(',')}}`;
  });
  return `{${rows.join(',')}}`;
}

/**
 * The scripts of the charges view. KEYS: meta, charges. Meta: `epoch` (the life of this view), `status` (rebuilding,
 * ready), `settled` (1 when no entry can be missing any more), `lease` (until when its
 * builder is believed alive; in an open view, when the second reading is due). Charges:
 * a hash of order id to `STATE|logged|amount|currency|buyer`.
 */

/** Refuses to do anything in a view that is not ready, or is another one than the caller knows. ARGV[1]: epoch or ''. */
const READY_ONLY = `
local epoch, status, settled = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'status', 'settled'))
if not epoch or status ~= 'ready' then return redis.error_reply('REBUILDING') end
if ARGV[1] ~= '' and ARGV[1] ~= epoch then return redis.error_reply('EPOCH') end
`;

/** Refuses anybody but the builder of this view. ARGV[1]: epoch. */
const BUILDER_ONLY = `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH') end
`;

const RECORD = `
local T = ${chargeTable()}
local function read(id)
  local record = redis.call('HGET', KEYS[2], id)
  if not record then return 'NONE' end
  return string.match(record, '^(%u+)|(%d)|(%d+)|(%u*)|(.*)$')
end
local function write(id, state, logged, amount, currency, buyer)
  local record = table.concat({ state, logged, amount, currency, buyer }, '|')
  redis.call('HSET', KEYS[2], id, record)
  return record
end
`;

/**
 * One step of a charge. ARGV: epoch, order id, input, amount, currency, buyer (the last three describe a new charge).
 * A void that finds nothing decided is refused (UNSETTLED) while an entry of a former view's life may be missing here.
 * Returns epoch and record; the record is nil where there is none.
 */
export const STEP = `${READY_ONLY}${RECORD}
local id, input = ARGV[2], ARGV[3]
local state, logged, amount, currency, buyer = read(id)
local to = T[state][input]
if not to then return { epoch, redis.call('HGET', KEYS[2], id) } end
if input == 'void' and to == 'VOIDED' and settled ~= '1' then return redis.error_reply('UNSETTLED') end
if state == 'NONE' then amount, currency, buyer = ARGV[4], ARGV[5], ARGV[6] end
return { epoch, write(id, to, '0', amount, currency, buyer) }
`;

/** Notes that the ledger tells the state. ARGV: epoch, order id, state. */
export const LOGGED = `${READY_ONLY}${RECORD}
local state, _, amount, currency, buyer = read(ARGV[2])
if state == ARGV[3] then write(ARGV[2], state, '1', amount, currency, buyer) end
return 1
`;

/** Begins a new view where there is none, or where its builder is gone. ARGV: new epoch, now, lease until. */
export const CLAIM = `
local epoch, status, lease = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'status', 'lease'))
if epoch and (status == 'ready' or tonumber(lease) > tonumber(ARGV[2])) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'status', 'rebuilding', 'settled', '0', 'lease', ARGV[3])
return 1
`;

/** Ends this life of the view: the next caller has it rebuilt. */
export const FORGET = `return redis.call('HDEL', KEYS[1], 'epoch', 'status')`;

/** Takes over entries of the ledger. ARGV: epoch, lease until, then five an entry: order id, kind, amount, currency, buyer. */
export const RESTORE = `${BUILDER_ONLY}${RECORD}
redis.call('HSET', KEYS[1], 'lease', ARGV[2])
for i = 3, #ARGV, 5 do
  local id, kind, amount, currency, buyer = unpack(ARGV, i, i + 4)
  local state, _, heldAmount, heldCurrency, heldBuyer = read(id)
  local to = T[state][kind]
  if to then
    if state ~= 'NONE' then amount, currency, buyer = heldAmount, heldCurrency, heldBuyer end
    write(id, to, '1', amount, currency, buyer)
  end
end
return 1
`;

/** Opens the view. ARGV: epoch, when the second reading is due. */
export const OPEN = `${BUILDER_ONLY}
redis.call('HSET', KEYS[1], 'status', 'ready', 'lease', ARGV[2])
return 1
`;

/** Begins the second reading. ARGV: now, lease until. Returns the epoch, 'later' when it is not due, nil when it is done. */
export const CLAIM_SETTLING = `
local epoch, status, settled, lease = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'status', 'settled', 'lease'))
if not epoch or settled == '1' then return false end
if status ~= 'ready' or tonumber(lease) > tonumber(ARGV[1]) then return 'later' end
redis.call('HSET', KEYS[1], 'lease', ARGV[2])
return epoch
`;

/** Notes that no entry can be missing. ARGV: epoch. */
export const SETTLE = `${BUILDER_ONLY}
redis.call('HSET', KEYS[1], 'settled', '1')
return 1
`;
