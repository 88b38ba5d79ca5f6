-- One busy handler does not stall its neighbours, wherever it burns, and is stopped at its limit.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

-- Another visitor is answered while the first one burns; then the first one is stopped.
local function burns(name, body)
  it(name .. " lets others through and is stopped", function()
    local app = s.handler(body, { cpu_ms = 600, stall_ms = 300 })
    local first, second = app:open(), app:open()
    local n = first:fire("go", "click")
    app:pump(3)
    second:click "quick"
    equal("quick", second:see "out")
    app.bench:capture()
    local group = first:await(n)
    app.bench:captured()
    equal(s.FAIL.LIMIT, group.fail.op)
    match("limit", group.fail.message)
    -- and the first visitor is served again
    first:click "quick"
    equal("quick", first:see "out")
  end)
end

burns("an endless loop", "while true do end")
burns("an endless loop inside pcall", "while true do pcall(function() while true do end end) end")
burns("an endless loop in the app's own coroutine", [[
  local co = coroutine.wrap(function() while true do end end)
  co()
]])
burns("an endless loop two coroutines deep, inside pcall", [[
  local co = coroutine.create(function()
    pcall(coroutine.wrap(function() while true do end end))
  end)
  while true do coroutine.resume(co) end
]])
burns("a comparator that never ends", "table.sort({3, 2, 1}, function() while true do end end)")
burns("a gsub callback that never ends", "string.gsub('abc', '.', function() while true do end end)")
burns("a metamethod that never ends", [[
  local t = setmetatable({}, { __index = function() while true do end end })
  local _ = t.x
]])
burns("an endless loop in a text that load made", "load('while true do end')()")
burns("an error handler that never ends", "xpcall(error, function() while true do end end)")
burns("recursion that catches its own errors", [[
  local function f() pcall(f) return f() end
  while true do pcall(f) end
]])

-- Below a C function nothing can yield: others wait for at most the stall, then it is raised.
local function stalls(name, body)
  it(name .. " is raised out of", function()
    local app = s.handler(body, { stall_ms = 100 })
    local first, second = app:open(), app:open()
    app.bench:capture()
    local n = first:fire("go", "click")
    local group = first:await(n)
    app.bench:captured()
    equal(s.FAIL.LIMIT, group.fail.op)
    match("library function", group.fail.message)
    second:click "quick"
    equal("quick", second:see "out")
  end)
end

stalls("a __tostring that never ends", [[
  tostring(setmetatable({}, { __tostring = function() while true do end end }))
]])
stalls("one that catches the raise", [[
  tostring(setmetatable({}, { __tostring = function()
    while true do pcall(function() while true do end end) end
  end }))
]])
stalls("a __lt below table.sort", [[
  local mt = { __lt = function() while true do end end }
  table.sort { setmetatable({}, mt), setmetatable({}, mt) }
]])
stalls("a coroutine below a C function", [[
  tostring(setmetatable({}, { __tostring = coroutine.wrap(function() while true do end end) }))
]])

it("a burning handler can be cancelled", function()
  local app = s.handler "while true do end"
  local v = app:open()
  local n = v:fire("go", "click")
  app:pump(5)
  v:cancel(n)
  equal(s.FAIL.CANCELLED, v:await(n).fail.op)
end)

it("what runs for long but ends, ends well", function()
  local app = s.handler [[
    local co = coroutine.wrap(function()
      for i = 1, 3 do
        local sum = 0
        for k = 1, 2e6 do sum = sum + k % 7 end
        coroutine.yield(sum)
      end
    end)
    local list = {}
    for i = 1, 3000 do list[i] = (i * 7919) % 3001 end
    table.sort(list, function(a, b) return a < b end)
    out:set(co() + co() + co() + list[3000])
  ]]
  local v = app:open()
  v:click "go"
  local sum = 0
  for k = 1, 2e6 do sum = sum + k % 7 end
  equal(tostring(3 * sum + 3000), v:see "out")
end)

it("a busy handler shows what it set while it goes on", function()
  local app = s.handler [[
    for i = 1, 1e9 do
      if i % 1e5 == 0 then out:set(tostring(i)) end
    end
  ]]
  local v = app:open()
  local n = v:fire("go", "click")
  app:until_(function() return #v.groups >= 3 end, "interim groups")
  equal(s.INTERIM, v.groups[1].op)
  equal(n, v.groups[1].n)
  v:cancel(n)
  v:await(n)
end)

it("sixteen handlers burn and a waiting one still gets its place when they are cancelled", function()
  local app = s.handler "while true do end"
  local visitors = {}
  for i = 1, 16 do
    visitors[i] = app:open()
    visitors[i]:fire("go", "click")
  end
  local last = app:open()
  local n = last:fire("quick", "click")
  app:pump(40)
  equal(nil, last.finished[n])
  visitors[3]:cancel(1)
  last:await(n)
  equal("quick", last:see "out")
end)

it("a coroutine that another handler is in cannot be gone on with", function()
  local app = s.load [[
local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({}, function()
  local out = ui.textbox { id = "out" }
  local go, other = ui.button { "Go", id = "go" }, ui.button { "Other", id = "other" }
  local co = coroutine.create(function() time.sleep(30) end)
  go:on_click(function() coroutine.resume(co) end)
  other:on_click(function() out:set(tostring(select(2, coroutine.resume(co)))) end)
  return ui.column { out, go, other }
end)]]
  local a, b = app:open(), app:open()
  local n = a:fire("go", "click")
  app:pump(5)
  b:click "other"
  match("a handler is in", b:see "out")
  a:cancel(n)
  a:await(n)
end)
