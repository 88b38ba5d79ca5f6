-- What a developer is told, and where it points.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

it("an uncaught error has message, file, line, frames of the app, and an id that is in the log", function()
  local app = s.load {
    ["app.lua"] = [[
local ui = require "vitrine.ui"
local work = require "lib.work"
return ui.page({}, function()
  local go = ui.button { "Go", id = "go" }
  go:on_click(function()
    work.run(nil)
  end)
  return go
end)]],
    ["lib/work.lua"] = [[
local M = {}
local function deep(t)
  return t.field
end
function M.run(t)
  local r = deep(t)
  return r
end
return M]],
  }
  local v = app:open()
  app.bench:capture()
  local fail = v:click("go").fail
  local log = app.bench:captured()
  equal(s.FAIL.ERROR, fail.op)
  equal("lib/work.lua", fail.file)
  equal(3, fail.line)
  match("attempt to index a nil value", fail.message)
  match("lib/work%.lua:3: .*lib/work%.lua:6: .*app%.lua:6: ", fail.traceback:gsub("\n", " "))
  if fail.traceback:find("sdk", 1, true) then error(fail.traceback) end
  match("^%w+$", fail.reference)
  match("\x1eerror session=%x+ event=%d+ ref=" .. fail.reference .. "\x1flib/work%.lua:3: attempt", log)
end)

it("error with a table, and ui.refuse, are words for the visitor", function()
  for _, body in ipairs { 'error { message = "Too short." }', 'error { "Too short." }', 'ui.refuse("Too short.")',
    'local ok, e = pcall(ui.refuse, "Too short.") error(e)' } do
    local app = s.handler(body)
    local v = app:open()
    local fail = v:click("go").fail
    equal(s.FAIL.INVALID, fail.op, body)
    equal("Too short.", fail.message, body)
    equal(nil, fail.reference, body)
    app.bench:close()
  end
end)

it("an error that is no text says what to do", function()
  local app = s.handler "error(nil)"
  local v = app:open()
  app.bench:capture()
  local fail = v:click("go").fail
  app.bench:captured()
  match("not a text", fail.message)
end)

it("a message that is not UTF-8 still arrives", function()
  local app = s.handler [[ error("bad \xff byte") ]]
  local v = app:open()
  app.bench:capture()
  local fail = v:click("go").fail
  app.bench:captured()
  equal("bad ? byte", fail.message)
end)

it("print goes to the log with session and event", function()
  local app = s.handler [[ print("hello", 42, nil, true) print("two\nlines") ]]
  local v = app:open()
  app.bench:capture()
  v:click "go"
  local log = app.bench:captured()
  local head = log:match "^\x1eprint session=%x%x%x%x%x%x%x%x event=%d+\x1f"
  equal(head .. "hello\t42\tnil\ttrue\n" .. head .. "two\n" .. head .. "lines\n", log)
  app.bench:capture()
  app:open():click "go"
  if app.bench:captured():find(head, 1, true) then error "two visitors have one reference" end
end)

it("vitrine.log writes words and values with a level, on one line", function()
  local app = s.handler [[
    local log = require "vitrine.log"
    log.info { "classified", label = "very happy", ms = 12, ok = true }
    log.warn("low", { left = 0.5, ["a=b"] = 'say "hi"' })
    log.error "gone"
    log.debug { only = "values" }
  ]]
  local v = app:open()
  app.bench:capture()
  v:click "go"
  local log = app.bench:captured():gsub(" session=%x+ event=%d+\x1f", "|")
  equal('\x1elog.info|classified label="very happy" ms=12 ok=true\n'
    .. '\x1elog.warn|low "a=b"="say \\"hi\\"" left=0.5\n'
    .. "\x1elog.error|gone\n\x1elog.debug|only=values\n", log)
end)

for code, words in pairs {
  ["log.info(42)"] = "log.info: the words are a string %(got 42",
  ['log.warn("a", "b")'] = "log.warn: the values are a table %(got",
  ["log.error {}"] = "log.error: there is nothing to say",
} do
  it("refused: " .. code, function()
    local app = s.handler('local log = require "vitrine.log" ' .. code)
    local v = app:open()
    app.bench:capture()
    local fail = v:click("go").fail
    app.bench:captured()
    match(words, fail.message)
    equal("app.lua", fail.file)
  end)
end

-- An app that does not load: source, what the message says, at which line.
local function fails(name, source, message, line)
  it("load: " .. name, function()
    local why = s.load_failure(source, { check = true })
    match(message, why.message)
    if line then
      equal("app.lua", why.file, "file of: " .. why.message)
      equal(line, why.line, why.message)
    end
  end)
end

local head = 'local ui, models = require "vitrine.ui", require "vitrine.models"\n'

fails("a syntax error", head .. "local x = = 1", "unexpected symbol near '='", 2)
fails("nothing returned", head, "returns nothing")
fails("something else returned", head .. "return 42", "returns an app: .* %(got 42%)")
fails("an error of its own", head .. "\nerror 'no luck'", "no luck", 3)
fails("a global that is written", head .. "function helper() end", "'helper' is not declared; write 'local helper'", 2)
fails("a global that is read", head .. "pritn('x')", "'pritn' is not declared; did you mean 'print'", 2)
fails("io", head .. "io.open('x')", "there is no 'io' here", 2)
fails("os.execute", head .. "os.execute('x')", "attempt to call a nil value", 2)
fails("a module that is not there", head .. "require 'vitrine.modles'", "did you mean 'vitrine.models'", 2)
fails("an unknown component", head .. "ui.textbocks {}", "there is no 'textbocks'; did you mean 'textbox'", 2)
fails("an unknown field", head .. "ui.textbox { lable = 'x' }", "ui.textbox: unknown field 'lable'; did you mean 'label'", 2)
fails("an unknown field far from any", head .. "ui.row { zzzzzz = 1 }", "unknown field 'zzzzzz'; known are: gap, id", 2)
fails("a field without a name", head .. "ui.textbox { 'x' }", 'ui.textbox: the string "x" has no name', 2)
fails("a wrong type", head .. "ui.textbox { lines = 'three' }", "ui.textbox: 'lines' must be a whole number %(got the string", 2)
fails("a fraction for a whole number", head .. "ui.textbox { lines = 1.5 }", "'lines' must be a whole number %(got 1%.5%)", 2)
fails("a wrong enum", head .. "ui.button { 'x', variant = 'big' }", "must be one of primary|secondary|stop", 2)
fails("a slider upside down", head .. "ui.slider { min = 5, max = 1 }", "'min' must be below 'max' %(got 5, 1%)", 2)
fails("a value outside the choices", head .. "ui.radio { choices = { 'a' }, value = 'b' }", "one of the choices", 2)
fails("a child that is no component", head .. "ui.row { 'text' }", "item 1 is not a component", 2)
fails("an unknown event", head .. "ui.label {}:on_click(print)", "ui.label has no event 'click'; it has: none", 2)
fails("an unknown event field", head .. "ui.button {}:on_click { fn = print, concurency = 1 }", "did you mean 'concurrency'", 2)
fails("a handler that is no function", head .. "ui.button {}:on_click { fn = 1 }", "'fn' must be a function %(got 1%)", 2)
fails("set while loading", head .. "\nui.textbox {}:set('x')", "there is no visitor yet", 3)
fails("assignment to a property", head .. "\nlocal t = ui.textbox {}\nt.label = 'x'", "set it with :update{ label", 4)
fails("an interface without fn", head .. "return ui.interface { inputs = ui.textbox {}, outputs = ui.label {} }", "'fn' must be a function", 2)
fails("an interface without outputs", head .. "return ui.interface { fn = print }", "'outputs' names", 2)
fails("a page that returns nothing", head .. "\nreturn ui.page({}, function() end)", "returns the page's root", 3)
fails("a component twice on the page", head .. "return ui.page({}, function() local a = ui.textbox {} return ui.row { a, a } end)", "stands twice")
fails("two components of one id", head .. "return ui.page({}, function() return ui.row { ui.textbox { id = 'a' }, ui.label { id = 'a' } } end)", "two components have the key 'a'")
fails("an image that is not in the repo", head .. "ui.image { value = 'cat.png' }", "there is no file 'cat.png'", 2)
fails("a model by a bad name", head .. "models.chat 'writer'", "named 'owner/name'", 2)
fails("an unknown task", head .. "models.pipeline('text-clasification', 'a/b')", "did you mean 'text%-classification'", 2)
fails("a model called while loading", head .. "local m = models.pipeline('text-classification', 'a/b')\nm('x')", "call them in a handler", 3)
fails("__gc", head .. "setmetatable({}, { __gc = print })", "'__gc' is not there", 2)
fails("a missing app file", { ["other.lua"] = "" }, "the app file 'app.lua' is not in the repo")
fails("bytecode", { ["app.lua"] = string.dump(function() end) }, "binary chunk")

it("check parses every Lua file, also those the app does not need", function()
  local files = { ["app.lua"] = 'local ui = require "vitrine.ui" return ui.page({}, function() return ui.markdown "x" end)',
    ["lib/broken.lua"] = "\n\nlocal = 1", ["notes.txt"] = "not = = lua" }
  local why, app = s.load_failure(files, { check = true })
  equal("lib/broken.lua", why.file)
  equal(3, why.line)
  match("lib/broken%.lua", app.log)
  app.bench:close()
  s.load(files) -- and without check it is nobody's business
end)

it("the worker ends after LOAD_FAILED", function()
  local _, app = s.load_failure "error 'x'"
  equal(true, app.ended)
end)
