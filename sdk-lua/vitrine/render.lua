-- ui.render: a part of the page that is made anew from state. Its function runs behind a handler when
-- one of its inputs has changed; what differs from what it made the last time travels. Components
-- made in it belong to one visitor; one that has the same key again keeps what the visitor made of it.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local component = import "component"
local chain = import "chain"
local data = import "components"
local type, ipairs, next, error, setmetatable = type, ipairs, next, error, setmetatable
local format = lua.string.format
local unpack = lua.table.unpack
local raise, describe = parts.raise, parts.describe
local constants = data.constants
local records, is_handle, name_of = component.records, component.is_handle, component.name_of
local SET, REMOVE = constants.PATCH_SET, constants.PATCH_REMOVE

local M = {}

local page -- itself in need of this room: fetched when a session begins

local DEPTH_MAX = 12 -- of what one makes

local FIELDS = { inputs = true, fn = true, id = true, visible = true, scale = true }

---A part of the page that fn makes from the values of inputs; without inputs it is asked after each
---event. fn gets them, then the session, and returns a component, a list of them, or nothing.
---@param t {inputs?: table, fn: function, id?: string, visible?: boolean, scale?: integer}
---@usage ui.render { inputs = todos, fn = function(list) return ui.markdown(#list .. " to do") end }
function component.constructors.render(t)
  local what = "ui.render"
  if type(t) == "function" then t = { fn = t } end
  if type(t) ~= "table" then
    raise("%s: one table of fields is needed (got %s)", what, describe(t))
  end
  parts.check_fields(what, t, FIELDS)
  if type(t.fn) ~= "function" then
    raise("%s: 'fn' must be a function (got %s)", what, describe(t.fn))
  end
  if host.state() then raise("%s: it cannot stand inside another one", what) end
  local handle = component.make("render", { id = t.id, visible = t.visible, scale = t.scale })
  local rec = records[handle]
  rec.make = t.fn
  rec.made_of = component.handle_list(what .. ": 'inputs'", t.inputs)
  return handle
end

-- --- what was made, as records ---------------------------------------------------------------

-- Handlers in it are the visitor's alone: nobody else can run them, no number of them is shared, and
-- what their functions know of one visitor is not kept for others.
local ELSEWHERE = {
  "retry", "parallel", "concurrency", "concurrency_id", "cancels", "on_leave", "api_name", "cache",
}

local function declare(rec, event, h)
  local what = format("%s:on_%s", name_of(rec), event)
  for _, field in ipairs(ELSEWHERE) do
    if h[field] then raise("%s: '%s' is for handlers of the page, not in ui.render", what, field) end
  end
  return page.describe(what, h)
end

-- A file of the repo becomes one of the visitor's, once.
local function give_file(S, rec)
  local value = rec.props.value
  if type(value) ~= "string" then
    if value ~= nil then rec.props.value = values.normalise[rec.type](name_of(rec), S, value) end
    return
  end
  S.repo_files = S.repo_files or {}
  S.repo_files[value] = S.repo_files[value]
    or values.normalise[rec.type](name_of(rec), S, value)
  rec.props.value = S.repo_files[value]
end

local function check(rec)
  if rec.props.password then raise("ui.render: a password field has its place on the page itself") end
  if rec.type == "timer" then raise("ui.render: a timer has its place on the page itself") end
end

-- A map also where it is empty: later changes name their place below it.
local function object() return setmetatable({}, host.object) end

local function as_node(S, rec)
  if values.of_files[rec.type] then give_file(S, rec) end
  if rec.example_inputs then
    rec.props.inputs = page.nodes_of("ui.examples: 'inputs'", rec.example_inputs)
  end
  local props = object()
  for prop, value in next, rec.props do
    if prop ~= "id" and value ~= rec.spec[prop].default then props[prop] = value end
  end
  local node = { n = rec.node, key = rec.key, type = rec.type, props = props }
  for event, h in next, rec.handlers do
    node.on = node.on or object()
    node.on[event] = declare(rec, event, h)
  end
  if rec.children then
    node.children = {}
    for i, child in ipairs(rec.children) do node.children[i] = as_node(S, records[child]) end
  end
  return node
end

local function as_list(result)
  if result == nil then return {} end
  if is_handle(result) then return { result } end
  if type(result) ~= "table" then
    raise("ui.render: fn returns a component or a list of them (got %s)", describe(result))
  end
  for i, item in ipairs(result) do
    if not is_handle(item) then
      raise("ui.render: item %d that fn returns is not a component (got %s)", i, describe(item))
    end
  end
  return result
end

-- Gives keys and numbers; what stands on the page, or in another render, is not given twice.
local function place(S, built, own, handles)
  local count = built.count
  local others = {}
  for rec, made in next, S.made do
    if rec ~= own then
      for node, other in next, made.nodes do
        others[node], count = other, count + 1
      end
    end
  end
  local nodes = setmetatable({}, {
    __index = function(_, n) return built.nodes[n] or others[n] end,
  })
  local here = { nodes = nodes, count = count, order = {} }
  local counts = {}
  for _, handle in ipairs(handles) do
    if not S.making[handle] then
      raise("ui.render: %s was not made by this run of fn", name_of(records[handle]))
    end
    page.place(handle, own.key, counts, constants.TREE_DEPTH_MAX - DEPTH_MAX + 1, here)
  end
  for _, rec in ipairs(here.order) do check(rec) end
  return here
end

-- --- what differs --------------------------------------------------------------------------

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for k, v in next, a do if not same(v, b[k]) then return false end end
  for k in next, b do if a[k] == nil then return false end end
  return true
end

local function is_same_node(a, b)
  return a.n == b.n and a.type == b.type and a.key == b.key and same(a.on, b.on)
end

-- Changes of a component that is still there. What a handler or the visitor made of a property goes
-- when fn makes something else of it.
local function patch_props(S, own, path, old, new)
  local rec = S.nodes[new.n]
  local shown = S.overlay[new.n] or {}
  for prop in next, old.props do
    if new.props[prop] == nil then
      host.patch(own.node, SET, path .. "/props", new.props)
      return
    end
  end
  for prop, value in next, new.props do
    if not same(old.props[prop], value) then
      host.patch(own.node, SET, format("%s/props/%s", path, prop), value)
      if shown[prop] ~= nil then state.set(S, rec, prop, parts.copy(value)) end
    end
  end
end

local function patch_list(S, own, path, old, new)
  for i = 1, #old < #new and #old or #new do
    if not is_same_node(old[i], new[i]) or (old[i].children == nil) ~= (new[i].children == nil) then
      host.patch(own.node, SET, path, new)
      return
    end
  end
  for i, node in ipairs(new) do
    local at = format("%s/%d", path, i - 1)
    if not old[i] then
      host.patch(own.node, SET, at, node)
    else
      patch_props(S, own, at, old[i], node)
      if node.children then patch_list(S, own, at .. "/children", old[i].children, node.children) end
    end
  end
  if #old > #new then host.patch(own.node, REMOVE, format("%s/%d", path, #new)) end
end

-- --- running it ------------------------------------------------------------------------------

local function look(S, own)
  if not own.made_of then return nil end
  local list = {}
  for i, handle in ipairs(own.made_of) do
    local value = state.get(S, records[handle], "value")
    list[i] = value == nil and host.null or value
  end
  local text, words = host.json_encode(list)
  if not text then raise("ui.render: its inputs: %s", words) end
  return text
end

local function arguments(S, own)
  local args, n = {}, 0
  for i, handle in ipairs(own.made_of or {}) do args[i], n = handle.value, i end
  args[n + 1] = S.session
  return args, n + 1
end

-- Later changes of components that were not there when the session was opened.
local function catch_up(S, order)
  for _, rec in ipairs(S.later and order or {}) do
    for _, cell in ipairs(S.later[rec.node] or {}) do
      state.apply(S, rec, cell[2], cell[3], cell[4])
    end
    S.later[rec.node] = nil
  end
end

local function remake(S, built, own)
  local before = S.made[own] or { handles = {}, nodes = {}, tree = state.get(S, own, "children") }
  local args, n = arguments(S, own)
  S.making = {}
  local handles = as_list(own.make(unpack(args, 1, n)))
  local made = { handles = S.making, nodes = {}, tree = {} }
  local here = place(S, built, own, handles)
  for node, rec in next, here.nodes do made.nodes[node] = rec end
  for i, handle in ipairs(handles) do made.tree[i] = as_node(S, records[handle]) end
  S.making = nil
  for handle in next, before.handles do S.handles[handle] = nil end
  for node in next, before.nodes do S.nodes[node] = nil end
  for handle, rec in next, made.handles do S.handles[handle] = rec end
  for node, rec in next, made.nodes do S.nodes[node] = rec end
  S.made[own] = made
  catch_up(S, here.order)
  patch_list(S, own, "children", before.tree, made.tree)
  state.keep(S, own, "children", made.tree)
end

---Makes anew what has changed. All of it for a session that has just been opened here.
function M.settle(S, built)
  if #built.renders == 0 or S.rendering then return end
  S.rendering = true
  S.seen = S.seen or {}
  for _, own in ipairs(built.renders) do
    local now = look(S, own)
    if not S.made[own] or now == nil or now ~= S.seen[own] then
      remake(S, built, own)
      S.seen[own] = now
    end
  end
  S.rendering = nil
end

---Before an event: what a visitor sees must be there before it is touched.
function M.begin(S, built)
  if #built.renders == 0 then return end
  if S.made then return end
  page = page or import "page"
  S.made, S.handles, S.nodes = {}, {}, {}
  M.settle(S, built)
end

---No handler of the session runs: one that was ended in the middle of it is forgotten.
function M.rest(S) S.rendering, S.making = nil, nil end

return M
