-- A visitor's events: the values that come with them, the handler, and what is left behind.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local component = import "component"
local fill = import "fill"
local cache = import "cache"
local chain = import "chain"
local kept = import "kept"
local places = import "places"
local render = import "render"
local check = import "check"
local data = import "components"
local type, ipairs, select = type, ipairs, select
local format = lua.string.format
local unpack = lua.table.unpack
local refuse = parts.refuse
local records, INPUTS, EVENT_NAMES = component.records, component.inputs, component.event_names

local M = {}

local function find(S, built, node)
  return built.nodes[node] or S.nodes and S.nodes[node]
end

local function take_value(S, built, node, v)
  local rec = find(S, built, node)
  -- A render may have taken away what the visitor was just typing in.
  if not rec and S.nodes then return end
  if not rec then refuse("The page has changed; reload it.") end
  local words
  if not INPUTS[rec.type] then
    words = "cannot be changed by visitors"
  else
    v, words = values.accept[rec.type](S, rec, v)
  end
  if words then refuse(format("%s %s", state.get(S, rec, "label") or rec.type, words)) end
  state.keep(S, rec, "value", v)
end

local function take_values(S, built, ...)
  for i = 1, select("#", ...), 2 do
    local node, value = select(i, ...)
    take_value(S, built, node, value)
  end
end

local function input_value(S, handle)
  local rec = records[handle]
  local value = state.get(S, rec, "value")
  if values.given[rec.type] then return values.given[rec.type](value) end
  if values.of_files[rec.type] then return values.as_input(value, rec.props.multiple) end
  if value == nil and rec.type == "slider" then return state.get(S, rec, "min") end
  if type(value) == "table" then return parts.copy(value) end
  return value
end

---Runs a handler for what S shows; say: see fill.run.
function M.handle(S, h, payload, say)
  local inputs = h.inputs
  local n = inputs and #inputs or 0
  if n == 0 and not h.cache then return fill.run(h, say, S.session, payload) end
  if n == 1 and not h.cache and not check.wanted(h) then return fill.run(h, say, input_value(S, inputs[1]), S.session, payload) end
  local args = {}
  for i = 1, n do args[i] = input_value(S, inputs[i]) end
  if check.wanted(h) then check.arguments(S, h, args, n) end
  if h.cache then return cache.run(S, h, say, args, n) end
  args[n + 1] = S.session
  args[n + 2] = payload
  return fill.run(h, say, unpack(args, 1, n + 2))
end

---One event of a visitor: values that came with it, then its handler.
function M.event(S, built, node, kind, payload, ...)
  render.begin(S, built)
  kept.begin(S)
  if ... ~= nil then take_values(S, built, ...) end
  local handlers
  if node == 0 then
    places.take(S, payload)
    handlers = built.page.handlers
  else
    local rec = find(S, built, node)
    if not rec then refuse("The page has changed; reload it.") end
    handlers = rec.handlers
    local selected = values.selected[rec.type]
    if selected and EVENT_NAMES[kind] == "select" then payload = selected(S, rec, payload) end
    local check = values.gesture[rec.type]
    if check then payload = check(S, rec, EVENT_NAMES[kind], payload) end
  end
  local h = handlers[EVENT_NAMES[kind]]
  if h then chain.run(S, h, payload, M.handle) end
  kept.settle(S, M.handle)
  render.settle(S, built)
end

---After the last running handler: progress goes, passwords are forgotten.
function M.rest(S, built)
  render.rest(S)
  if S.progress then
    S.progress = nil
    host.patch(0, data.constants.PATCH_SET, "progress", nil)
  end
  if built.passwords == nil then
    built.passwords = {}
    for _, rec in ipairs(built.order) do
      if rec.type == "textbox" and rec.props.password then
        built.passwords[#built.passwords + 1] = rec
      end
    end
  end
  for _, rec in ipairs(built.passwords) do
    local own = S.overlay[rec.node]
    if own then own.value = nil end
  end
end

---Applies the stored changes of a session that is opened.
function M.restore(S, built, overlay)
  for _, cell in ipairs(overlay) do
    local rec = built.nodes[cell[1]]
    if cell[4] == host.null then cell[4] = nil end
    if rec and type(cell[2]) == "string" then
      state.apply(S, rec, cell[2], cell[3], cell[4])
    elseif cell[1] == 0 and cell[2] == "location" then
      places.restore(S, cell[4])
    elseif cell[1] ~= 0 and type(cell[2]) == "string" then
      S.later = S.later or {}
      S.later[cell[1]] = S.later[cell[1]] or {}
      S.later[cell[1]][#S.later[cell[1]] + 1] = cell
    end
  end
end
return M
