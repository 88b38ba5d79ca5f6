-- Handlers behind handlers, what is asked of values before them, and results that are kept.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function page(body, root, options)
  return s.load([[
    local ui, time = require "vitrine.ui", require "vitrine.time"
    return ui.page({}, function(page)
      local out = ui.textbox { id = "out" }
      local name = ui.textbox { id = "name", label = "Name" }
      local go = ui.button { "Go", id = "go" }
      local stop = ui.button { "Stop", id = "stop" }
      local function say(word) return function(session) session.said = (session.said or "") .. word end end
]] .. body .. "\n return ui.column { out, name, go, stop, " .. (root or "") .. " } end)", options)
end

local function refused(what, body, words)
  it(what .. " is refused when the page is built", function()
    local why = s.load_failure([[
      local ui = require "vitrine.ui"
      return ui.page({}, function(page)
        local go, file = ui.button "Go", ui.file {}
]] .. body .. "\n return ui.column { go, file } end)")
    match(words, why.message)
  end)
end

it("what follows a handler runs behind it, in its event", function()
  local app = page [[
    go:on_click(say "a"):next(say "b"):ok(say "c"):next { inputs = name, outputs = out, fn = function(text, session)
      session.said = session.said .. "d"
      return text .. "!"
    end }
  ]]
  local v = app:open()
  local group = v:click("go", { name = "Ada" })
  equal(nil, group.fail)
  equal("abcd", v:stored().said)
  equal("Ada!", v:see "out")
  equal(1, v.n)
end)

it("two that follow one run in the order in which they are declared", function()
  local app = page [[ local h = go:on_click(say "a") h:ok(say "b"):ok(say "c") h:next(say "d") h:fail(say "x") ]]
  local v = app:open()
  v:click "go"
  equal("abcd", v:stored().said)
end)

it("a failure goes to fail with its message, and is dealt with there", function()
  local app = page [[
    go:on_click { fn = function() ui.refuse "No more." end }:fail {
      outputs = out, fn = function(session, words) return "failed: " .. words end }
  ]]
  local v = app:open()
  equal(nil, v:click("go").fail)
  equal("failed: No more.", v:see "out")
end)

it("an error that fail deals with stands in the owner's log", function()
  local app = page [[ go:on_click(function() error "broken" end):fail(say "f") ]]
  local v = app:open()
  app.bench:capture()
  equal(nil, v:click("go").fail)
  match("app%.lua:%d+: broken", app.bench:captured())
  equal("f", v:stored().said)
end)

it("a failure that nobody deals with is told, with its line, after what runs in any case", function()
  local app = page [[ go:on_click(function() error "broken" end):next(say "n"):ok(say "o") ]]
  local v = app:open()
  app.bench:capture()
  local fail = v:click("go").fail
  app.bench:captured()
  match("broken", fail.message)
  equal("app.lua", fail.file)
  equal("no", v:stored().said)
end)

it("what follows well is left out after a failure", function()
  local app = page [[ go:on_click(function() ui.refuse "no" end):ok(say "o") ]]
  local v = app:open()
  equal("no", v:click("go").fail.message)
  equal(nil, v:stored().said)
end)

it("a fail that fails is a failure", function()
  local app = page [[ go:on_click(function() ui.refuse "one" end):fail(function() ui.refuse "two" end):fail(say "f") ]]
  local v = app:open()
  equal(nil, v:click("go").fail)
  equal("f", v:stored().said)
end)

it("cancelling ends the chain", function()
  local app = page [[
    local h = go:on_click(say "a")
    h:next(function() out:set "waits" time.sleep(30) end):next(say "b")
    h:fail(say "f")
    stop:on_click { cancels = go }
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  app:until_(function() return v:see "out" == "waits" end, "the second one")
  v:click "stop"
  equal(s.FAIL.CANCELLED, v:await(n).fail.op)
  equal("a", v:stored().said)
end)

it("a chain runs in its event's place of the order", function()
  local app = page [[
    go:on_click(say "a"):next(function() time.sleep(0.05) end):next(say "b")
    stop:on_click(say "c")
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  v:click "stop"
  v:await(n)
  equal("abc", v:stored().said)
end)

it("a chain's outputs show that it runs", function()
  local app = page [[ go:on_click { outputs = name, fn = function() end }:ok { outputs = out, fn = function() end } ]]
  equal(2, #app.nodes.go.on.click.outputs)
end)

refused("a chain of 1,000", "local h = go:on_click(print) for i = 1, 1000 do h = h:next(print) end",
  "on_click:next.*a chain has at most 64 handlers")
refused("a fan of 1,000", "local h = go:on_click(print) for i = 1, 1000 do h:next(print) end", "at most 64 handlers")
refused("a chain into itself", "local h = go:on_click(print) h:next(h)", "a handler stands in one place only")
refused("a field of a whole handler", "go:on_click(print):next { fn = print, retry = true }", "unknown field 'retry'")
refused("a trigger of another name", "go:on_click { fn = print, trigger = 'twice' }", "'trigger' must be \"once\"")
refused("an endless debounce", "go:on_click { fn = print, debounce = 1/0 }", "'debounce' must be 0 to 60 seconds")
refused("a cache without outputs", "go:on_click { fn = print, cache = true }", "'cache' keeps what fills 'outputs'")
refused("a cache of files", "go:on_click { fn = print, outputs = file, cache = true }", "'cache' cannot keep files")
for _, kind in ipairs { "chatbot", "gallery", "multimodal", "image" } do
  refused("a cache of a " .. kind, "go:on_click { fn = print, outputs = ui." .. kind .. " {}, cache = true }",
    "'cache' cannot keep files; outputs has")
end
refused("a cache by what a chat says", "go:on_click { fn = print, inputs = ui.chatbot {}, outputs = ui.textbox {}, cache = true }",
  "'cache' cannot tell files apart; inputs has")
refused("a validator that is none", "ui.textbox { validate = 3 }", "'validate' must be a function")
refused("a validator of a button", "ui.button { 'x', validate = print }", "unknown field 'validate'")

it("trigger and debounce are the page's to know", function()
  local on = page([[ name:on_input { fn = print, trigger = "multiple", debounce = 0.25 } ]]).nodes.name.on.input
  equal("multiple", on.trigger)
  equal(250, on.debounce)
end)

-- --- validators ------------------------------------------------------------------------------

it("a refused value is told at its component, and the handler does not run", function()
  local app = page([[
    local age = ui.number { id = "age", label = "Age", value = 0, validate = function(n)
      if n < 18 then return "at least 18" end
    end }
    local mail = ui.textbox { id = "mail", validate = function(text)
      if not text:find "@" then return "not an address" end
    end }
    go:on_click { inputs = { age, mail, name }, outputs = out, fn = function() return "ran" end }
  ]], "age, mail")
  local v = app:open()
  local fail = v:click("go", { mail = "x" }).fail
  equal(s.FAIL.INVALID, fail.op)
  equal("Age: at least 18; mail: not an address", fail.message)
  equal({ { node = app.nodes.age.n, message = "at least 18" }, { node = app.nodes.mail.n, message = "not an address" } }, fail.fields)
  equal(nil, v:see "out")
  equal(nil, v:click("go", { age = 20, mail = "a@b" }).fail)
  equal("ran", v:see "out")
end)

it("a refused value runs nothing of the chain", function()
  local app = page [[
    local h = go:on_click { inputs = name, fn = say "a", validate = function() return "no" end }
    h:fail(say "f")
    h:next(say "n")
  ]]
  local v = app:open()
  equal("Name: no", v:click("go").fail.message)
  equal(nil, v:stored().said)
end)

it("a handler's validator sees all its values, and refuses each", function()
  local app = page([[
    local other = ui.textbox { id = "other", label = "Again" }
    go:on_click { inputs = { name, other }, fn = function(a, b, session) session.ok = true end, validate = function(a, b)
      if a ~= b then return nil, "not the same" end
    end }
  ]], "other")
  local v = app:open()
  local fail = v:click("go", { name = "a", other = "b" }).fail
  equal("Again: not the same", fail.message)
  equal({ { node = app.nodes.other.n, message = "not the same" } }, fail.fields)
  equal(nil, v:click("go", { name = "b" }).fail)
  equal(true, v:stored().ok)
end)

it("a program's argument is refused by the same validator, which names it", function()
  local app = page([[
    local age = ui.number { id = "age", label = "Age", validate = function(n) if n < 18 then return "at least 18" end end }
    go:on_click { inputs = age, outputs = out, api_name = "enter", fn = function() return "in" end }
  ]], "age")
  local v = app:open()
  v.n = v.n + 1
  app:send("CALL", { channel = v.channel, node = app.nodes.go.n, seq = v.n, op = s.KIND.click, value = "enter\0[3]" })
  local fail = v:await(v.n).fail
  equal(s.FAIL.INVALID, fail.op)
  equal("Age: at least 18", fail.message)
end)

it("a validator that gives something else than words is the app's error", function()
  local app = page [[ go:on_click { inputs = name, fn = print, validate = function() return {} end } ]]
  local v = app:open()
  app.bench:capture()
  match("'validate' gives words", v:click("go").fail.message)
  app.bench:captured()
end)

it("an error table with fields of the app's own breaks no frame", function()
  for _, fields in ipairs { '"[1"', '"{}"', "{}", '"\\0"', '("["):rep(40000)', '"[1]x"' } do
    local app = page([[ go:on_click(function() error { message = "m", fields = ]] .. fields .. [[ } end) ]])
    local fail = app:open():click("go").fail
    equal("m", fail.message)
    equal(nil, fail.fields)
    app.bench:close()
  end
end)

-- --- cache -----------------------------------------------------------------------------------

local COUNTED = [[
  local runs = 0
  local count = ui.textbox { id = "count" }
  stop:on_click(function() count:set(tostring(runs)) end)
]]

local function runs(v)
  v:click "stop"
  return tonumber(v:see "count")
end

it("a kept result is shown again to whoever asks the same", function()
  local app = page(COUNTED .. [[
    go:on_click { inputs = name, outputs = out, cache = true, fn = function(...)
      runs = runs + 1
      return (...) .. select("#", ...)
    end }
  ]], "count")
  local a, b = app:open(), app:open()
  a:click("go", { name = "x" })
  b:click("go", { name = "x" })
  equal("x1", a:see "out") -- its arguments alone
  equal("x1", b:see "out")
  equal(1, runs(a))
  a:click("go", { name = "y" })
  equal(2, runs(a))
end)

it("what was shown on the way is shown again", function()
  local app = page(COUNTED .. [[
    go:on_click { inputs = name, outputs = out, cache = true, fn = function(text)
      runs = runs + 1
      local i = 0
      return function() i = i + 1 if i <= 3 then return text .. i end end
    end }
  ]], "count")
  local a, b = app:open(), app:open()
  a:click("go", { name = "t" })
  equal("t1t2t3", a:see "out")
  local before = #b.groups
  b:click("go", { name = "t" })
  equal("t1t2t3", b:see "out")
  local patches = 0
  for i = before + 1, #b.groups do patches = patches + #b.groups[i].patches end
  if patches < 2 then error "nothing on the way" end
  equal(1, runs(a))
end)

it("an output that a kept result does not fill stays as its visitor sees it", function()
  local app = page(COUNTED .. [[
    local note = ui.textbox { id = "note" }
    go:on_click { inputs = name, outputs = { out, note }, cache = true, fn = function(text)
      runs = runs + 1
      coroutine.yield "soon"
      return text
    end }
  ]], "count, note")
  local a, b = app:open(), app:open()
  a:click("go", { name = "x", note = "of a" })
  b:click("go", { name = "x", note = "of b" })
  equal({ "x", "of b" }, { b:see "out", b.props[app.nodes.note.n] or "of b" })
  for _, group in ipairs(b.groups) do
    for _, patch in ipairs(group.patches) do
      if patch.node == app.nodes.note.n then error("shown: " .. tostring(patch.value)) end
    end
  end
  equal(1, runs(a))
end)

it("results of one handler are not another's", function()
  local app = page([[
    local more = ui.button { "More", id = "more" }
    local function shows(word) return { inputs = name, outputs = out, cache = true, fn = function() return word end } end
    go:on_click(shows "go")
    more:on_click(shows "more")
    page:api("one", shows "one")
    page:api("two", shows "two")
  ]], "more")
  local v = app:open()
  v:click("go", { name = "x" })
  v:click("more", { name = "x" })
  equal("more", v:see "out")
  equal('["one"]', (v:ask("one", '["x"]')))
  equal('["two"]', (v:ask("two", '["x"]')))
  equal('["two"]', (v:ask("two", '["x"]')))
end)

it("a table that travels as files of its visitor is not kept", function()
  local app = page(COUNTED .. [[
    local df = ui.dataframe { id = "df" }
    go:on_click { inputs = name, outputs = df, cache = true, fn = function()
      runs = runs + 1
      local rows = {}
      for i = 1, 30000 do rows[i] = { i, "row number " .. i } end
      return { headers = { "i", "name" }, rows = rows }
    end }
  ]], "count, df")
  local a, b = app:open(), app:open()
  equal(nil, a:click("go", { name = "x" }).fail)
  equal(nil, b:click("go", { name = "x" }).fail)
  equal(true, #b:see "df".parts > 0)
  equal(2, runs(a))
end)

it("what failed is not kept, and what is too old is made anew", function()
  local app = page(COUNTED .. [[
    go:on_click { inputs = name, outputs = out, cache = 0.05, fn = function(text)
      runs = runs + 1
      if runs == 1 then ui.refuse "not now" end
      return text .. runs
    end }
  ]], "count")
  local v = app:open()
  equal("not now", v:click("go", { name = "x" }).fail.message)
  v:click "go"
  equal("x2", v:see "out")
  app:until_(function() v:click "go" return v:see "out" ~= "x2" end, "a new one")
end)

it("a thousand results keep to their memory", function()
  local app = page(COUNTED .. [[
    go:on_click { inputs = name, outputs = out, cache = true, fn = function(text)
      runs = runs + 1
      return text .. ("x"):rep(90000)
    end }
  ]], "count", { heap_max = 40 << 20 })
  local v = app:open()
  for i = 1, 200 do equal(nil, v:click("go", { name = tostring(i) }).fail) end
  equal(200, runs(v))
  v:click("go", { name = "200" })
  equal(200, runs(v))
  v:click("go", { name = "1" })
  equal(201, runs(v))
end)
