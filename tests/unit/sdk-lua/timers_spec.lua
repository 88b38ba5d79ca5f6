-- What runs without a gesture: ticks, unload, what a visitor leaves behind; and limits that handlers
-- share.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local HERE, AWAY, LEFT = 1, 2, 3

local function presence(v, op) v.app:send("PRESENCE", { channel = v.channel, op = op }) end

local function page(body, root)
  return s.load([[
    local ui, time = require "vitrine.ui", require "vitrine.time"
    return ui.page({}, function(page)
      local out = ui.textbox { id = "out" }
      local go = ui.button { "Go", id = "go" }
]] .. body .. "\n return ui.column { out, go, " .. (root or "") .. " } end)")
end

local function seen(v) return tonumber(v:see "out") or 0 end

local COUNT = [[
  local clock = ui.timer { id = "clock", every = 0.02 }
  clock:on_tick(function(session)
    session.n = (session.n or 0) + 1
    out:set(tostring(session.n))
  end)
]]

it("a timer ticks while the visitor's page is there, and only then", function()
  local app = page(COUNT, "clock")
  equal(true, app.hello.tree.presence)
  local v = app:open()
  app:pump(5, 20)
  equal(0, seen(v))
  presence(v, HERE)
  app:until_(function() return seen(v) >= 3 end, "three ticks")
  presence(v, AWAY)
  app:pump(3, 0)
  local stopped = seen(v)
  app:pump(5, 20)
  equal(stopped, seen(v))
  presence(v, HERE)
  app:until_(function() return seen(v) > stopped end, "ticks again")
  equal(seen(v), v:stored().n)
end)

it("a page without timers, unload and on_leave needs to know of no visitor", function()
  equal(nil, page("").hello.tree.presence)
end)

it("a tick that changes nothing says nothing", function()
  local app = page([[
    local n = 0
    local clock = ui.timer { every = 0.02, on_tick = function() n = n + 1 end }
    go:on_click(function() out:set(tostring(n)) end)
  ]], "clock")
  local v = app:open()
  presence(v, HERE)
  app:until_(function() v:click "go" return seen(v) >= 3 end, "three ticks")
  for _, group in ipairs(v.groups) do
    if group.n == 0 then error "a group of a tick" end
  end
end)

it("ticks of a handler slower than its interval are left out, and clicks have their turn", function()
  local app = page([[
    local now = 0
    local clock = ui.timer { every = 0.02, on_tick = function(session)
      now = now + 1
      if now > 1 then error "two at once" end
      time.sleep(0.1)
      now = now - 1
      session.n = (session.n or 0) + 1
    end }
    go:on_click(function(session) out:set(tostring(session.n or 0)) end)
  ]], "clock")
  local v = app:open()
  presence(v, HERE)
  app:until_(function() v:click "go" return seen(v) >= 2 end, "two ticks")
  for _, group in ipairs(v.groups) do equal(nil, group.fail) end
end)

it("a tick that fails is told, and ends its timer", function()
  local app = page([[
    local clock = ui.timer { every = 0.02, on_tick = function(session)
      session.n = (session.n or 0) + 1
      if session.n == 2 then error "enough" end
    end }
  ]], "clock")
  local v = app:open()
  app.bench:capture()
  presence(v, HERE)
  local function failure()
    for _, group in ipairs(v.groups) do if group.fail then return group.fail end end
  end
  app:until_(failure, "a failure")
  app:pump(5, 20)
  app.bench:captured()
  match("enough", failure().message)
  equal(2, v:stored().n)
end)

it("a tick that is cancelled shows what it has shown, and the next one comes", function()
  local app = page([[
    local clock = ui.timer { every = 0.02, on_tick = function(session)
      session.n = (session.n or 0) + 1
      out:set(tostring(session.n))
      if session.n == 1 then time.sleep(30) end
    end }
    go:on_click { cancels = clock, fn = nil }
  ]], "clock")
  local v = app:open()
  presence(v, HERE)
  app:until_(function() return seen(v) == 1 end, "the first tick")
  equal(nil, v:click("go").fail)
  app:until_(function() return seen(v) >= 3 end, "ticks again")
  for _, group in ipairs(v.groups) do equal(nil, group.fail) end
end)

it("a handler stops its timer, and changes its interval", function()
  local app = page([[
    local clock
    clock = ui.timer { every = 0.02, on_tick = function(session)
      session.n = (session.n or 0) + 1
      out:set(tostring(session.n))
      if session.n == 2 then clock:update { active = false } end
    end }
    go:on_click(function() clock:update { active = true, every = 0.03 } end)
  ]], "clock")
  local v = app:open()
  presence(v, HERE)
  app:until_(function() return seen(v) == 2 end, "two ticks")
  app:pump(5, 20)
  equal(2, seen(v))
  v:click "go"
  app:until_(function() return seen(v) > 2 end, "ticks again")
end)

it("a timer that was stopped stays so when its session is opened elsewhere", function()
  local app = page(COUNT .. "go:on_click(function() clock:update { active = true } end)", "clock")
  local n = app.nodes["clock"].n
  local v = app:open { overlay = ('[[%d,"active",1,false]]'):format(n) }
  presence(v, HERE)
  app:pump(5, 20)
  equal(0, seen(v))
  v:click "go"
  app:until_(function() return seen(v) >= 2 end, "ticks")
end)

for _, every in ipairs { "0", "0.001", "-1", "1e9", "1/0", "0/0", "'x'" } do
  it("an interval of " .. every .. " is refused by name", function()
    local why = s.load_failure([[
      local ui = require "vitrine.ui"
      return ui.page({}, function() return ui.timer { every = ]] .. every .. [[ } end)]])
    match("^ui%.timer: 'every' must be", why.message)
  end)
end

it("an interval is checked when it changes too", function()
  local app = page([[
    local clock = ui.timer { every = 1, on_tick = function() end }
    go:on_click(function() clock:update { every = 0.0001 } end)
  ]], "clock")
  local v = app:open()
  app.bench:capture()
  match("'every' must be", v:click("go").fail.message)
  app.bench:captured()
end)

it("who leaves takes handlers with on_leave = cancel along, and no others", function()
  local app = page([[
    local stay = ui.button { "Stay", id = "stay" }
    go:on_click { on_leave = "cancel", parallel = true, fn = function() time.sleep(30) end }
    stay:on_click { parallel = true, fn = function() time.sleep(0.2) out:set("stayed") end }
    page:on_unload(function(session) session.gone = (session.gone or 0) + 1 end)
  ]], "stay")
  local v = app:open()
  presence(v, HERE)
  local long, short = v:fire("go", "click"), v:fire("stay", "click")
  app:pump(2, 0)
  presence(v, AWAY)
  app:pump(2, 0)
  equal(nil, v.finished[long])
  presence(v, LEFT)
  equal(s.FAIL.CANCELLED, v:await(long).fail.op)
  equal(nil, v:await(short).fail)
  app:until_(function() return v:stored().gone end, "unload")
  presence(v, LEFT)
  app:pump(5, 5)
  equal(1, v:stored().gone)
  local late = v:fire("go", "click") -- one that was still on its way
  equal(s.FAIL.CANCELLED, v:await(late).fail.op)
  presence(v, HERE)
  presence(v, LEFT)
  app:until_(function() return v:stored().gone == 2 end, "unload once more")
end)

it("a presence that is not known ends the link", function()
  local app = page("")
  local v = app:open()
  app.bench:capture()
  presence(v, 9)
  app:until_(function() return app.closed or app.ended end, "the end")
  app.bench:captured()
end)

it("handlers with one concurrency_id share its limit", function()
  local app = page([[
    local other = ui.button { "Other", id = "other" }
    local function fn(session) out:set("runs") time.sleep(0.2) end
    go:on_click { concurrency_id = "gpu", concurrency = 1, fn = fn }
    other:on_click { concurrency_id = "gpu", fn = fn }
  ]], "other")
  equal(1, app.nodes.other.on.click.concurrency)
  equal("gpu", app.nodes.other.on.click.concurrency_id)
  local a, b = app:open(), app:open()
  local first = a:fire("go", "click")
  app:until_(function() return a:see "out" == "runs" end, "the first one")
  local second = b:fire("other", "click")
  app:pump(3, 5)
  equal(nil, b:see "out")
  a:await(first)
  equal(nil, b:await(second).fail)
end)

it("a shared limit is one number", function()
  local why = s.load_failure([[
    local ui = require "vitrine.ui"
    return ui.page({}, function()
      local a, b = ui.button "A", ui.button "B"
      a:on_click { concurrency_id = "x", concurrency = 1, fn = print }
      b:on_click { concurrency_id = "x", concurrency = 2, fn = print }
      return ui.row { a, b }
    end)]])
  match("concurrency_id 'x' name different limits %(1, 2%)", why.message)
end)
