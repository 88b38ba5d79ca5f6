-- What of Lua an app gets, and that our own parts of it behave like Lua's.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

-- Runs the body with plain Lua here and with the worker there; both must say the same.
local function like_lua(name, body)
  it(name .. " is as in Lua", function()
    local want = { assert(load("local r = {} local function add(...) r[#r + 1] = table.concat({ ... }, ',') end " .. body .. " return r"))() }
    local app = s.handler("local r = {} local function add(...) r[#r + 1] = table.concat({ ... }, ',') end " .. body .. " session.r = r")
    local v = app:open()
    app.bench:capture()
    local group = v:click "go"
    app.bench:captured()
    if group.fail then error(group.fail.message) end
    equal(want[1], v:stored().r)
  end)
end

like_lua("gsub with a function", [[
  for _, case in ipairs {
    { "hello world", "o", 1 }, { "abc", "", 9 }, { "abc", "x*" }, { "abc", "^a" }, { "aaa", "^a" }, { "hello", "l+", 1 },
    { "a,b,,c", "[^,]*" }, { "key = value", "(%w+) = (%w+)" }, { "", "" }, { "", "x" }, { "abc", "b", 0 },
    { "abc", "()b" }, { "one two", "%f[%w]%w+" },
  } do
    local s, n = string.gsub(case[1], case[2], function(...) return "<" .. table.concat({ ... }, "|") .. ">" end, case[3])
    add(s, n)
  end
  add((string.gsub("abc", "%w", function(c) if c == "b" then return false end return c:upper() end)))
  add((("x y"):gsub("%w", function(c) return 1 end)))
  add(tostring(pcall(string.gsub, "abc", "%w", function() return {} end)))
]])
like_lua("sort with a comparator", [[
  local list = {}
  for i = 1, 500 do list[i] = (i * 7919) % 501 end
  table.sort(list, function(a, b) return a > b end)
  add(table.unpack(list))
  local words = { "pear", "fig", "apple", "kiwi" }
  table.sort(words, function(a, b) return #a < #b or (#a == #b and a < b) end)
  add(table.unpack(words))
  table.sort(words) add(table.unpack(words))
  table.sort({}, function() end)
]])
like_lua("coroutines", [[
  local co = coroutine.create(function(a, b)
    add("start", a, b)
    local c = coroutine.yield(a + b)
    add("got", c)
    local d, e = coroutine.yield(c * 2)
    add("got", d, e)
    return "end", 7
  end)
  add(tostring(coroutine.status(co)))
  add(tostring(select(2, coroutine.resume(co, 1, 2))))
  add(tostring(select(2, coroutine.resume(co, 10))))
  add(select(2, coroutine.resume(co, "x", "y")))
  add(tostring(coroutine.status(co)), tostring(select(2, coroutine.resume(co))))
  local ok, e = coroutine.resume(coroutine.create(function() error({}) end)) add(tostring(ok), type(e))
  local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
  for i in gen do add(i) end
  add(tostring(pcall(gen)))
  add(tostring(pcall(coroutine.wrap(function() error("x", 0) end))))
  local nested = coroutine.wrap(function()
    local inner = coroutine.wrap(function() coroutine.yield(1) coroutine.yield(2) end)
    coroutine.yield(inner()) coroutine.yield(inner())
  end)
  add(nested(), nested())
  local p = coroutine.wrap(function() local ok, v = pcall(function() return coroutine.yield(5) end) return v end)
  add(p()) add(p(6))
  local main, is = coroutine.running() add(type(main), "x")
  local self self = coroutine.wrap(function() return pcall(self) end) add(tostring(select(2, self())))
  local meta = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end })
  local mco = coroutine.wrap(function() return meta.name end) add(mco()) add(mco("v"))
]])
like_lua("xpcall", [[
  add(tostring(xpcall(function(...) add(...) return 1 end, print, 2, 3)))
  add(select(2, xpcall(error, function(e) return "handled " .. e end, "why")))
]])
like_lua("load", [[
  add(load("return 1 + 1")())
  local pieces = { "return ", "42" } local i = 0
  add(load(function() i = i + 1 return pieces[i] end)())
  add(tostring(load("return return")))
  add(load("return x", "name", "t", { x = "own" })())
]])

it("bytecode is not loaded, and not made", function()
  local app = s.handler [[
    local f, err = load("\27Lua....", "x", "b")
    local g, err2 = load("\27Lua....")
    session.r = { tostring(f), err, tostring(g), err2, tostring(string.dump) }
  ]]
  local v = app:open()
  v:click "go"
  local r = v:stored().r
  equal({ "nil", "nil", "nil" }, { r[1], r[3], r[5] })
  match("binary chunk", r[4])
end)

it("nothing that reaches outside is anywhere an app can look", function()
  local app = s.handler [[
    local seen, found, order = {}, {}, {}
    local bad = { execute = true, popen = true, open = true, getenv = true, exit = true, rename = true,
      tmpname = true, loadfile = true, dofile = true, getregistry = true, sethook = true, getupvalue = true, setupvalue = true,
      dump = true, loadlib = true, cpath = true, close = true, patch = true, blob = true, bundled = true }
    local function walk(t, path)
      if seen[t] then return end
      seen[t] = true
      local mt = getmetatable(t)
      if type(mt) == "table" then walk(mt, path .. "<mt>") end
      if type(t) ~= "table" then return end
      for k, v in next, t do
        if bad[k] then found[#found + 1] = path .. "." .. tostring(k) end
        if type(v) == "table" then walk(v, path .. "." .. tostring(k)) end
      end
    end
    walk(_G, "_G") walk(ui, "ui") walk(models, "models") walk(json, "json") walk(time, "time")
    walk(out, "out") walk(session, "session") walk("", "string")
    session.found = found
  ]]
  local v = app:open()
  v:click "go"
  equal({ found = {} }, v:stored())
end)

it("an app that breaks its own library does not break the SDK", function()
  local app = s.handler([[
    out:set("fine")
    session.list = { 1, 2 }
    ui.info("fine")
  ]], { before = [[
    for _, t in ipairs { string, table, math, coroutine } do for k in pairs(t) do t[k] = false end end
    for _, k in ipairs { "pairs", "next", "type", "tostring", "error", "pcall", "select", "setmetatable", "rawget" } do
      rawset(_G, k, false)
    end
    local ipairs = false
  ]] })
  local v = app:open()
  v:click "go"
  equal("fine", v:see "out")
end)

it("require finds files of the repo, once, and folders by init", function()
  local app = s.load {
    ["app.lua"] = [[
local ui = require "vitrine.ui"
local a, b = require "lib.a", require "lib"
return ui.page({}, function() return ui.markdown(a.name .. b.name .. tostring(a == require "lib.a")) end)]],
    ["lib/a.lua"] = 'local name, file = ... return { name = name .. ":" .. file .. " " }',
    ["lib/init.lua"] = 'return { name = "init " }',
  }
  equal("lib.a:lib/a.lua init true", app.nodes.markdown.props.value)
end)

it("a module that requires itself is named", function()
  local why = s.load_failure { ["app.lua"] = 'require "a"', ["a.lua"] = 'require "b"', ["b.lua"] = 'require "a"' }
  match("'a' requires itself", why.message)
  equal("b.lua", why.file)
end)

it("json encodes and decodes, and says what is wrong", function()
  local app = s.handler [[
    local t = json.decode '{"a":[1,2.5,null,"x"],"b":null,"c":{}}'
    session.r = { t.a[1], t.a[2], tostring(t.a[3] == json.null), t.a[4], tostring(t.b),
      json.encode { b = 1, a = { true, json.null } }, select(2, json.decode "{"), select(2, json.encode { f = print }) }
  ]]
  local v = app:open()
  v:click "go"
  local r = v:stored().r
  equal({ 1, 2.5, "true", "x", "nil", '{"a":[true,null],"b":1}' }, { table.unpack(r, 1, 6) })
  match("JSON: line 1", r[7])
  match("value%.f: a function", r[8])
end)

it("time waits and measures, os tells the time", function()
  local app = s.handler [[
    local before = time.monotonic()
    time.sleep(0.02)
    session.r = { time.monotonic() - before >= 0.02, os.time() > 1e9, os.clock() >= 0, type(os.date()) }
  ]]
  local v = app:open()
  v:click "go"
  equal({ true, true, true, "string" }, v:stored().r)
end)
