-- What a handler gives back fills its outputs: what it returns, what it yields on the way, and the
-- pieces of an iterator that it returns. Outputs without a value stay as they are.
local host, lua, import = ...
local component = import "component"
local type, ipairs, select = type, ipairs, select
local records = component.records

local M = {}

local function set_outputs(outputs, ...)
  local n = select("#", ...)
  for i, output in ipairs(outputs) do
    if i <= n then output:set((select(i, ...))) end
  end
  return n < #outputs and n or #outputs
end

local function can_append(handle)
  local t = records[handle].type
  return t == "textbox" or t == "markdown" or t == "code"
end

-- Text pieces of an iterator are added to the first output, other values replace it.
local function drain(outputs, say, f, s, control, closer)
  local closing <close> = closer
  local out = outputs[1]
  local first = true
  while true do
    local piece = f(s, control)
    if piece == nil then return first and 0 or 1 end
    control = piece
    say(true)
    if type(piece) == "string" and can_append(out) then
      if first then out:set("") end
      out:append(piece)
    else
      out:set(piece)
    end
    say(false, 1)
    first = false
  end
end

local function take(outputs, say, f, ...)
  if type(f) == "function" then return drain(outputs, say, f, ...) end
  say(true)
  return set_outputs(outputs, f, ...)
end

local function take_any(outputs, say, ...)
  if select("#", ...) > 0 then return take(outputs, say, ...) end
  return 0
end

local function nobody() end
local function as_it_is(...) return ... end

---Runs a handler with its arguments. say(true): outputs are about to change; say(false, n): the first
---n of them have, on the way. Returns how many its end has filled.
function M.run(h, say, ...)
  local outputs = h.fills
  if not outputs then return h.fn(...) end
  say = say or nobody
  local shape = h.shape or as_it_is
  host.emit(function(...)
    say(true)
    say(false, set_outputs(outputs, shape(...)))
  end)
  return take_any(outputs, say, h.fn(...))
end

return M
