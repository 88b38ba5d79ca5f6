-- table.* is Lua's own: the same results and the same words, on random lists, ranges and
-- metatables; and wherever it pauses.
local s = require "support"
local bench = require "bench"
local it, equal = s.it, s.equal
local ours = bench.ours().table

local function quote(v, depth)
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) ~= "table" then return math.type(v) and math.type(v) .. tostring(v) or type(v) end
  if (depth or 0) > 3 then return "…" end
  local parts = {}
  for k, x in next, v do parts[#parts + 1] = "[" .. tostring(k) .. "]=" .. quote(x, (depth or 0) + 1) end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

local seed = 11
local function random(n)
  seed = (seed * 6364136223846793005 + 1442695040888963407) & math.maxinteger
  return (seed >> 24) % n + 1
end
local function pick(list) return list[random(#list)] end

local function random_list()
  local t = {}
  for i = 1, random(9) - 1 do t[i] = pick { i, "x" .. i, i + 0.5, "" } end
  if random(6) == 1 then t[random(9)] = pick { {}, true, nil } end
  if random(8) == 1 then t.n = 3 end
  return t
end

-- A table that reads and writes another one, and says what it was asked for.
local function proxied(t, asked)
  return setmetatable({}, {
    __index = function(_, k) asked[#asked + 1] = "get " .. tostring(k) return t[k] end,
    __newindex = function(_, k, v) asked[#asked + 1] = "set " .. tostring(k) t[k] = v end,
    __len = function() return #t end,
  })
end

local INTEGERS = { -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 12, 1.0, 1.5, "2", "x", math.maxinteger, math.mininteger, nil, true }

local function copied(t)
  local c = {}
  for k, v in next, t do c[k] = v end
  return c
end

-- One call with either library: what it gives, and what is then in the tables.
local function outcome(lib, name, first, second, n, args, how)
  local asked, a, b = {}, copied(first), copied(second)
  local t = how == 1 and proxied(a, asked) or how == 2 and a or pick { 5, "abc", true }
  if how == 3 then t = args.wrong end
  local call = { t, table.unpack(args, 1, n) }
  if name == "move" and args.other then
    call[5] = b
    n = 4
  end
  local r = table.pack(pcall(lib[name], table.unpack(call, 1, n + 1)))
  if not r[1] then r[2] = tostring(r[2]):gsub("^[^:]*:%d+: ", ""):gsub(" to '[^']*'", "") end
  if r[2] == t then r[2] = "the table" elseif r[2] == b then r[2] = "the other" end
  return quote { r, a, b, asked }
end

-- catalogue 18
it("30000 random calls give what Lua's own library gives", function()
  for _ = 1, 30000 do
    local name, how = pick { "concat", "insert", "remove", "move" }, pick { 1, 2, 2, 2, 2, 3 }
    local first, second, n = random_list(), random_list(), random(5) - 1
    local args = { other = random(2) == 1, wrong = pick { 5, "abc", true } }
    for i = 1, 4 do args[i] = INTEGERS[random(19)] end
    if name == "concat" then args[1] = pick { ", ", "", "-", 5, nil } end
    if name == "insert" and random(2) == 1 then args[2] = pick { "new", 1, false } end
    -- what would go round 2^63 times
    local far = false
    for i = 1, 4 do far = far or args[i] == math.maxinteger or args[i] == math.mininteger end
    if not far or how ~= 2 or name == "insert" or name == "remove" then
      if not (far and (name == "move" or name == "concat")) then
        local want, got = outcome(table, name, first, second, n, args, how), outcome(ours, name, first, second, n, args, how)
        if want ~= got then
          error(("%s %s %s\n wanted %s\n got    %s"):format(name, quote(first), quote { table.unpack(args, 1, n) }, want, got))
        end
      end
    end
  end
end)

it("ranges at the ends of the integers are refused or gone through as in Lua", function()
  local max, min = math.maxinteger, math.mininteger
  for _, args in ipairs {
    { "move", 1, max, 2 }, { "move", -1, max, 2 }, { "move", min, 0, 2 }, { "move", 1, 2, max }, { "move", max, max, 1 }, { "move", min, min, 1 },
    { "move", max - 1, max, 1 }, { "move", 2, 1, max }, { "concat", "", max, max }, { "concat", "", max, max - 1 }, { "concat", "", max - 1, max },
    { "concat", "", min, min }, { "concat", "", 1, 0 },
  } do
    local t = { 1, 2, [max] = "end", [max - 1] = "before", [min] = "begin" }
    equal(outcome(table, args[1], t, {}, #args - 1, { table.unpack(args, 2) }, 2), outcome(ours, args[1], t, {}, #args - 1, { table.unpack(args, 2) }, 2),
      quote(args))
  end
end)

-- catalogue 18
it("a call that pauses at every round gives the same", function()
  local body = [[
    local r = {}
    local function add(...) r[#r + 1] = table.concat({ ... }, ",") end
    local list = {}
    for i = 1, 100 do list[i] = i * 3 % 101 end
    add(table.unpack(table.move(list, 1, 100, 5)))
    add(table.unpack(table.move(list, 5, 100, 1)))
    add(table.unpack(table.move(list, 1, 60, 1, {})))
    table.insert(list, 3, "new") table.insert(list, "last") add(table.unpack(list))
    add(table.remove(list, 2), table.remove(list), #list) add(table.unpack(list))
    add(table.concat(list, ", ", 3, 90))
    table.sort(list, function(a, b) return tostring(a) < tostring(b) end) add(table.unpack(list))
  ]]
  local want = assert(load(body .. " return r"))()
  local app = s.handler(body .. " session.r = r", { slice_us = 0, look_steps = 1, cpu_ms = 60000 })
  local v = app:open()
  local group = v:click "go"
  if group.fail then error(group.fail.message) end
  equal(want, v:stored().r)
end)
