-- Puts the live values of devices into the append-only file (and to a replica), as they are here: see store.lua.
--
-- KEYS: hashes of devices.
for _, live in ipairs(KEYS) do
  local all = redis.call('HGETALL', live)
  if #all > 0 then redis.call('HSET', live, unpack(all)) end
end
return #KEYS
