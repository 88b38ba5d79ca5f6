-- Conversations: messages of parts, what visitors do to them, ui.chat, and the multimodal textbox.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function chat(fields)
  return s.load([[local ui, time, models = require "vitrine.ui", require "vitrine.time", require "vitrine.models"
return ui.chat { ]] .. fields .. " }")
end

local function say(v, text)
  return v:await(v:fire("message", "submit", { message = text }))
end

local function texts(v)
  local list = {}
  for i, m in ipairs(v:see "chat" or {}) do list[i] = m.role .. ": " .. m.content end
  return list
end

-- An app whose button runs body with the chatbot c.
local function with(body)
  return s.load([[local ui = require "vitrine.ui"
return ui.page({}, function()
  local c, go = ui.chatbot { id = "c" }, ui.button { "Go", id = "go" }
  go:on_click(function(session) ]] .. body .. [[ end)
  return ui.column { c, go }
end)]])
end

it("one function is a chat: the message, then its answer", function()
  local app = chat [[ fn = function(message, history, session)
    session.n = (session.n or 0) + 1
    return ("%d: %s, after %d"):format(session.n, message, #history)
  end ]]
  local v = app:open()
  say(v, "hello")
  say(v, "again")
  equal({ "user: hello", "assistant: 1: hello, after 1", "user: again", "assistant: 2: again, after 3" }, texts(v))
  equal("", v:see "message")
end)

it("an answer streams as an iterator, and in yields that replace it", function()
  local app = chat [[ fn = function(message)
    if message == "pieces" then
      local i = 0
      return function() i = i + 1 if i <= 3 then return "p" .. i end end
    end
    coroutine.yield "one"
    coroutine.yield "two"
    return "three"
  end ]]
  local v = app:open()
  say(v, "pieces")
  equal("p1p2p3", v:see "chat"[2].content)
  say(v, "yields")
  equal("three", v:see "chat"[4].content)
end)

it("a model streams into the chat with the whole conversation", function()
  local app = chat [[ fn = function(message, history) return models.chat "a/b":stream(history) end ]]
  local v = app:open()
  local n = v:fire("message", "submit", { message = "Once" })
  local call = app:await_call()
  equal({ { role = "user", content = "Once" } }, call.body.inputs)
  app:token(call, "upon")
  app:pump(2)
  app:token(call, " a time")
  app:result(call, { text = "upon a time", finish_reason = "stop" })
  v:await(n)
  equal("upon a time", v:see "chat"[2].content)
end)

it("retry, edit and undo go back to the message", function()
  local app = chat [[ fn = function(message, history, session)
    session.n = (session.n or 0) + 1
    return message .. session.n
  end ]]
  local v = app:open()
  say(v, "a")
  say(v, "b")
  v:await(v:fire("chat", "retry", nil, { index = 4 }))
  equal({ "user: a", "assistant: a1", "user: b", "assistant: b3" }, texts(v))
  v:await(v:fire("chat", "edit", nil, { index = 1, text = "c" }))
  equal({ "user: c", "assistant: c4" }, texts(v))
  v:await(v:fire("chat", "undo", nil, { index = 2 }))
  equal({}, texts(v))
  equal("c", v:see "message")
end)

it("clear empties, examples are sent, an answer is liked", function()
  local app = chat [[ examples = { "one", { label = "Two", value = "two" } }, fn = function(m) return m end,
    on_like = function(what, session) session.liked = what end ]]
  local v = app:open()
  v:await(v:fire("chat", "example", nil, 1))
  equal({ "user: two", "assistant: two" }, texts(v))
  v:await(v:fire("chat", "like", nil, { index = 2, liked = true }))
  equal(true, v:see "chat"[2].liked)
  equal({ index = 2, liked = true, text = "two" }, v:stored().liked)
  v:await(v:fire("chat", "clear"))
  equal({}, texts(v))
end)

it("the conversation is there on another worker", function()
  local app = chat [[ fn = function(m, history) return #history .. m end ]]
  local v = app:open()
  say(v, "a")
  local again = app:open { seq = v.seq, overlay = s.json.encode {
    { app.nodes.chat.n, "value/0", 1, v:see "chat"[1] }, { app.nodes.chat.n, "value/1", 1, v:see "chat"[2] },
  } }
  again:await(again:fire("message", "submit", { message = "b" }))
  equal("3b", again:see "chat"[4].content)
end)

it("what a gesture names has to be there", function()
  local app = chat [[ examples = { "x" }, fn = function(m) return m end ]]
  local v = app:open()
  say(v, "a")
  for _, payload in ipairs {
    "null", "[]", '"x"', "{}", '{"index":0}', '{"index":3}', '{"index":1.5}', '{"index":"1"}', '{"index":{}}',
    '{"index":-9007199254740991}', '{"index":9007199254740991}',
  } do
    for _, event in ipairs { "retry", "undo", "edit" } do
      local fail = v:await(v:fire("chat", event, nil, s.json.decode(payload))).fail
      equal(s.FAIL.INVALID, fail and fail.op, event .. " " .. payload)
    end
  end
  for _, payload in ipairs { '{"index":2,"text":"x"}', '{"index":1}', '{"index":1,"text":5}', '{"index":1,"text":"  "}' } do
    equal(s.FAIL.INVALID, v:await(v:fire("chat", "edit", nil, s.json.decode(payload))).fail.op, payload)
  end
  for _, payload in ipairs { "null", "-1", "1", "0.5", "{}", '"0"' } do
    equal(s.FAIL.INVALID, v:await(v:fire("chat", "example", nil, s.json.decode(payload))).fail.op, payload)
  end
  equal({ "user: a", "assistant: a" }, texts(v))
end)

it("a blank message is not one", function()
  local app = chat [[ fn = function(m) return m end ]]
  local v = app:open()
  match("Write a message first", say(v, " \n ").fail.message)
  equal({}, texts(v))
end)

it("more inputs stand behind the history, before the session", function()
  local app = chat [[ inputs = { ui.slider { id = "heat", min = 0, max = 9 }, ui.checkbox { id = "loud" } },
    fn = function(m, history, heat, loud, session) session.x = true return heat .. tostring(loud) end ]]
  local v = app:open()
  v:await(v:fire("message", "submit", { message = "a", heat = 5, loud = true }))
  equal("5true", v:see "chat"[2].content)
  v:await(v:fire("chat", "retry", { heat = 7 }, { index = 2 }))
  equal("7true", v:see "chat"[2].content)
  equal({ x = true }, v:stored())
end)

it("messages with files reach fn as handles, and the chat as parts", function()
  local app = chat [[ multimodal = true, fn = function(m, history)
    return { "got " .. m.text, m.files[1], { title = "Read", text = m.files[1]:read(), status = "done" }, #history[1].files .. "" }
  end ]]
  local v = app:open()
  app:send("FILE", { channel = v.channel, file = "PNG", value = '{"id":"f","name":"a.png","type":"image/png","size":3}' })
  v:await(v:fire("message", "submit", { message = { text = "this", files = { { file = "f" } } } }))
  local m = v:see "chat"
  local file = { file = "f", name = "a.png", type = "image/png", size = 3 }
  equal({ file, { text = "this" } }, m[1].content)
  equal({ { text = "got this" }, file, { title = "Read", text = "PNG", status = "done" }, { text = "1" } }, m[2].content)
end)

it("what is no message with files is refused", function()
  local app = chat [[ multimodal = true, fn = function() return "x" end ]]
  local v = app:open()
  for _, value in ipairs { '5', '[1]', '{"text":5}', '{"files":7}', '{"text":"a","files":[{"file":"none"}]}', '{"text":"a","files":["x"]}' } do
    local n = v.n + 1
    local fail = v:await(v:fire("message", "submit", { message = s.json.decode(value) })).fail
    equal(s.FAIL.INVALID, fail and fail.op, value)
    equal(true, n > 0)
  end
end)

it("parts of a message grow: text, sections, text behind them", function()
  local app = with [[
    local m = c:append { role = "assistant", content = "Let me see. " }
    m:add "One moment."
    local look = m:part { title = "Searching", status = "running" }
    look:add "cats" look:add " and dogs"
    look:update { status = "done", seconds = 1.5 }
    m:add "Found " m:add "two."
    session.said = m.content
  ]]
  local v = app:open()
  v:click "go"
  equal({
    { text = "Let me see. One moment." }, { title = "Searching", text = "cats and dogs", status = "done", seconds = 1.5 },
    { text = "Found two." },
  }, v:see "c"[1].content)
  equal(v:see "c"[1].content, v:stored().said)
end)

it("cut keeps the first messages, like marks one", function()
  local app = with [[
    for i = 1, 4 do c:append { role = "user", content = tostring(i) } end
    c:cut(2) c:like(1, true) c:append { role = "assistant", content = "x", name = "Bot", time = 5, error = true }
  ]]
  local v = app:open()
  v:click "go"
  equal({
    { role = "user", content = "1", liked = true }, { role = "user", content = "2" },
    { role = "assistant", content = "x", name = "Bot", time = 5, error = true },
  }, v:see "c")
end)

for _, case in ipairs {
  { [[c:append { role = "user", content = 5 }]], "'content' is a text" },
  { [[c:append { role = "user", content = { 5 } }]], "part 1: a text, a file or a section" },
  { [[c:append { role = "user", content = { { title = "x", status = "asleep" } } }]], "'status' is running, done or failed" },
  { [[c:append { role = "user", content = { { title = "x", opne = true } } }]], "did you mean 'open'" },
  { [[c:append { role = "user", content = "", loved = true }]], "did you mean 'liked'" },
  { [[local t = {} for i = 1, 65 do t[i] = "x" end c:append { role = "user", content = t }]], "more than 64 parts" },
  { [[c:cut(-1)]], "how many messages stay" },
  { [[c:like(1, true)]], "there is no message 1" },
} do
  it("refused: " .. case[1], function()
    local app = with(case[1])
    local v = app:open()
    app.bench:capture()
    local fail = v:click("go").fail
    app.bench:captured()
    match(case[2], fail and fail.message)
  end)
end

it("ui.chat says what it needs", function()
  match("'fn' must be a function", s.load_failure([[return require "vitrine.ui".chat { title = "x" }]]).message)
  match("did you mean 'examples'", s.load_failure([[return require "vitrine.ui".chat { fn = print, exampels = {} }]]).message)
end)

it("programs call it as a function: a message in, the answer out, the conversation in the session", function()
  local app = chat [[ inputs = ui.number { id = "n", value = 2 }, fn = function(message, history, n, session)
    if message == "pieces" then
      local i = 0
      return function() i = i + 1 return i <= n and "p" .. i or nil end
    end
    coroutine.yield { { title = "Thinking", text = "x" }, "on the way" }
    return #history .. message
  end ]]
  local entry = app.hello.api[1]
  equal({ "chat", 2, "message", true, "answer", true }, {
    entry.name, #entry.inputs, entry.inputs[1].name, entry.inputs[1].required, entry.outputs[1].name, entry.stream,
  })
  local v = app:open()
  local n = v:call("chat", '["hello"]')
  v:await(n)
  equal({ '["on the way"]', '["1hello"]' }, { v.results[n].yields[1], v.results[n].final })
  n = v:call("chat", '["pieces"]')
  v:await(n)
  equal({ '["p1"]', '["p1p2"]' }, { v.results[n].yields[1], v.results[n].final })
  equal({
    { role = "user", content = "hello" }, { role = "assistant", content = "1hello" },
    { role = "user", content = "pieces" }, { role = "assistant", content = "p1p2" },
  }, v:stored().chat_history)
  equal(nil, v:see "chat")
end)
