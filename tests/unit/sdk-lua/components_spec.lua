-- Every component: what it takes, what travels, what a visitor may send.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

-- One component with id "c"; body runs in a button's handler with c and session.
local function with(constructor, body, files)
  files = files or {}
  files["app.lua"] = [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local c = ui.]] .. constructor .. "\n" .. [[
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session) ]] .. (body or "") .. [[ end)
  return ui.column { c, go }
end)]]
  return s.load(files)
end

local function last(app, v)
  for _, group in ipairs(v.groups) do
    if group.fail then error(group.fail.message, 2) end
  end
end

local function sets(name, constructor, body, want, prop)
  it(name, function()
    local app = with(constructor, body)
    local v = app:open()
    app.bench:capture()
    v:click "go"
    app.bench:captured()
    last(app, v)
    equal(want, v:see("c", prop))
  end)
end

sets("textbox set", "textbox { id = 'c' }", "c:set('x')", "x")
sets("textbox takes a number as text", "textbox { id = 'c' }", "c:set(42)", "42")
sets("textbox append", "textbox { id = 'c', value = 'a' }", "c:append('b') c:append('c')", "abc")
sets("textbox clear", "textbox { id = 'c', value = 'a' }", "c:clear()", "")
sets("textbox update", "textbox { id = 'c' }", "c:update { placeholder = 'p', label = 'L' }", "p", "placeholder")
sets("number set", "number { id = 'c' }", "c:set(1.5)", 1.5)
sets("slider clear is its min", "slider { id = 'c', min = 2, max = 9 }", "c:clear()", 2)
sets("checkbox set", "checkbox { id = 'c' }", "c:set(true)", true)
sets("radio set", "radio { id = 'c', choices = { 'a', { label = 'B', value = 'b' } } }", "c:set('b')", "b")
sets("radio choices", "radio { id = 'c', choices = { 'a' } }", "c:update { choices = { 'x', 'y' } }", { "x", "y" }, "choices")
sets("dropdown several", "dropdown { id = 'c', choices = { 'a', 'b' }, multiple = true }", "c:set { 'a', 'b' }", { "a", "b" })
sets("button text", "button { 'Run', id = 'c' }", "c:set('Again')", "Again")
sets("button disabled", "button { 'Run', id = 'c' }", "c:update { interactive = false }", false, "interactive")
sets("label from a pipeline", "label { id = 'c' }", "c:set { { label = 'b', score = 0.2 }, { label = 'a', score = 0.8 } }",
  { label = "a", confidences = { { label = "a", confidence = 0.8 }, { label = "b", confidence = 0.2 } } })
sets("label from a map", "label { id = 'c' }", "c:set { no = 0.25, yes = 0.75 }",
  { label = "yes", confidences = { { label = "yes", confidence = 0.75 }, { label = "no", confidence = 0.25 } } })
sets("label from a name", "label { id = 'c' }", "c:set('cat')", { label = "cat" })
sets("label in its own form", "label { id = 'c' }", "c:set { label = 'x', confidences = { { label = 'x', confidence = 1 } } }",
  { label = "x", confidences = { { label = "x", confidence = 1 } } })
sets("markdown append", "markdown { 'a', id = 'c' }", "c:append('**b**')", "a**b**")
sets("json set", "json { id = 'c' }", "c:set { a = { 1, 2.5, true } }", { a = { 1, 2.5, true } })
sets("chatbot append and add", "chatbot { id = 'c' }",
  "c:append { role = 'user', content = 'hi' } local r = c:append { role = 'assistant', content = 'a' } r:add('b') r:add('c')",
  { { role = "user", content = "hi" }, { role = "assistant", content = "abc" } })
sets("chatbot item set and content", "chatbot { id = 'c' }",
  "local r = c:append { role = 'user', content = 'a' } r:set('b') r:add(r.content)", { { role = "user", content = "bb" } })
sets("chatbot clear", "chatbot { id = 'c', value = { { role = 'user', content = 'x' } } }", "c:clear()", {})
sets("row gap", "row { ui.markdown 'x', id = 'c' }", "c:update { gap = 'large' }", "large", "gap")
sets("column hidden", "column { ui.markdown 'x', id = 'c' }", "c:update { visible = false }", false, "visible")
sets("the value as read", "json { id = 'c', value = { 1 } }", "local v = c.value v[2] = 2 c:set(v)", { 1, 2 })

local function refuses(name, constructor, body, words)
  it(name .. " is refused", function()
    local app = with(constructor, body)
    local v = app:open()
    app.bench:capture()
    local fail = v:click("go").fail
    app.bench:captured()
    match(words, fail and fail.message)
    equal("app.lua", fail.file)
    equal(5, fail.line)
  end)
end

refuses("text for a number", "number { id = 'c' }", "c:set('x')", "ui%.number: 'value' must be a finite number")
refuses("a table for text", "textbox { id = 'c' }", "c:set {}", "must be a string")
refuses("a function for json", "json { id = 'c' }", "c:set(print)", "must be a plain value")
refuses("a cycle for json", "json { id = 'c' }", "local t = {} t.t = t c:set { f = print }", "function cannot be kept")
refuses("an unknown property", "textbox { id = 'c' }", "c:update { lins = 1 }", "unknown field 'lins'; did you mean 'lines'")
refuses("an unknown method", "textbox { id = 'c' }", "c:sett('x')", "unknown field 'sett'")
refuses("bytes for text", "textbox { id = 'c' }", "c:append('\\xff')", "text is UTF%-8")
refuses("a picture that is none", "image { id = 'c' }", "c:set(42)", "an image is an upload")
refuses("a chat message without role", "chatbot { id = 'c' }", "c:append { content = 'x' }", "a message is")
refuses("a new component in a handler", "textbox { id = 'c' }", "ui.textbox {}", "while the page is built")
refuses("a handler in a handler", "textbox { id = 'c' }", "c:on_change(print)", "while the page is built")

it("the tree has keys by path, numbers by key, and only what differs", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({ title = "T" }, function()
  return ui.column {
    ui.textbox { lines = 1, label = "L" },
    ui.textbox { lines = 3 },
    ui.row { gap = "small", ui.button "A", ui.button { "B", variant = "primary", id = "b" } },
  }
end)]]
  local root = app.hello.tree.root
  equal("T", app.hello.tree.title)
  equal("column", root.key)
  equal({ "column/textbox", "column/textbox:2", "column/row" },
    { root.children[1].key, root.children[2].key, root.children[3].key })
  equal({ label = "L" }, root.children[1].props)
  equal({ lines = 3 }, root.children[2].props)
  equal({ "column/row/button", "b" }, { root.children[3].children[1].key, root.children[3].children[2].key })
  equal({ value = "A" }, root.children[3].children[1].props)
  -- CRC-32C of "column", RFC 3720's polynomial
  local crc = 0xffffffff
  for byte in ("column"):gmatch "." do
    crc = crc ~ byte:byte()
    for _ = 1, 8 do crc = (crc & 1) == 1 and (crc >> 1) ~ 0x82f63b78 or crc >> 1 end
  end
  equal(crc ~ 0xffffffff, root.n)
end)

it("empty properties are an object, not a list", function()
  local app = s.start [[ local ui = require "vitrine.ui" return ui.page({}, function() return ui.column { ui.label {} } end) ]]
  local hello = app:await "HELLO"
  match('"type":"label"', hello.value)
  match('"props":{}', hello.value)
  match('"api":%[%]', hello.value)
end)

local function takes(name, constructor, sent, want)
  it(name .. " is taken from a visitor", function()
    local app = with(constructor, "session.got = c.value")
    local v = app:open()
    local group = v:click("go", { c = sent })
    if group.fail then error(group.fail.message) end
    equal({ got = want }, v:stored())
  end)
end
takes("text", "textbox { id = 'c' }", "tüxt", "tüxt")
takes("a number", "number { id = 'c' }", 1.25, 1.25)
takes("a slider's place", "slider { id = 'c' }", 7, 7)
takes("a checkbox", "checkbox { id = 'c' }", true, true)
takes("a choice", "radio { id = 'c', choices = { 'a', 'b' } }", "b", "b")
takes("several choices", "dropdown { id = 'c', multiple = true, choices = { 'a', 'b' } }", { "b" }, { "b" })

local function turns_away(name, constructor, sent, words)
  it(name .. " is turned away", function()
    local app = with(constructor, "session.got = c.value")
    local v = app:open()
    v:value("c", sent)
    local group = v:click "go"
    equal(s.FAIL.INVALID, group.fail and group.fail.op)
    match(words, group.fail.message)
    equal({}, v:stored())
  end)
end
turns_away("a number for text", "textbox { id = 'c' }", "42", "must be text")
turns_away("text that is too long", "textbox { id = 'c', max_length = 3, label = 'Name' }", '"abcd"', "Name has 4 bytes, the limit is 3")
turns_away("text for a number", "number { id = 'c' }", '"x"', "must be a number")
turns_away("a number out of range", "slider { id = 'c', max = 10 }", "11", "must be from 0 to 10")
turns_away("a choice there is not", "radio { id = 'c', choices = { 'a' } }", '"b"', "one of the choices")
turns_away("a list for one choice", "dropdown { id = 'c', choices = { 'a' } }", '["a"]', "one of the choices")
turns_away("an object for a checkbox", "checkbox { id = 'c' }", "{}", "true or false")
turns_away("an output", "label { id = 'c' }", '{"label":"x"}', "cannot be changed by visitors")
turns_away("an upload nobody made", "image { id = 'c', upload = true }", '{"file":"x"}', "upload it again")
turns_away("a file nobody sent", "file { id = 'c' }", '{"file":"x"}', "upload it again")
turns_away("many files where one is meant", "file { id = 'c' }", '[{"file":"x"}]', "must be an upload")
turns_away("what is not JSON", "textbox { id = 'c' }", "{broken", "not JSON")

it("a password is there for its event and gone after it", function()
  local app = with("textbox { id = 'c', password = true }", "session.n = #c.value")
  local v = app:open()
  v:click("go", { c = "secret" })
  equal({ n = 6 }, v:stored())
  v:click "go"
  equal({ n = 0 }, v:stored())
end)

it("events give their own value, inputs, and what the gesture carries", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local a, b = ui.textbox { id = "a" }, ui.number { id = "b" }
  local out = ui.json { id = "out" }
  a:on_change(function(value, session, extra) out:set { value, type(session), extra } end)
  a:on_submit { inputs = { a, b }, fn = function(x, y, session) out:set { x, y, type(session) } end }
  local ex = ui.examples { id = "ex", inputs = { a, b }, rows = { { "one", 1 }, { "two", 2 } },
    on_example = function(session, row) out:set { "row", row } end }
  return ui.column { a, b, ex, out }
end)]]
  equal({ app.nodes.a.n, app.nodes.b.n }, app.nodes.ex.props.inputs)
  equal({ { "one", 1 }, { "two", 2 } }, app.nodes.ex.props.rows)
  local v = app:open()
  v:await(v:fire("a", "change", { a = "x" }))
  equal({ "x", "table" }, v:see "out")
  v:await(v:fire("a", "submit", { b = 4 }))
  equal({ "x", 4, "table" }, v:see "out")
  v:await(v:fire("ex", "example", nil, 1))
  equal({ "row", 1 }, v:see "out")
end)

it("progress is shown and goes; messages are shown", function()
  local app = s.handler [[ ui.progress(0.5, "half") ui.info("note") session:progress(0.75) session:save() ]]
  local v = app:open()
  v:click "go"
  local shown = {}
  for _, group in ipairs(v.groups) do
    for _, p in ipairs(group.patches) do shown[#shown + 1] = { p.path, p.value } end
  end
  equal({ { "progress", { fraction = 0.5, message = "half" } }, { "toast", { kind = "info", message = "note" } },
    { "progress", { fraction = 0.75 } }, { "progress" } }, shown)
end)

it("the api lists named functions with their inputs and outputs", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.interface { inputs = { ui.textbox { label = "First name" }, ui.number { id = "age" } }, outputs = ui.label { label = "Who" },
  fn = function(name, age) return name .. age end, api_name = "greet" }]]
  local api = app.hello.api
  equal(1, #api)
  equal("greet", api[1].name)
  equal({ "first_name", "age" }, { api[1].inputs[1].name, api[1].inputs[2].name })
  equal("label", api[1].outputs[1].component)
end)

-- --- pictures and files ----------------------------------------------------------------------

it("a picture of the repo that the page shows reaches each session once", function()
  local app = with("image { id = 'c', value = 'img/cat.png' }", "c:set('img/cat.png')", { ["img/cat.png"] = "PNG\0bytes" })
  equal(nil, app.nodes.c.props.value)
  local v = app:open()
  app:until_(function() return v.finished[0] end, "the first group")
  local value = v:see "c"
  equal({ type = "image/png", name = "cat.png", bytes = "PNG\0bytes" }, v.groups[1].blobs[value.file])
  equal({ "cat.png", "image/png", 9 }, { value.name, value.type, value.size })
  local group = v:click "go"
  equal(nil, group.blobs)
  equal(value, v:see "c")
  -- and not again where the session has it
  local again = app:open { overlay = s.json.encode { { app.nodes.c.n, "value", 1, value } } }
  app:pump(3)
  equal(0, #again.groups)
end)

it("bytes made by the app are shown", function()
  local app = with("image { id = 'c' }", "c:set(ui.bytes('GIF', 'image/gif'))")
  local v = app:open()
  local group = v:click "go"
  equal({ type = "image/gif", name = "image", bytes = "GIF" }, group.blobs[v:see("c").file])
end)

local function files_app(fields)
  return s.load(([[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local input = ui.file { id = "in", %s }
  local out, go = ui.file { id = "out", interactive = false }, ui.button { "Go", id = "go" }
  input:on_upload(function(file, session)
    session.got = {}
    for _, f in ipairs(file.name and { file } or file) do
      for line in f:lines() do session.got[#session.got + 1] = f.name .. ":" .. line end
    end
  end)
  go:on_click(function() out:set(ui.bytes("a,b", "text/csv", "so ü.csv")) end)
  return ui.row { input, out, go }
end)]]):format(fields))
end

local function give(app, v, id, name, bytes)
  app:send("FILE", { channel = v.channel, file = bytes,
    value = s.json.encode { id = id, name = name, type = "text/plain", size = #bytes } })
end

it("files reach a handler as handles, several as a list, and are read by line", function()
  local app = files_app "multiple = true"
  local v = app:open()
  give(app, v, "f1", "a.csv", "one\ntwo\r\n\nfour")
  give(app, v, "f2", "b.csv", ("x"):rep(70000) .. "\nend\n")
  v:value("in", '[{"file":"f1"},{"file":"f2"}]')
  v:await(v:fire("in", "upload"))
  equal({ got = { "a.csv:one", "a.csv:two", "a.csv:", "a.csv:four", "b.csv:" .. ("x"):rep(70000),
    "b.csv:end" } }, v:stored())
end)

it("a file that the app made is offered under its name", function()
  local app = files_app ""
  local v = app:open()
  local group = v:click "go"
  local value = v:see("out")
  equal({ "so ü.csv", "text/csv", 3 }, { value.name, value.type, value.size })
  equal({ type = "text/csv", name = "so ü.csv", bytes = "a,b" }, group.blobs[value.file])
end)

refuses("a file that is none", "file { id = 'c' }", "c:set(42)", "a file is an upload")
refuses("bytes with a folder in their name", "file { id = 'c' }",
  "c:set(ui.bytes('x', 'text/csv', 'a/b'))", "without a folder")
it("a file of another kind or size is turned away in words", function()
  for fields, words in pairs {
    ['types = ".pdf, image/*"'] = "none of",
    ["max_size = 2"] = "the limit is 2",
    ["multiple = true, max_files = 1"] = "at most 1",
  } do
    local app = files_app(fields)
    local v = app:open()
    give(app, v, "f1", "a.csv", "one")
    v:value("in", fields:find "multiple" and '[{"file":"f1"},{"file":"f1"}]' or '{"file":"f1"}')
    local group = v:await(v:fire("in", "upload"))
    match(words, group.fail and group.fail.message)
  end
end)

it("an upload can be read, in parts, and shown", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local photo, out = ui.image { id = "photo", upload = true }, ui.image { id = "out" }
  photo:on_upload(function(file, session)
    session.got = { file.name, file.type, file.size, file:read(), file:read(3, 2) }
    out:set(file)
  end)
  return ui.row { photo, out }
end)]]
  local v = app:open()
  app:send("FILE", { channel = v.channel, file = "0123456789",
    value = s.json.encode { id = "f1", name = "a.png", type = "image/png", size = 10 } })
  v:await(v:fire("photo", "upload", { photo = { file = "f1", name = "forged", type = "x/y", size = 1 } }))
  equal({ got = { "a.png", "image/png", 10, "0123456789", "234" } }, v:stored())
  equal({ file = "f1", name = "a.png", type = "image/png", size = 10 }, v:see "out")
end)

it("an upload that is not here any more says so", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local photo = ui.image { id = "photo", upload = true }
  photo:on_change(function(file, session) local bytes, err = file:read() session.err = err end)
  return photo
end)]]
  local v = app:open { files = { { id = "old", name = "o.png", type = "image/png", size = 5 } } }
  v:await(v:fire("photo", "change", { photo = { file = "old" } }))
  match("upload it again", v:stored().err)
end)

it("more uploads than there may be open files: the newest can be read", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local photo = ui.image { id = "photo", upload = true }
  photo:on_upload(function(file, session) session.got = file:read() or "closed" end)
  return photo
end)]]
  local v = app:open()
  for i = 1, 40 do
    app:send("FILE", { channel = v.channel, file = "content " .. i,
      value = s.json.encode { id = "f" .. i, name = "n", type = "image/png", size = 9 } })
    app:pump(1)
  end
  v:await(v:fire("photo", "upload", { photo = { file = "f40" } }))
  equal("content 40", v:stored().got)
  v:await(v:fire("photo", "upload", { photo = { file = "f1" } }))
  equal("closed", v:stored().got)
end)
