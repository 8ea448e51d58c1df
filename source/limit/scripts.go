package limit

import "github.com/redis/go-redis/v9"

// The state of a key is one hash, so that each script has one key and works in
// a cluster. Times are milliseconds since 1970 by the callers' clocks:
//
//	stop, stopped  what a person must do; until when no call is made before that
//	by             the token that was refused: another one may call
//	until          no call before
//	left, reset    share of the budget, and when it is whole again (0: unknown)
//	seen           when left was told
//	next           the next free place among spread calls
//
// Redis runs a script as one step, and redis.Script sends the text again where
// a server doesn't know it, such as after a failover.

// askScript answers {moment, "1" if a place was taken, what a person must do}.
// ARGV: now, latest, calls in a budget, length of a budget that is not told, held, token.
func askScript() *redis.Script {
	//nolint:dupword // Lua ends its blocks with one word
	return redis.NewScript(`
local h = redis.call('HMGET', KEYS[1], 'stop', 'stopped', 'until', 'left', 'reset', 'seen', 'next', 'by')
local now, latest, calls, per, held = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local function n(i) return tonumber(h[i] or 0) end
if h[1] and now < n(2) and (h[8] or '') == ARGV[6] then
  return {h[2], '', h[1]}
end
local at, taken = math.max(now, n(3)), ''
local reset = n(5)
if reset == 0 then
  reset = n(6) + per
end
if h[4] and reset > at then
  local left = n(4)
  if left < 0.05 then
    at = reset
  elseif left < 0.25 and held ~= '1' then
    at = math.min(math.max(at, n(7)), reset)
    if at <= latest and at < reset then
      taken = '1'
      local gap = math.ceil((reset - at) / math.max(1, left * calls))
      redis.call('HSET', KEYS[1], 'next', string.format('%.0f', at + gap))
    end
  end -- of what is left
end -- of what was told
return {string.format('%.0f', at), taken, ''}
`)
}

// reportScript answers the moment after which the state says nothing any more.
// ARGV: now, left or ”, reset, until, stop, until when, how long the state is
// kept without a reset, token.
func reportScript() *redis.Script {
	return redis.NewScript(`
local h = redis.call('HMGET', KEYS[1], 'left', 'reset', 'until', 'stopped')
local now, left, reset, till = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local function n(i) return tonumber(h[i] or 0) end
local last = math.max(n(2), n(3), n(4))
if left ~= '' and (reset == 0 or reset > now) then
  -- answers overtake each other: within one budget the least that is left is the newest
  if h[1] and reset ~= 0 and math.abs(reset - n(2)) <= 2000 and n(1) < tonumber(left) then
    left = h[1]
  end
  redis.call('HSET', KEYS[1], 'left', left, 'reset', ARGV[3], 'seen', ARGV[1])
  last = math.max(last, reset, now + tonumber(ARGV[7]))
end
if till > n(3) then
  redis.call('HSET', KEYS[1], 'until', ARGV[4])
  last = math.max(last, till)
end
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'stop', ARGV[5], 'stopped', ARGV[6], 'by', ARGV[8])
  last = math.max(last, tonumber(ARGV[6]))
end
if last > now then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', last - now))
end
return string.format('%.0f', last)
`)
}
