-- Puts the live values of devices into the append-only file (and to a replica), as they are here: see store.lua.
--
-- KEYS: hashes of devices.
local PIECE = 1000  -- Lua's stack takes 8,000 values at once
for _, live in ipairs(KEYS) do
  local all = redis.call('HGETALL', live)
  for first = 1, #all, PIECE do
    redis.call('HSET', live, unpack(all, first, math.min(first + PIECE - 1, #all)))
  end
end
return #KEYS
