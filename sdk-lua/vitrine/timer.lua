-- ui.timer: a component that is seen by nobody and ticks while the visitor's page is there. The host
-- keeps the clock; here is what an app says of it.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local component = import "component"
local ipairs = ipairs
local raise = parts.raise
local min, max = lua.math.min, lua.math.max

local M = {}

local EVERY_MIN, EVERY_MAX = 0.02, 86400 -- seconds

component.rules.timer = {
  every = function(what, value)
    if value < EVERY_MIN or value > EVERY_MAX then
      raise("%s must be %s to %d seconds (got %s)", what, EVERY_MIN, EVERY_MAX, value)
    end
  end,
}

local function arm(S, rec)
  -- While a session is being restored nothing runs in it yet: begin does it then.
  if host.state() ~= S or not (rec.node and rec.handlers.tick) then return end
  local active = state.get(S, rec, "active")
  local every = min(max(state.get(S, rec, "every"), EVERY_MIN), EVERY_MAX)
  host.timer(rec.node, active and every or 0)
end
state.watch("timer", arm)

---Starts the timers of a session that has just been opened.
function M.begin(S, built)
  for _, rec in ipairs(built.order) do
    if rec.type == "timer" then arm(S, rec) end
  end
end

return M
