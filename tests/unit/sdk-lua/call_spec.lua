-- What programs call: the description in HELLO, arguments, results, and calls beside each other.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function load(body, options)
  return s.load([[
    local ui, time, json = require "vitrine.ui", require "vitrine.time", require "vitrine.json"
    return ui.page({}, function(page)
]] .. body .. [[
      return ui.markdown "Nothing to see"
    end)]], options)
end

local function interface(fields)
  return s.load([[local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.interface { ]] .. fields .. " }")
end

local ECHO = [[ page:api("echo", { inputs = ui.json { label = "Value" }, outputs = ui.json {},
  fn = function(v) return v end }) ]]

it("HELLO describes what a function takes and gives", function()
  local app = load [[ page:api("combine", {
    description = "Repeats a text.", stream = true, concurrency = 2,
    inputs = {
      ui.textbox { label = "Your text", max_length = 50 }, ui.slider { label = "Times", min = 1, max = 9 },
      ui.checkbox { label = "Loud" }, ui.dropdown { label = "2nd: Kind", choices = { "a", "b" }, value = "b" },
      ui.textbox { label = "Your text!" }, ui.image { upload = true }, ui.file { multiple = true },
    },
    outputs = { ui.textbox { label = "Result" }, ui.number { id = "length" } },
    fn = function() end }) ]]
  local f = app.hello.api[1]
  equal({ "combine", "call", "Repeats a text.", true, 2 },
    { f.name, f.event, f.description, f.stream, f.concurrency })
  equal(7, #f.inputs)
  equal({ name = "your_text", label = "Your text", component = "textbox", type = "string", required = true,
    max_length = 50 }, f.inputs[1])
  equal({ name = "times", label = "Times", component = "slider", type = "number", default = 1, min = 1, max = 9 },
    f.inputs[2])
  equal({ name = "loud", label = "Loud", component = "checkbox", type = "boolean", default = false }, f.inputs[3])
  equal({ name = "nd_kind", label = "2nd: Kind", component = "dropdown", type = "string", default = "b",
    choices = { "a", "b" }, multiple = false }, f.inputs[4])
  equal("your_text_2", f.inputs[5].name)
  equal({ name = "image", component = "image", type = "file", required = true }, f.inputs[6])
  equal("files", f.inputs[7].type)
  equal({ name = "length", component = "number", type = "number" }, f.outputs[2])
end)

it("a range is all of it unless told, and choices that may be others say so", function()
  local app = load [[ page:api("pick", {
    inputs = { ui.range_slider { min = 2, max = 8 }, ui.dropdown { choices = { "a" }, custom = true } },
    fn = function() end }) ]]
  local range, word = app.hello.api[1].inputs[1], app.hello.api[1].inputs[2]
  equal({ 2, 8 }, range.default)
  equal(nil, range.required)
  equal(true, word.custom)
end)

it("a function on the page names its components, and one with api_name = false is none", function()
  local app = s.load [[local ui = require "vitrine.ui"
    return ui.page({}, function()
      local a, b, out = ui.number { id = "a" }, ui.number { id = "b" }, ui.number { id = "out" }
      local add, hide = ui.button { "Add", id = "add" }, ui.button { "Hide", id = "hide" }
      add:on_click { api_name = "add", inputs = { a, b }, outputs = out, fn = function(x, y) return x + y end }
      hide:on_click { api_name = false, fn = function() end }
      return ui.column { a, b, out, add, hide }
    end)]]
  equal(1, #app.hello.api)
  local f = app.hello.api[1]
  equal({ app.nodes.add.n, "click", app.nodes.a.n, app.nodes.out.n },
    { f.node, f.event, f.inputs[1].node, f.outputs[1].node })
  equal({ app.nodes.out.n }, app.nodes.add.on.click.outputs)
  local v = app:open()
  equal("[3]", (v:ask("add", "[1,2]")))
  equal({}, v.props)
  v:click("add", { a = 4, b = 5 })
  equal(9, v:see "out")
end)

it("two functions of one name are refused", function()
  local why = s.load_failure [[local ui = require "vitrine.ui"
    return ui.page({}, function(page)
      page:api("a", { fn = function() end })
      page:api("a", { fn = function() end })
      return ui.markdown ""
    end)]]
  match("two functions have the api_name 'a'", why.message)
end)

it("more functions, or inputs of one, than programs can be told are refused", function()
  local function why(body)
    return s.load_failure([[local ui = require "vitrine.ui" return ui.page({}, function(page) ]] .. body
      .. [[ return ui.row {} end)]]).message
  end
  match("at most 256 functions", why [[ for i = 1, 257 do page:api("f" .. i, { fn = print }) end ]])
  match("'inputs': at most 128 components %(got 129%)", why [[ local list = {}
    for i = 1, 129 do list[i] = ui.number { label = "n" } end
    page:api("f", { inputs = list, fn = print }) ]])
end)

it("JSON comes back as it went in", function()
  local app = load(ECHO)
  local v = app:open()
  for _, text in ipairs {
    "null", "0", '""', "false", "[]", "{}", "[null]", '"null"', "9007199254740991", "-9007199254740991", "-1.5",
    '{"a":[],"b":{"c":{}},"n":null,"x":[null,{"":0}]}', '"a\\u0000b"', '"\u{2028}\u{2029}\u{202e}\u{feff}"',
    '"\\ud800"', '"\\u0001\\u001f\\u007f"', "1e-07", "[[{\"k\":[1,[2,[3]]]}]]",
  } do
    equal("[" .. text .. "]", (v:ask("echo", "[" .. text .. "]")))
  end
end)

it("a megabyte of text passes", function()
  local app = interface [[ inputs = ui.textbox { label = "Text", max_length = 2000000 },
    outputs = ui.textbox {}, fn = function(text) return "Hello, " .. text .. "!" end ]]
  local v = app:open()
  local text = ("0123456789abcdé😀"):rep(60000)
  equal('["Hello, ' .. text .. '!"]', (v:ask("predict", '["' .. text .. '"]')))
end)

it("null and what is missing is the default, and a required argument is named", function()
  local app = load [[ page:api("combine", {
    inputs = { ui.textbox { label = "Text" }, ui.number { label = "Times", value = 2 }, ui.checkbox { label = "Loud" } },
    outputs = { ui.textbox {}, ui.number {} },
    fn = function(text, times, loud)
      local s = text:rep(times)
      return loud and s:upper() or s, #s
    end }) ]]
  local v = app:open()
  equal('["abab",4]', (v:ask("combine", '["ab"]')))
  equal('["ABABAB",6]', (v:ask("combine", '["ab",3,true]')))
  equal('["abab",4]', (v:ask("combine", '["ab",null,null]')))
  equal('["77",2]', (v:ask("combine", "[7]")))
  for _, none in ipairs { "[]", "[null]", "[null,3,true]" } do
    local _, fail = v:ask("combine", none)
    equal({ s.FAIL.INVALID, "argument 'text' is missing" }, { fail.op, fail.message })
  end
end)

it("what a program sends is checked as what a visitor does", function()
  local app = load [[ page:api("pick", {
    inputs = { ui.radio { label = "Colour", choices = { "red" }, value = "red" },
      ui.slider { label = "Share", min = 1, max = 5 }, ui.textbox { label = "Text", max_length = 3, value = "" },
      ui.checkbox { label = "Ok" }, ui.file { label = "Picture" } },
    fn = function() end }) ]]
  local v = app:open()
  local function refused(arguments, words, name)
    local _, fail = v:ask(name or "pick", arguments)
    equal({ s.FAIL.INVALID, words }, { fail.op, fail.message })
  end
  refused('["blue"]', "argument 'colour' must be one of the choices")
  refused("[null,9]", "argument 'share' must be from 1 to 5")
  refused('[null,null,"four"]', "argument 'text' has 4 bytes, the limit is 3")
  refused('[null,null,null,"yes"]', "argument 'ok' must be true or false")
  refused('[null,null,null,null,{"file":"nope"}]', "argument 'picture' is not here any more; upload it again")
  refused('[null,null,null,null,{"path":"/etc/passwd"}]', "argument 'picture' must be an upload")
  refused("[null,null,null,null,null,1]", "'pick' takes 5 arguments, not 6")
  refused("{}", "the arguments are not a JSON array")
  refused("", "the arguments are not a JSON array")
  refused("[1", "the arguments are not a JSON array: JSON: line 1: ',' or ']' is expected here")
  refused("[]", "there is no function 'nope'", "nope")
end)

it("each yield is one result, whatever the time between", function()
  local app = interface [[ inputs = ui.number { id = "n" }, outputs = { ui.textbox {}, ui.json {} },
    fn = function(n)
      for i = 1, n do coroutine.yield("step " .. i, { i }) end
      return "done"
    end ]]
  local v = app:open()
  local final, _, of = v:ask("predict", "[50]")
  equal('["done",null]', final)
  equal(50, #of.yields)
  equal({ '["step 1",[1]]', '["step 50",[50]]' }, { of.yields[1], of.yields[50] })
end)

it("each piece of an iterator is one result", function()
  local app = interface [[ inputs = ui.textbox { id = "t" }, outputs = ui.textbox {},
    fn = function(t) return t:gmatch "." end ]]
  local v = app:open()
  local final, _, of = v:ask("predict", '["abc"]')
  equal({ '["a"]', '["ab"]', '["abc"]' }, of.yields)
  equal('["abc"]', final)
end)

it("what a page's handler shows while it goes on is yielded, and nothing of it is patched", function()
  local app = s.load [[local ui, time = require "vitrine.ui", require "vitrine.time"
    return ui.page({}, function()
      local ask = ui.textbox { id = "ask", submit = true }
      local out, note = ui.textbox { id = "out", value = "page" }, ui.markdown { id = "note" }
      ask:on_submit { api_name = "write", outputs = { out, note }, fn = function(text)
        out:set("")
        for c in text:gmatch "." do
          out:append(c)
          time.sleep(0.035)
        end
        note:set("*" .. text .. "*")
        ask:clear()
      end }
      return ui.column { ask, out, note }
    end)]]
  local v = app:open()
  local final, _, of = v:ask("write", '["abc"]')
  equal('["abc","*abc*"]', final)
  equal('["a",""]', of.yields[1])
  equal({ "page", {} }, { v:see "out", v.props })
end)

it("what a call shows reaches its caller though the page is told of something meanwhile", function()
  local app = s.load [[local ui, time = require "vitrine.ui", require "vitrine.time"
    return ui.page({}, function()
      local ask, go = ui.textbox { id = "ask", submit = true }, ui.button { "Go", id = "go" }
      local out, note = ui.textbox { id = "out" }, ui.markdown { id = "note" }
      ask:on_submit { api_name = "write", parallel = true, outputs = out, fn = function()
        out:set("a")
        time.sleep(0.001)
        out:set("b")
        time.sleep(30)
      end }
      go:on_click { parallel = true, fn = function() time.sleep(0.005) note:set("told") end }
      return ui.column { ask, go, out, note }
    end)]]
  local v = app:open()
  local n = v:call("write", '["x"]')
  equal(nil, v:click("go").fail)
  local function last() return v.results[n] and v.results[n].yields[#v.results[n].yields] end
  app:until_(function() return last() == '["b"]' end, "what it shows")
  equal(nil, v.finished[n])
end)

it("progress and words go to the caller, not to the page", function()
  local app = load [[ page:api("work", { outputs = ui.textbox {}, fn = function(session)
      ui.info "note"
      ui.warn "careful"
      session:progress(0.5, "half")
      session:progress { index = 1, length = 4, unit = "steps", message = "Working" }
      return "ok"
    end }) ]]
  local v = app:open()
  local final, _, of = v:ask("work", "[]")
  equal('["ok"]', final)
  equal({ { level = "info", message = "note" }, { level = "warning", message = "careful" } }, of.logs)
  equal({ fraction = 0.5, message = "half" }, of.progress[1])
  equal({ fraction = 0.25, index = 1, length = 4, unit = "steps", message = "Working" }, of.progress[2])
  equal({}, v.props)
end)

it("on the page the same steps are a fraction and words", function()
  local app = s.handler [[ session:progress { index = 1, length = 4, unit = "steps" } out:set(1) session:save()]]
  local v = app:open()
  local shown = {}
  v:click "go"
  for _, g in ipairs(v.groups) do
    for _, p in ipairs(g.patches) do if p.path == "progress" then shown[#shown + 1] = p.value end end
  end
  equal({ fraction = 0.25, message = "1 of 4 steps" }, shown[1])
end)

it("what a function refuses reaches its caller word for word, after what it yielded", function()
  local app = load [[ page:api("fail", { inputs = ui.textbox { label = "Message" }, outputs = ui.textbox {},
    fn = function(message)
      coroutine.yield "one"
      ui.refuse(message)
    end }) ]]
  local v = app:open()
  local final, fail, of = v:ask("fail", '["boom — 💥"]')
  equal({ s.FAIL.INVALID, "boom — 💥" }, { fail.op, fail.message })
  equal(nil, fail.reference)
  equal({ { '["one"]' }, nil }, { of.yields, final })
end)

it("an error is the owner's, with file, line and reference", function()
  local app = load [[ page:api("fail", { fn = function() local x = nil; return x.y end }) ]]
  local v = app:open()
  app.bench:capture()
  local _, fail = v:ask("fail", "[]")
  app.bench:captured()
  equal({ s.FAIL.ERROR, "app.lua" }, { fail.op, fail.file })
  match("^%w+$", fail.reference)
end)

it("a result that is no value fails with its place", function()
  local app = load [[ page:api("bad", { outputs = ui.json {}, fn = function() return { a = 0 / 0 } end }) ]]
  local v = app:open()
  app.bench:capture()
  local _, fail = v:ask("bad", "[]")
  app.bench:captured()
  match("result%[1%]%.a: a number that is not finite", fail.message)
end)

it("a result over the limit fails with the limit", function()
  local app = load [[ page:api("much", { outputs = ui.textbox {}, fn = function() return ("x"):rep(8000000) end }) ]]
  local v = app:open()
  app.bench:capture()
  local _, fail = v:ask("much", "[]")
  app.bench:captured()
  equal("the result is over 7 MiB", fail.message)
end)

local COUNTER = [[ page:api("count", { inputs = ui.number { label = "Amount", value = 1 }, outputs = ui.number {},
  fn = function(amount, session)
    local before = session.total or 0
    time.sleep(0.002)
    session.total = before + amount
    return session.total
  end }) ]]

it("calls that overlap count exactly", function()
  local app = load(COUNTER)
  local v = app:open()
  local calls, got = {}, {}
  for i = 1, 20 do calls[i] = v:call("count", "[]") end
  for _, n in ipairs(calls) do
    v:await(n)
    got[#got + 1] = tonumber(v.results[n].final:match "%d+")
  end
  table.sort(got)
  equal({ 1, 20, 20 }, { got[1], got[20], #got })
  equal({ total = 20 }, v:stored())
end)

it("an event of the page waits for a call that has the session table, and keeps its place", function()
  local app = s.load([[local ui, time = require "vitrine.ui", require "vitrine.time"
    return ui.page({}, function(page)
      local go = ui.button { "Go", id = "go" }
      go:on_click(function(session)
        local before = session.total
        time.sleep(0.01)
        session.total = before + 1
      end) ]] .. COUNTER .. [[ return go end)]])
  local v = app:open()
  v:call("count", "[]")
  app:pump(2)
  local click = v:fire("go", "click")
  local last
  for _ = 1, 5 do last = v:call("count", "[]") end
  v:await(click)
  v:await(last)
  equal({ total = 7 }, v:stored())
end)

it("calls that leave the session alone run beside each other", function()
  local app = load [[ local running, most = 0, 0
    page:api("wait", { outputs = ui.number {}, fn = function(session)
      running = running + 1
      most = math.max(most, running)
      session:progress(0.5)
      time.sleep(0.03)
      running = running - 1
      return most
    end }) ]]
  local v = app:open()
  local n
  for _ = 1, 10 do n = v:call("wait", "[]") end
  v:await(n)
  equal("[10]", v.results[n].final)
end)

it("parallel lets one out of the order, concurrency holds them back", function()
  local app = load [[ local running, most = 0, 0
    local function work(session)
      running = running + 1
      most = math.max(most, running)
      session.seen = true
      time.sleep(0.02)
      running = running - 1
      local was = most
      if running == 0 then most = 0 end
      return was
    end
    page:api("free", { parallel = true, outputs = ui.number {}, fn = work })
    page:api("two", { parallel = true, concurrency = 2, outputs = ui.number {}, fn = work }) ]]
  local v = app:open()
  for name, most in pairs { free = 6, two = 2 } do
    local n = {}
    for i = 1, 6 do n[i] = v:call(name, "[]") end
    for i = 1, 6 do v:await(n[i]) end
    equal("[" .. most .. "]", v.results[n[6]].final, name)
  end
end)

it("cancelling ends a call that runs, that waits for its turn, and that has not begun", function()
  local app = load [[ page:api("hold", { concurrency = 2, fn = function(session)
      session.held = (session.held or 0) + 1
      time.sleep(30)
    end }) ]]
  local v = app:open()
  local n = { v:call("hold", "[]"), v:call("hold", "[]"), v:call("hold", "[]") }
  app:pump(3)
  for _, i in ipairs { 3, 2, 1 } do
    v:cancel(n[i])
    equal(s.FAIL.CANCELLED, v:await(n[i]).fail.op)
  end
  equal({ held = 1 }, v:stored())
end)

it("a cancelled holder gives the table to the next", function()
  local app = load [[ local first = true
    page:api("hold", { outputs = ui.number {}, fn = function(session)
      session.held = (session.held or 0) + 1
      if first then
        first = false
        time.sleep(30)
      end
      return session.held
    end }) ]]
  local v = app:open()
  local a, b = v:call("hold", "[]"), v:call("hold", "[]")
  app:pump(3)
  v:cancel(a)
  v:await(b)
  equal("[2]", v.results[b].final)
end)

it("RESUME sends results again, a repeated n is ignored, CLOSE ends calls without a word", function()
  local app = load(ECHO .. [[ page:api("hold", { fn = function() time.sleep(30) end }) ]])
  app.auto_ack = false
  local v = app:open()
  v:ask("echo", "[1]")
  v:ask("echo", "[2]")
  v.seq, v.results = 0, {}
  app:send("RESUME", { channel = v.channel, seq = 0, node = 1 })
  app:until_(function() return v.seq == 2 end, "the groups again")
  equal({ "[1]", "[2]" }, { v.results[1].final, v.results[2].final })
  app:send("CALL", { channel = v.channel, node = app.hello.api[1].node, seq = 2, op = 63, value = "echo\0[3]" })
  v:call("hold", "[]")
  app:pump(5)
  app:send("CLOSE", { channel = v.channel })
  app:pump(5)
  equal({ 2, false }, { v.seq, app.ended or false })
end)

it("calls come in any order, and leave what a visitor has typed to the event it goes with", function()
  local app = s.load([[local ui = require "vitrine.ui" return ui.page({}, function(page)
    local text, out = ui.textbox { id = "text" }, ui.textbox { id = "out" }
    text:on_submit { inputs = text, outputs = out, fn = string.upper } ]] .. ECHO .. [[
    return ui.row { text, out } end)]])
  local v = app:open()
  local echo = app.hello.api[1].node
  local function call(n) app:send("CALL", { channel = v.channel, node = echo, seq = n, op = 63, value = "echo\0[" .. n .. "]" }) end
  call(3)
  v:value("text", '"typed"')
  call(2)
  v:await(v:fire("text", "submit"))
  v:await(2)
  v:await(3)
  equal({ "TYPED", "[2]", "[3]" }, { v:see "out", v.results[2].final, v.results[3].final })
end)

it("a call to a session that is not here is LOST", function()
  local app = load(ECHO)
  app:send("CALL", { channel = 99, node = 1, seq = 1, op = 63, value = "echo\0[]" })
  equal(99, app:await("LOST").channel)
end)

it("another call's session is not to be had", function()
  local app = load [[ local kept
    page:api("keep", { fn = function(session) kept = session end })
    page:api("use", { fn = function() kept.x = 1 end }) ]]
  local v = app:open()
  v:ask("keep", "[]")
  app.bench:capture()
  local _, fail = v:ask("use", "[]")
  app.bench:captured()
  match("belongs to another call", fail.message)
end)

it("a call's session has fields, pairs and the methods", function()
  local app = load [[ page:api("all", { outputs = ui.json {}, fn = function(session)
      session.a, session.b = 1, { 2 }
      session.b[2] = 3
      session:save()
      local names = {}
      for k in pairs(session) do names[#names + 1] = k end
      table.sort(names)
      return { names, session:user(), session:query().q }
    end }) ]]
  local v = app:open { user = "ada", query = { q = "x" } }
  equal('[[["a","b"],"ada","x"]]', (v:ask("all", "[]")))
  equal({ a = 1, b = { 2, 3 } }, v:stored())
end)

it("a made file goes with the result, an upload comes with the call", function()
  local app = load [[ page:api("reverse", { inputs = ui.image { label = "Image" }, outputs = ui.file {},
    fn = function(image) return ui.bytes(image:read():reverse(), image.type, "reversed_" .. image.name) end }) ]]
  local v = app:open()
  app:send("FILE", { channel = v.channel, file = "abc", value = s.json.encode {
    id = "up1", name = "cat.png", type = "image/png", size = 3 } })
  local n = v:call("reverse", '[{"file":"up1"}]')
  local group = v:await(n)
  local file = s.json.decode(v.results[n].final)[1]
  equal({ "reversed_cat.png", 3, "cba" }, { file.name, file.size, group.blobs[file.file].bytes })
end)

it("hostile arguments end the call and nothing else", function()
  local app = load(ECHO, { heap = 16 << 20, cpu_ms = 2000 })
  local v = app:open()
  app.bench:capture()
  for _, text in ipairs {
    ("["):rep(70) .. ("]"):rep(70), "[" .. ("["):rep(40) .. ("]"):rep(40) .. "]", "[[" .. ("{},"):rep(1000000) .. "1]]",
    "[[" .. ("1,"):rep(200000) .. "1]]", '["' .. ("x"):rep(3 << 20) .. '"', '["\xff"]', '[{"a\\u0000b":1}]',
    "[1e999]", "[99999999999999999999]",
  } do
    local final, fail = v:ask("echo", text)
    equal(nil, final)
    assert(fail.message ~= "", "no words")
  end
  app.bench:captured()
  equal("[1]", (v:ask("echo", "[1]")))
end)

-- --- fairness -------------------------------------------------------------------------------

local BURN = [[ page:api("burn", { inputs = ui.number { label = "Rounds" }, fn = function(n)
    for _ = 1, n do end
  end }) ]]

it("sessions that compute get the same each, with however many calls", function()
  local app = load(BURN)
  local many, one = app:open(), app:open()
  local calls = {}
  for i = 1, 8 do calls[i] = many:call("burn", "[10000000]") end
  app:pump(3)
  local n = one:call("burn", "[10000000]")
  one:await(n)
  local ended = 0
  for i = 1, 8 do if many.finished[calls[i]] then ended = ended + 1 end end
  if ended > 2 then error(ended .. " of the eight had ended before the one of the other session") end
end)

it("a place that becomes free goes to who has the fewest", function()
  local app = load [[ local order = {}
    page:api("take", { inputs = ui.textbox { label = "Who" }, outputs = ui.json {}, fn = function(who)
      order[#order + 1] = who
      time.sleep(0.005)
      return order
    end }) ]]
  local a, b, c = app:open(), app:open(), app:open()
  for _ = 1, 24 do a:call("take", '["a"]') end
  for _ = 1, 2 do
    b:call("take", '["b"]')
    c:call("take", '["c"]')
  end
  local n = a.n
  a:await(n)
  local last, others = 0, 0
  for i, who in ipairs(s.json.decode(a.results[n].final)[1]) do
    if who ~= "a" then last, others = i, others + 1 end
  end
  equal(4, others)
  if last > 24 then error("the last of the others was number " .. last .. " of 28") end
end)
