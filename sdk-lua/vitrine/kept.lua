-- ui.state: a value of the session by name, for handlers and renders to read, write and wait for. It
-- is stored in the session table under its id, and nothing of it goes to the browser.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local component = import "component"
local chain = import "chain"
local type, ipairs = type, ipairs
local find = lua.string.find
local raise, describe = parts.raise, parts.describe
local records = component.records

local M = {}

local ROUNDS_MAX = 8 -- of changes that change others

local all = {} -- records of those with on_change

---A value of the session: session[id], with a value to begin with.
---@param t {id: string, value?: any, on_change?: function}
---@usage local todos = ui.state { id = "todos", value = {} }
function component.constructors.state(t)
  local what = "ui.state"
  if type(t) ~= "table" or type(t.id) ~= "string" or not find(t.id, "^[%a_][%w_]*$") or #t.id > 64 then
    raise("%s: 'id' is the name in the session table: letters, digits and _ (got %s)", what,
      describe(type(t) == "table" and t.id or t))
  end
  -- It would be run for all visitors, and never be forgotten.
  if host.state() then raise("%s: it has its place on the page itself, not in ui.render", what) end
  if state.methods[t.id] then raise("%s: session.%s is taken; use another id", what, t.id) end
  local handle = component.make("state", t)
  local rec = records[handle]
  rec.props.value = parts.copy(rec.props.value, what .. ": 'value'")
  rec.session_key = t.id
  rec.key = "state/" .. t.id
  rec.node = host.crc32c(rec.key)
  all[#all + 1] = rec
  return handle
end

local function look(S, rec) return host.json_encode(state.get(S, rec, "value")) or false end

---Before a handler: what its states are now.
function M.begin(S)
  for _, rec in ipairs(all) do
    if rec.handlers.change then
      S.states = S.states or {}
      S.states[rec.node] = look(S, rec)
    end
  end
end

---Behind a handler: runs on_change of those that have changed, and of those that these change.
function M.settle(S, handle)
  for _ = 1, S.states and ROUNDS_MAX or 0 do
    local changed = false
    for _, rec in ipairs(all) do
      local h = rec.handlers.change
      local now = h and look(S, rec)
      if h and now ~= S.states[rec.node] then
        S.states[rec.node] = now
        changed = true
        chain.run(S, h, nil, handle)
      end
    end
    if not changed then return end
  end
end

return M
