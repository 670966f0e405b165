import { sagaTable } from './saga-lua.ts';

/**
 * Bodies of the Redis scripts of the orders view. Each sees `S` (keys of the partition's state), `A` (arguments) and
 * `emit(entry)`. State: `S.orders`, a hash of order id to record (see order-text); `S.open`, the orders that have not
 * ended, scored by the moment at which they are due to be driven again.
 */

/**
 * Creates an order unless it exists. A: id, record, dueAt, and where there is a bound how many orders may be open before it. Returns the existing record, nil when it
 * was created, or `busy` when it was not because of those that are open.
 */
export const PLACE = `
local known = redis.call('HGET', S.orders, A[1])
if known then return known end
if A[4] and redis.call('ZCARD', S.open) >= tonumber(A[4]) then return 'busy' end
redis.call('HSET', S.orders, A[1], A[2])
redis.call('ZADD', S.open, A[3], A[1])
return false
`;

/** A: id. Returns the record or nil. */
export const GET = `return redis.call('HGET', S.orders, A[1])`;

/** A: ids. Returns those that the view does not hold. */
export const MISSING = `
local missing = {}
for _, id in ipairs(A) do
  if redis.call('HEXISTS', S.orders, id) == 0 then missing[#missing + 1] = id end
end
return missing
`;

/**
 * Takes steps of the saga. A: dueAt of the orders that move, then four an input: id, input, time, traceparent. Inputs that change nothing, and orders that are not known, are skipped. What the steps put on the log goes to the outbox
 * as \`output|time|traceparent|record\`. Returns the actions, three values each: action, traceparent, record.
 */
export const STEP = `
local T = ${sagaTable()}
local actions = {}
for i = 2, #A, 4 do
  local id, input, at, traceparent = A[i], A[i + 1], A[i + 2], A[i + 3]
  local record = redis.call('HGET', S.orders, id)
  if record then
    local state, body = string.match(record, '^(%u+)|[%u_]*|%d+|(.*)$')
    local step = T[state][input]
    if step then
      record = step[1] .. '|' .. step[2] .. '|' .. at .. '|' .. body
      redis.call('HSET', S.orders, id, record)
      if step[3] then redis.call('ZREM', S.open, id)
      else redis.call('ZADD', S.open, A[1], id) end
      for _, output in ipairs(step[4]) do emit(output .. '|' .. at .. '|' .. traceparent .. '|' .. record) end
      if step[5] ~= '' then
        actions[#actions + 1] = step[5]
        actions[#actions + 1] = traceparent
        actions[#actions + 1] = record
      end
    end
  end
end
return actions
`;

/**
 * Picks open orders that are due. A: now, limit, least and greatest delay until an order is due again. The delay is the
 * time since its last step, so that an order that waits is driven less and less often. Returns records.
 */
export const DUE = `
local now, least, greatest = tonumber(A[1]), tonumber(A[3]), tonumber(A[4])
local due = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', S.open, '-inf', now, 'LIMIT', 0, A[2])) do
  local record = redis.call('HGET', S.orders, id)
  if record then
    local since = now - tonumber(string.match(record, '^%u+|[%u_]*|(%d+)|'))
    redis.call('ZADD', S.open, now + math.max(least, math.min(since, greatest)), id)
    due[#due + 1] = record
  else redis.call('ZREM', S.open, id) end
end
return due
`;

/**
 * Takes over what the log says. A: dueAt, then three an event: id, record, whether it ends the order (1 or 0). The first
 * ending of an order counts, and a placement never undoes an ending.
 */
export const RESTORE = `
for i = 2, #A, 3 do
  local id, record, ends = A[i], A[i + 1], A[i + 2]
  local known = redis.call('HGET', S.orders, id)
  local open = known and redis.call('ZSCORE', S.open, id)
  if ends == '1' then
    if not known or open then redis.call('HSET', S.orders, id, record) end
    redis.call('ZREM', S.open, id)
  elseif not known then
    redis.call('HSET', S.orders, id, record)
    redis.call('ZADD', S.open, A[1], id)
  end
end
return #A
`;
