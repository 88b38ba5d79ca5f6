local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function quiet(app, v, n)
  app.bench:capture()
  local group = v:await(n)
  return group, app.bench:captured()
end

it("memory has a limit, and the worker goes on", function()
  local app = s.handler([[ local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end ]], { heap_max = 8 << 20 })
  local v = app:open()
  local group = quiet(app, v, v:fire("go", "click"))
  equal(s.FAIL.LIMIT, group.fail.op)
  match("memory is full: 8 MiB", group.fail.message)
  v:click "quick"
end)

it("memory that pcall swallows still ends at the processor's limit", function()
  local app = s.handler([[
    local keep = {}
    while true do pcall(function() for i = 1, 1e9 do keep[#keep + 1] = ("x"):rep(4000) .. i end end) end
  ]], { heap_max = 8 << 20, cpu_ms = 500 })
  local v = app:open()
  local group = quiet(app, v, v:fire("go", "click"))
  equal(s.FAIL.LIMIT, group.fail.op)
end)

it("a handler that waits too long is ended", function()
  local app = s.handler([[ time.sleep(3000) ]], { wall_ms = 1000 })
  local v = app:open()
  local group = quiet(app, v, v:fire("go", "click"))
  equal(s.FAIL.LIMIT, group.fail.op)
  match("ran for 1 s", group.fail.message)
end)

it("a load that never ends fails with words", function()
  local why = s.load_failure("while true do end", { cpu_ms = 300 })
  match("processor time", why.message)
end)

it("what is shown at once has a limit", function()
  local app = s.handler [[ out:set(("x"):rep(8 << 20)) ]]
  local v = app:open()
  local group = quiet(app, v, v:fire("go", "click"))
  equal(s.FAIL.ERROR, group.fail.op)
  match("too much is shown", group.fail.message)
end)

it("a handler waits for a gateway that does not keep up", function()
  local app = s.handler([[
    for i = 1, 40 do
      out:set(("x"):rep(10000) .. i)
      session:save()
      session.i = i
    end
  ]], { unacked_max = 64 << 10 })
  local v = app:open()
  app.auto_ack = false
  local n = v:fire("go", "click")
  app:pump(50)
  equal(nil, v.finished[n])
  app.auto_ack = true
  app:send("ACK", { channel = v.channel, seq = v.seq })
  v:await(n)
  equal({ i = 40 }, v:stored())
end)

it("values of an event that are too large are refused in words", function()
  local app = s.handler ""
  local v = app:open()
  for _ = 1, 5 do v:value("out", '"' .. ("x"):rep(1000000) .. '"') end
  local group = v:await(v:fire("go", "click"))
  equal(s.FAIL.INVALID, group.fail.op)
  match("too large", group.fail.message)
  v:click "quick"
  equal("quick", v:see "out")
end)

it("a tick is no event of the visitor's, and takes none of their places", function()
  local app = s.load [[
    local ui, time = require "vitrine.ui", require "vitrine.time"
    return ui.page({}, function()
      local out, go = ui.textbox { id = "out" }, ui.button { "Go", id = "go" }
      local clock = ui.timer { every = 0.02, on_tick = { parallel = true, fn = function(session)
        out:set("ticks")
        time.sleep(30)
      end } }
      go:on_click(function() time.sleep(30) end)
      return ui.column { out, go, clock }
    end)]]
  local v = app:open()
  app:send("PRESENCE", { channel = v.channel, op = 1 })
  app:until_(function() return v:see "out" == "ticks" end, "a tick")
  for _ = 1, 32 do v:fire("go", "click") end
  app:pump(10)
  equal(false, app.ended)
  app.bench:capture()
  v:fire("go", "click")
  for _ = 1, 50 do
    if app.ended then break end
    app:pump(1)
  end
  app.bench:captured()
  equal(true, app.ended)
end)

it("more unfinished events than there may be end the link", function()
  local app = s.handler "while true do end"
  local v = app:open()
  app.bench:capture()
  for _ = 1, 40 do v:fire("go", "click") end
  for _ = 1, 50 do
    if app.ended then break end
    app:pump(1)
  end
  local log = app.bench:captured()
  equal(true, app.ended)
  match("32 unfinished events", log)
end)
