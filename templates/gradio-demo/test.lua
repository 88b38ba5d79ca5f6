local test = require "vitrine.test"

test("plain functions", function(app)
  local s = app:visit()
  test.equal(s:call("predict", "Ada"), "Hello, Ada!")
  test.equal(s:call("predict", 7), "Hello, 7!")
  test.equal({ s:call("combine", "ab", 3, true) }, { "ABABAB", 6 })
  test.equal({ s:call("combine", "ü") }, { "üü", 2 })
  test.equal(s:call("identity", { a = { 1, { b = {} } } }), { a = { 1, { b = {} } } })
  test.equal(s:call("identity", nil), nil)
  test.fails(function() s:call "predict" end, "argument 'text' is missing")
end)

test("results on the way", function(app)
  local s, seen = app:visit(), {}
  for text in s:yields("stream", "aé😀") do seen[#seen + 1] = text end
  test.equal(seen, { "a", "aé", "aé😀" })
  test.equal(s:call("stream", "xyz"), "xyz")
  seen = {}
  for value, word in s:yields("stream_json", 3) do seen[#seen + 1] = { value, word } end
  test.equal(seen[1], { { n = 1, list = { 0 } }, "start" })
  test.equal(seen[3], { { n = 3, list = { 0, 1, 2 } }, "going" })
end)

test("errors reach whoever called", function(app)
  local s, seen = app:visit(), {}
  test.fails(function() s:call("fail", "boom — 💥") end, "boom — 💥")
  test.fails(function()
    for text in s:yields "fail_midway" do seen[#seen + 1] = text end
  end, "broke midway")
  test.equal(seen, { "one", "two" })
end)

test("a file comes back reversed", function(app)
  local s = app:visit()
  local file = s:call("file", s:file { name = "cat.png", bytes = "abc" })
  test.equal(file.name, "reversed_cat.png")
  test.equal(s:bytes(file), "cba")
  test.fails(function() s:call("file", { path = "/etc/passwd" }) end, "must be an upload")
end)

test("each session counts for itself", function(app)
  local a, b = app:visit(), app:visit()
  test.equal(a:call("counter", 5), 5)
  test.equal(a:call "counter", 6)
  test.equal(b:call "counter", 1)
  test.equal(a:call "counter_state", 1)
end)

test("slow work says how far it is", function(app)
  local s = app:visit()
  test.equal(s:call("slow", 3, 1), "done after 3 steps")
  test.equal(s:progress(), { fraction = 1, index = 3, length = 3, unit = "steps", message = "Working" })
  test.equal(s:call "slow_stats", { running = 0, steps = 3 })
end)

test("notes and warnings", function(app)
  local s = app:visit()
  test.equal(s:call("notify", "note"), "ok")
  test.equal(s:toasts(), { { kind = "info", message = "note" }, { kind = "warning", message = "note?" } })
end)

test("the page does the same", function(app)
  local s = app:visit()
  s:set("Amount", 4)
  s:click "Add"
  s:click "Add"
  test.equal(s:value "Total", 8)
  s:click "Start"
  test.equal(s:value "Done", "done after 5 steps")
end)
