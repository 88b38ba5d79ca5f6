-- The session table, groups, and what the gateway may ask for again.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

it("only changed keys travel", function()
  local app = s.handler [[
    session.n = (session.n or 0) + 1
    session.same = { a = { 1, 2, 3 }, b = "text" }
  ]]
  local v = app:open()
  equal(2, #v:click("go").images)
  local again = v:click "go"
  equal(1, #again.images)
  equal("n", again.images[1].key)
  equal({ n = 2, same = { a = { 1, 2, 3 }, b = "text" } }, v:stored())
end)

it("a list that grows sends its end only", function()
  local app = s.handler [[
    session.list = session.list or {}
    session.list[#session.list + 1] = { role = "user", content = ("x"):rep(1000) .. #session.list }
    session.text = (session.text or "") .. ("y"):rep(500)
  ]]
  local v = app:open()
  for _ = 1, 5 do v:click "go" end
  for _, image in ipairs(v.groups[5].images) do
    if image.kept < 1000 or #image.bytes > 1100 then error(image.key .. " sent " .. #image.bytes) end
  end
  equal(5, #v:stored().list)
  equal(2500, #v:stored().text)
end)

it("a key that goes is deleted", function()
  local app = s.handler [[ if session.x then session.x = nil else session.x = 1 end ]]
  local v = app:open()
  v:click "go"
  equal({ x = 1 }, v:stored())
  local group = v:click "go"
  equal(2, group.images[1].op)
  equal({}, v:stored())
end)

it("every kind of plain value comes back as it was", function()
  local app = s.handler [[
    if session.v then
      local t = session.v
      out:set(table.concat({ math.type(t.int), math.type(t.float), tostring(t.yes), t.text, #t.list, t.min }, " "))
    else
      session.v = { int = 2^53 | 0, float = 3.0, yes = true, text = "ü\n\"\\\1€😀", list = { 1, { 2 } }, empty = {}, min = math.mininteger }
    end
  ]]
  local v = app:open()
  v:click "go"
  local image = '{"v":' .. v.image.v .. "}"
  local again = app:open { image = image, seq = 5 }
  again:click "go"
  equal('integer float true ü\n"\\\1€😀 2 ' .. math.mininteger, again:see "out")
  equal({}, again.groups[1].images)
end)

local function refused(what, body, words)
  it("a session cannot keep " .. what, function()
    local app = s.handler(body)
    local v = app:open()
    app.bench:capture()
    local group = v:click "go"
    app.bench:captured()
    equal(s.FAIL.ERROR, group.fail.op)
    match(words, group.fail.message)
    equal({}, group.images)
  end)
end

refused("a function", "session.a = { b = { 1, print } }", "^session%.a%.b%[2%]: a function cannot be kept")
refused("a component", "session.a = out", "^session%.a: a table with a metatable")
refused("a cycle", "local t = {} t.t = t session.a = t", "^session%.a%.t: a table inside itself")
refused("what is nested too deep", "local t = {} for i = 1, 40 do t = { t } end session.a = t", "session%.a%[1%].*: nested deeper than 32")
refused("infinity", "session.a = 1 / 0", "^session%.a: a number that is not finite")
refused("bytes", [[session.a = { x = "\xff" }]], "^session%.a%.x: a string that is not UTF%-8")
refused("a NUL", [[session.a = "a\0b"]], "^session%.a: a string")
refused("a mixed table", "session.a = { 1, b = 2 }", "^session%.a: a table is either")
refused("a list with a hole", "session.a = { 1, nil, 3, [7] = 1 }", "^session%.a: a table is either")
refused("more than 1 MiB", "session.a = { b = ('x'):rep(2 << 20) }", "session%.a%.b: over the limit of 1 MiB")
refused("more than 1 MiB in parts", "for i = 1, 20 do session['k' .. i] = ('x'):rep(60000) end", "over the limit of 1 MiB")
refused("a key that is no string", "session[1] = 1", "its keys are strings")

it("session:save keeps the table and goes on", function()
  local app = s.handler [[
    session.step = 1
    session:save()
    session.step = 2
  ]]
  local v = app:open()
  v:click "go"
  equal(2, #v.groups)
  equal(s.INTERIM, v.groups[1].op)
  equal("1", v.groups[1].images[1].bytes)
  equal("2", v.groups[2].images[1].bytes)
end)

it("session:save names what it cannot keep, at the app's line", function()
  local app = s.handler [[
    session.f = print
    session:save() ]]
  local v = app:open()
  app.bench:capture()
  local fail = v:click("go").fail
  app.bench:captured()
  match("^session%.f: a function", fail.message)
  equal("app.lua", fail.file)
end)

it("an event that came before is ignored", function()
  local app = s.handler [[ session.n = (session.n or 0) + 1 ]]
  local v = app:open()
  v:click "go"
  v.n = 0
  v:fire("go", "click")
  app:pump(5)
  equal(1, #v.groups)
  v:click "go"
  equal({ n = 2 }, v:stored())
end)

it("handlers of one session run in order", function()
  local app = s.handler [[
    session.log = (session.log or "") .. "a"
    time.sleep(0.02)
    session.log = session.log .. "b"
  ]]
  local v = app:open()
  v:fire("go", "click")
  v:fire("go", "click")
  v:await(v:fire("quick", "click"))
  equal({ log = "abab" }, v:stored())
  equal("quick", v:see "out")
end)

it("parallel handlers do not wait for others of their session", function()
  local app = s.load [[
local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({}, function()
  local slow, fast = ui.button { "Slow", id = "slow" }, ui.button { "Fast", id = "fast" }
  slow:on_click(function() time.sleep(30) end)
  fast:on_click { parallel = true, fn = function(session) session.fast = true end }
  return ui.row { slow, fast }
end)]]
  local v = app:open()
  local n = v:fire("slow", "click")
  v:click "fast"
  equal({ fast = true }, v:stored())
  equal(nil, v.finished[n])
  v:cancel(n)
  v:await(n)
end)

it("concurrency bounds one handler over all visitors", function()
  local app = s.load [[
local ui, time = require "vitrine.ui", require "vitrine.time"
local running, most = 0, 0
return ui.page({}, function()
  local go = ui.button { "Go", id = "go" }
  go:on_click { concurrency = 2, fn = function(session)
    running = running + 1
    most = math.max(most, running)
    time.sleep(0.01)
    running = running - 1
    session.most = most
  end }
  return go
end)]]
  local visitors = {}
  for i = 1, 8 do
    visitors[i] = app:open()
    visitors[i]:fire("go", "click")
  end
  for _, v in ipairs(visitors) do
    v:await(1)
    equal({ most = 2 }, { most = v:stored().most >= 2 and 2 or v:stored().most }, "at most")
    if v:stored().most > 2 then error "more than two ran" end
  end
end)

it("cancel ends a waiting handler and one that waits for its turn", function()
  local app = s.handler [[ time.sleep(1000) ]]
  local v = app:open()
  local a, b = v:fire("go", "click"), v:fire("go", "click")
  app:pump(3)
  v:cancel(b)
  equal(s.FAIL.CANCELLED, v:await(b).fail.op)
  v:cancel(a)
  equal(s.FAIL.CANCELLED, v:await(a).fail.op)
  v:cancel(99)
  v:click "quick"
end)

it("the page says how a handler runs, so that the gateway knows whose turn it is", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local one, many = ui.button { "One", id = "one" }, ui.button { "Many", id = "many" }
  one:on_click { concurrency = 1, fn = function() end }
  many:on_click { parallel = true, fn = function() end }
  return ui.row { one, many }
end)]]
  equal({ concurrency = 1 }, app.nodes.one.on.click)
  equal({ parallel = true }, app.nodes.many.on.click)
end)

it("a handler with cancels stops another one's run at once", function()
  local app = s.load [[
local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({}, function()
  local go, stop = ui.button { "Go", id = "go" }, ui.button { "Stop", id = "stop" }
  go:on_click(function() time.sleep(1000) end)
  stop:on_click { cancels = { go } }
  return ui.row { go, stop }
end)]]
  equal({ cancels = { app.nodes.go.n }, parallel = true }, app.nodes.stop.on.click)
  local v = app:open()
  local n = v:fire("go", "click")
  app:pump(3)
  v:click "stop"
  equal(s.FAIL.CANCELLED, v.finished[n].fail.op)
end)

it("close ends handlers without a word", function()
  local app = s.handler [[ time.sleep(1000) ]]
  local v = app:open()
  v:fire("go", "click")
  app:pump(3)
  app:send("CLOSE", { channel = v.channel })
  app:pump(5)
  equal(0, #v.groups)
  app:send("RESUME", { channel = v.channel, seq = 0 })
  app:pump(2)
  equal(true, v.lost)
end)

it("resume sends every group again that was not acknowledged", function()
  local app = s.handler [[ session.n = (session.n or 0) + 1 out:set(tostring(session.n)) ]]
  local v = app:open()
  app.auto_ack = false
  for _ = 1, 4 do v:click "go" end
  app:send("ACK", { channel = v.channel, seq = 2 })
  app:pump(1)
  v.seq, v.groups = 2, {}
  app:send("RESUME", { channel = 0 })
  app:send("RESUME", { channel = v.channel, seq = 2 })
  app:pump(3)
  equal(2, #v.groups)
  equal({ n = 4 }, v:stored())
  equal("4", v:see "out")
  equal(app.hello, s.json.decode(app:await("HELLO").value))
end)

it("resume from beyond what was made here, or of nobody, is lost", function()
  local app = s.handler ""
  local v = app:open()
  v:click "go"
  app:send("RESUME", { channel = v.channel, seq = 9 })
  app:pump(2)
  equal(true, v.lost)
  v.lost = nil
  v:fire("go", "click")
  app:pump(2)
  equal(true, v.lost)
end)

it("groups that nobody reads wait and arrive in order", function()
  local app = s.handler [[ session.n = (session.n or 0) + 1 out:set(("x"):rep(60000) .. session.n) ]]
  local v = app:open()
  app.deaf, app.auto_ack = true, false
  for i = 1, 30 do
    v:fire("go", "click")
    app:pump(4)
  end
  app.deaf, app.auto_ack = false, true
  v:await(30)
  equal({ n = 30 }, v:stored())
end)

it("an opened session shows its overlay to the app and counts on after its seq", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local chat, text = ui.chatbot { id = "chat" }, ui.textbox { id = "text", value = "page" }
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session)
    session.seen = { chat = chat.value, text = text.value, label = text.label, x = session.x }
    chat:append { role = "user", content = "three" }
  end)
  return ui.column { chat, text, go }
end)]]
  local chat, text = app.nodes.chat.n, app.nodes.text.n
  local overlay = s.json.encode {
    { chat, "value/0", 1, { role = "user", content = "one" } },
    { chat, "value/1", 1, { role = "assistant", content = "t" } },
    { chat, "value/1/content", 2, "wo" },
    { text, "value", 1, "mine" },
    { text, "value", 2, "!" },
    { text, "label", 1, "Label" },
    { 12345, "value", 1, "of another page" },
  }
  local v = app:open { seq = 41, image = '{"x":{"y":[1,2]}}', overlay = overlay }
  local group = v:click "go"
  equal(42, group.seq)
  equal({ x = { y = { 1, 2 } }, text = "mine!", label = "Label",
    chat = { { role = "user", content = "one" }, { role = "assistant", content = "two" } } }, v:stored().seen)
  equal("value/2", group.patches[1].path)
  equal(1, #group.images)
end)

it("upgrade(old) makes the table of the new version", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({ upgrade = function(old) return { count = #old.list, list = old.list } end }, function()
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session) session.count = session.count + 1 end)
  return go
end)]]
  equal(true, app.hello.upgrade)
  local v = app:open { seq = 3, image = '{"list":[1,2,3],"gone":true}', from = ("1"):rep(64) }
  v.image = { list = "[1,2,3]", gone = "true" }
  local group = v:await(0)
  equal(4, group.seq)
  equal({ count = 3, list = { 1, 2, 3 } }, v:stored())
  v:click "go"
  equal(4, v:stored().count)
end)

it("an upgrade that fails says so and keeps nothing", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({ upgrade = function(old) error("cannot read it") end }, function() return ui.markdown "x" end)]]
  local v = app:open { from = ("1"):rep(64) }
  app.bench:capture()
  local group = v:await(0)
  app.bench:captured()
  match("cannot read it", group.fail.message)
  equal(0, group.fail.n)
  app:send("RESUME", { channel = v.channel })
  app:pump(2)
  equal(true, v.lost)
end)

it("a load handler runs for event load, and query and user are there", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function(page)
  local m = ui.markdown { id = "m" }
  page:on_load(function(session) m:set(session:query().q .. " " .. session:user()) end)
  return m
end)]]
  equal(true, app.hello.tree.load)
  local v = app:open { query = { q = "cats" }, user = "ada" }
  v:await(v:fire("", "load"))
  equal("cats ada", v:see "m")
end)

it("values of visitors are their own", function()
  local app = s.handler [[ out:set(out.value .. "+") ]]
  local a, b = app:open(), app:open()
  a:click("go", { out = "a" })
  b:click("go", { out = "b" })
  a:click "go"
  equal("a++", a:see "out")
  equal("b+", b:see "out")
end)

it("a group is one packet when it fits one", function()
  local app = s.handler [[ out:set("x") session.n = 1 ]]
  local v = app:open()
  local group = v:click "go"
  local packets = {}
  for _, f in ipairs(group.frames) do packets[f.packet] = true end
  equal(2, #group.frames)
  local count = 0
  for _ in pairs(packets) do count = count + 1 end
  equal(1, count)
end)

it("what was an empty map, or null, is so again where its session is opened anew", function()
  local app = s.load [[
    local ui, json = require "vitrine.ui", require "vitrine.json"
    return ui.page({}, function()
      local out, data = ui.textbox { id = "out" }, ui.json { id = "data" }
      local go, keep = ui.button { "Go", id = "go" }, ui.button { "Keep", id = "keep" }
      go:on_click(function(session)
        out:set(json.encode { session.x, session.list or json.null, data.value } .. tostring(session.none == json.null))
      end)
      keep:on_click(function(session)
        session.x = json.decode '{"a":{},"b":[]}'
        session.x.c, session.none, session.list = json.null, json.null, { {}, json.decode "{}" }
      end)
      return ui.column { out, data, go, keep }
    end)]]
  local a = app:open()
  equal(nil, a:click("keep").fail)
  local image = {}
  for key, text in pairs(a.image) do image[#image + 1] = s.json.encode(key) .. ":" .. text end
  local b = app:open {
    image = "{" .. table.concat(image, ",") .. "}",
    overlay = ('[[%d,"value",1,{"d":{},"e":null}]]'):format(app.nodes.data.n),
  }
  equal(nil, b:click("go").fail)
  equal('[{"a":{},"b":[],"c":null},[[],{}],{"d":{}}]true', b:see "out")
  for _, group in ipairs(b.groups) do equal({}, group.images) end -- nothing is kept again

  local c = app:open { image = '{"x":{}}', overlay = ('[[%d,"value",1,{}]]'):format(app.nodes.data.n) }
  c:click "go"
  match('^%[{},null,{}%]', c:see "out")
end)
