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

it("while a model is loaded the visitor sees how far that is, and then what the handler said", function()
  for _, said in ipairs { "", 'session:progress(0.3, "own")' } do
    local app = handler(said .. [[ out:set(gen:complete("x")) session:save() out:set(gen:complete("y")) ]])
    local v = app:open()
    local n = v:fire("go", "click")
    local function shown()
      local last, is
      for _, g in ipairs(v.groups) do
        for _, p in ipairs(g.patches) do if p.path == "progress" then last, is = p.value, true end end
      end
      return is and last or false
    end
    local call = app:await_call()
    local own = shown()
    for percent = 0, 100, 50 do
      app:loading(call, percent)
      app:until_(function() return shown() and shown().fraction == percent / 100 end, percent .. " percent")
      equal("Loading the model", shown().message)
    end
    app:result(call, { text = "a", finish_reason = "stop" })
    app:result(app:await_call(), { text = "b", finish_reason = "stop" })
    equal(said ~= "", own and own.fraction == 0.3)
    v:await(n)
    equal("b", v:see "out")
    local messages = {}
    for _, g in ipairs(v.groups) do
      for _, p in ipairs(g.patches) do
        if p.path == "progress" then messages[#messages + 1] = p.value and p.value.message or "none" end
      end
    end
    local loaded = said ~= "" and 5 or 4 -- after three of its own
    equal(said ~= "" and "own" or "none", messages[loaded])
    equal("none", messages[#messages])
  end
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

-- What the tasks that read texts send, and what comes back.
local readers = 'local models = require "vitrine.models"\n'
local function reading(body) return s.handler(body, { before = readers }) end

it("an embedder gives vectors, and long lists go in parts", function()
  local app = reading [[
    local reader, texts = models.embedder "a/embed", {}
    for i = 1, 40 do texts[i] = "t" .. i end
    local all = reader:embed(texts, { normalize = true })
    local best = models.nearest({ 1, 0 }, all, 2)
    session.got = { #all, best[1].index, best[2].index, #best }
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local function vectors(from, to)
    local list = {}
    for i = from, to do list[#list + 1] = i == 33 and { 2.0, 0.0 } or { 1.0, i / 10 } end
    return list
  end
  local call = app:await_call()
  equal("feature-extraction", call.body.task)
  equal({ normalize = true }, call.body.options)
  equal(32, #call.body.inputs)
  app:result(call, vectors(1, 32))
  call = app:await_call()
  equal({ "t33", "t34", "t35", "t36", "t37", "t38", "t39", "t40" }, call.body.inputs)
  app:result(call, vectors(33, 40))
  v:await(n)
  equal({ got = { 40, 33, 1, 2 } }, v:stored())
end)

it("a classifier takes labels of yours, and a ranker names documents", function()
  local app = reading [[
    local labels = models.classifier("a/sort"):classify("lost", { candidate_labels = { "a", "b" } })
    local ranked = models.ranker("a/rank"):rank("q", { "x", "y" })
    session.got = { labels[1].label, labels[1].score, ranked[1].index, ranked[1].document }
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local call = app:await_call()
  equal({ model = "a/sort", task = "zero-shot-classification", inputs = "lost", options = { candidate_labels = { "a", "b" } } }, call.body)
  app:result(call, { sequence = "lost", labels = { "b", "a" }, scores = { 0.75, 0.25 } })
  call = app:await_call()
  equal({ model = "a/rank", task = "text-ranking", inputs = { query = "q", documents = { "x", "y" } } }, call.body)
  app:result(call, { { index = 1, score = 2.5 }, { index = 0, score = -1.0 } })
  v:await(n)
  equal({ got = { "b", 0.75, 2, "y" } }, v:stored())
end)

it("pipelines of every task send what the task takes", function()
  local app = reading [[
    local function run(task, inputs, options) return models.pipeline(task, "a/m")(inputs, options) end
    session.got = {
      run("fill-mask", "a [MASK]", { top_k = 2 })[1].token_str,
      run("token-classification", "Ada", { aggregation_strategy = "simple" })[1].word,
      run("question-answering", { question = "who?", context = "Ada" }).answer,
      #run("feature-extraction", "x", { pooling = "cls" }),
    }
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  local function answer(task, inputs, options, value)
    local call = app:await_call()
    equal({ model = "a/m", task = task, inputs = inputs, options = options }, call.body)
    app:result(call, value)
  end
  answer("fill-mask", "a [MASK]", { top_k = 2 }, { { token_str = "b", token = 1, score = 1.0, sequence = "a b" } })
  answer("token-classification", "Ada", { aggregation_strategy = "simple" }, { { word = "Ada", entity_group = "PER", score = 1.0, start = 0, ["end"] = 3 } })
  answer("question-answering", { question = "who?", context = "Ada" }, nil, { answer = "Ada", score = 1.0, start = 0, ["end"] = 3 })
  answer("feature-extraction", "x", { pooling = "cls" }, { 0.5, 0.25, 1.0 })
  v:await(n)
  equal({ got = { "b", "Ada", "Ada", 3 } }, v:stored())
end)

it("what a task does not take is said with the field's name", function()
  local app = reading [[
    local function words(task, inputs, options)
      local ok, e = pcall(models.pipeline(task, "a/m"), inputs, options)
      return ok and "ran" or tostring(type(e) == "table" and e.message or e)
    end
    session.got = {
      words("question-answering", { question = "who?" }),
      words("question-answering", { question = "who?", contxt = "x" }),
      words("text-ranking", { query = "q", documents = {} }),
      words("zero-shot-classification", "x"),
      words("zero-shot-classification", "x", { candidate_labels = { "a", 2 } }),
      words("feature-extraction", { "a", 7 }),
      words("feature-extraction", "a", { pooling = "max" }),
      words("fill-mask", "a", { topk = 1 }),
    }
  ]]
  local v = app:open()
  v:await(v:fire("go", "click"))
  local got = v:stored().got
  for i, words in ipairs {
    "pipeline: context: a string is needed (got nil)", "unknown field 'contxt'; did you mean 'context'?",
    "pipeline: documents: a list of strings is needed", "pipeline: candidate_labels: a list of strings is needed (got nil)",
    "candidate_labels[2]: a string is needed (got 2)", "pipeline[2]: a string is needed (got 7)",
    "'pooling' must be one of mean|cls|none", "unknown field 'topk'; did you mean 'top_k'?",
  } do
    if not got[i]:find(words, 1, true) then error(i .. ": " .. got[i] .. "\n  lacks " .. words) end
  end
end)

it("similarity is the cosine", function()
  local app = reading [[
    session.got = { models.similarity({ 3, 4 }, { 6, 8 }), models.similarity({ 1, 0 }, { 0, 2 }), models.similarity({ 0, 0 }, { 1, 1 }),
      (select(2, pcall(models.similarity, { 1 }, { 1, 2 }))), (select(2, pcall(models.similarity, {}, { 1 }))) }
    session.got[4], session.got[5] = tostring(session.got[4]), tostring(session.got[5])
  ]]
  local v = app:open()
  v:await(v:fire("go", "click"))
  local got = v:stored().got
  equal({ 1.0, 0.0, 0.0 }, { got[1], got[2], got[3] })
  match("1 numbers and 2", got[4])
  match("a list of numbers is needed", got[5])
end)
