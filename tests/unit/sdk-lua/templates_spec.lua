-- The templates and every snippet of docs/sdk.md are apps that load and do what they say.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function read(path)
  local f = assert(io.open(path))
  local text = f:read "a"
  f:close()
  return text
end

-- The files of a template's repo.
local function repo(name)
  local folder, files = "templates/" .. name .. "/", {}
  local list = assert(io.popen("find " .. folder .. " -type f"))
  for path in list:lines() do files[path:sub(#folder + 1)] = read(path) end
  list:close()
  return files
end

-- Without its tests, so that there is no word about them.
local function template(name)
  local files = repo(name)
  files["test.lua"] = nil
  return s.load(files, { check = true })
end

-- The key of the first component of that type whose property has that value.
local function find(app, kind, prop, value)
  local found
  for key, node in pairs(app.nodes) do
    if node.type == kind and (prop == nil or node.props[prop] == value) and (not found or key < found) then found = key end
  end
  return found or error("no " .. kind .. " with " .. tostring(prop) .. " = " .. tostring(value), 2)
end

-- What the platform's store says of an empty Space.
local STORE = {
  get = "{}", set = '{"revision":1}', delete = '{"deleted":false}', list = '{"items":[],"more":false}',
  usage = '{"keys":0,"bytes":0,"keys_max":100000,"bytes_max":67108864}',
  ["file.begin"] = '{"id":"i"}', ["file.write"] = "{}", ["file.end"] = '{"size":5,"revision":1,"written":1}',
  ["file.stat"] = '{"size":5,"revision":1,"written":1}', ["file.read"] = '{"size":5,"revision":1,"written":1}',
  ["file.list"] = '{"items":[],"more":false}', ["file.remove"] = '{"removed":false}',
}

-- Answers every call to models and to the store, until test() is true.
local function serve(app, test)
  return app:until_(function()
    local ask = table.remove(app.asked, 1)
    if ask and ask.service == "http" then
      app:answer(ask, '{"status":200,"headers":[["content-type","application/json"]],"url":"https://api.example.org/"}', '{"words":["sea"]}')
    elseif ask then
      app:answer(ask, STORE[ask.ask], ask.ask == "file.read" and "Hello" or nil)
    end
    local call = table.remove(app.calls, 1)
    if call and call.body.task == "describe" then
      app:result(call, { task = "image-classification", picture = { width = 4, height = 4, shortest = 0, filter = 2 } })
    elseif call and call.body.task == "zero-shot-classification" then
      app:result(call, { sequence = "x", labels = call.body.options.candidate_labels, scores = { 0.75, 0.25 } })
    elseif call and call.body.task:find "classification$" then
      app:result(call, { { label = "POSITIVE", score = 0.75 }, { label = "NEGATIVE", score = 0.25 } })
    elseif call and call.body.task == "text-ranking" then
      app:result(call, { { index = 1, score = 0.75 }, { index = 0, score = 0.25 } })
    elseif call and call.body.task == "feature-extraction" then
      local one = { 0.5, 0.25 }
      local all = {}
      for i = 1, type(call.body.inputs) == "table" and #call.body.inputs or 0 do all[i] = one end
      app:result(call, all[1] and all or one)
    elseif call then
      for _, token in ipairs { "Once", " upon", " a time." } do app:token(call, token) end
      app:result(call, { text = "Once upon a time.", finish_reason = "stop" })
    end
    return test()
  end, "an answer")
end

local function finish(app, v, n)
  return serve(app, function() return v.finished[n] end)
end

it("template hello greets", function()
  local app = template "hello"
  local v = app:open()
  local name, out = find(app, "textbox", "label", "Your name"), find(app, "textbox", "label", "Greeting")
  v:click(find(app, "button", "value", "Submit"), { [name] = "Ada" })
  equal("Hello, Ada!", v:see(out))
  v:await(v:fire(name, "submit", { [name] = "" }))
  equal("Hello, world!", v:see(out))
end)

it("template mood classifies", function()
  local app = template "mood"
  local v = app:open()
  local n = v:fire(find(app, "button", "value", "Submit"), "click", { [find(app, "textbox", "label", "Text")] = "I love it." })
  equal(nil, finish(app, v, n).fail)
  equal("POSITIVE", v:see(find(app, "label", "label", "Mood")).label)
end)

it("template writer keeps the conversation over another worker", function()
  local app = template "writer"
  local v = app:open()
  local box, chat = find(app, "textbox"), find(app, "chatbot")
  finish(app, v, v:fire(box, "submit", { [box] = "a story" }))
  equal("Once upon a time.", v:see(chat)[2].content)
  local again = app:open { seq = v.seq, image = '{"turns":' .. v.image.turns .. "}" }
  local n = again:fire(box, "submit", { [box] = "more" })
  local call = app:await_call()
  equal(3, #call.body.inputs)
  equal("a story", call.body.inputs[1].content)
  app:result(call, { text = "x", finish_reason = "stop" })
  again:await(n)
end)

-- What the gateway says of an upload that such a component takes.
local function upload_of(kind)
  local media_type = ({ audio = "audio/wav", video = "video/mp4" })[kind] or "image/png"
  return s.json.encode { id = "f", name = "a.x", type = media_type, size = 3 }
end

it("template gallery shows every component, and all of them work", function()
  local app = template "gallery"
  local there = {}
  for _, node in pairs(app.nodes) do there[node.type] = true end
  for name in read("proto/components.def"):gmatch "COMPONENT%(([%w_]+), \"" do
    if name ~= "progress" and name ~= "state" and not there[name] then error("no " .. name) end
  end
  local v = app:open()
  for key, node in pairs(app.nodes) do
    for event in pairs(node.on or {}) do
      -- A button may say "Refuse", and then does.
      if node.props.value ~= "Refuse" then
        local file = { file = "f" }
        local values = event == "upload" and { [key] = node.props.multiple and { file } or file } or event == "submit" and { [key] = "hello" } or nil
        if event == "upload" then
          app:send("FILE", { channel = v.channel, file = "PNG", value = upload_of(node.type) })
        end
        local fail = v:await(v:fire(key, event, values)).fail
        -- What names no message and no piece is refused.
        local nameless = (node.type == "chatbot" or node.type == "highlighted") and fail and fail.op == s.FAIL.INVALID
        if fail and fail.op ~= s.FAIL.CANCELLED and not nameless then error(key .. " " .. event .. ": " .. fail.message) end
      end
    end
  end
  equal(s.FAIL.INVALID, v:click(find(app, "button", "value", "Refuse")).fail.op)
end)

-- --- docs/sdk.md -----------------------------------------------------------------------------

-- Loads the app of one snippet and makes every gesture its page has a handler for.
local function exercise(source, files)
  files = files or {}
  files["app.lua"] = source
  local app = s.load(files, { check = true })
  local v = app:open { query = { q = "x" } }
  local fail
  local function fire(key, event, values)
    local group = finish(app, v, v:fire(key, event, values))
    -- What names no message and no piece is refused.
    local nameless = key ~= "" and app.nodes[key].type == "chatbot" and group.fail and group.fail.op == s.FAIL.INVALID
    if not nameless then fail = fail or group.fail end
  end
  if app.hello.tree.load then fire("", "load") end
  local keys = {}
  for key in pairs(app.nodes) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local node = app.nodes[key]
    for event in pairs(node.on or {}) do
      local values
      if node.type == "textbox" or node.type == "multimodal" then values = { [key] = "hello" } end
      if event == "upload" then
        local file = source:find "classif" and read "tests/unit/picture/known/rgb.png" or "PNG"
        app:send("FILE", { channel = v.channel, file = file, value = upload_of(node.type) })
        values = { [key] = { file = "f" } }
      end
      fire(key, event, values)
    end
  end
  return fail, app, v
end

local function snippets(path)
  local list, text = {}, read(path)
  for before, code in text:gmatch "([^\n]*)\n```lua\n(.-)\n```" do
    list[#list + 1] = { code = code, note = before:match "<!%-%- (.-) %-%->" }
  end
  return list
end

-- The test.lua of an app passes.
local function passes(source, test)
  local files = type(source) == "table" and source or { ["app.lua"] = source, ["test.lua"] = test }
  local app = s.load(files, { check = true })
  local t = s.json.decode(app:await("TESTED").value)
  if not t.ok then error(("%s:%s: %s"):format(t.file, t.line, t.message), 2) end
end

for _, name in ipairs { "hello", "mood", "writer", "gallery", "gradio-demo", "chat", "dashboard", "draw", "life", "search" } do
  it("template " .. name .. " passes its own test.lua", function() passes(repo(name)) end)
end

local list = snippets "docs/sdk.md"
it("docs/sdk.md has snippets", function()
  if #list < 10 then error("only " .. #list) end
end)
for i, snippet in ipairs(list) do
  local tests = snippet.note and snippet.note:find "test.lua"
  it("docs/sdk.md, snippet " .. i .. " runs: " .. snippet.code:match "[^\n]*", function()
    if tests then return passes(list[i - 1].code, snippet.code) end
    local files = { ["img/cat.png"] = "PNG", ["lib/words.lua"] = "return { count = function(t) return #t end }" }
    local fail, app = exercise(snippet.code, files)
    local wanted = snippet.note and snippet.note:match "fails: (.*)"
    if wanted then
      match(wanted, fail and fail.message)
    elseif fail then
      error(fail.message)
    end
    if snippet.note and snippet.note:find "model" and app.bench then equal("table", type(app.calls)) end
  end)
end

-- --- @usage of the SDK's modules ---------------------------------------------------------------

for _, file in ipairs { "ui", "component", "page", "interface", "chat", "values", "models", "json", "time", "store", "store_files", "http" } do
  for usage in read("sdk-lua/vitrine/" .. file .. ".lua"):gmatch "%-%-%-@usage ([^\n]*)" do
    it("usage of vitrine." .. file .. ": " .. usage, function()
      local where = usage:find "^return" and "app" or usage:find "^ui%.examples" and "page" or "handler"
      local source = [[
local ui, models, json, time = require "vitrine.ui", require "vitrine.models", require "vitrine.json", require "vitrine.time"
local store, http = require "vitrine.store", require "vitrine.http"
local llm, writer = models.chat "a/b", models.generate "a/b"
local reader, sorter, ranker = models.embedder "a/b", models.classifier "a/b", models.ranker "a/b"
local texts = { "a stone", "a bird" }
]]
      if where == "app" then
        source = source .. usage
      elseif where == "page" then
        source = source .. "return ui.page({}, function() local text = ui.textbox {} return ui.column { text, " .. usage .. "} end)"
      else
        source = source .. [[
return ui.page({}, function()
  local go, story, picture, photo = ui.button "Go", ui.textbox {}, ui.image {}, ui.image { upload = true }
  local chat, report = ui.chatbot {}, ui.file { interactive = false }
  photo:on_upload(function(photo, session)
    local text, png, csv, turns = "text", "PNG", "a,b", { { role = "user", content = "x" } }
    local reply = chat:append { role = "assistant", content = "" }
]] .. usage .. [[

  end)
  return ui.column { go, story, picture, photo, chat, report }
end)]]
      end
      local fail = exercise(source)
      if fail then error(fail.message) end
    end)
  end
end

for _, file in ipairs { "drive", "test" } do
  for usage in read("sdk-lua/vitrine/" .. file .. ".lua"):gmatch "%-%-%-@usage ([^\n]*)" do
    it("usage of vitrine.test: " .. usage, function()
      passes([[
local ui, models = require "vitrine.ui", require "vitrine.models"
return ui.page({}, function(page)
  local text, greeting = ui.textbox { label = "Text" }, ui.textbox { label = "Greeting", value = "Hello, Ada!" }
  page:on_load(function(session) session.turns = { "one", "two" } end)
  page:api("greet", { inputs = text, outputs = greeting, fn = function(name) return "Hello, " .. name .. "!" end })
  page:api("spell", { inputs = text, outputs = greeting, fn = function(word) return word:gmatch "." end })
  page:api("size", { inputs = ui.file {}, outputs = ui.number {}, fn = function(file) return file.size end })
  page:api("report", { outputs = ui.file {}, fn = function() return ui.bytes("a,b", "text/csv") end })
  return ui.column { text, greeting, ui.textbox { label = "Message", on_submit = function() end },
    ui.button { "Submit", on_click = function() end }, ui.button { "Write", on_click = function() text:set "x" end },
    ui.button { "Refuse", on_click = function() ui.refuse "This button always refuses; that is all." end },
    ui.image { label = "Photo", upload = true }, ui.markdown { id = "Story" }, ui.chatbot { label = "Conversation", on_clear = function() end },
    ui.examples { inputs = { text }, rows = { "a" } } }
end)]], [[
local test = require "vitrine.test"
test("usage", function(app)
  local s, seen = app:visit(), {}
  ]] .. usage .. [[

end)]])
    end)
  end
end
