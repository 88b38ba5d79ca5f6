---@meta vitrine.ui
-- Components, pages and what they do. A page is built once, while the app loads; a component's
-- handle then means the component of whichever visitor's handler is running.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local data = import "components"
local type, pairs, ipairs, next, select, tostring = type, pairs, ipairs, next, select, tostring
local rawget, setmetatable = rawget, setmetatable
local format, find, match, gmatch = lua.string.format, lua.string.find, lua.string.match, lua.string.gmatch
local sub, lower = lua.string.sub, lua.string.lower
local unpack, concat, sort = lua.table.unpack, lua.table.concat, lua.table.sort
local tointeger = lua.math.tointeger
local raise, refuse, describe = parts.raise, parts.refuse, parts.describe
local constants = data.constants

local M = {}

-- What is known of a handle stays out of the app's reach.
local records = setmetatable({}, { __mode = "k" })
local components = {} -- type → { name, spec, events, value }
local methods, type_methods = {}, {}

local EVENTS = {}
for _, name in ipairs { "click", "submit", "change", "input", "load", "select", "clear", "upload", "example" } do
  EVENTS[name] = constants["EVENT_" .. lua.string.upper(name)]
end
local EVENT_NAMES = {}
for name, number in pairs(EVENTS) do EVENT_NAMES[number] = name end

-- Components whose value the visitor changes.
local INPUTS = {
  textbox = true, number = true, slider = true, checkbox = true, radio = true, dropdown = true, image = true,
}
local LAYOUT = { row = true, column = true }
local POSITIONAL = { button = "value", markdown = "value" }
local EMPTY = { textbox = "", markdown = "", checkbox = false, chatbot = {} }

for name, c in pairs(data.components) do
  local spec, events = {}, {}
  for prop, p in pairs(data.common) do spec[prop] = p end
  for prop, p in pairs(c.props) do spec[prop] = p end
  for event in gmatch(c.events, "%a+") do events[event] = true end
  components[name] = { name = name, spec = spec, events = events, value = c.value }
end

local function is_handle(v) return records[v] ~= nil end

local function name_of(rec) return "ui." .. rec.type end

-- --- values that are not simply plain -------------------------------------------------------

---@class vitrine.File A visitor's upload.
---@field name string as the visitor called it
---@field type string media type
---@field size integer bytes
local File = {}
local file_mt = { __index = File, __metatable = false, __name = "file" }

---Reads the upload, or n bytes of it from offset (0 is the beginning).
---@param n? integer
---@param offset? integer
---@return string? bytes
---@return string? err where the file is not here any more
---@usage local bytes = photo:read()
function File:read(n, offset)
  return host.upload_read(self.file, offset or 0, n or constants.UPLOAD_MAX)
end

local function as_file(value)
  if type(value) ~= "table" or type(value.file) ~= "string" then return value end
  return setmetatable(
    { file = value.file, name = value.name, type = value.type, size = value.size },
    file_mt
  )
end

local IMAGES = {
  png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", gif = "image/gif", webp = "image/webp",
  avif = "image/avif", bmp = "image/bmp",
}

local Bytes = { __metatable = false, __name = "bytes" }

---Content made by the app, to be shown: an image's bytes, say.
---@param bytes string
---@param type string media type
---@usage picture:set(ui.bytes(png, "image/png"))
function M.bytes(bytes, media_type)
  if type(bytes) ~= "string" then raise("ui.bytes: bytes are a string (got %s)", describe(bytes)) end
  if type(media_type) ~= "string" or not find(media_type, "^[%w%-.+]+/[%w%-.+]+$") then
    raise("ui.bytes: the media type is like 'image/png' (got %s)", describe(media_type))
  end
  return setmetatable({ bytes = bytes, type = media_type }, Bytes)
end

local function image_type(path)
  return IMAGES[lower(match(path, "%.(%w+)$") or "")]
end

-- Sends bytes once per session and remembers the id they got.
local function blob(S, key, bytes, media_type, name)
  local sent = S.blobs
  if not sent then
    sent = setmetatable({}, { __mode = "k" })
    S.blobs = sent
  end
  local value = sent[key]
  if not value then
    value = { file = host.blob(bytes, media_type), name = name, type = media_type, size = #bytes }
    sent[key] = value
  end
  return value
end

local function bundled_image(what, path)
  local media_type = image_type(path)
  if not media_type then
    raise("%s: an image is a .png, .jpg, .gif, .webp, .avif or .bmp file (got '%s')", what, path)
  end
  local bytes = host.bundled(path)
  if not bytes then raise("%s: there is no file '%s' in the Space's repo", what, path) end
  return bytes, media_type
end

local normalise = {}

function normalise.image(what, S, v)
  if type(v) == "string" then
    local bytes, media_type = bundled_image(what, v)
    return blob(S, v, bytes, media_type, match(v, "[^/]+$"))
  end
  if type(v) == "table" and rawget(v, "bytes") then
    return blob(S, v, v.bytes, v.type, "image")
  end
  if type(v) == "table" and type(v.file) == "string" then
    return { file = v.file, name = v.name, type = v.type, size = v.size, width = v.width, height = v.height }
  end
  raise("%s: an image is an upload, a path in the repo or ui.bytes(data, type) (got %s)", what, describe(v))
end

-- A text-classification result, {label, confidences}, a map of scores, or just a name.
function normalise.label(what, _, v)
  if type(v) == "string" then return { label = v } end
  if type(v) ~= "table" then raise("%s: a classification is needed (got %s)", what, describe(v)) end
  local confidences = {}
  if type(v[1]) == "table" and v[1].label ~= nil then
    for i, item in ipairs(v) do
      confidences[i] = { label = tostring(item.label), confidence = item.score or item.confidence }
    end
  elseif type(v.confidences) == "table" then
    for i, item in ipairs(v.confidences) do
      confidences[i] = { label = tostring(item.label), confidence = item.confidence or item.score }
    end
  elseif type(v.label) == "string" then
    return { label = v.label }
  else
    for label, score in pairs(v) do
      if type(score) ~= "number" then
        raise("%s: '%s' should have a number as confidence (got %s)", what, tostring(label), describe(score))
      end
      confidences[#confidences + 1] = { label = tostring(label), confidence = score }
    end
  end
  for _, c in ipairs(confidences) do
    if type(c.confidence) ~= "number" then
      raise("%s: '%s' has no confidence", what, c.label)
    end
  end
  sort(confidences, function(a, b)
    if a.confidence ~= b.confidence then return a.confidence > b.confidence end
    return a.label < b.label
  end)
  return { label = v.label or (confidences[1] and confidences[1].label), confidences = confidences }
end

local function as_turn(what, turn)
  if type(turn) ~= "table" or type(turn.role) ~= "string" or type(turn.content) ~= "string" then
    raise("%s: a message is {role = \"user\" or \"assistant\", content = text}", what)
  end
  return { role = turn.role, content = turn.content }
end

function normalise.chatbot(what, _, v)
  if type(v) ~= "table" then raise("%s: a list of messages is needed (got %s)", what, describe(v)) end
  local turns = {}
  for i, turn in ipairs(v) do turns[i] = as_turn(what, turn) end
  return turns
end

function normalise.json(_, _, v) return parts.copy(v) end
normalise.dropdown = normalise.json

-- The value as it travels and is stored.
local function check_value(rec, prop, value)
  local what = format("%s: '%s'", name_of(rec), prop)
  if value == nil then return nil end
  value = parts.as_kind(what, rec.spec[prop].kind, value)
  if prop == "value" and normalise[rec.type] and host.state() then
    return normalise[rec.type](what, host.state(), value)
  end
  return value
end

-- --- handles -------------------------------------------------------------------------------

local handle_mt = { __metatable = false, __name = "component" }

local function placed(self, what)
  local rec = records[self]
  if not rec then raise("%s: call it with ':' on a component", what) end
  if not host.state() then
    raise("%s:%s: there is no visitor yet; give the value to the constructor", name_of(rec), what)
  end
  if not rec.node then raise("%s:%s: this component is not on the page", name_of(rec), what) end
  return rec, host.state()
end

function handle_mt.__index(self, key)
  local rec = records[self]
  local method = methods[key] or (type_methods[rec.type] and type_methods[rec.type][key])
  if method then return method end
  if rec.spec[key] then
    local value = state.get(rec.node and host.state(), rec, key)
    if key == "value" and rec.type == "image" then return as_file(value) end
    return parts.copy(value)
  end
  if type(key) == "string" and sub(key, 1, 3) == "on_" then
    raise("%s has no event '%s'; it has: %s", name_of(rec), sub(key, 4),
      next(rec.events) and concat(parts.names(rec.events), ", ") or "none")
  end
  parts.unknown(name_of(rec), key, rec.spec)
end

function handle_mt.__newindex(self, key)
  local rec = records[self]
  if rec.spec[key] then
    raise("%s: set it with :%s", name_of(rec),
      key == "value" and "set(value)" or format("update{ %s = … }", key))
  end
  parts.unknown(name_of(rec), key, rec.spec)
end

function handle_mt.__tostring(self)
  local rec = records[self]
  return name_of(rec) .. (rec.key and " " .. rec.key or "")
end

---Shows another value to this visitor.
function methods.set(self, value)
  local rec, S = placed(self, "set")
  if LAYOUT[rec.type] then raise("%s has no value", name_of(rec)) end
  state.set(S, rec, "value", check_value(rec, "value", value))
end

---Changes properties for this visitor: button:update { interactive = false }.
function methods.update(self, changes)
  local rec, S = placed(self, "update")
  if type(changes) ~= "table" then raise("%s:update: a table of properties is needed", name_of(rec)) end
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

local function append_text(self, text)
  local rec, S = placed(self, "append")
  state.append(S, rec, "value", parts.as_kind(name_of(rec) .. ":append: the text", "string", text) or "")
end
type_methods.textbox = { append = append_text }
type_methods.markdown = { append = append_text }

---@class vitrine.ChatItem One message of a chatbot, growing.
---@field content string
local Item = {}
local items = setmetatable({}, { __mode = "k" })
local item_mt = { __metatable = false, __name = "message" }

local function turn_of(self)
  local item = items[self]
  local turns = state.own_table(item.S, item.rec, "value")
  return item, turns[item.at]
end

---Adds text to the end of the message.
function Item:add(text)
  local item, turn = turn_of(self)
  text = parts.as_kind("chatbot message:add: the text", "string", text) or ""
  if not turn then raise("this message is not in the chat any more") end
  if host.state() ~= item.S then raise("this message belongs to another visitor") end
  if text == "" then return end
  host.patch(item.rec.node, constants.PATCH_APPEND, item.path, text)
  turn.content = turn.content .. text
end

---Replaces the text of the message.
function Item:set(text)
  local item, turn = turn_of(self)
  text = parts.as_kind("chatbot message:set: the text", "string", text) or ""
  if not turn then raise("this message is not in the chat any more") end
  if host.state() ~= item.S then raise("this message belongs to another visitor") end
  host.patch(item.rec.node, constants.PATCH_SET, item.path, text)
  turn.content = text
end

function item_mt.__index(self, key)
  if Item[key] then return Item[key] end
  local _, turn = turn_of(self)
  if key == "content" or key == "role" then return turn and turn[key] end
  parts.unknown("chatbot message", key, { add = true, set = true, content = true, role = true })
end

function item_mt.__newindex() raise("chatbot message: change it with :add(text) or :set(text)") end

type_methods.chatbot = {
  ---Adds a message; the returned one takes more text with :add(text).
  append = function(self, turn)
    local rec, S = placed(self, "append")
    turn = as_turn("ui.chatbot:append", turn)
    local turns = state.own_table(S, rec, "value")
    local at = #turns
    host.patch(rec.node, constants.PATCH_SET, "value/" .. at, turn)
    turns[at + 1] = turn
    local item = setmetatable({}, item_mt)
    items[item] = { S = S, rec = rec, at = at + 1, path = "value/" .. at .. "/content" }
    return item
  end,
}

-- --- events --------------------------------------------------------------------------------

local HANDLER_FIELDS = {
  fn = true, api_name = true, concurrency = true, parallel = true, retry = true, inputs = true,
  cancels = true, show_progress = true,
}

local function handle_list(what, list)
  if list == nil then return nil end
  if is_handle(list) then list = { list } end
  if type(list) ~= "table" then raise("%s: a component or a list of them (got %s)", what, describe(list)) end
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
  if h.api_name ~= nil and h.api_name ~= false
    and not (type(h.api_name) == "string" and find(h.api_name, "^[%w_]+$") and #h.api_name <= 64) then
    raise("%s: 'api_name' is 1 to 64 letters, digits or _ (got %s)", what, describe(h.api_name))
  end
  for _, flag in ipairs { "parallel", "retry" } do
    if h[flag] ~= nil and type(h[flag]) ~= "boolean" then
      raise("%s: '%s' must be true or false (got %s)", what, flag, describe(h[flag]))
    end
  end
  h.inputs = handle_list(what .. ": 'inputs'", h.inputs)
  h.cancels = handle_list(what .. ": 'cancels'", h.cancels)
  if type(h.show_progress) ~= "boolean" then
    h.outputs = handle_list(what .. ": 'show_progress'", h.show_progress)
  end
  return h
end

local function add_handler(self, event, spec)
  local rec = records[self]
  local what = format("%s:on_%s", rec and name_of(rec) or "component", event)
  if not rec then raise("%s: call it with ':' on a component", what) end
  if host.state() then raise("%s: handlers are declared while the page is built", what) end
  local h = read_handler(what, spec)
  if not h.inputs and INPUTS[rec.type] and event ~= "clear" then h.inputs = { self } end
  rec.handlers[event] = h
  return self
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

local checks = {}

function checks.slider(what, p)
  local low, high = p.min or 0, p.max or 100
  if low >= high then raise("%s: 'min' must be below 'max' (got %s, %s)", what, low, high) end
  if p.step and p.step <= 0 then raise("%s: 'step' must be above 0 (got %s)", what, p.step) end
end

local function check_choice(what, p)
  if p.value == nil then return end
  local chosen = type(p.value) == "table" and p.value or { p.value }
  for _, v in ipairs(chosen) do
    local known = false
    for _, c in ipairs(p.choices or {}) do
      known = known or v == (type(c) == "table" and c.value or c)
    end
    if not known then raise("%s: 'value' must be one of the choices (got %s)", what, describe(v)) end
  end
end
checks.radio, checks.dropdown = check_choice, check_choice

function checks.image(what, p)
  if type(p.value) == "string" then bundled_image(what, p.value) end
end

local function read_children(what, t, rec)
  rec.children = {}
  for i = 1, #t do
    if not is_handle(t[i]) then
      raise("%s: item %d is not a component (got %s)", what, i, describe(t[i]))
    end
    rec.children[i] = t[i]
  end
end

local function read_props(what, t, c, rec)
  local later = {}
  for key, value in next, t do
    local event = type(key) == "string" and match(key, "^on_(%a+)$")
    if type(key) == "number" then
      local prop = POSITIONAL[c.name]
      if key == 1 and prop then
        rec.props[prop] = parts.as_kind(format("%s: the first argument", what), c.spec[prop].kind, value)
      elseif not LAYOUT[c.name] then
        raise("%s: %s has no name; write a field like label = …", what, describe(value))
      end
    elseif event and c.events[event] then
      later[event] = value
    elseif c.spec[key] then
      rec.props[key] = parts.as_kind(format("%s: '%s'", what, tostring(key)), c.spec[key].kind, value)
    else
      parts.unknown(what, key, c.spec)
    end
  end
  return later
end

local function make(name, t)
  local c, what = components[name], "ui." .. name
  local rec = { type = name, spec = c.spec, events = c.events, props = {}, handlers = {} }
  if host.state() then raise("%s: components are made while the page is built", what) end
  if type(t) == "string" and POSITIONAL[name] then t = { t } end
  if t == nil then t = {} end
  if type(t) ~= "table" or is_handle(t) then
    raise("%s: one table of fields is needed: %s { … } (got %s)", what, what, describe(t))
  end
  if LAYOUT[name] then read_children(what, t, rec) end
  local handle = setmetatable({}, handle_mt)
  records[handle] = rec
  local later = read_props(what, t, c, rec)
  if checks[name] then checks[name](what, rec.props) end
  if rec.props.value ~= nil and normalise[name] and name ~= "image" then
    rec.props.value = normalise[name](what, nil, rec.props.value)
  end
  for event, spec in next, later do add_handler(handle, event, spec) end
  return handle
end

for name in pairs(components) do
  if name ~= "examples" and name ~= "progress" then
    M[name] = function(t) return make(name, t) end
  end
end

---Ready-made inputs, one row per example; a click fills them in.
---@param t {rows: any[], inputs: table[], run?: boolean, label?: string, on_example?: function}
---@usage ui.examples { inputs = { text }, rows = { "I love it.", "Not again." } }
function M.examples(t)
  local what = "ui.examples"
  if type(t) ~= "table" then raise("%s: one table of fields is needed (got %s)", what, describe(t)) end
  local inputs = handle_list(what .. ": 'inputs'", t.inputs) or {}
  if #inputs == 0 then raise("%s: 'inputs' names the components that a row fills", what) end
  local fields = {}
  for key, value in next, t do
    if key ~= "inputs" and key ~= "rows" then fields[key] = value end
  end
  local handle = make("examples", fields)
  local rows = {}
  if type(t.rows) ~= "table" or #t.rows == 0 then raise("%s: 'rows' is a list of examples", what) end
  for i, row in ipairs(t.rows) do
    if type(row) ~= "table" or (#inputs == 1 and row.file) then row = { row } end
    if #row > #inputs then
      raise("%s: row %d has %d values for %d inputs", what, i, #row, #inputs)
    end
    rows[i] = parts.copy(row)
  end
  records[handle].props.rows = rows
  records[handle].example_inputs = inputs
  return handle
end

-- --- pages ---------------------------------------------------------------------------------

local pages = setmetatable({}, { __mode = "k" })

local function check_title(what, title)
  if title == nil then return "" end
  if type(title) ~= "string" or #title > 200 then
    raise("%s: 'title' is a string of at most 200 bytes (got %s)", what, describe(title))
  end
  return title
end

local function check_upgrade(what, upgrade)
  if upgrade ~= nil and type(upgrade) ~= "function" then
    raise("%s: 'upgrade' must be a function (got %s)", what, describe(upgrade))
  end
  return upgrade
end

local function new_page(what, options)
  local app = setmetatable({}, { __metatable = false, __name = "page" })
  pages[app] = {
    title = check_title(what, options.title),
    upgrade = check_upgrade(what, options.upgrade),
    handlers = {},
  }
  return app, pages[app]
end

local PAGE_FIELDS = { title = true, upgrade = true }
local page_methods = {}

---Runs for each visitor when the page opens: page:on_load(function(session) … end).
function page_methods.on_load(self, spec)
  pages[self].handlers.load = read_handler("page:on_load", spec)
end

---A page of components. build runs once; its result is the root.
---@param options { title?: string, upgrade?: fun(old: table): table? }
---@param build fun(page: table): table
---@usage return ui.page({ title = "Hello" }, function() return ui.markdown "Hello" end)
function M.page(options, build)
  local what = "ui.page"
  if type(options) ~= "table" or type(build) ~= "function" then
    raise("%s: call it with a table of options and a function", what)
  end
  parts.check_fields(what, options, PAGE_FIELDS)
  local app, page = new_page(what, options)
  local handle = setmetatable({}, { __index = page_methods, __metatable = false, __name = "page" })
  pages[handle] = page
  page.root = build(handle)
  if not is_handle(page.root) then
    raise("%s: the function returns the page's root, such as ui.column { … } (got %s)", what,
      describe(page.root))
  end
  return app
end

-- --- interfaces ----------------------------------------------------------------------------

local INTERFACE_FIELDS = {
  title = true, description = true, inputs = true, outputs = true, examples = true, fn = true,
  submit = true, clear = true, api_name = true, concurrency = true, retry = true, upgrade = true,
  run_examples = true,
}

local function set_outputs(outputs, ...)
  for i, output in ipairs(outputs) do output:set((select(i, ...))) end
end

local function can_append(handle)
  local t = records[handle].type
  return t == "textbox" or t == "markdown"
end

-- Text pieces of an iterator are added to the first output, other values replace it.
local function drain(outputs, f, s, control, closer)
  local closing <close> = closer
  local out = outputs[1]
  local first = true
  while true do
    local piece = f(s, control)
    if piece == nil then return end
    control = piece
    if type(piece) == "string" and can_append(out) then
      if first then out:set("") end
      out:append(piece)
    else
      out:set(piece)
    end
    first = false
  end
end

-- The handler of ui.interface: results fill the outputs, coroutine.yield fills them on the way,
-- an iterator as result is read to its end.
local function interface_fn(fn, inputs, outputs)
  local n = #inputs
  local function show(...) set_outputs(outputs, ...) end
  local function take(f, ...)
    if type(f) == "function" then return drain(outputs, f, ...) end
    set_outputs(outputs, f, ...)
  end
  return function(...)
    host.emit(show)
    take(fn(...))
  end, n
end

local function check_interface(what, t)
  if type(t) ~= "table" then raise("%s: one table of fields is needed (got %s)", what, describe(t)) end
  parts.check_fields(what, t, INTERFACE_FIELDS)
  if type(t.fn) ~= "function" then raise("%s: 'fn' must be a function (got %s)", what, describe(t.fn)) end
  local inputs = handle_list(what .. ": 'inputs'", t.inputs) or {}
  local outputs = handle_list(what .. ": 'outputs'", t.outputs) or {}
  if #outputs == 0 then raise("%s: 'outputs' names what 'fn' fills", what) end
  return inputs, outputs
end

local function clear_all(inputs, outputs)
  return function()
    for _, c in ipairs(inputs) do
      local rec = records[c]
      if rec.props.value ~= nil and rec.type ~= "image" then
        c:set(rec.props.value)
      else
        c:clear()
      end
    end
    for _, c in ipairs(outputs) do c:clear() end
  end
end

local function interface_inputs(t, inputs, outputs, handler)
  local left = {}
  local run = make("button", { t.submit or "Submit", variant = "primary" })
  local buttons = { run }
  for i, input in ipairs(inputs) do left[i] = input end
  if t.clear ~= false then
    buttons = { make("button", { type(t.clear) == "string" and t.clear or "Clear" }), run }
    add_handler(buttons[1], "click", clear_all(inputs, outputs))
  end
  local public = {}
  for k, v in next, handler do public[k] = v end
  public.api_name = t.api_name ~= false and (t.api_name or "predict") or nil
  add_handler(run, "click", public)
  for _, input in ipairs(inputs) do
    if records[input].type == "textbox" and not records[input].handlers.submit then
      add_handler(input, "submit", handler)
    end
  end
  left[#left + 1] = make("row", buttons)
  if t.examples then
    local e = M.examples { inputs = inputs, rows = t.examples, run = t.run_examples }
    if t.run_examples then add_handler(e, "example", handler) end
    left[#left + 1] = e
  end
  return make("column", left)
end

---One function with inputs and outputs: the shortest app.
---@param t { title?: string, description?: string, inputs: table, outputs: table, fn: function, examples?: any[], run_examples?: boolean, submit?: string, clear?: string|false, api_name?: string|false, concurrency?: integer, retry?: boolean, upgrade?: function }
---@usage return ui.interface { inputs = ui.textbox {}, outputs = ui.textbox {}, fn = function(s) return s:upper() end }
function M.interface(t)
  local what = "ui.interface"
  local inputs, outputs = check_interface(what, t)
  local app, page = new_page(what, t)
  local handler = {
    fn = interface_fn(t.fn, inputs, outputs),
    inputs = inputs,
    show_progress = outputs,
    concurrency = t.concurrency,
    retry = t.retry,
  }
  local right = {}
  for i, output in ipairs(outputs) do
    right[i] = output
    if records[output].props.interactive == nil and INPUTS[records[output].type] then
      records[output].props.interactive = false
    end
  end
  local body = make("row", { interface_inputs(t, inputs, outputs, handler), make("column", right) })
  page.root = body
  if t.description ~= nil then
    page.root = make("column", { make("markdown", { t.description }), body })
  end
  return app
end

-- --- the page as the browser gets it -------------------------------------------------------

local object = function() return setmetatable({}, host.object) end

local function give_key(rec, above, counts, built)
  local kind = rec.type
  counts[kind] = (counts[kind] or 0) + 1
  local path = (above ~= "" and above .. "/" or "") .. kind .. (counts[kind] > 1 and ":" .. counts[kind] or "")
  rec.key = rec.props.id or path
  rec.node = host.crc32c(rec.key)
  local other = built.nodes[rec.node]
  if other and other.key == rec.key then
    raise("two components have the key '%s'; give one of them another id", rec.key)
  elseif other or rec.node == 0 then
    raise("the keys '%s' and '%s' have the same number; give one of them an id", rec.key,
      other and other.key or "the page")
  end
  built.nodes[rec.node] = rec
  built.count = built.count + 1
  if built.count > constants.TREE_NODES_MAX then
    raise("the page has more than %d components", constants.TREE_NODES_MAX)
  end
end

local function place(handle, above, counts, depth, built)
  local rec = records[handle]
  if rec.node then raise("%s '%s' stands twice on the page", name_of(rec), rec.key) end
  if depth > constants.TREE_DEPTH_MAX then
    raise("the page is nested deeper than %d", constants.TREE_DEPTH_MAX)
  end
  give_key(rec, above, counts, built)
  built.order[#built.order + 1] = rec
  local below = {}
  for _, child in ipairs(rec.children or {}) do place(child, rec.key, below, depth + 1, built) end
end

local function nodes_of(what, handles)
  local nodes = {}
  for i, handle in ipairs(handles or {}) do
    local rec = records[handle]
    if not rec.node then raise("%s names a %s that is not on the page", what, name_of(rec)) end
    nodes[i] = rec.node
  end
  return nodes
end

local function declare(node, what, event, h)
  h.on = object()
  for _, list in ipairs { "inputs", "outputs", "cancels" } do
    local nodes = nodes_of(format("%s:on_%s: '%s'", what, event, list), h[list])
    if #nodes > 0 then h.on[list] = nodes end
  end
  if h.retry then h.on.retry = true end
  -- One that only cancels has nothing to wait for.
  host.handler(node, EVENTS[event], h.parallel or h.fn == nil, h.concurrency or 0, h.on.cancels)
end

local function describe_api(name, rec, event, h)
  local function port(handle)
    local r = records[handle]
    return {
      name = r.props.id or (r.props.label and lower((lua.string.gsub(r.props.label, "[^%w]+", "_")))) or r.type,
      label = r.props.label, component = r.type, type = components[r.type].value, node = r.node,
    }
  end
  local entry = { name = name, node = rec.node, event = event, inputs = {}, outputs = {} }
  for i, c in ipairs(h.inputs or {}) do entry.inputs[i] = port(c) end
  for i, c in ipairs(h.outputs or {}) do entry.outputs[i] = port(c) end
  return entry
end

---Gives every component its key and number, declares the handlers. Called once, with what app.lua
---returned.
function M.finish(app)
  local page = pages[app]
  if not page or not page.root then
    raise("the app file returns an app: ui.page or ui.interface (got %s)", describe(app))
  end
  local built = { nodes = {}, order = {}, count = 0, page = page }
  place(page.root, "", {}, 1, built)
  local api, names = {}, {}
  for _, rec in ipairs(built.order) do
    for _, event in ipairs(parts.names(rec.handlers)) do
      local h = rec.handlers[event]
      declare(rec.node, name_of(rec), event, h)
      if h.api_name then
        if names[h.api_name] then raise("two functions have the api_name '%s'", h.api_name) end
        names[h.api_name] = true
        api[#api + 1] = describe_api(h.api_name, rec, event, h)
      end
    end
    if rec.example_inputs then
      rec.props.inputs = nodes_of("ui.examples: 'inputs'", rec.example_inputs)
    end
  end
  if page.handlers.load then declare(0, "page", "load", page.handlers.load) end
  built.api = api
  return built
end

local function tree_props(rec)
  local props = object()
  for prop, value in next, rec.props do
    if prop ~= "id" and value ~= rec.spec[prop].default and not (rec.type == "image" and prop == "value") then
      props[prop] = value
    end
  end
  return props
end

local function tree_node(rec)
  local node = { n = rec.node, key = rec.key, type = rec.type, props = tree_props(rec) }
  if next(rec.handlers) then
    node.on = object()
    for event, h in next, rec.handlers do node.on[event] = h.on end
  end
  if rec.children then
    node.children = {}
    for i, child in ipairs(rec.children) do node.children[i] = tree_node(records[child]) end
  end
  return node
end

---The fields of HELLO.
function M.hello(built, load_usec)
  local page = built.page
  return {
    title = page.title,
    tree = {
      title = page.title,
      root = tree_node(records[page.root]),
      load = page.handlers.load and true or nil,
    },
    api = built.api,
    load_usec = load_usec,
    upgrade = page.upgrade and true or nil,
  }
end

---Pictures of the repo that the page shows go to a session that does not have them.
function M.greet(S, built)
  for _, rec in ipairs(built.order) do
    if rec.type == "image" and type(rec.props.value) == "string" then
      local own = S.overlay[rec.node]
      if not own or own.value == nil then
        state.set(S, rec, "value", normalise.image("ui.image", S, rec.props.value))
      end
    end
  end
end

-- --- what visitors do ----------------------------------------------------------------------

local accept = {}

function accept.textbox(S, rec, v)
  if v == nil then return "" end
  if type(v) ~= "string" then return nil, "must be text" end
  local most = state.get(S, rec, "max_length")
  if #v > most then return nil, format("has %d bytes, the limit is %d", #v, most) end
  return v
end

function accept.number(S, rec, v)
  if v == nil then return nil end
  if type(v) ~= "number" then return nil, "must be a number" end
  local low, high = state.get(S, rec, "min"), state.get(S, rec, "max")
  if (low and v < low) or (high and v > high) then
    return nil, format("must be from %s to %s", tostring(low or "-∞"), tostring(high or "∞"))
  end
  return v
end

function accept.slider(S, rec, v)
  if v == nil then return state.get(S, rec, "min") end
  return accept.number(S, rec, v)
end

function accept.checkbox(_, _, v)
  if v == nil then return false end
  if type(v) ~= "boolean" then return nil, "must be true or false" end
  return v
end

local function is_choice(S, rec, v)
  for _, c in ipairs(state.get(S, rec, "choices")) do
    if v == (type(c) == "table" and c.value or c) then return true end
  end
  return false
end

function accept.radio(S, rec, v)
  if v == nil then return nil end
  if not is_choice(S, rec, v) then return nil, "must be one of the choices" end
  return v
end

function accept.dropdown(S, rec, v)
  if not state.get(S, rec, "multiple") then return accept.radio(S, rec, v) end
  if v == nil then return {} end
  if type(v) ~= "table" then return nil, "must be a list of choices" end
  local chosen = {}
  for i, item in ipairs(v) do
    if not is_choice(S, rec, item) then return nil, "must be among the choices" end
    chosen[i] = item
  end
  return chosen
end

function accept.image(_, _, v)
  if v == nil then return nil end
  if type(v) ~= "table" or type(v.file) ~= "string" then return nil, "must be an upload" end
  local known = host.upload(v.file)
  if not known then return nil, "is not here any more; upload it again" end
  return { file = v.file, name = known.name, type = known.type, size = known.size }
end

local function take_value(S, built, node, v)
  local rec = built.nodes[node]
  if not rec then refuse("The page has changed; reload it.") end
  local words
  if not INPUTS[rec.type] then
    words = "cannot be changed by visitors"
  else
    v, words = accept[rec.type](S, rec, v)
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
  if rec.type == "image" then return as_file(value) end
  if value == nil and rec.type == "slider" then return state.get(S, rec, "min") end
  if type(value) == "table" then return parts.copy(value) end
  return value
end

local function call_handler(S, h, payload)
  local inputs = h.inputs
  local n = inputs and #inputs or 0
  if n == 0 then return h.fn(S.session, payload) end
  if n == 1 then return h.fn(input_value(S, inputs[1]), S.session, payload) end
  local args = {}
  for i = 1, n do args[i] = input_value(S, inputs[i]) end
  args[n + 1] = S.session
  args[n + 2] = payload
  return h.fn(unpack(args, 1, n + 2))
end

---One event of a visitor: values that came with it, then its handler.
function M.event(S, built, node, kind, payload, ...)
  if ... ~= nil then take_values(S, built, ...) end
  local handlers
  if node == 0 then
    handlers = built.page.handlers
  else
    local rec = built.nodes[node]
    if not rec then refuse("The page has changed; reload it.") end
    handlers = rec.handlers
  end
  local h = handlers[EVENT_NAMES[kind]]
  if h and h.fn then call_handler(S, h, payload) end
end

---After the last running handler: progress goes, passwords are forgotten.
function M.rest(S, built)
  if S.progress then
    S.progress = nil
    host.patch(0, constants.PATCH_SET, "progress", nil)
  end
  if built.passwords == nil then
    built.passwords = {}
    for _, rec in ipairs(built.order) do
      if rec.type == "textbox" and rec.props.password then built.passwords[#built.passwords + 1] = rec end
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
    if rec and type(cell[2]) == "string" then
      local value = cell[4]
      if value == host.null then value = nil end
      state.apply(S, rec, cell[2], cell[3], value)
    end
  end
end

-- --- words to the visitor ------------------------------------------------------------------

local function toast(kind, message)
  if not host.state() then raise("ui.%s: there is no visitor yet", kind) end
  message = parts.as_kind(format("ui.%s: the message", kind), "string", message)
  host.patch(0, constants.PATCH_SET, "toast", { kind = kind, message = message })
end

---A short message over the page.
---@usage ui.info("Saved")
function M.info(message) toast("info", message) end
function M.warn(message) toast("warn", message) end
function M.error(message) toast("error", message) end

---Ends the handler; the visitor sees the message.
---@usage if #text > 500 then ui.refuse("At most 500 characters, please.") end
function M.refuse(message)
  refuse(parts.as_kind("ui.refuse: the message", "string", message) or "refused")
end

---How far the handler is, shown over the outputs until it ends.
---@param fraction? number 0 to 1; nil: unknown
---@param message? string
---@usage ui.progress(0.5, "Half of it")
function M.progress(fraction, message)
  local S = host.state()
  if not S then raise("ui.progress: there is no visitor yet") end
  fraction = parts.as_kind("ui.progress: the fraction", "number", fraction)
  message = parts.as_kind("ui.progress: the message", "string", message)
  if fraction and (fraction < 0 or fraction > 1) then
    raise("ui.progress: the fraction is from 0 to 1 (got %s)", fraction)
  end
  S.progress = true
  host.patch(0, constants.PATCH_SET, "progress", { fraction = fraction, message = message })
end

-- --- the session table's methods -----------------------------------------------------------

local function state_of(what)
  local S = host.state()
  if not S then raise("session:%s: there is no visitor", what) end
  return S
end

---Keeps the session table now; a handler's end does it anyway.
function state.methods.save()
  state_of "save"
  local words = host.save()
  if words then raise("%s", words) end
end

function state.methods.progress(_, fraction, message) M.progress(fraction, message) end

---Name of a signed-in visitor, or nil.
function state.methods.user() return state_of("user").user end

---The page's query parameters.
function state.methods.query() return parts.copy(state_of("query").query) end

local internal = { finish = true, hello = true, greet = true, event = true, rest = true, restore = true }

-- What apps get; the rest is start.lua's.
function M.public()
  local public = {}
  for name, value in next, M do
    if not internal[name] and name ~= "public" then public[name] = value end
  end
  return setmetatable(public, {
    __index = function(_, key)
      local near = type(key) == "string" and parts.nearest(key, public)
      raise("ui: there is no '%s'%s", tostring(key), near and format("; did you mean '%s'?", near) or "")
    end,
    __metatable = false,
  })
end

return M
