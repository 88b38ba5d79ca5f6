-- Attacks out of the Lua VM: numbers 1 to 14 of the catalogue in docs/THREATS.md. Every one runs as
-- an app on the real host.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function quiet(app, f)
  app.bench:capture()
  local result = f()
  return result, app.bench:captured()
end

-- Runs the body in a handler; what it stores is the result.
local function run(body, options)
  local app = s.handler(body, options)
  local v = app:open()
  local group = quiet(app, function() return v:click "go" end)
  if group.fail then error(group.fail.message, 2) end
  return v:stored(), v, app
end

-- --- 1, 3, 7: what can be reached ------------------------------------------------------------

local WALK = [[
  local seen, lines, queue = {}, {}, {}
  local function visit(path, value)
    local kind = type(value)
    if kind == "number" then kind = math.type(value) end
    lines[#lines + 1] = path .. ": " .. kind
    if kind == "string" or kind == "boolean" or kind == "integer" or kind == "float" or seen[value] then return end
    seen[value] = true
    queue[#queue + 1] = { path, value }
  end
  visit("_G", _G)
  visit("ui", ui) visit("models", models) visit("json", json) visit("time", time) visit("log", require "vitrine.log")
  visit("store", require "vitrine.store") visit("secrets", require "vitrine.secrets") visit("variables", require "vitrine.variables")
  visit("http", require "vitrine.http")
  visit("session", session) visit("component", out) visit("chat", models.chat "a/b")
  visit("generator", models.generate "a/b") visit("pipeline", models.pipeline("chat", "a/b"))
  visit("string metatable", getmetatable(""))
  visit("bytes", ui.bytes("x", "image/png"))
  visit("error", select(2, pcall(ui.refuse, "x")))
  visit("coroutine", coroutine.running())
  visit("gmatch", string.gmatch("x", "x"))
  while #queue > 0 do
    local path, value = table.unpack(table.remove(queue, 1))
    local mt = getmetatable(value)
    if mt ~= nil then visit(path .. "<metatable>", mt) end
    if type(value) == "table" then
      local keys = {}
      for k in next, value do keys[#keys + 1] = k end
      table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
      for _, k in ipairs(keys) do visit(path .. "." .. tostring(k), value[k]) end
    end
  end
  session.lines = lines
]]

-- catalogue 1, 3, 7
it("what an app can reach is the golden list and nothing else", function()
  local lines = run(WALK).lines
  local here = debug.getinfo(1, "S").source:match "^@(.*)/"
  local file = assert(io.open(here .. "/reachable.txt"))
  local want = file:read "a"
  file:close()
  local got = table.concat(lines, "\n") .. "\n"
  if got ~= want then
    local known = {}
    for line in want:gmatch "[^\n]+" do known[line] = true end
    local new = {}
    for _, line in ipairs(lines) do
      if not known[line] then new[#new + 1] = line end
      known[line] = nil
    end
    local gone = {}
    for line in pairs(known) do gone[#gone + 1] = line end
    if os.getenv "WRITE_GOLDEN" then
      file = assert(io.open(here .. "/reachable.txt", "w"))
      file:write(got)
      file:close()
    end
    error("new: " .. table.concat(new, ", ") .. "; gone: " .. table.concat(gone, ", "))
  end
end)

-- catalogue 1, 3, 7
it("the libraries that are left out are absent under every name", function()
  local r = run [[
    session.r = {}
    for _, name in ipairs { "os", "io", "debug", "package", "require", "dofile", "loadfile", "string" } do
      session.r[name] = type(rawget(_G, name))
    end
    for _, name in ipairs { "execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname" } do
      session.r["os." .. name] = type(os[name])
    end
    session.r.dump, session.r.close = type(string.dump), type(coroutine.close)
    session.r.searchers = tostring(pcall(require, "os")) .. tostring(pcall(require, "io")) .. tostring(pcall(require, "debug"))
    session.r.traversal = tostring(pcall(require, "../app")) .. tostring(pcall(require, "/etc/passwd"))
  ]].r
  local want = { os = "table", string = "table", require = "function", searchers = "falsefalsefalse", traversal = "falsefalse" }
  for _, name in ipairs { "io", "debug", "package", "dofile", "loadfile", "dump", "close", "os.execute", "os.exit", "os.getenv",
    "os.remove", "os.rename", "os.setlocale", "os.tmpname" } do
    want[name] = "nil"
  end
  equal(want, r)
end)

-- --- 2: bytecode -----------------------------------------------------------------------------

-- catalogue 2
it("20000 mutated binary chunks are refused", function()
  local chunk = string.dump(load [[
    local t = { 1, 2.5, "x", n = true }
    local function f(...) local a <const>, b <close> = ... return a and t[a] or f(b, ...) end
    for i = 1, 10 do t[i] = f(i, nil) // 3 .. "y" end
    return f, t
  ]])
  local files = {
    ["chunk.lua"] = ("return %q"):format(chunk),
    ["app.lua"] = [[
      local ui, chunk = require "vitrine.ui", require "chunk"
      local function mutate(from)
        local bytes = { chunk:byte(1, -1) }
        for _ = 1, math.random(8) do bytes[math.random(from, #bytes)] = math.random(0, 255) end
        local text = string.char(table.unpack(bytes))
        return math.random(4) == 1 and text:sub(1, math.random(from, #text)) or text
      end
      return ui.page({}, function()
        local go = ui.button { "Go", id = "go" }
        go:on_click(function(session)
          local made, words = 0, {}
          for i = 1, 20000 do
            local text = mutate(i <= 10000 and 2 or 1) -- the second half may lose its first byte
            local mode = ({ "b", "t", "bt", nil })[i % 5]
            local f, why
            if i % 7 == 0 then
              local pieces = { text:sub(1, 1), text:sub(2, 4), text:sub(5) }
              local at = 0
              f, why = load(function() at = at + 1 return pieces[at] end, "=x", mode)
            else
              f, why = load(text, "=x", mode)
            end
            if f then made = made + 1 end
            if i <= 10000 then words[why] = true end
          end
          local list = {}
          for w in pairs(words) do list[#list + 1] = w end
          table.sort(list)
          session.made, session.words = made, list
        end)
        return go
      end)]],
  }
  local app = s.load(files)
  local v = app:open()
  v:click "go"
  equal({
    "attempt to load a binary chunk (mode is 't')",
    "attempt to load a text chunk (mode is 'b')",
  }, v:stored().words)
  if v:stored().made > 0 then
    error("mutated chunks whose first byte is no longer ESC were taken for source: " .. v:stored().made)
  end
end)

-- catalogue 2
it("an app file or module of bytecode is refused", function()
  match("binary chunk", s.load_failure({ ["app.lua"] = string.dump(function() end) }).message)
  match("binary chunk", s.load_failure({ ["app.lua"] = 'require "m"', ["m.lua"] = string.dump(function() end) }).message)
end)

-- --- 4: environments -------------------------------------------------------------------------

-- catalogue 4
it("load with an environment sees that environment and never the SDK's", function()
  local r = run [[
    local own = { y = 2 }
    local inside = load("x = 1; return _G, _ENV, y, ui, host, lua", "c", "t", own)
    local g, env, y, a, b, c = inside()
    session.own = { tostring(g), env == own, own.x, y, tostring(a), tostring(b), tostring(c) }
    local default = load("return _ENV")()
    session.default = { default == _G, rawget(default, "dofile") == nil, rawget(default, "host") == nil }
    session.upvalues = pcall(load, "return host") and not pcall(load("return host"))
    session.nested = select(2, load("return load('return _ENV', 'n', 't', _ENV)()", "c", "t", { load = load })()) == nil
    session.string_env = pcall(load("return x", "c", "t", "not a table"))
  ]]
  equal({ "nil", true, 1, 2, "nil", "nil", "nil" }, r.own)
  equal({ true, true, true }, r.default)
  equal(true, r.upvalues)
  equal(true, r.nested)
end)

-- --- 5, 6: a poisoned library ----------------------------------------------------------------

-- What a tour through the SDK shows and keeps; the libraries it uses itself are taken before.
local TOUR = [[
    local E = {}
    local function try(name, f, ...) local ok, why = P(f, ...) if not ok then E[name] = T(why) == "table" and why.message or why end end
    out:set("text") out:append(" more") out:update { label = "L" } out:update { visible = true }
    num:set(3.5) try("num", num.set, num, "x") try("num2", num.set, num, 0 / 0)
    md:set("# hi") md:append("!") md:clear()
    chat:append { role = "user", content = "q" }
    local m = chat:append { role = "assistant", content = "a" } m:add("bc") m:set("abcd")
    try("role", chat.append, chat, { role = 1 })
    lab:set { { label = "pos", score = 0.9 }, { label = "neg", score = 0.1 } }
    lab:set { good = 0.5, bad = 0.25 }
    js:set { a = { 1, 2, { b = "x" } } } try("cycle", function() local t = {} t.t = t js:set(t) end)
    img:set(ui.bytes("BYTES", "image/png")) try("bytes", ui.bytes, 1, 2) try("img", img.set, img, "missing.png")
    drop:set { "x" } sl:set(5) sl:clear() chk:set(true) chk:clear()
    ui.info("i") ui.warn("w") ui.error("e") ui.progress(0.5, "half") try("progress", ui.progress, 7)
    try("refuse", ui.refuse, "no") try("field", out.update, out, { lable = "x" }) try("prop", function() return out.colour end)
    try("near", function() return ui.textbocks end) try("make", ui.textbox, {}) try("handler", go.on_click, go, print)
    session.decoded = json.decode '{"a":[1,null,{"b":"\\u00e9"}],"c":1.5}' try("json", function() error(L(2, json.decode "{")) end)
    session.encoded = json.encode { z = 1, a = { true, json.null } }
    session.clock = time.monotonic() > 0 time.sleep(0)
    try("sleep", time.sleep, -1) try("model", models.chat, "x") try("task", models.pipeline, "text-clasification", "a/b")
    local okc, whyc = P(mood, "x") E.call = whyc.message
    session.values = { out.value, num.value, md.value, #chat.value, lab.value.label, js.value.a[3].b, sl.value, chk.value, drop.value[1] }
    session.user, session.query = nil, nil
    session.who, session.asked = session:user(), session:query().q
    session:save() session:progress(1)
    session.errors = E
]]

local function tour_app(prelude)
  return [[
local ui, models, json, time = require "vitrine.ui", require "vitrine.models", require "vitrine.json", require "vitrine.time"
local P, T, L, print = pcall, type, select, print
local error, pcall = error, pcall
]] .. prelude .. [[

return ui.page({ title = "Tour" }, function(page)
  local out, num, md = ui.textbox { id = "out" }, ui.number { id = "num", min = 0 }, ui.markdown { "m", id = "md" }
  local chat, lab, js, img = ui.chatbot { id = "chat" }, ui.label { id = "lab" }, ui.json { id = "js" }, ui.image { id = "img" }
  local drop = ui.dropdown { id = "drop", choices = { "x", "y" }, multiple = true }
  local sl, chk, go = ui.slider { id = "sl", min = 1, max = 9 }, ui.checkbox { id = "chk" }, ui.button { "Go", id = "go" }
  local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")
  go:on_click(function(session)]] .. TOUR .. [[  end)
  return ui.column { out, ui.row { num, md }, chat, lab, js, img, drop, sl, chk, go,
    ui.examples { inputs = { out, num }, rows = { { "a", 1 } } } }
end)]]
end

local PRELUDE = [[
do
  local next, rawset, type, getmetatable = next, rawset, type, getmetatable
  local evil = function(...) return "evil", ... end
  local keep = { _G = true }
  for name, lib in next, _G do
    if type(lib) == "table" and not keep[name] then for k in next, lib do lib[k] = evil end end
  end
  for name, value in next, _G do
    if not keep[name] then rawset(_G, name, type(value) == "table" and {} or evil) end
  end
end
]]

local function tour(prelude)
  local app = s.load(tour_app(prelude))
  local v = app:open { user = "ada", query = { q = "1" } }
  app.bench:hang_up "infer" -- a model call fails in words
  app:pump(2)
  local group = quiet(app, function() return v:click "go" end)
  if group.fail then error(group.fail.message .. " " .. (group.fail.traceback or "")) end
  local patches = {}
  for _, g in ipairs(v.groups) do
    for _, p in ipairs(g.patches) do
      if type(p.value) == "table" and p.value.file then p.value.file = "ID" end
      patches[#patches + 1] = p
    end
  end
  local tree = app.hello
  tree.load_usec = nil
  return { tree = tree, patches = patches, stored = v:stored() }
end

-- catalogue 5, 6
it("after a hostile prelude every SDK call gives what it gives without", function()
  -- lines stay the same, because errors name them
  local calm, poisoned = tour(PRELUDE:gsub("[^\n]", "")), tour(PRELUDE)
  equal(calm.tree, poisoned.tree)
  equal(calm.stored, poisoned.stored)
  equal(#calm.patches, #poisoned.patches)
  for i, p in ipairs(calm.patches) do equal(p, poisoned.patches[i], "patch " .. i) end
  if #calm.patches < 25 then error "the tour shows too little" end
end)

-- catalogue 5
it("the strings' metatable cannot be had, and its methods are the app's own", function()
  local r = run [[
    session.mt = { tostring(getmetatable("")), pcall(setmetatable, "", {}) }
    string.upper = function() return "mine" end
    session.upper = ("x"):upper()
    string.format, string.find, string.sub = nil, nil, nil
    out:update { label = "still" }
    session.why = select(2, pcall(out.set, nil, 1))
  ]]
  equal("false", r.mt[1])
  equal(false, r.mt[2])
  equal("mine", r.upper)
  match("call it with ':'", r.why)
end)

-- --- 8: finalizers ---------------------------------------------------------------------------

-- catalogue 8
it("no function of an app ever runs as a finalizer", function()
  local r = run [[
    local ran = 0
    local function finalize() ran = ran + 1 end
    session.refused = {
      pcall(setmetatable, {}, { __gc = finalize }), pcall(setmetatable, {}, { __gc = true }),
      pcall(setmetatable, {}, setmetatable({ __gc = finalize }, { __index = function() end })),
    }
    local mt = {}
    for i = 1, 100 do setmetatable({}, mt) end
    mt.__gc = finalize
    for i = 1, 100 do pcall(setmetatable, {}, mt) end
    local lazy = setmetatable({}, { __index = { __gc = finalize } })
    for i = 1, 100 do setmetatable({}, lazy) end
    setmetatable(mt, { __index = { __gc = finalize } })
    collectgarbage() collectgarbage()
    session.ran = ran
    session.why = select(2, pcall(setmetatable, {}, { __gc = finalize }))
  ]]
  equal({ false, false, false }, { r.refused[1], r.refused[2], r.refused[3] })
  equal(0, r.ran)
  match("'__gc' is not there", r.why)
end)

-- --- 9, 10: every function with everything ---------------------------------------------------

local FUZZ = [==[
local ui, models, json, time = require "vitrine.ui", require "vitrine.models", require "vitrine.json", require "vitrine.time"
math.randomseed(SEED)
-- The storm may change every library.
local pcall, type, next, pairs, ipairs, error, tostring, rawset, setmetatable = pcall, type, next, pairs, ipairs, error, tostring, rawset, setmetatable
local random, find, match, rep, sort, unpack = math.random, string.find, string.match, string.rep, table.sort, table.unpack
local create, resume, status, running, yield = coroutine.create, coroutine.resume, coroutine.status, coroutine.running, coroutine.yield
local raw, G = rawget, _G
local null, encode, info, mininteger, maxinteger, sin = json.null, json.encode, ui.info, math.mininteger, math.maxinteger, math.sin
local string, table, utf8, coroutine, math, os, print = string, table, utf8, coroutine, math, os, print
local depth = 0
local function hostile(kind)
  local mt = {}
  local names = { "__index", "__newindex", "__tostring", "__len", "__eq", "__lt", "__le", "__concat", "__call", "__unm", "__add",
    "__pairs", "__close", "__name" }
  for _, name in ipairs(names) do
    if kind == "raises" then mt[name] = function() error("from " .. name) end
    elseif kind == "raises a table" then mt[name] = function() error({ message = 5, [1] = {} }) end
    elseif kind == "yields" then mt[name] = function() yield(name) return "y" end
    elseif kind == "lies" then mt[name] = function(t, k) return ({ 1, "x", true, -3, 2.5, false, t })[random(7)] end
    elseif kind == "changes" then
      mt[name] = function(t, k)
        if type(t) == "table" then for key in next, t do rawset(t, key, nil) end rawset(t, 1, t) end
        return "changed"
      end
    elseif kind == "calls" then
      mt[name] = function(t)
        depth = depth + 1
        if depth < 4 then pcall(info, t) pcall(encode, t) pcall(tostring, t) end
        depth = depth - 1
        return t
      end
    end
  end
  mt.__name = kind == "lies" and 42 or "kind\0of"
  return setmetatable({ 1, 2, a = "b", file = "f", role = "user", content = "c", label = "l", value = "v", message = "m" }, mt)
end

local cyclic = {} cyclic[1], cyclic.self = cyclic, cyclic
local deep = {} do local t = deep for _ = 1, 200 do t[1] = {} t = t[1] end end

local built = {}
local function pool(session)
  local list = {
    n = 0,
    nil, true, false, 0, -1, 1, 1.5, 0 / 0, 1 / 0, -1 / 0, mininteger, maxinteger, 1e300, "", "x", "value", "on_click",
    rep("x", 5000), "bad \xff utf8", "nul \0 byte", "<script>alert(1)</script>", "__proto__", "a/b", "../../etc/passwd", "\27Lua", "%s%p%n",
    {}, { 1, 2, 3 }, { a = 1, b = { c = 2 } }, { fn = print }, { "text", label = "x" }, cyclic, deep, print, function() end, sin,
    function() error "callback" end, create(function() end), running(), null, ui, models, json, time, session,
    G, string, { role = "user", content = "c" }, { file = "f", name = 1, size = "x" }, { [1.5] = 2 }, { [true] = 1 }, { [null] = 3 },
    hostile "raises", hostile "raises a table", hostile "yields", hostile "lies", hostile "changes", hostile "calls",
    { hostile "raises", x = hostile "lies" }, { value = hostile "lies", label = hostile "raises" },
  }
  list.n = 66
  for _, v in pairs(built) do list.n = list.n + 1 list[list.n] = v end
  return list
end

local function functions(session)
  local found = {}
  local function add(prefix, name, f)
    if type(f) == "function" and type(name) == "string" then found[#found + 1] = { prefix .. name, f } end
  end
  for name, f in pairs { models = models, json = json } do
    for k, v in pairs(f) do add(name .. ".", k, v) end
  end
  for k, v in pairs(ui) do add("ui.", k, v) end
  for key, c in pairs(built) do
    for _, name in ipairs { "set", "update", "clear", "append", "on_click", "on_change", "on_submit", "on_load", "stream", "complete", "add",
      "read", "on_upload", "on_input", "on_select" } do
      local ok, f = pcall(function() return c[name] end)
      if ok then add(key .. ":", name, f) end
    end
    add(key, " index", function(_, k) return c[k] end)
    add(key, " newindex", function(_, k, v) c[k] = v end)
    add(key, " tostring", function() return tostring(c) end)
  end
  for _, name in ipairs { "save", "progress", "user", "query" } do if session then add("session:", name, session[name]) end end
  for _, name in ipairs { "print", "require", "load", "setmetatable", "tostring", "select", "xpcall", "collectgarbage", "getmetatable",
    "tonumber", "ipairs", "next", "rawset", "rawget" } do
    add("", name, raw(G, name))
  end
  for lib, t in pairs { string = string, table = table, utf8 = utf8, coroutine = coroutine, math = math, os = os } do
    for k, v in pairs(t) do add(lib .. ".", k, v) end
  end
  sort(found, function(a, b) return a[1] < b[1] end)
  return found
end

local SKIP = { ["coroutine.yield"] = true, ["table.unpack"] = true, ["string.rep"] = true }

local function storm(session, calls)
  local list, values, inner = functions(session), nil, {}
  for i = 1, calls do
    if i % 200 == 1 then values = pool(session) end
    local f = list[random(#list)]
    if not SKIP[f[1]] and (session or f[1] ~= "print") then
      local n = random(0, 4)
      local args = {}
      for k = 1, n do args[k] = values[random(values.n)] end
      -- a method gets its own object as often as not
      local own = built[match(f[1], "^(%w+):")]
      if own and random(2) == 1 then args[1] = own end
      local co = create(f[2])
      local ok, why = resume(co, unpack(args, 1, n))
      for _ = 1, 3 do
        if status(co) == "suspended" then ok, why = resume(co, nil) end
      end
      -- table.sort compares in Lua
      why = not ok and tostring(type(why) == "string" and why) or ""
      if find(why, "sdk:.*attempt to") and f[1] ~= "table.sort" then inner[f[1] .. ": " .. why] = true end
    end
  end
  local words = {}
  for k in pairs(inner) do words[#words + 1] = k end
  sort(words)
  return words
end

local loading
local page = ui.page({ title = "Fuzz" }, function(page)
  built.page = page
  built.textbox, built.number, built.markdown = ui.textbox { id = "out" }, ui.number { id = "num" }, ui.markdown { "m", id = "md" }
  built.chatbot, built.label, built.json = ui.chatbot { id = "chat" }, ui.label { id = "lab" }, ui.json { id = "js" }
  built.image, built.dropdown = ui.image { id = "img" }, ui.dropdown { id = "drop", choices = { "x", "y" }, multiple = true }
  built.slider, built.checkbox, built.button = ui.slider { id = "sl" }, ui.checkbox { id = "chk" }, ui.button { "B", id = "b" }
  local column = { built.textbox, built.number, built.markdown, built.chatbot, built.label, built.json, built.image, built.dropdown,
    built.slider, built.checkbox, built.button }
  local root = ui.column(column)
  local go, quick = ui.button { "Go", id = "go" }, ui.button { "Quick", id = "quick" } -- not in the storm's reach
  quick:on_click(function() built.textbox:set("quick") end)
  built.chat, built.generate, built.pipeline = models.chat "a/b", models.generate "a/b", nil
  go:on_click(function(session)
    built.message = built.chatbot:append { role = "assistant", content = "x" }
    local inner = storm(session, CALLS)
    for k in next, session do session[k] = nil end
    session.inner, session.loading = inner, loading
    built.textbox:set("calm again")
  end)
  local whole = ui.column { root, go, quick }
  loading = storm(nil, LOAD_CALLS) -- last: it may change the modules' tables
  return whole
end)
return page
]==]

-- catalogue 9, 10
it("every function takes every type and every hostile metamethod", function()
  for round = 1, 3 do
    local seed = (tonumber(os.getenv "FUZZ_SEED") or 40) + round
    local app = s.load((FUZZ:gsub("SEED", seed):gsub("LOAD_CALLS", "4000"):gsub("CALLS", "6000")), { cpu_ms = 300000 })
    app.bench:hang_up "infer"
    app:pump(2)
    local v = app:open()
    local group = quiet(app, function() return v:click "go" end)
    if group.fail then error(group.fail.message .. " " .. (group.fail.traceback or "")) end
    equal({}, v:stored().inner, "errors inside the SDK, round " .. round)
    equal({}, v:stored().loading, "errors inside the SDK while loading, round " .. round)
    equal("calm again", v:see "out")
    v:click "quick"
    equal("quick", v:see "out")
    app.bench:close()
  end
end)

-- --- 11: coroutines --------------------------------------------------------------------------

-- catalogue 11
it("coroutine tricks end in Lua errors", function()
  local r = run [[
    local r = {}
    session.r = r
    local create, resume, wrap, yield = coroutine.create, coroutine.resume, coroutine.wrap, coroutine.yield
    local function why(...) return tostring(select(select("#", ...), ...)) end
    local handler = coroutine.running()
    r.self = why(resume(handler))
    r.handler = why(resume(create(function() return resume(handler) end)))
    local co
    co = create(function() return resume(co) end)
    r.running = why(resume(co))
    r.dead = why(resume(co))
    local w
    w = wrap(function() return w() end)
    r.wrapped = why(pcall(w))
    r.wrapped_dead = why(pcall(w))
    local outer
    outer = create(function() return resume(create(function() return resume(outer) end)) end)
    r.parent = why(resume(outer))
    local lazy = setmetatable({}, { __index = function() return yield "deep" end })
    r.boundary = why(resume(create(function() return table.concat(lazy, ",", 1, 3) end)))
    r.callback = why(resume(create(function() return pcall(string.gsub, "abc", ".", function(c) return yield(c) end) end)))
    r.closing = why(pcall(function() local x <close> = setmetatable({}, { __close = function() error("in close", 0) end }) end))
    local c = wrap(function()
      local x <close> = setmetatable({}, { __close = function() yield "in close" end })
      return "end"
    end)
    r.yield_in_close = c() .. ", " .. c()
    c = create(function()
      local x <close> = setmetatable({}, { __close = function() yield "in error close" end })
      error("first", 0)
    end)
    r.error_close = why(resume(c))
    r.error_close_end = why(resume(c))
    local function nest(n) return n == 0 and "bottom" or wrap(nest)(n - 1) end
    r.nested, r.too_deep = nest(50), why(pcall(nest, 250))
    r.arguments = why(pcall(wrap(function(...) return select("#", ...) end), table.unpack({}, 1, 200000)))
    r.types = why(pcall(resume, 1)) .. why(pcall(create, 1)) .. why(pcall(wrap, {})) .. tostring(coroutine.close)
  ]].r
  equal("cannot resume non-suspended coroutine", r.self)
  match("a handler is in", r.handler)
  match("non%-suspended", r.running)
  match("dead", r.dead)
  match("non%-suspended", r.wrapped)
  match("dead", r.wrapped_dead)
  match("non%-suspended", r.parent)
  match("C%-call boundary", r.boundary)
  equal("a", r.callback)
  equal("in close", r.closing)
  equal("in close, end", r.yield_in_close)
  -- as in Lua, where only coroutine.close runs it
  equal("first", r.error_close)
  match("dead", r.error_close_end)
  equal("bottom", r.nested)
  match("C stack overflow", r.too_deep)
  equal("200000", r.arguments)
  match("coroutine expected.*function expected.*function expected.*nil$", r.types)
end)

-- catalogue 11
it("one handler cannot go on with another one's coroutine, nor with one that has ended", function()
  local app = s.load [[
    local ui, time = require "vitrine.ui", require "vitrine.time"
    local stolen, inner
    return ui.page({}, function()
      local out, wait, steal = ui.textbox { id = "out" }, ui.button { "Wait", id = "wait" }, ui.button { "Steal", id = "steal" }
      wait:on_click(function(session)
        stolen = coroutine.running()
        inner = coroutine.create(function() time.sleep(0.05) return "slept" end)
        session.mine = select(2, coroutine.resume(inner))
      end)
      steal:on_click(function(session)
        session.handler = tostring(select(2, coroutine.resume(stolen, 1)))
        session.inner = tostring(select(2, coroutine.resume(inner, 1)))
        session.status = coroutine.status(stolen)
      end)
      return ui.column { out, wait, steal }
    end)]]
  local a, b = app:open(), app:open()
  local n = a:fire("wait", "click")
  app:pump(3)
  b:click "steal"
  match("a handler is in", b:stored().handler)
  match("a handler is in", b:stored().inner)
  a:await(n)
  equal("slept", a:stored().mine)
  -- a's coroutine may be b's own by now
  b:click "steal"
  match("cannot resume", b:stored().handler)
  match("dead", b:stored().inner)
end)

-- --- 12: addresses ---------------------------------------------------------------------------

-- catalogue 12
it("no address is ever printed, and one object always has the same name", function()
  local app = s.handler [[
    local t, f, co = {}, function() end, coroutine.create(function() end)
    local named = setmetatable({}, { __name = "thing" })
    local all = { t, f, co, named, print, string.find, json.null, ui, out, session, _G, models.chat "a/b", ui.bytes("", "a/b"), coroutine.running(),
      string.gmatch("x", "x"), setmetatable({}, { __name = 5 }) }
    local words = {}
    for i, v in ipairs(all) do
      words[#words + 1] = tostring(v)
      words[#words + 1] = string.format("%s|%20s|%-20s|%.4s", v, v, v, v)
      words[#words + 1] = select(2, pcall(function() return ui[v] end))
      words[#words + 1] = tostring(select(2, pcall(ui.textbox, { [v] = 1 })))
      words[#words + 1] = tostring(select(2, pcall(function() return _G[v] end)))
      words[#words + 1] = tostring(select(2, pcall(function() return #v + v .. v end)))
      words[#words + 1] = tostring(select(2, pcall(table.concat, { v })))
      words[#words + 1] = tostring(select(2, pcall(load, function() return v end)))
      words[#words + 1] = tostring(select(2, pcall(json.encode, { v })))
      words[#words + 1] = tostring(select(2, pcall(error, v)))
      words[#words + 1] = tostring(select(2, pcall(string.format, "%q", v)))
      words[#words + 1] = tostring(select(2, pcall(string.format, "%d", v)))
    end
    session.words = {}
    for i, w in ipairs(words) do session.words[i] = tostring(w) end
    session.same = tostring(t) == tostring(t) and tostring(t) ~= tostring({}) and tostring(print) == tostring(print)
    session.name = tostring(named)
    session.p = {}
    for _, format in ipairs { "%p", "%20p", "%-p", "%s %p", "%%%p" } do
      session.p[#session.p + 1] = tostring(select(2, pcall(string.format, format, t, t)))
    end
    session.p[#session.p + 1] = string.format("%%p %s", "x")
    print(t, f, co, named, json.null, out)
    error(t)
  ]]
  local v = app:open()
  local group, log = quiet(app, function() return v:click "go" end)
  local stored = v:stored()
  stored = next(stored) and stored or error "nothing was stored"
  local text = table.concat(stored.words, "\n") .. log:gsub("session=%x+", ""):gsub("ref=%w+", "") .. group.fail.message
  local address = text:match "[^\n]*0x%x[^\n]*" or text:match "[^\n]*%x%x%x%x%x%x%x%x[^\n]*"
  if address then error("an address: " .. address) end
  equal(true, stored.same)
  match("^thing: %x+$", stored.name)
  for i = 1, 5 do match("invalid conversion '%%p' to 'format'", stored.p[i]) end
  equal("%p x", stored.p[6])
end)

-- --- 13: random numbers ----------------------------------------------------------------------

-- catalogue 13
it("two workers draw different numbers and ids", function()
  local body = [[
    session.r = {}
    for i = 1, 8 do session.r[i] = math.random(0) end
    out:set("x")
  ]]
  local first, second = run(body).r, run(body).r
  for i = 1, 8 do if first[i] == second[i] then error "the same number twice" end end
end)

-- catalogue 13
it("ids do not follow from math.random", function()
  local body = [[
    math.randomseed(1, 2)
    session.first = math.random(0)
    session.r = {}
    for i = 1, 4 do img:set(ui.bytes(("x"):rep(i), "image/png")) session.r[i] = img.value.file end
  ]]
  local function ids()
    local app = s.load('local ui = require "vitrine.ui" return ui.page({}, function() local img, go = ui.image { id = "img" }, ui.button { "Go", id = "go" } '
      .. "go:on_click(function(session) " .. body .. " end) return ui.column { img, go } end)")
    local v = app:open()
    v:click "go"
    local stored = v:stored()
    app.bench:close()
    return stored
  end
  local a, b = ids(), ids()
  equal(a.first, b.first)
  local seen = {}
  for _, list in ipairs { a.r, b.r } do
    for _, id in ipairs(list) do
      match("^%w+$", id)
      if seen[id] then error "an id twice" end
      seen[id] = true
    end
  end
end)

-- --- 14: handles -----------------------------------------------------------------------------

-- catalogue 14
it("a handle is worth nothing in another visitor's hands", function()
  local app = s.load [[
    local ui, models = require "vitrine.ui", require "vitrine.models"
    local kept, message, stream
    return ui.page({}, function()
      local photo, chat = ui.image { id = "photo", upload = true }, ui.chatbot { id = "chat" }
      local steal, model = ui.button { "Steal", id = "steal" }, ui.button { "Model", id = "model" }
      photo:on_upload(function(file, session)
        kept = file
        message = chat:append { role = "user", content = "mine" }
        session.read = file:read()
      end)
      model:on_click(function() stream = models.generate("a/b"):stream("x") stream() stream() end)
      steal:on_click(function(session)
        session.read = select(2, kept:read())
        session.forged = select(2, kept.read { file = "f1" })
        session.message = tostring(select(2, pcall(message.set, message, "yours")))
        session.stream = stream and select(2, pcall(stream)).code
        session.made = { tostring(pcall(kept.read, 1)), tostring(pcall(kept.read, { file = {} })), tostring(pcall(chat.set, {}, {})) }
      end)
      return ui.column { photo, chat, steal, model }
    end)]]
  local a, b = app:open(), app:open()
  app:send("FILE", { channel = a.channel, value = s.json.encode { id = "f1", name = "n", type = "image/png", size = 4 }, file = "MINE" })
  a:await(a:fire("photo", "upload", { photo = { file = "f1" } }))
  equal("MINE", a:stored().read)
  local n = a:fire("model", "click")
  app:token(app:await_call(), "tok")
  app:pump(3)
  b:click "steal"
  local got = b:stored()
  match("not here any more", got.read)
  match("not here any more", got.forged)
  match("another visitor", got.message)
  equal("cancelled", got.stream)
  equal({ "false", "false", "false" }, got.made)
  a:cancel(n)
  a:await(n)
end)
