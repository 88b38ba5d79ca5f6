---@meta vitrine.time
-- Waiting and measuring.
local host, _, import = ...
local parts = import "parts"
local type = type
local M = {}

---Waits; other visitors' handlers run meanwhile, and closing the tab ends it.
---@param seconds number 0 to 3600, though a handler's wall time is limited
---@usage time.sleep(0.2)
function M.sleep(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 3600) then
    parts.raise("time.sleep: 0 to 3600 seconds (got %s)", parts.describe(seconds))
  end
  host.sleep(seconds)
end

---@return number seconds since some moment; for measuring spans
function M.monotonic() return host.monotonic() end

return M
