-- Functions that programs call: how HELLO describes them, and how a call runs, on values of its own.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local component = import "component"
local visit = import "visit"
local data = import "components"
local type, ipairs, next, pcall, tostring = type, ipairs, next, pcall, tostring
local format, find, gsub, lower, match =
  lua.string.format, lua.string.find, lua.string.gsub, lua.string.lower, lua.string.match
local raise, refuse = parts.raise, parts.refuse
local constants, records, name_of = data.constants, component.records, component.name_of
local null = host.null

local M = {}

-- --- as HELLO describes them ----------------------------------------------------------------

-- A program's word for a component: an identifier, and one of its kind among its function's.
local function port_name(rec, taken)
  local label = rec.props.label
  local name = rec.props.id or (label and lower((gsub(label, "[^%w]+", "_")))) or rec.type
  name = gsub(gsub(gsub(name, "[^%w_]", "_"), "^[_%d]+", ""), "_+$", "")
  if name == "" then name = rec.type end
  local free, i = name, 1
  while taken[free] do
    i = i + 1
    free = format("%s_%d", name, i)
  end
  taken[free] = true
  return free
end

-- The value that an empty component of this type has.
local function natural(rec)
  if rec.type == "checkbox" then return false end
  local min = rec.spec.min and (rec.props.min or rec.spec.min.default)
  if rec.type == "slider" then return min end
  if rec.type == "range_slider" then return { min, rec.props.max or rec.spec.max.default } end
end

local function value_type(rec)
  if not values.of_files[rec.type] then return component.components[rec.type].value end
  return (rec.props.multiple or rec.type == "gallery") and "files" or "file"
end

local function describe_port(what, handle, taken)
  local rec = records[handle]
  if component.components[rec.type].value == "none" then
    raise("%s: %s has no value", what, name_of(rec))
  end
  return {
    name = port_name(rec, taken),
    label = rec.props.label,
    component = rec.type,
    type = value_type(rec),
    node = not rec.aside and rec.node or nil,
  }, rec
end

local LIMITS = { "choices", "min", "max", "multiple" }

local function describe_input(what, handle, taken)
  local port, rec = describe_port(what, handle, taken)
  local default = rec.props.value
  if default == nil then default = natural(rec) end
  if rec.props.required then default = nil end
  if default == nil then
    port.required = true
  elseif not values.of_files[rec.type] then
    port.default = default
  end
  for _, prop in ipairs(LIMITS) do
    if rec.spec[prop] then
      port[prop] = rec.props[prop]
      if port[prop] == nil then port[prop] = rec.spec[prop].default end
    end
  end
  if rec.props.custom then port.custom = true end
  if rec.spec.max_length then
    port.max_length = rec.props.max_length or rec.spec.max_length.default
  end
  return port
end

---Makes a handler a function that programs call. node, event: what a CALL of it names.
function M.declare(built, what, node, event, h)
  local name = h.api_name
  if built.functions[name] then raise("two functions have the api_name '%s'", name) end
  if #built.api == constants.FUNCTIONS_MAX then
    raise("%s: a Space has at most %d functions", what, constants.FUNCTIONS_MAX)
  end
  for list, field in next, { inputs = "inputs", fills = "outputs" } do
    if h[list] and #h[list] > constants.FUNCTION_VALUES_MAX then
      raise("%s: '%s': at most %d components (got %d)", what, field,
        constants.FUNCTION_VALUES_MAX, #h[list])
    end
  end
  local entry = {
    name = name, node = node, event = event, description = h.description,
    stream = h.stream or false, concurrency = h.concurrency, inputs = {}, outputs = {},
  }
  local taken = {}
  local given = {} -- what the session holds itself no program gives
  for _, c in ipairs(h.inputs or {}) do
    if not records[c].session_key then given[#given + 1] = c end
  end
  for i, c in ipairs(given) do
    entry.inputs[i] = describe_input(what .. ": 'inputs'", c, taken)
  end
  taken = {}
  local shown = {}
  for _, c in ipairs(h.fills or {}) do
    if not records[c].session_key then shown[#shown + 1] = c end
  end
  for i, c in ipairs(shown) do
    entry.outputs[i] = describe_port(what .. ": 'outputs'", c, taken)
  end
  built.api[#built.api + 1] = entry
  built.functions[name] = { handler = h, entry = entry, kind = component.events[event], given = given, shown = shown }
end

---A function without a place on the page: page:api.
function M.declare_aside(built, h)
  local what = format("page:api '%s'", h.api_name)
  local node = host.crc32c("api/" .. h.api_name)
  for _, list in ipairs { "inputs", "fills" } do
    for i, handle in ipairs(h[list] or {}) do
      local rec = records[handle]
      if not rec.node then
        rec.key = format("api/%s/%s/%d", h.api_name, list, i)
        rec.node, rec.aside = host.crc32c(rec.key), true
      end
    end
  end
  M.declare(built, what, node, "call", h)
  host.handler(node, component.events.call, h.parallel, h.concurrency or 0, nil, h.group)
end

-- --- a call ---------------------------------------------------------------------------------

-- Any value that can be kept, for a component that says no more about what it takes.
local function accept_plain(rec, v)
  local kind = rec.spec.value.kind
  if kind == "string" and type(v) ~= "string" then return nil, "must be text" end
  if kind == "boolean" and type(v) ~= "boolean" then return nil, "must be true or false" end
  if (kind == "number" or kind == "integer") and type(v) ~= "number" then
    return nil, "must be a number"
  end
  local ok, words = pcall(parts.copy, v)
  if not ok then return nil, "is " .. (match(words, "nested .*") or match(words, "over .*")) end
  return v
end

local function accept(C, rec, v)
  if type(v) == "number" and rec.spec.value.kind == "string" then v = tostring(v) end
  local own = values.accept[rec.type]
  if own then return own(C, rec, v) end
  return accept_plain(rec, v)
end

local function take_default(C, rec, port)
  local value = rec.props.value
  if port.required then refuse(format("argument '%s' is missing", port.name)) end
  if value ~= nil and values.of_files[rec.type] then
    state.keep(C, rec, "value", values.normalise[rec.type](name_of(rec), C, value))
  end
end

local function take_argument(C, handle, port, v, given)
  local rec = records[handle]
  if v == nil or v == null then
    -- To a function that takes any value null is one.
    if not (given and rec.type == "json") then return take_default(C, rec, port) end
    return state.keep(C, rec, "value", nil)
  end
  local words
  v, words = accept(C, rec, v)
  if words then refuse(format("argument '%s' %s", port.name, words)) end
  state.keep(C, rec, "value", v)
end

local function take_arguments(C, f, text)
  if not find(text, "^[ \t\r\n]*%[") then refuse "the arguments are not a JSON array" end
  local args, words = host.json_decode(text, true)
  if words then refuse(format("the arguments are not a JSON array: %s", words)) end
  local inputs, ports = f.given, f.entry.inputs
  for i = #inputs + 1, #args do
    if args[i] ~= null then
      refuse(format("'%s' takes %d argument%s, not %d", f.entry.name, #inputs,
        #inputs == 1 and "" or "s", #args))
    end
  end
  for i, handle in ipairs(inputs) do take_argument(C, handle, ports[i], args[i], i <= #args) end
end

---What the outputs of a running call show, null where that is nothing. nil: not now.
function M.outputs(C)
  if C.filling then return nil end
  local list = {}
  for i, handle in ipairs(C.outputs) do
    local rec = records[handle]
    local value = state.get(C, rec, "value")
    if values.for_programs[rec.type] then value = values.for_programs[rec.type](value) end
    if value == nil then value = null end
    list[i] = value
  end
  return list
end

---One CALL. text: the arguments as JSON.
function M.run(S, built, node, kind, name, text)
  local f = built.functions[name]
  if not f or f.entry.node ~= node or f.kind ~= kind then
    refuse(format("there is no function '%s'", #name <= 64 and name or "…"))
  end
  local h = f.handler
  local C = state.for_call(S, h.parallel)
  C.outputs = f.shown
  host.call_state(C)
  take_arguments(C, f, text)
  if h.fn then
    visit.handle(C, h, nil, function(before)
      C.filling = before
      if not before and C.outputs[1] then host.result(constants.RESULT_YIELD, M.outputs(C)) end
    end)
  end
  C.filling = nil
  host.result(constants.RESULT_FINAL, M.outputs(C))
end

return M
