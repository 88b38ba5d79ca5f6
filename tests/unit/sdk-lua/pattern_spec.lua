-- Patterns are Lua's own: the same results and the same words, on random patterns and texts; and
-- wherever they pause.
local s = require "support"
local bench = require "bench"
local it, equal = s.it, s.equal
local ours = bench.ours()

local function quote(v)
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) ~= "table" then return tostring(v) end
  local parts = {}
  for i = 1, v.n or #v do parts[i] = quote(v[i]) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- Error words without the position in front.
local function outcome(f, ...)
  local r = table.pack(pcall(f, ...))
  if not r[1] then r[2] = tostring(r[2]):gsub("^[^:]*:%d+: ", ""):gsub("'string%.", "'") end
  return quote(r)
end

-- All matches of a gmatch, as one value.
local function walk(lib)
  return function(...)
    local all = {}
    for a, b, c in lib.gmatch(...) do
      all[#all + 1] = quote { n = 3, a, b, c }
      if #all > 300 then break end
    end
    return table.concat(all, ";")
  end
end

-- --- random cases ----------------------------------------------------------------------------

local seed = 7
local function random(n)
  seed = (seed * 6364136223846793005 + 1442695040888963407) & math.maxinteger
  return (seed >> 24) % n + 1
end
local function pick(list) return list[random(#list)] end

local LETTERS = { "a", "b", "a", "b", "c", "1", " ", "-", "]", "[", "^", "%", "(", ")", "\0", "\xe9", ".", "A" }
local ITEMS = {
  "a", "b", "c", ".", "%a", "%d", "%s", "%w", "%A", "%W", "%p", "%%", "%.", "%]", "[ab]", "[^a]", "[a-c]", "[%a1]", "[]]", "[^]]",
  "[a-]", "[-a]", "[%]-a]", "[a-%%]", "[b-%a]", "[^%s]", "[\0-\x20]", "[\x80-\xff]", "%x", "%l", "%u", "%c", "%g", "%G", "%z", "%b()", "%bab", "%b((", "%f[%a]",
  "%f[^a]", "%f[%z]", "%1", "%2", "^", "$", "-", "*", "+", "?", "\0", "\xe9", "]", "%-",
}
local MALFORMED = { "[", "[a", "[^", "[%", "%", "%b", "%bx", "%f", "%fa", "(", ")", "%0", "%9" }
local OFTEN = { "", "", "", "", "*", "+", "-", "?" }

local function random_text(most)
  local t = {}
  for i = 1, random(most) - 1 do t[i] = pick(LETTERS) end
  return table.concat(t)
end

local function random_pattern(items)
  local t, open = {}, 0
  if random(6) == 1 then t[1] = "^" end
  for _ = 1, random(items) do
    local what = random(12)
    if what == 1 then
      t[#t + 1] = "("
      open = open + 1
    elseif what == 2 and open > 0 then
      t[#t + 1] = ")"
      open = open - 1
    elseif what == 3 then
      t[#t + 1] = "()"
    elseif what == 4 and random(6) == 1 then
      t[#t + 1] = pick(MALFORMED)
    else
      t[#t + 1] = pick(ITEMS) .. pick(OFTEN)
    end
  end
  for _ = 1, open do if random(20) > 1 then t[#t + 1] = ")" end end
  if random(6) == 1 then t[#t + 1] = "$" end
  return table.concat(t)
end

local TEMPLATES = { "x", "", "<%0>", "%1", "[%1|%2]", "%%", "%", "%x", "a%", 7, "%9" }
local function callback(...)
  local a, b = ...
  if a == "a" then return nil elseif a == "b" then return false end
  return "<" .. tostring(a) .. tostring(b) .. select("#", ...) .. ">"
end
local map = setmetatable({ a = "1", b = false, c = 3, [2] = "two" }, { __index = function(_, k) return k == "ab" and {} or nil end })

-- What one random case gives with either library.
local function one_case(lib, text, pattern, init, most, kind)
  if kind == 1 then return outcome(lib.find, text, pattern, init) end
  if kind == 2 then return outcome(lib.match, text, pattern, init) end
  if kind == 3 then return outcome(walk(lib), text, pattern, init) end
  if kind == 4 then return outcome(lib.gsub, text, pattern, callback, most) end
  if kind == 5 then return outcome(lib.gsub, text, pattern, map, most) end
  if kind == 6 then return outcome(lib.find, text, pattern, init, true) end
  return outcome(lib.gsub, text, pattern, TEMPLATES[kind - 6], most)
end
local KINDS = 6 + #TEMPLATES

local function new_case(length, items)
  local init = random(3) == 1 and random(24) - 12 or nil
  local most = random(4) == 1 and random(5) - 2 or nil
  return random_text(length), random_pattern(items), init, most, random(KINDS)
end

-- catalogue 17
it("60000 random patterns on random texts give what Lua's own library gives", function()
  for _ = 1, 60000 do
    local text, pattern, init, most, kind = new_case(24, 7)
    local want, got = one_case(string, text, pattern, init, most, kind), one_case(ours.string, text, pattern, init, most, kind)
    if want ~= got then
      error(("text %q pattern %q init %s most %s kind %d\n wanted %s\n got    %s"):format(text, pattern, init, most, kind, want, got))
    end
  end
end)

it("every class knows the same bytes, alone and in a set", function()
  local all = {}
  for i = 0, 255 do all[i + 1] = string.char(i) end
  local text = table.concat(all)
  for i = 1, 255 do
    local c = string.char(i)
    for _, pattern in ipairs { "%" .. c, "[%" .. c .. "]", "[^%" .. c .. "]", "%" .. c .. "+", "[%" .. c .. "x-z]*" } do
      equal(outcome(string.gsub, text, pattern, "<%0>"), outcome(ours.string.gsub, text, pattern, "<%0>"), pattern)
    end
  end
end)

it("the depth that is too complex is the same", function()
  for _, item in ipairs { "a?", "a-", "a*", "a+b", "(a)", "()", "(a-)", "(a?)" } do
    local text = item == "a+b" and ("ab"):rep(300) or ("a"):rep(400)
    for n = 1, 210 do
      local pattern = item:rep(n)
      equal(outcome(string.find, text, pattern), outcome(ours.string.find, text, pattern), pattern)
    end
  end
end)

it("wrong arguments get the same words", function()
  local bad = { nil, true, 1.5, {}, print, "x", 3, "-1", 0.0, math.mininteger, math.maxinteger }
  for _, name in ipairs { "find", "match", "gmatch", "gsub", "rep", "format" } do
    local function both(...)
      local args = table.pack(...)
      local function call(lib) local f = lib[name] return outcome(function() return f(table.unpack(args, 1, args.n)) end) end
      local want, got = call(string), call(ours.string)
      if name == "gmatch" then want, got = want:gsub("function: 0x%x+", "f"), got:gsub("function: [0x]*%x+", "f") end
      if name == "format" then want, got = want:gsub(": 0x%x+", ""), got:gsub(": %x+\"", "\"") end
      equal(want, got, name .. quote(args))
    end
    both()
    for i = 1, 11 do
      if not (name == "rep" and i == 11) then both(bad[i]) end
      for k = 1, 11 do
        if name ~= "rep" or k < 10 then
          both(bad[i], bad[k])
          for j = 1, 9 do both("abc", bad[i], bad[k], bad[j]) end
        end
      end
    end
  end
end)

-- --- pauses ----------------------------------------------------------------------------------

-- The same cases inside a worker that pauses at every step it can: what is kept over a pause is all
-- there is.
it("a search that pauses at every step gives the same", function()
  local cases, wants = {}, {}
  for _ = 1, 400 do
    local text, pattern, init, most, kind = new_case(12, 4)
    if kind ~= 5 then
      cases[#cases + 1] = ("{%q,%q,%s,%s,%d}"):format(text, pattern, init, most, kind)
      wants[#wants + 1] = one_case(string, text, pattern, init, most, kind)
    end
  end
  local app = s.load({
    ["app.lua"] = [[
      local ui, case, cases = require "vitrine.ui", require "case", require "cases"
      return ui.page({}, function()
        local out, go = ui.json { id = "out" }, ui.button { "Go", id = "go" }
        go:on_click(function()
          local got = {}
          for i, c in ipairs(cases) do
            -- bytes that are no text travel as numbers
            got[i] = (case(c[1], c[2], c[3], c[4], c[5]):gsub("[^ -~]", function(b) return "<" .. b:byte() .. ">" end))
          end
          out:set(got)
        end)
        return ui.column { out, go }
      end)]],
    ["cases.lua"] = "return {" .. table.concat(cases, ",\n") .. "}",
    ["case.lua"] = [==[
      local function quote(v)
        if type(v) == "string" then return string.format("%q", v) end
        if type(v) ~= "table" then return tostring(v) end
        local parts = {}
        for i = 1, v.n or #v do parts[i] = quote(v[i]) end
        return "{" .. table.concat(parts, ", ") .. "}"
      end
      local function outcome(f, ...)
        local r = table.pack(pcall(f, ...))
        if not r[1] then r[2] = tostring(r[2]):gsub("^[^:]*:%d+: ", "") end
        return quote(r)
      end
      local function walk(...)
        local all = {}
        for a, b, c in string.gmatch(...) do
          all[#all + 1] = quote { n = 3, a, b, c }
          if #all > 300 then break end
        end
        return table.concat(all, ";")
      end
      local TEMPLATES = { "x", "", "<%0>", "%1", "[%1|%2]", "%%", "%", "%x", "a%", 7, "%9" }
      local function callback(...)
        local a, b = ...
        if a == "a" then return nil elseif a == "b" then return false end
        return "<" .. tostring(a) .. tostring(b) .. select("#", ...) .. ">"
      end
      return function(text, pattern, init, most, kind)
        if kind == 1 then return outcome(string.find, text, pattern, init) end
        if kind == 2 then return outcome(string.match, text, pattern, init) end
        if kind == 3 then return outcome(walk, text, pattern, init) end
        if kind == 4 then return outcome(string.gsub, text, pattern, callback, most) end
        if kind == 6 then return outcome(string.find, text, pattern, init, true) end
        return outcome(string.gsub, text, pattern, TEMPLATES[kind - 6], most)
      end]==],
  }, { slice_us = 0, look_steps = 1, cpu_ms = 60000 })
  local v = app:open()
  local group = v:click "go"
  if group.fail then error(group.fail.message) end
  local got = v:see "out"
  for i, want in ipairs(wants) do
    want = want:gsub("[^ -~]", function(b) return "<" .. b:byte() .. ">" end)
    equal(want, got[i], cases[i])
  end
end)
