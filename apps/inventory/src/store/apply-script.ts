import type { Command } from '../domain/command.ts';

/**
 * The suffixes of a partition's keys.
 *
 * - `stock`: hash, SKU -> `initial available reserved sold`
 * - `orders`: hash, order id -> `state quantity expiresAt sku saleId buyerId`; the buyer's id comes last, as it may hold spaces
 * - `buyers`: hash, `saleId/sku/buyerId` -> units that the buyer holds
 * - `restocks`: set of restock ids
 * - `fences`: hash, sale id -> `czxid ensemble`, then the ensembles that were superseded: the `Fence` of the sale
 * - `deadlines`: sorted set of the order ids with an unpaid reservation, by when it expires
 * - `wait`: how long commands wait to be applied, in milliseconds; there only while the partition is behind its log
 */
export const STATE_KEYS = ['stock', 'orders', 'buyers', 'restocks', 'fences', 'deadlines', 'wait'] as const;

/**
 * Applies a batch of commands, one JSON text of {@link commandArg} each, in order: the decision of `domain/apply.ts`, made
 * where the stock is. Answers how many commands were refused for their token. Balances are read once a batch and written back once; everything else is small per command.
 */
export const APPLY_BODY = `
local stock = {}

local function balance(sku)
  local known = stock[sku]
  if known == nil then
    known = false
    local packed = redis.call('HGET', S.stock, sku)
    if packed then
      local i, a, r, s = string.match(packed, '^(%d+) (%d+) (%d+) (%d+)$')
      known = { initial = tonumber(i), available = tonumber(a), reserved = tonumber(r), sold = tonumber(s) }
    end
    stock[sku] = known
  end
  return known
end

local function read_order(id)
  local packed = redis.call('HGET', S.orders, id)
  if not packed then return nil end
  local state, quantity, expires, sku, sale, buyer =
    string.match(packed, '^(%S+) (%d+) (%d+) (%S+) (%S+) (.*)$')
  return {
    state = state, quantity = tonumber(quantity), expires = tonumber(expires),
    sku = sku, sale = sale, buyer = buyer,
  }
end

local function write_order(id, o)
  redis.call('HSET', S.orders, id,
    string.format('%s %d %d %s %s %s', o.state, o.quantity, o.expires, o.sku, o.sale, o.buyer))
end

local function holding(o) return o.sale .. '/' .. o.sku .. '/' .. o.buyer end

local function announce(c, kind, o, extra)
  local event = extra or {}
  event.kind, event.orderId, event.sku, event.quantity = kind, c.orderId, o.sku, o.quantity
  event.time, event.traceparent = c.time, c.traceparent
  emit(cjson.encode(event))
end

local REJECTED = { ['sold-out'] = true, ['buyer-limit'] = true, ['unknown-sku'] = true }

local function answer_to_reserve(c, o)
  if REJECTED[o.state] then announce(c, 'rejected', o, { reason = o.state })
  else announce(c, 'reserved', o, { expiresAt = o.expires }) end
end

local function move(id, o, to)
  local b = stock[o.sku] or balance(o.sku)
  b.reserved = b.reserved - o.quantity
  if to == 'sold' then
    b.sold = b.sold + o.quantity
  else
    b.available = b.available + o.quantity
    if redis.call('HINCRBY', S.buyers, holding(o), -o.quantity) <= 0 then
      redis.call('HDEL', S.buyers, holding(o))
    end
  end
  o.state = to
  write_order(id, o)
  redis.call('ZREM', S.deadlines, id)
end

local refused = 0

-- passFence of libs/core. Tokens are compared as texts of equal length: as numbers, neighbours would be the same double.
local function passes(c)
  if not c.saleId then return true end
  local packed = redis.call('HGET', S.fences, c.saleId)
  if not c.token then return not packed end
  local ensemble, czxid = c.token.ensemble, c.token.czxid
  local highest, ensembles
  if packed then highest, ensembles = string.match(packed, '^(%x+) (.*)$') end
  if not packed then
    ensembles = ensemble
  elseif ensemble == string.match(ensembles, '^%S+') then
    if czxid < highest then return false end
    if czxid == highest then return true end
  elseif string.find(' ' .. ensembles .. ' ', ' ' .. ensemble .. ' ', 1, true) then
    return false
  else
    ensembles = ensemble .. ' ' .. ensembles
  end
  redis.call('HSET', S.fences, c.saleId, czxid .. ' ' .. ensembles)
  return true
end

local apply = {}

function apply.fence(c)
  if not passes(c) then refused = refused + 1 end
end

function apply.restock(c)
  if not passes(c) then
    refused = refused + 1
    return
  end
  if redis.call('SADD', S.restocks, c.restockId) == 0 then return end
  local b = balance(c.sku)
  if not b then
    b = { initial = 0, available = 0, reserved = 0, sold = 0 }
    stock[c.sku] = b
  end
  b.initial = b.initial + c.quantity
  b.available = b.available + c.quantity
end

function apply.reserve(c)
  local o = read_order(c.orderId)
  if not o then
    o = { quantity = c.quantity, expires = c.time + c.ttlMs, sku = c.sku, sale = c.saleId, buyer = c.buyerId }
    local b = balance(c.sku)
    if not b then
      o.state = 'unknown-sku'
    elseif b.available < c.quantity then
      o.state = 'sold-out'
    elseif tonumber(redis.call('HGET', S.buyers, holding(o)) or 0) + c.quantity > c.limitPerBuyer then
      o.state = 'buyer-limit'
    else
      o.state = 'reserved'
      b.available = b.available - c.quantity
      b.reserved = b.reserved + c.quantity
      redis.call('HINCRBY', S.buyers, holding(o), c.quantity)
      redis.call('ZADD', S.deadlines, o.expires, c.orderId)
    end
    write_order(c.orderId, o)
  end
  answer_to_reserve(c, o)
end

function apply.commit(c)
  local o = read_order(c.orderId)
  if o and o.state == 'reserved' then move(c.orderId, o, 'sold') end
  if o and o.state == 'sold' then announce(c, 'committed', o)
  else announce(c, 'commit-refused', o or { sku = c.sku, quantity = 0 }) end
end

function apply.release(c)
  local o = read_order(c.orderId)
  if o and o.state == 'reserved' then move(c.orderId, o, 'released') end
  if o and o.state == 'released' then announce(c, 'released', o) end
end

function apply.expire(c)
  local o = read_order(c.orderId)
  if o and o.state == 'reserved' and c.time >= o.expires then
    move(c.orderId, o, 'expired')
    announce(c, 'expired', o)
  end
end

for i = 1, #A do
  local command = cjson.decode(A[i])
  apply[command.kind](command)
end
for sku, b in pairs(stock) do
  if b then
    redis.call('HSET', S.stock, sku,
      string.format('%d %d %d %d', b.initial, b.available, b.reserved, b.sold))
  end
end
return refused
`;

/** What {@link APPLY_BODY} takes for one command. The trace is that of whoever processes the command. */
export function commandArg(command: Command, time: number, traceparent?: string): string {
  return JSON.stringify({ ...command, time, traceparent });
}
