-- Stores the changed values of many devices. One packed argument costs the worker a tenth of as many commands.
--
-- Live values stay out of Valkey's append-only file, which gets each write before it is answered: the queue needs that,
-- but at 10,000 messages a second live values are 20 MB of it. A Valkey that was started anew gets them again from
-- the worker (`Ticker`), and what was last known of the silent ones is in the file by keep.lua.
--
-- ARGV: MessagePack of {key of the device's hash = {top-level key = raw JSON}}.
redis.set_repl(redis.REPL_NONE)
for live, values in pairs(cmsgpack.unpack(ARGV[1])) do
  local pairs_of, count = {}, 0
  for key, raw in pairs(values) do
    pairs_of[count + 1], pairs_of[count + 2] = key, raw
    count = count + 2
  end
  redis.call('HSET', live, unpack(pairs_of))
end
return 1
