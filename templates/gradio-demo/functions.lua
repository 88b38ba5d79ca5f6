-- What the functions do. They know no component: inputs come as arguments, results go back as
-- values.
local ui, time = require "vitrine.ui", require "vitrine.time"

local M = {}

function M.predict(text) return "Hello, " .. text .. "!" end

function M.combine(text, times, loud)
  local result = text:rep(times // 1)
  if loud then result = result:upper() end
  return result, utf8.len(result)
end

function M.identity(value) return value end

function M.stream(text)
  local so_far = ""
  for _, code in utf8.codes(text) do
    so_far = so_far .. utf8.char(code)
    coroutine.yield(so_far)
    time.sleep(0.015)
  end
  return so_far
end

function M.stream_json(n)
  local list, value, word = {}, nil, "start"
  for i = 1, n // 1 do
    list[i] = i - 1
    value = { n = i, list = list }
    word = i == 1 and "start" or "going"
    coroutine.yield(value, word)
    time.sleep(0.01)
  end
  return value, word
end

-- What is raised by ui.refuse is meant for whoever called; any other error would be the owner's.
function M.fail(message) ui.refuse(message) end

function M.fail_midway()
  coroutine.yield "one"
  time.sleep(0.02)
  coroutine.yield "two"
  time.sleep(0.02)
  ui.refuse "broke midway"
end

function M.reverse_file(file)
  local bytes, words = file:read()
  if not bytes then ui.refuse(words) end
  return ui.bytes(bytes:reverse(), file.type, "reversed_" .. file.name)
end

function M.counter(amount, session)
  session.total = (session.total or 0) + amount
  return session.total
end

-- A handler that is cancelled is not resumed; what it alone holds goes away with it.
local running, steps_done = setmetatable({}, { __mode = "k" }), 0

function M.slow(steps, delay_ms, session)
  local me = {}
  running[me] = true
  for i = 1, steps // 1 do
    time.sleep(delay_ms / 1000)
    steps_done = steps_done + 1
    session:progress { index = i, length = steps // 1, unit = "steps", message = "Working" }
  end
  running[me] = nil
  return ("done after %d steps"):format(steps)
end

function M.slow_stats()
  collectgarbage()
  local n = 0
  for _ in pairs(running) do n = n + 1 end
  return { running = n, steps = steps_done }
end

function M.notify(text)
  ui.info(text)
  ui.warn(text .. "?")
  return "ok"
end

return M
