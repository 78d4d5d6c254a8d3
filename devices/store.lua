-- Stores the changed values of many devices. One packed argument costs the worker a tenth of as many commands.
--
-- ARGV: MessagePack of {key of the device's hash = {top-level key = raw JSON}}.
for live, values in pairs(cmsgpack.unpack(ARGV[1])) do
  local pairs_of, count = {}, 0
  for key, raw in pairs(values) do
    pairs_of[count + 1], pairs_of[count + 2] = key, raw
    count = count + 2
  end
  redis.call('HSET', live, unpack(pairs_of))
end
return 1
