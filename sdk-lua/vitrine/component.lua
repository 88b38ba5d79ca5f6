-- Components: their handles, the events they may have, and their constructors, all from the tables
-- that proto/components.def generates.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local chain = import "chain"
local dataframe = import "dataframe"
local plot = import "plot"
local data = import "components"
local layout = import "layout"
local places = import "places"
local message = import "message"
local inputs = import "inputs"
local media = import "media"
local text = import "text"
local gallery = import "gallery"
local type, pairs, ipairs, next, tostring = type, pairs, ipairs, next, tostring
local setmetatable = setmetatable
local format, find, match, gmatch =
  lua.string.format, lua.string.find, lua.string.match, lua.string.gmatch
local sub, upper = lua.string.sub, lua.string.upper
local concat = lua.table.concat
local tointeger = lua.math.tointeger
local raise, describe = parts.raise, parts.describe
local constants = data.constants
local normalise = values.normalise

local M = {}


-- What is known of a handle stays out of the app's reach. Not weak: components are only made while
-- the app loads, and one inside the other, as they are, in a table of weak keys take the collector
-- quadratic time.
-- Those that a render makes are kept with the session, and found only in it.
local records = setmetatable({}, {
  __index = function(_, handle)
    local S = host.state()
    return S and (S.making and S.making[handle] or S.handles and S.handles[handle]) or nil
  end,
})
local components = {} -- type → { name, spec, events, value }
local methods, type_methods = {}, {}
M.rules = {} -- type → property → check(what, value), beyond its kind

local EVENTS = {}
for _, name in ipairs {
  "click", "submit", "change", "input", "load", "select", "clear", "upload", "example",
  "stream", "stop", "unload", "tick", "like", "retry", "undo", "edit", "focus", "blur", "close", "navigate",
  "call",
} do
  EVENTS[name] = constants["EVENT_" .. upper(name)]
end
local EVENT_NAMES = {}
for name, number in pairs(EVENTS) do EVENT_NAMES[number] = name end

-- Components whose value the visitor changes.
local INPUTS = {
  textbox = true, number = true, slider = true, checkbox = true, radio = true, dropdown = true,
  image = true, file = true, dataframe = true,
}
local LAYOUT = { row = true, column = true }
local POSITIONAL = { button = "value", markdown = "value" }
local EMPTY = { textbox = "", markdown = "", checkbox = false }
local checks = {}

-- What a family of components says of its own. inputs: whose value the visitor changes. containers:
-- which have children. positional: the property that may stand first without a name. empty: the
-- value after :clear(). checks: functions(what, props, record, records) that raise. rules: as M.rules.
-- methods: by type and name, functions(record, S, …) for the visitor whose handler runs.
for _, family in ipairs { inputs, layout, message, media, text, gallery, places } do
  local function take(from, into)
    for name, value in pairs(from or {}) do into[name] = value end
  end
  take(family.inputs, INPUTS)
  take(family.containers, LAYOUT)
  take(family.positional, POSITIONAL)
  take(family.empty, EMPTY)
  take(family.checks, checks)
  take(family.rules, M.rules)
end

for name, c in pairs(data.components) do
  local spec, events = {}, {}
  for prop, p in pairs(data.common) do spec[prop] = p end
  for prop, p in pairs(c.props) do spec[prop] = p end
  for event in gmatch(c.events, "%a+") do events[event] = true end
  components[name] = { name = name, spec = spec, events = events, value = c.value }
end

local function is_handle(v) return records[v] ~= nil end

local function name_of(rec) return "ui." .. rec.type end


function M.check_rule(what, kind, prop, value)
  local rule = M.rules[kind] and M.rules[kind][prop]
  if rule and value ~= nil then rule(what, value) end
end

-- The value as it travels and is stored.
local function check_value(rec, prop, value)
  local what = format("%s: '%s'", name_of(rec), prop)
  if value == nil then return nil end
  value = parts.as_kind(what, rec.spec[prop].kind, value)
  M.check_rule(what, rec.type, prop, value)
  if prop == "value" and normalise[rec.type] and host.state() then
    return normalise[rec.type](what, host.state(), value, rec)
  end
  return value
end

-- --- handles -------------------------------------------------------------------------------

local handle_mt = { __metatable = false, __name = "component" }

-- kinds: the component types that have this method; nil: all.
local function placed(self, what, kinds)
  local rec = records[self]
  if not rec then raise("%s: call it with ':' on a component", what) end
  if kinds and not kinds[rec.type] then raise("%s has no '%s'", name_of(rec), what) end
  if not host.state() then
    raise("%s:%s: there is no visitor yet; give the value to the constructor", name_of(rec), what)
  end
  if not rec.node or (rec.aside and not host.state().call) then
    raise("%s:%s: this component is not on the page", name_of(rec), what)
  end
  return rec, host.state()
end

-- A render makes its components anew; who holds one of before holds nothing.
local function known(self)
  return records[self] or raise("this component is not on the page any more")
end

function handle_mt.__index(self, key)
  local rec = known(self)
  local method = methods[key] or (type_methods[rec.type] and type_methods[rec.type][key])
  if method then return method end
  if rec.spec[key] then
    local value = state.get(rec.node and host.state(), rec, key)
    if key == "value" and values.given[rec.type] then return values.given[rec.type](value) end
    if key == "value" and values.of_files[rec.type] then
      return values.as_input(value, rec.props.multiple)
    end
    return parts.copy(value)
  end
  if type(key) == "string" and sub(key, 1, 3) == "on_" then
    raise("%s has no event '%s'; it has: %s", name_of(rec), sub(key, 4),
      next(rec.events) and concat(parts.names(rec.events), ", ") or "none")
  end
  parts.unknown(name_of(rec), key, rec.spec)
end

function handle_mt.__newindex(self, key)
  local rec = known(self)
  if rec.spec[key] then
    raise("%s: set it with :%s", name_of(rec),
      key == "value" and "set(value)" or format("update{ %s = … }", key))
  end
  parts.unknown(name_of(rec), key, rec.spec)
end

function handle_mt.__tostring(self)
  local rec = known(self)
  return name_of(rec) .. (rec.key and " " .. rec.key or "")
end

---Shows another value to this visitor.
function methods.set(self, value)
  local rec, S = placed(self, "set")
  if not rec.spec.value then raise("%s has no value", name_of(rec)) end
  state.set(S, rec, "value", check_value(rec, "value", value))
end

---Changes properties for this visitor: button:update { interactive = false }.
function methods.update(self, changes)
  local rec, S = placed(self, "update")
  if type(changes) ~= "table" then
    raise("%s:update: a table of properties is needed", name_of(rec))
  end
  parts.check_fields(name_of(rec) .. ":update", changes, rec.spec)
  if changes.id ~= nil then raise("%s:update: the id cannot change", name_of(rec)) end
  for prop, value in next, changes do
    state.set(S, rec, prop, check_value(rec, prop, value))
  end
end

---Empties the component for this visitor.
function methods.clear(self)
  local rec, S = placed(self, "clear")
  local empty = EMPTY[rec.type]
  if rec.type == "slider" then empty = state.get(S, rec, "min") end
  if rec.type == "button" or LAYOUT[rec.type] then raise("%s cannot be cleared", name_of(rec)) end
  state.set(S, rec, "value", parts.copy(empty))
end

for _, name in ipairs(layout.folding) do
  type_methods[name] = {
    ---Unfolds it, or shows it, for this visitor.
    open = function(self) methods.set(self, true) end,
    close = function(self) methods.set(self, false) end,
  }
end

for kind, own in pairs(media.methods) do
  type_methods[kind] = {}
  for name, method in pairs(own) do
    type_methods[kind][name] = function(self, ...)
      local rec, S = placed(self, name, { [kind] = true })
      return method(rec, S, ...)
    end
  end
end

local TEXT = { textbox = true, markdown = true, code = true, html = true }
local function append_text(self, text)
  local rec, S = placed(self, "append", TEXT)
  text = parts.as_kind(name_of(rec) .. ":append: the text", "string", text)
  state.append(S, rec, "value", text or "")
end
type_methods.textbox = { append = append_text }
type_methods.markdown = { append = append_text }
type_methods.code = { append = append_text }
type_methods.html = { append = append_text }

local TABLE = { dataframe = true }

type_methods.dataframe = {
  ---Shows another row i, from 1; the others do not travel again.
  set_row = function(self, i, row)
    local rec, S = placed(self, "set_row", TABLE)
    dataframe.set_row(S, rec, i, row)
  end,
  ---Adds rows at the end.
  append_rows = function(self, rows)
    local rec, S = placed(self, "append_rows", TABLE)
    dataframe.append_rows(S, rec, rows)
  end,
  ---Takes row i away.
  remove_row = function(self, i)
    local rec, S = placed(self, "remove_row", TABLE)
    dataframe.remove_row(S, rec, i)
  end,
}

local PLOT = { plot = true }

type_methods.plot = {
  ---Adds a point {x =, y =, series? =}, or a list of them; the others do not travel again.
  append = function(self, points)
    local rec, S = placed(self, "append", PLOT)
    plot.append(S, rec, points)
  end,
}

-- --- events --------------------------------------------------------------------------------

local HANDLER_FIELDS = {
  fn = true, api_name = true, concurrency = true, parallel = true, retry = true, inputs = true,
  cancels = true, show_progress = true, outputs = true, description = true, stream = true,
  concurrency_id = true, on_leave = true, trigger = true, debounce = true, validate = true,
  cache = true,
}

local TRIGGERS = { once = true, multiple = true, last = true }
local DEBOUNCE_MAX = 60 -- seconds

local function is_number(v, low, high) return type(v) == "number" and v >= low and v <= high end

-- Field → is it right?, what it is.
local HANDLER_RULES = {
  trigger = { function(v) return TRIGGERS[v] end, "\"once\", \"multiple\" or \"last\"" },
  debounce = { function(v) return is_number(v, 0, DEBOUNCE_MAX) end, "0 to 60 seconds" },
  validate = { function(v) return type(v) == "function" end, "a function" },
  cache = { function(v) return type(v) == "boolean" or is_number(v, 0, 1 << 31) end, "true, or seconds" },
  on_leave = { function(v) return v == "cancel" or v == "finish" end, "\"cancel\" or \"finish\"" },
  concurrency_id = {
    function(v) return type(v) == "string" and #v >= 1 and #v <= 64 end, "a string of 1 to 64 bytes",
  },
}

local function check_rules(what, h)
  for field, rule in next, HANDLER_RULES do
    if h[field] ~= nil and not rule[1](h[field]) then
      raise("%s: '%s' must be %s (got %s)", what, field, rule[2], describe(h[field]))
    end
  end
end

-- A file's id means another file to another visitor.
local WITH_FILES = { chatbot = true, multimodal = true }
local n_cached = 0

local function check_no_files(what, where, list)
  for _, handle in ipairs(list or {}) do
    local kind = records[handle].type
    if values.of_files[kind] or WITH_FILES[kind] then
      raise("%s: 'cache' cannot keep files; %s has %s", what, where, name_of(records[handle]))
    end
  end
end

-- A result can be kept where it is known what it is: values of outputs. Results are this handler's
-- own, whatever others have its component's name.
local function check_cache(what, h)
  if not h.cache then return end
  if not h.fills then raise("%s: 'cache' keeps what fills 'outputs'; there are none", what) end
  check_no_files(what, "outputs", h.fills)
  for _, handle in ipairs(h.inputs or {}) do
    if records[handle].type == "chatbot" then
      raise("%s: 'cache' cannot tell files apart; inputs has %s", what, name_of(records[handle]))
    end
  end
  n_cached = n_cached + 1
  h.cache_key = n_cached .. "\0"
end

local function handle_list(what, list)
  if list == nil then return nil end
  if is_handle(list) then list = { list } end
  if type(list) ~= "table" then
    raise("%s: a component or a list of them (got %s)", what, describe(list))
  end
  local found = {}
  for i, item in ipairs(list) do
    if not is_handle(item) then raise("%s: item %d is not a component", what, i) end
    found[i] = item
  end
  return found
end

local function read_handler(what, spec)
  if type(spec) == "function" then spec = { fn = spec } end
  if type(spec) ~= "table" or is_handle(spec) then
    raise("%s: a function or a table {fn = function} (got %s)", what, describe(spec))
  end
  local h = { fn = spec.fn or spec[1] }
  for key, value in next, spec do
    if key ~= 1 then
      if not HANDLER_FIELDS[key] then parts.unknown(what, key, HANDLER_FIELDS) end
      h[key] = value
    end
  end
  if type(h.fn) ~= "function" and not (h.fn == nil and h.cancels) then
    raise("%s: 'fn' must be a function (got %s)", what, describe(h.fn))
  end
  if h.concurrency ~= nil and not (tointeger(h.concurrency) and h.concurrency >= 1) then
    raise("%s: 'concurrency' must be a whole number from 1 (got %s)", what, describe(h.concurrency))
  end
  local name = h.api_name
  if name ~= nil and name ~= false
    and not (type(name) == "string" and find(name, "^[%w_]+$") and #name <= 64) then
    raise("%s: 'api_name' is 1 to 64 letters, digits or _ (got %s)", what, describe(name))
  end
  check_rules(what, h)
  if h.description ~= nil and not (type(h.description) == "string" and #h.description <= 2000) then
    raise("%s: 'description' is a text of at most 2000 bytes (got %s)", what, describe(h.description))
  end
  for _, flag in ipairs { "parallel", "retry", "stream" } do
    if h[flag] ~= nil and type(h[flag]) ~= "boolean" then
      raise("%s: '%s' must be true or false (got %s)", what, flag, describe(h[flag]))
    end
  end
  h.inputs = handle_list(what .. ": 'inputs'", h.inputs)
  h.cancels = handle_list(what .. ": 'cancels'", h.cancels)
  h.fills = handle_list(what .. ": 'outputs'", h.outputs)
  h.outputs = h.fills
  if type(h.show_progress) == "table" then
    h.outputs = handle_list(what .. ": 'show_progress'", h.show_progress)
  elseif h.show_progress == false then
    h.outputs = nil
  end
  check_cache(what, h)
  return h
end

local function add_handler(self, event, spec)
  local rec = records[self]
  local what = format("%s:on_%s", rec and name_of(rec) or "component", event)
  if not rec then raise("%s: call it with ':' on a component", what) end
  if not rec.events[event] then raise("%s has no event '%s'", name_of(rec), event) end
  if not state.building() then raise("%s: handlers are declared while the page is built", what) end
  local h = read_handler(what, spec)
  -- Who selects a part of it changes nothing, and a whole table would be much to hand over.
  local part = event == "clear" or event == "close" or event == "select" and values.selected[rec.type]
  if not h.inputs and INPUTS[rec.type] and not part then
    h.inputs, h.changes = { self }, event ~= "submit"
  end
  rec.handlers[event] = h
  return chain.handle(what, h, read_handler)
end

local function event_methods(name)
  local c, own = components[name], type_methods[name] or {}
  type_methods[name] = own
  for event in pairs(c.events) do
    own["on_" .. event] = function(self, spec) return add_handler(self, event, spec) end
  end
end
for name in pairs(components) do event_methods(name) end

-- --- constructors --------------------------------------------------------------------------

function checks.image(what, p)
  if type(p.value) == "string" then values.bundled_image(what, p.value) end
end

local function read_children(what, t, rec)
  rec.children = {}
  for i = POSITIONAL[rec.type] and type(t[1]) == "string" and 2 or 1, #t do
    if not is_handle(t[i]) then
      raise("%s: item %d is not a component (got %s)", what, i, describe(t[i]))
    end
    rec.children[#rec.children + 1] = t[i]
  end
end

local function read_props(what, t, c, rec)
  local later = {}
  for key, value in next, t do
    local event = type(key) == "string" and match(key, "^on_(%a+)$")
    if type(key) == "number" then
      local prop = POSITIONAL[c.name]
      if key == 1 and prop and not (LAYOUT[c.name] and is_handle(value)) then
        local which = format("%s: the first argument", what)
        rec.props[prop] = parts.as_kind(which, c.spec[prop].kind, value)
      elseif not LAYOUT[c.name] then
        raise("%s: %s has no name; write a field like label = …", what, describe(value))
      end
    elseif event and c.events[event] then
      later[event] = value
    elseif key == "validate" and INPUTS[c.name] then
      if type(value) ~= "function" then
        raise("%s: 'validate' must be a function (got %s)", what, describe(value))
      end
      rec.validate = value
    elseif c.spec[key] then
      local which = format("%s: '%s'", what, tostring(key))
      rec.props[key] = parts.as_kind(which, c.spec[key].kind, value)
      M.check_rule(which, c.name, key, rec.props[key])
    else
      parts.unknown(what, key, c.spec)
    end
  end
  return later
end

local function make(name, t)
  local c, what = components[name], "ui." .. name
  local rec = { type = name, spec = c.spec, events = c.events, props = {}, handlers = {} }
  if not state.building() then raise("%s: components are made while the page is built", what) end
  if type(t) == "string" and POSITIONAL[name] then t = { t } end
  if t == nil then t = {} end
  if type(t) ~= "table" or is_handle(t) then
    raise("%s: one table of fields is needed: %s { … } (got %s)", what, what, describe(t))
  end
  if LAYOUT[name] then read_children(what, t, rec) end
  local handle = setmetatable({}, handle_mt)
  local S = host.state()
  if S then S.making[handle] = rec else records[handle] = rec end
  local later = read_props(what, t, c, rec)
  if checks[name] then checks[name](what, rec.props, rec, records) end
  if rec.props.value ~= nil and normalise[name] and not values.of_files[name] then
    rec.props.value = normalise[name](what, nil, rec.props.value, rec)
  end
  for event, spec in next, later do add_handler(handle, event, spec) end
  return handle
end

-- What apps call: ui.textbox, ui.row, …
M.constructors = {}
for name in pairs(components) do
  if name ~= "examples" and name ~= "progress" then
    M.constructors[name] = function(t) return make(name, t) end
  end
end

---Ready-made inputs, one row per example; a click fills them in.
---@param t {rows: any[], inputs: table[], run?: boolean, label?: string, on_example?: function}
---@usage ui.examples { inputs = { text }, rows = { "I love it.", "Not again." } }
function M.constructors.examples(t)
  local what = "ui.examples"
  if type(t) ~= "table" then
    raise("%s: one table of fields is needed (got %s)", what, describe(t))
  end
  local inputs = handle_list(what .. ": 'inputs'", t.inputs) or {}
  if #inputs == 0 then raise("%s: 'inputs' names the components that a row fills", what) end
  local fields = {}
  for key, value in next, t do
    if key ~= "inputs" and key ~= "rows" then fields[key] = value end
  end
  local handle = make("examples", fields)
  local rows = {}
  if type(t.rows) ~= "table" or #t.rows == 0 then
    raise("%s: 'rows' is a list of examples", what)
  end
  for i, row in ipairs(t.rows) do
    if type(row) ~= "table" or (#inputs == 1 and row.file) then row = { row } end
    if #row > #inputs then
      raise("%s: row %d has %d values for %d inputs", what, i, #row, #inputs)
    end
    rows[i] = parts.copy(row, format("%s: row %d", what, i))
  end
  records[handle].props.rows = rows
  records[handle].example_inputs = inputs
  return handle
end
M.records, M.components, M.inputs = records, components, INPUTS
M.events, M.event_names, M.type_methods, M.placed = EVENTS, EVENT_NAMES, type_methods, placed
M.make, M.add_handler, M.read_handler = make, add_handler, read_handler
M.handle_list, M.is_handle, M.name_of = handle_list, is_handle, name_of

return M
