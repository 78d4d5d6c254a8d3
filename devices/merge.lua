-- Merges telemetry of several workers where the live state is, so that it does not matter which of them got a message
-- and how late: per top-level key the newest timestamp wins. Publishes what has changed in the same step, so that
-- browsers are told in the order in which it happened.
--
-- KEYS: per device its live values (hash) and their moments (string).
-- ARGV: channel, frame before the devices, patience (ms); then per device: its update without values and closing brace,
-- number of groups; per group: timestamp (0: none, always taken), our clock at arrival, number of keys; per key: name,
-- raw JSON, what lists and maps show of it ("": nothing).
--
-- Moments: n newest timestamp, r our clock when it arrived, k keys of the newest group, o key -> timestamp of the others.
-- Live values stay out of the append-only file, see store.lua.
redis.set_repl(redis.REPL_NONE)
local MAX_KEYS = 512
local channel, frame, patience = ARGV[1], ARGV[2], tonumber(ARGV[3])
local at, updates = 4, {}

local function set_of(keys)
  local set = {}
  for key in string.gmatch(keys, '[^\n]+') do set[key] = true end
  return set
end

for device = 1, #KEYS, 2 do
  local live, packed = KEYS[device], redis.call('GET', KEYS[device + 1])
  local moments = packed and cmsgpack.unpack(packed) or {n = 0, r = 0, k = '', o = {}}
  local update, groups, shown = ARGV[at], tonumber(ARGV[at + 1]), {}
  at = at + 2
  for _ = 1, groups do
    local sent, arrived, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    local names, raws, shows = {}, {}, {}
    for number = 1, count do
      local first = at + 3 * number
      names[number], raws[number], shows[number] = ARGV[first], ARGV[first + 1], ARGV[first + 2]
    end
    at = at + 3 + 3 * count
    local refused = {}
    if sent > 0 and sent < moments.n and arrived - moments.r > patience then
      moments = {n = 0, r = 0, k = '', o = {}}  -- its clock was set back: nothing as new as before has come since
    end
    if sent >= moments.n and sent > 0 then
      local keys = table.concat(names, '\n')
      if keys ~= moments.k then
        local before, now = set_of(moments.k), set_of(keys)
        for key in pairs(before) do if not now[key] then moments.o[key] = moments.n end end
        for key in pairs(now) do moments.o[key] = nil end
        moments.k = keys
      end
      moments.n, moments.r = sent, math.max(moments.r, arrived)
    elseif sent > 0 then
      local newest = set_of(moments.k)
      for _, key in ipairs(names) do
        if newest[key] or (moments.o[key] or 0) > sent then refused[key] = true else moments.o[key] = sent end
      end
    end
    local known, news, room = redis.call('HMGET', live, unpack(names)), {}, nil
    for number, key in ipairs(names) do
      if not refused[key] and known[number] ~= raws[number] then
        if not known[number] then
          room = (room or MAX_KEYS - redis.call('HLEN', live)) - 1
        end
        if known[number] or room >= 0 then
          news[#news + 1], news[#news + 2] = key, raws[number]
          if shows[number] ~= '' then shown[key] = shows[number] end
        end
      end
    end
    if #news > 0 then redis.call('HSET', live, unpack(news)) end
  end
  redis.call('SET', KEYS[device + 1], cmsgpack.pack(moments))
  local values = {}
  for key, raw in pairs(shown) do values[#values + 1] = '"' .. key .. '":' .. raw end
  if #values > 0 then update = update .. ',"values":{' .. table.concat(values, ',') .. '}' end
  updates[#updates + 1] = update .. '}'
end
local text = frame .. table.concat(updates, ',') .. ']}'
redis.call('PUBLISH', channel, cmsgpack.pack({type = 'live.frame', text = text}))
return #updates
