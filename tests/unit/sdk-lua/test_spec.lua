-- vitrine.test: an app driven by its own test.lua while a build is checked.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local HELLO = [[
local ui = require "vitrine.ui"
return ui.interface {
  inputs = ui.textbox { label = "Your name", max_length = 10 },
  outputs = ui.textbox { label = "Greeting" },
  examples = { "Ada", "Grace" },
  fn = function(name, session)
    session.count = (session.count or 0) + 1
    if name == "" then ui.refuse "Say a name." end
    return "Hello, " .. name .. "!"
  end,
}
]]

-- What comes of a test.lua: the fields of TESTED.
local function tested(app, test, options)
  options = options or {}
  options.check = true
  local files = { ["app.lua"] = app, ["test.lua"] = 'local test = require "vitrine.test"\n' .. test }
  for name, text in pairs(options.files or {}) do files[name] = text end
  local a = s.load(files, options)
  equal(true, a.hello.tests)
  return s.json.decode(a:await("TESTED").value), a
end

local function passes(app, test, options)
  local t = tested(app, test, options)
  if not t.ok then error(("%s:%s: %s"):format(t.file, t.line, t.message), 2) end
  return t
end

it("a bundle without test.lua says so, and one with it is not tested when it serves", function()
  equal(nil, s.load({ ["app.lua"] = HELLO }, { check = true }).hello.tests)
  equal(nil, s.load({ ["app.lua"] = HELLO, ["test.lua"] = "error 'run'" }).hello.tests)
end)

it("a test types, clicks and sees", function()
  local t = passes(HELLO, [[
    test("greets", function(app)
      local v = app:visit()
      v:set("Your name", "Ada")
      v:click "Submit"
      test.equal(v:value "Greeting", "Hello, Ada!")
      test.equal(v:session(), { count = 1 })
    end)
    test("greets on Enter", function(app)
      local v = app:visit()
      v:submit("Your name", "Bob")
      test.equal(v:value "Greeting", "Hello, Bob!")
      test.equal(v:session().count, 1)
    end)]])
  equal({ "greets", "greets on Enter" }, { t.tests[1].name, t.tests[2].name })
  equal(true, t.tests[1].ok)
end)

it("a failed check names file and line, and the other tests run on", function()
  local t = tested(HELLO, [[
test("wrong", function(app)
  local v = app:visit()
  v:submit("Your name", "Ada")
  test.equal(v:value "Greeting", "Hello, Bob!")
end)
test("right", function(app) app:visit() end)]])
  equal(false, t.ok)
  equal({ "test.lua", 5 }, { t.file, t.line })
  equal('got "Hello, Ada!", wanted "Hello, Bob!"', t.message)
  equal({ false, true }, { t.tests[1].ok, t.tests[2].ok })
  equal(5, t.tests[1].line)
end)

it("what a handler raises is told with its own line and the test's", function()
  local t = tested([[
local ui = require "vitrine.ui"
return ui.page({}, function()
  return ui.button { "Go", on_click = function() local x = nil; return x.y end }
end)]], [[
test("goes", function(app)
  app:visit():click "Go"
end)]])
  equal({ "app.lua", 3 }, { t.file, t.line })
  match("attempt to index a nil value .*\n  in the click of 'Go' at test.lua:3$", t.message)
end)

it("what the app refuses can be expected", function()
  passes(HELLO, [[
    test("refuses", function(app)
      local v = app:visit()
      test.fails(function() v:click "Submit" end, "Say a name.")
      test.fails(function() v:submit("Your name", ("x"):rep(11)) end, "has 11 bytes, the limit is 10")
    end)]])
end)

it("the worker's own checks of values hold for a test", function()
  local t = tested([[
local ui = require "vitrine.ui"
return ui.page({}, function()
  return ui.column { ui.slider { label = "S", max = 5 }, ui.button { "Go", on_click = function() end } }
end)]], [[
test("goes", function(app)
  local v = app:visit()
  v:set("S", 9)
  v:click "Go"
end)]])
  match("S must be from 0 to 5", t.message)
end)

it("names are found by id, label, button and type; a wrong one gets the nearest", function()
  passes([[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local out = ui.markdown ""
  return ui.column { out, ui.textbox { id = "a", label = "Text" }, ui.textbox { id = "b", label = "Text" },
    ui.button { "Go", on_click = function() out:set "gone" end },
    ui.row { visible = false, ui.button { "Hidden", on_click = function() end } },
    ui.button { "Off", interactive = false, on_click = function() end }, ui.button "Dead" }
end)]], [[
    test("names", function(app)
      local v = app:visit()
      v:click "Go"
      test.equal(v:value "markdown", "gone")
      v:set("a", "x")
      test.equal(v:value "a", "x")
      test.equal(v:value "b", "")
      test.fails(function() v:set("Text", "x") end, "several components are called 'Text'")
      test.fails(function() v:click "Goo" end, "did you mean 'Go'?")
      test.fails(function() v:click "Hidden" end, "'Hidden' is hidden")
      test.fails(function() v:click "Off" end, "'Off' is not interactive")
      test.fails(function() v:click "Dead" end, "it has no on_click")
      test.fails(function() v:set("markdown", "x") end, "which visitors cannot change")
    end)]])
end)

it("on_load, query, user, toasts, examples and on_change are those of a browser", function()
  passes([[
local ui = require "vitrine.ui"
return ui.page({}, function(page)
  local out, text = ui.markdown "", ui.textbox { label = "Text" }
  local size = ui.slider { label = "Size", on_change = function(v) out:set("size " .. v) end }
  page:on_load(function(session) out:set((session:user() or "nobody") .. " " .. (session:query().q or "")) end)
  return ui.column { out, text, size,
    ui.examples { inputs = { text, size }, rows = { { "one", 1 }, { "two", 2 } },
      on_example = { inputs = { text }, fn = function(t) ui.info("chose " .. t) end } } }
end)]], [[
    test("loads", function(app)
      local v = app:visit { user = "ada", query = { q = "x" } }
      test.equal(v:value "markdown", "ada x")
      v:set("Size", 7)
      test.equal(v:value "markdown", "size 7")
      v:example(2)
      test.equal(v:toasts(), { { kind = "info", message = "chose two" } })
      test.equal(v:value "Text", "two")
    end)]])
end)

it("a stream is seen step by step, and can be stopped", function()
  passes([[
local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({}, function()
  local out = ui.markdown ""
  return ui.column { out, ui.button { "Count", on_click = function(session)
    for i = 1, 5 do out:append(i .. " ") time.sleep(0.04) end
    session.counted = true
  end } }
end)]], [[
    test("streams", function(app)
      local v, seen = app:visit(), {}
      for _ in v:stream "Count" do seen[#seen + 1] = v:value "markdown" end
      test.ok(#seen >= 3, "steps")
      test.equal(seen[#seen], "1 2 3 4 5 ")
      test.ok(v:session().counted)
    end)
    test("stops", function(app)
      local v = app:visit()
      for _ in v:stream "Count" do v:cancel() end
      test.equal(v:session().counted, nil)
    end)]])
end)

it("a visitor comes back with session, page and values, through what is stored", function()
  passes([[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local chat, text = ui.chatbot { label = "Chat" }, ui.textbox { label = "Text" }
  local secret = ui.textbox { label = "Secret", password = true }
  text:on_submit(function(t, session)
    session.turns = session.turns or {}
    session.turns[#session.turns + 1] = t
    chat:append { role = "user", content = t }
    local m = chat:append { role = "assistant", content = "" }
    m:add("you ") m:add("said " .. t)
  end)
  return ui.column { chat, text, secret }
end)]], [[
    test("comes back", function(app)
      local v = app:visit()
      v:submit("Text", "one")
      local before = v:value "Chat"
      v:reload()
      test.equal(v:value "Chat", before)
      test.equal(v:value "Text", "one")
      v:set("Secret", "hush")
      v:submit("Text", "two")
      test.equal(v:session().turns, { "one", "two" })
      test.equal(#v:value "Chat", 4)
      v:reload()
      test.equal(v:value "Secret", "")
      test.equal(v:value("Chat")[4], { role = "assistant", content = "you said two" })
    end)]])
end)

it("upgrade(old) runs on a session of another version", function()
  passes([[
local ui = require "vitrine.ui"
return ui.page({ upgrade = function(old)
  if old.bad then error "cannot" end
  return { names = { old.name } }
end }, function() return ui.markdown "" end)]], [[
    test("moves", function(app)
      test.equal(app:visit({ session = { name = "Ada" }, upgrade = true }):session(), { names = { "Ada" } })
      test.fails(function() app:visit { session = { bad = true }, upgrade = true } end, "cannot")
    end)]])
end)

it("two visitors are two sessions at the same time", function()
  passes([[
local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({}, function()
  local out = ui.markdown ""
  return ui.column { out, ui.button { "Wait", on_click = function() out:set "a" time.sleep(0.05) out:set "b" end },
    ui.button { "Quick", on_click = function() out:set "q" end } }
end)]], [[
    test("both", function(app)
      local slow, quick = app:visit(), app:visit()
      for step in slow:stream "Wait" do
        if step == 1 then quick:click "Quick" test.equal(slow:value "markdown", "a") end
      end
      test.equal({ slow:value "markdown", quick:value "markdown" }, { "b", "q" })
    end)]])
end)

it("models are what the test says they are", function()
  local app = [[
local ui, models = require "vitrine.ui", require "vitrine.models"
local mood, llm = models.pipeline("text-classification", "a/mood"), models.chat "a/writer"
return ui.page({}, function()
  local out, text = ui.label { label = "Mood" }, ui.textbox { label = "Text" }
  local story = ui.markdown ""
  text:on_submit(function(t) out:set(mood(t)) end)
  return ui.column { out, text, story, ui.button { "Write", on_click = function()
    for token in llm:stream { { role = "user", content = "a story" } } do story:append(token) end
    story:append(" " .. llm:complete { { role = "user", content = "more" } })
  end } }
end)]]
  passes(app, [[
    test.model("a/mood", function(text) return { { label = text, score = 0.75 } } end)
    test.model("a/writer", function(turns) return { "Once ", "upon ", turns[1].content } end)
    test("classifies", function(app)
      local v = app:visit()
      v:submit("Text", "fine")
      test.equal(v:value("Mood").label, "fine")
      v:click "Write"
      test.equal(v:value "markdown", "Once upon a story Once upon more")
    end)]])
  local t = tested(app, [[test("none", function(app) app:visit():submit("Text", "fine") end)]])
  equal({ "app.lua", 6 }, { t.file, t.line })
  match([[no model runs while tests do; say what 'a/mood' answers]], t.message)
end)

it("files of the repo are shared with the app, and vitrine.test is not there for it", function()
  passes("local lib = require 'lib'\nlocal ui = require 'vitrine.ui'\nreturn ui.page({}, function() return ui.markdown(lib.word) end)",
    [[local lib = require "lib"
    test("same", function(app) test.equal(app:visit():value "markdown", lib.word) end)]],
    { files = { ["lib.lua"] = "return { word = 'x' }" } })
  local why = s.load_failure({ ["app.lua"] = "require 'vitrine.test'", ["test.lua"] = "" }, { check = true })
  match("vitrine.test is there for test.lua", why.message)
end)

it("a test.lua that is broken, empty or misspells is told with its line", function()
  for _, case in ipairs {
    { "nonsense()", 2, "'nonsense' is not declared" },
    { "test.equals(1, 1)", 2, "there is no 'equals'; did you mean 'equal'?" },
    { "", 1, "it has no test" },
    { "test('x')", 2, "a name and a function are needed" },
    { "test('x', function(app) app:visit { usr = 1 } end)", 2, "unknown field 'usr'; did you mean 'user'?" },
    { "test('x', function() test('y', function() end) end)", 2, "'y' stands inside 'x'" },
  } do
    local t = tested(HELLO, case[1])
    equal({ false, "test.lua", case[2] }, { t.ok, t.file, t.line }, case[1])
    match(case[3]:gsub("[%(%)%?]", "%%%0"), t.message)
  end
  local why = s.load_failure({ ["app.lua"] = HELLO, ["test.lua"] = "return (" }, { check = true })
  equal({ "test.lua", 1 }, { why.file, why.line })
end)

it("a test that never ends is stopped, named, and costs the worker nothing else", function()
  local t = tested(HELLO, "test('fine', function() end) test('burns', function() while true do end end)", { cpu_ms = 300 })
  equal({ false, true, "burns", false }, { t.ok, t.tests[1].ok, t.tests[2].name, t.tests[2].ok })
  match("processor time, the limit", t.message)
  t = tested([[
local ui = require "vitrine.ui"
return ui.page({}, function() return ui.button { "Go", on_click = function() while true do end end } end)]],
    "test('burns', function(app) app:visit():click 'Go' end)", { cpu_ms = 300 })
  match("processor time, the limit", t.message)
end)

it("a test that fills the memory fails for it", function()
  local t = tested(HELLO, "test('fills', function() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end end)", { heap_max = 8 << 20 })
  equal(false, t.ok)
  match("memory", t.message)
end)

it("a handler that gets hold of a visit cannot drive it", function()
  local t = tested([[
local ui, lib = require "vitrine.ui", require "lib"
return ui.page({}, function() return ui.button { "Go", on_click = function() lib.visit:click "Go" end } end)]],
    [[local lib = require "lib"
test("x", function(app) lib.visit = app:visit() lib.visit:click "Go" end)]],
    { files = { ["lib.lua"] = "return {}" } })
  match("a handler cannot drive the app", t.message)
end)

it("files are uploaded from the repo and from the test, read by the app, and there after a reload", function()
  passes([[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local out = ui.markdown { id = "out" }
  local photo = ui.image { label = "Photo", upload = true }
  local several = ui.file { label = "Files", multiple = true }
  photo:on_upload(function(file) out:set(file.name .. " " .. file.type .. " " .. file:read()) end)
  return ui.column { out, photo, several, ui.button { "Sum", on_click = function()
    local all = {}
    for _, f in ipairs(several.value or {}) do all[#all + 1] = f.name .. "=" .. f:read(3, 1) end
    out:set(table.concat(all, ","))
  end } }
end)]], [[
    test("uploads", function(app)
      local v = app:visit()
      v:upload("Photo", "img/cat.png")
      test.equal(v:value "out", "cat.png image/png PNG of a cat")
      v:upload("Files", { name = "a.csv", bytes = "12345" })
      v:upload("Files", { name = "b.csv", bytes = "abc" })
      v:reload()
      v:click "Sum"
      test.equal(v:value "out", "a.csv=234,b.csv=bc")
      test.fails(function() v:upload("Photo", "img/dog.png") end, "there is no file 'img/dog.png'")
      test.fails(function() v:upload("Sum", "img/cat.png") end, "which takes no files")
      test.fails(function() v:set("Photo", "x") end, "visit:upload")
    end)]], { files = { ["img/cat.png"] = "PNG of a cat" } })
end)

it("words of an app that look like a place are words", function()
  local t = tested(HELLO, [[test("fails", function() error("user:1700000000: expired", 0) end)]])

  equal(false, t.ok)
  equal("user:1700000000: expired", t.message)
  equal(nil, t.line)
end)
