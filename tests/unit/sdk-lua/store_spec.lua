-- vitrine.store: what a handler asks the platform to keep, and how it waits for it.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local BEFORE = 'local store = require "vitrine.store"\n'
local function handler(body) return s.handler(body, { before = BEFORE }) end

it("a handler waits for what it asks, and another goes on meanwhile", function()
  local app = handler [[
    local value, revision = store.get "greeting"
    out:set(value.text .. " " .. revision .. " " .. math.type(value.n) .. " " .. math.type(value.f))
  ]]
  local v, other = app:open(), app:open()
  local n = v:fire("go", "click")
  local ask = app:await_ask()
  equal("store", ask.service)
  equal("get", ask.ask)
  equal({ key = "greeting" }, ask.args)
  equal(v.channel, ask.channel)
  equal(n, ask.node)
  other:click "quick"
  equal("quick", other:see "out")
  app:answer(ask, '{"value":{"text":"Hello","n":1,"f":1.0},"revision":7}')
  v:await(n)
  equal("Hello 7 integer float", v:see "out")
end)

it("values travel as in the session table, and what cannot be kept is said with its place", function()
  local app = handler [[
    local revision = store.set("k", { list = { 1, 2.5, "ü" }, map = { a = true } })
    local ok, e = pcall(store.set, "k", { deep = { f = print } })
    local big, e2 = pcall(store.set, "k", ("x"):rep(1200000))
    out:set(revision .. "|" .. e.code .. "|" .. e.message .. "|" .. e2.code)
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local ask = app:await_ask()
  equal({ key = "k", value = { list = { 1, 2.5, "ü" }, map = { a = true } } }, ask.args)
  app:answer(ask, '{"revision":3}')
  v:await(n)
  equal("3|bad_input|store.set: value.deep.f: a function cannot be kept|too_large", v:see "out")
end)

it("a refusal is raised with its code, and shown where nobody catches it", function()
  local app = handler [[ store.set("k", 1) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  app:refuse(app:await_ask(), "quota", "the Space has 100000 keys, the limit is 100000")
  local group = v:await(n)
  match("store.set: the Space has 100000 keys", group.fail.message)
end)

it("set with a revision says when somebody was faster", function()
  local app = handler [[
    local new, current = store.set("k", 1, { revision = 4 })
    local gone, now = store.delete("k", { revision = 5 })
    out:set(tostring(new) .. " " .. current .. " " .. tostring(gone) .. " " .. tostring(now))
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local ask = app:await_ask()
  equal(4, ask.args["if"])
  app:answer(ask, '{"conflict":true,"revision":5}')
  ask = app:await_ask()
  equal({ key = "k", ["if"] = 5 }, ask.args)
  app:answer(ask, '{"deleted":true}')
  v:await(n)
  equal("nil 5 true nil", v:see "out")
end)

it("update asks its function again when somebody was faster", function()
  local app = handler [[ out:set(tostring(store.user.update("n", function(n) return (n or 0) + 1 end))) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local ask = app:await_ask()
  equal({ key = "n", user = true }, ask.args)
  app:answer(ask, "{}")
  ask = app:await_ask()
  equal({ key = "n", user = true, value = 1, ["if"] = 0 }, ask.args)
  app:answer(ask, '{"conflict":true,"revision":9}')
  app:answer(app:await_ask(), '{"value":41,"revision":9}')
  ask = app:await_ask()
  equal({ key = "n", user = true, value = 42, ["if"] = 9 }, ask.args)
  app:answer(ask, '{"revision":10}')
  v:await(n)
  equal("42", v:see "out")
end)

it("what a cancelled handler waits for is stopped, and its late answer is nobody's", function()
  local app = handler [[ store.get "a" out:set "done" ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local ask = app:await_ask()
  v:cancel(n)
  equal(s.FAIL.CANCELLED, v:await(n).fail.op)
  app:until_(function() return app.unasked[ask.seq] end, "HOST_STOP")
  app:answer(ask, "{}")
  v:click "quick"
  equal("quick", v:see "out")
end)

it("a gateway that took over is sent again what waits, once, and nothing that was answered", function()
  local app = handler [[ local a = store.get "a" local b = store.get "b" out:set(a .. b) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local first = app:await_ask()
  app:answer(first, '{"value":"A","revision":1}')
  local second = app:await_ask()
  app:send("RESUME", { channel = 0, seq = 2 })
  app:send("RESUME", { channel = 0, seq = 3, op = 1 })
  local again = app:await_ask()
  equal(second.seq, again.seq)
  equal(second.value, again.value)
  app:await "HELLO"
  app:answer(again, '{"value":"B","revision":2}')
  v:await(n)
  equal("AB", v:see "out")
  equal(0, #app.asked)
end)

it("an answer that is no JSON fails the call and not the worker", function()
  local app = handler [[ out:set(select(2, pcall(store.get, "a")).message) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  app:answer(app:await_ask(), "{")
  v:await(n)
  match("cannot read", v:see "out")
end)

it("mistakes point at the line of the app", function()
  local app = handler [[
    local words = {}
    local function try(...) local _, e = pcall(...) words[#words + 1] = e end
    try(store.get, "") try(store.set, "k") try(store.set, "k", 1, { revisoin = 1 }) try(store.update, "k", 1)
    try(store.list, { limit = 0 }) try(store.user.get, 7)
    out:set(table.concat(words, "\n"))
  ]]
  local v = app:open()
  v:click "go"
  local said = v:see "out"
  match("^app.lua:%d+: store.get: a key is a text of 1 to 200 bytes %(got the string \"\"%)", said)
  match("store.set: a value is needed; store.delete takes a key away", said)
  match("did you mean 'revision'", said)
  match("store.update: a function is needed", said)
  match("store.list: 'limit' is 1 to 1000 %(got 0%)", said)
  match("store.user.get: a key is", said)
end)

it("while the app loads there is no store", function()
  local why = s.load_failure(BEFORE .. 'store.get "x"\nreturn require "vitrine.ui".page({}, function() end)')
  match("store.get: the store answers visitors", why.message)
  equal(2, why.line)
end)

it("a file is written in pieces and read in pieces", function()
  local app = handler [[
    local file = store.files.open("out/a.bin", "w")
    file:write(("x"):rep(600 << 10)):write(7)
    local stat = file:close()
    local back = store.files.open "out/a.bin"
    local text = back:read(10) .. back:read "a"
    out:set(stat.revision .. " " .. #text .. " " .. text:sub(-1) .. " " .. tostring(back:read(1)))
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local ask = app:await_ask()
  equal("file.begin", ask.ask)
  equal({ name = "out/a.bin" }, ask.args)
  app:answer(ask, '{"id":"i"}')
  local kept = ""
  for _, size in ipairs { 512 << 10, 88 << 10, 1 } do
    ask = app:await_ask()
    equal("file.write", ask.ask)
    equal({ id = "i", offset = #kept }, ask.args)
    equal(size, #ask.raw)
    kept = kept .. ask.raw
    app:answer(ask, "{}")
  end
  ask = app:await_ask()
  equal({ id = "i", name = "out/a.bin", size = #kept }, ask.args)
  app:answer(ask, ('{"size":%d,"revision":4,"written":1}'):format(#kept))
  app:answer(app:await_ask(), ('{"size":%d,"revision":4,"written":1}'):format(#kept))
  for _ = 1, 3 do
    ask = app:await_ask()
    equal("file.read", ask.ask)
    equal(4, ask.args.revision)
    app:answer(ask, ('{"size":%d,"revision":4}'):format(#kept), kept:sub(ask.args.offset + 1, ask.args.offset + ask.args.n))
  end
  v:await(n)
  equal(("4 %d 7 nil"):format(#kept), v:see "out")
end)

it("a file that is replaced while it is read says so, and one that is not closed is nobody's", function()
  local app = handler [[
    local file = store.files.open "a"
    local ok, e = pcall(file.read, file, 5)
    local done, words = pcall(function()
      local new <close> = store.files.open("b", "w")
      error "no"
    end)
    out:set(e.code .. " " .. tostring(store.files.open "none"))
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  app:answer(app:await_ask(), '{"size":9,"revision":4,"written":1}')
  app:answer(app:await_ask(), '{"changed":true}')
  app:answer(app:await_ask(), '{"id":"i"}')
  local ask = app:await_ask()
  equal("file.stat", ask.ask)
  app:answer(ask, "{}")
  v:await(n)
  equal("changed nil", v:see "out")
end)

it("arguments are an object, also where there are none", function()
  local app = handler [[ out:set(store.usage().keys .. #store.list() .. #store.files.list()) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  for _, answer in ipairs { '{"keys":7}', '{"items":[]}', '{"items":[]}' } do
    local ask = app:await_ask()
    match("%z{}$", ask.value)
    app:answer(ask, answer)
  end
  v:await(n)
  equal("700", v:see "out")
end)
