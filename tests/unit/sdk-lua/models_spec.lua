local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local before = 'local models = require "vitrine.models" local llm, gen = models.chat "a/chat", models.generate "a/gen" local mood = models.pipeline("text-classification", "a/mood")\n'
local function handler(body) return s.handler(body, { before = before }) end

it("a stream's tokens show one by one as they come", function()
  local app = handler [[ for t in gen:stream("Once", { max_tokens = 5, temperature = 0.5 }) do out:append(t) end ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local call = app:await_call()
  equal({ model = "a/gen", task = "text-generation", inputs = "Once", options = { max_tokens = 5, temperature = 0.5 } }, call.body)
  local seen = ""
  for i = 1, 4 do
    app:token(call, "t" .. i)
    seen = seen .. "t" .. i
    app:until_(function() return v:see "out" == seen end, "token " .. i)
  end
  app:result(call, { text = seen, finish_reason = "stop" })
  v:await(n)
  equal(seen, v:see "out")
  equal(nil, app.stops)
end)

it("tokens in a row become few groups", function()
  local app = s.handler([[ for t in gen:stream("x") do out:append(t) end ]], { before = before, flush_ms = 500 })
  local v = app:open()
  local n = v:fire("go", "click")
  local call = app:await_call()
  for i = 1, 200 do
    app:token(call, "x")
    app:pump(1)
  end
  app:result(call, { text = "", finish_reason = "stop" })
  v:await(n)
  equal(("x"):rep(200), v:see "out")
  if #v.groups > 20 then error(#v.groups .. " groups") end
end)

it("complete gives the whole text", function()
  local app = handler [[ out:set(llm:complete({ { role = "user", content = "Hi" } }, { stop = { "\n" } })) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local call = app:await_call()
  equal({ stop = { "\n" } }, call.body.options)
  app:token(call, "Hel")
  app:result(call, { text = "Hello", finish_reason = "stop" })
  v:await(n)
  equal("Hello", v:see "out")
end)

it("leaving the loop stops the model", function()
  local app = handler [[ for t in gen:stream("x") do out:append(t) break end session.done = true ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local call = app:await_call()
  app:token(call, "a")
  v:await(n)
  app:pump(2)
  equal(true, app.stops[call.seq])
  equal({ done = true }, v:stored())
end)

it("cancel and close stop the model", function()
  local app = handler [[ for t in gen:stream("x") do out:append(t) end ]]
  local a, b = app:open(), app:open()
  local n = a:fire("go", "click")
  local first = app:await_call()
  b:fire("go", "click")
  local second = app:await_call()
  a:cancel(n)
  a:await(n)
  app:send("CLOSE", { channel = b.channel })
  app:until_(function() return app.stops and app.stops[first.seq] and app.stops[second.seq] end, "both STOPs")
  app:token(first, "late")
  app:result(second, { text = "late", finish_reason = "stop" })
  app:pump(3)
  a:click "quick"
end)

it("what the model refuses reaches the visitor, and pcall catches it", function()
  local app = handler [[ out:set(mood("x")[1].label) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  app:fail_call(app:await_call(), "too_long", "text: 900 tokens, the limit is 512")
  local fail = v:await(n).fail
  equal(s.FAIL.INVALID, fail.op)
  equal("text: 900 tokens, the limit is 512", fail.message)
  app.bench:close()
  app = handler [[ local ok, e = pcall(mood, "x") session.got = { ok, e.code, e.message } ]]
  v = app:open()
  n = v:fire("go", "click")
  app:fail_call(app:await_call(), "busy", "later")
  v:await(n)
  equal({ got = { false, "busy", "later" } }, v:stored())
end)

it("calls run beside each other and answers find their caller", function()
  local app = handler [[ out:set(mood(session.x or "?")[1].label) ]]
  local visitors, calls = {}, {}
  for i = 1, 5 do
    visitors[i] = app:open { image = '{"x":"v' .. i .. '"}' }
    visitors[i]:fire("go", "click")
    calls[i] = app:await_call()
    equal("v" .. i, calls[i].body.inputs)
  end
  for i = 5, 1, -1 do app:result(calls[i], { { label = "l" .. i, score = 1.0 } }) end
  for i = 1, 5 do
    visitors[i]:await(1)
    equal("l" .. i, visitors[i]:see "out")
  end
end)

it("a list of texts gives a list of results", function()
  local app = handler [[ local r = mood { "a", "b" } out:set(r[1][1].label .. r[2][1].label) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local call = app:await_call()
  equal({ "a", "b" }, call.body.inputs)
  app:result(call, { { { label = "x", score = 1 } }, { { label = "y", score = 1 } } })
  v:await(n)
  equal("xy", v:see "out")
end)

it("a model call waits inside the app's own coroutine too", function()
  local app = handler [[
    local next_word = coroutine.wrap(function()
      for t in gen:stream("x") do coroutine.yield(t:upper()) end
    end)
    for word in next_word do out:append(word) end
  ]]
  local a, b = app:open(), app:open()
  local n = a:fire("go", "click")
  local call = app:await_call()
  b:click "quick"
  app:token(call, "a")
  app:pump(2)
  app:token(call, "b")
  app:result(call, { text = "ab", finish_reason = "stop" })
  a:await(n)
  equal("AB", a:see "out")
end)

it("when inference goes, running calls fail in words, and a new link serves", function()
  local app = handler [[ out:set(gen:complete("x")) ]]
  local v = app:open()
  local n = v:fire("go", "click")
  app:await_call()
  app.bench:hang_up "infer"
  local fail = v:await(n).fail
  match("restarted", fail.message)
  n = v:fire("go", "click")
  match("not there right now", v:await(n).fail.message)
  local fd = app.bench:new_infer()
  app:send("INFER", { file = fd })
  require("bench").close_fd(fd)
  n = v:fire("go", "click")
  app:result(app:await_call(), { text = "back", finish_reason = "stop" })
  v:await(n)
  equal("back", v:see "out")
end)

local function refuses(name, body, words)
  it(name .. " is refused at the app's line", function()
    local app = handler("\n" .. body)
    local v = app:open()
    app.bench:capture()
    local fail = v:click("go").fail
    app.bench:captured()
    match(words, fail.message)
    equal("app.lua", fail.file)
  end)
end
refuses("an unknown option", [[gen:complete("x", { max_token = 1 })]], "unknown field 'max_token'; did you mean 'max_tokens'")
refuses("a wrong option", [[gen:complete("x", { max_tokens = "many" })]], "'max_tokens' must be a whole number")
refuses("a prompt that is no text", [[gen:complete({})]], "a string is needed")
refuses("turns without content", [[llm:complete { { role = "user" } }]], "turn 1 needs role and content")
refuses("waiting below a C function", [[tostring(setmetatable({}, { __tostring = function() return gen:complete("x") end }))]],
  "cannot wait inside a library function")

it("bad answers of inference end its link with a reason, not the worker", function()
  local app = handler [[ out:set(gen:complete("x")) ]]
  local v = app:open()
  app.bench:capture()
  local n = v:fire("go", "click")
  local call = app:await_call()
  app:send("RESULT", { seq = call.seq, value = '{"value":1}' })
  local group = v:await(n)
  match("infer link was ended: infer.RESULT", app.bench:captured())
  match("restarted", group.fail.message)
  v:click "quick"
end)
