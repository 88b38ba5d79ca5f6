-- Pages: what ui.page makes, and the tree that the browser gets of it.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local component = import "component"
local call = import "call"
local chain = import "chain"
local places = import "places"
local theme = import "theme"
local data = import "components"
local type, ipairs, next, setmetatable = type, ipairs, next, setmetatable
local format, min, max, floor = lua.string.format, lua.math.min, lua.math.max, lua.math.floor
local raise, describe = parts.raise, parts.describe
local constants = data.constants
local records, is_handle, name_of = component.records, component.is_handle, component.name_of
local read_handler = component.read_handler

local M = {}

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

---What app.lua returns, and the page behind it.
function M.new(what, options)
  local app = setmetatable({}, { __metatable = false, __name = "page" })
  pages[app] = {
    title = check_title(what, options.title),
    upgrade = check_upgrade(what, options.upgrade),
    theme = theme.read(what, options.theme),
    handlers = {},
    functions = {},
  }
  return app, pages[app]
end

local PAGE_FIELDS = { title = true, upgrade = true, theme = true }
local page_methods = {}

---Runs for each visitor when the page opens: page:on_load(function(session) … end).
function page_methods.on_load(self, spec)
  if not pages[self] then raise("page:on_load: call it with ':' on the page") end
  if host.state() then raise("page:on_load: handlers are declared while the page is built") end
  local h = read_handler("page:on_load", spec)
  pages[self].handlers.load = h
  return chain.handle("page:on_load", h, read_handler)
end

---Runs when the address has changed: another page of the app, another query, or a reload.
function page_methods.on_navigate(self, spec)
  if not pages[self] then raise("page:on_navigate: call it with ':' on the page") end
  if host.state() then raise("page:on_navigate: handlers are declared while the page is built") end
  local h = read_handler("page:on_navigate", spec)
  pages[self].handlers.navigate = h
  return chain.handle("page:on_navigate", h, read_handler)
end

---A function for programs that has no place on the page. Its inputs and outputs are components that
---only describe what it takes and gives.
---@param name string
---@param spec { inputs?: table, outputs?: table, fn: function, description?: string }
---@usage return ui.page({}, function(page) page:api("now", { outputs = ui.number {}, fn = os.time }) return ui.row {} end)
function page_methods.api(self, name, spec)
  if not pages[self] then raise("page:api: call it with ':' on the page") end
  if host.state() then raise("page:api: functions are declared while the page is built") end
  if type(spec) ~= "table" or is_handle(spec) then
    raise("page:api: a name and a table { inputs = …, outputs = …, fn = … } (got %s)", describe(spec))
  end
  local fields = { api_name = name }
  if type(name) ~= "string" then raise("page:api: the name is a text (got %s)", describe(name)) end
  for key, value in next, spec do fields[key] = value end
  fields.api_name = name
  local functions = pages[self].functions
  functions[#functions + 1] = read_handler(format("page:api '%s'", name), fields)
end

---Runs when a visitor has left: the page was closed, or out of reach for longer than a reload takes.
function page_methods.on_unload(self, spec)
  if not pages[self] then raise("page:on_unload: call it with ':' on the page") end
  if host.state() then raise("page:on_unload: handlers are declared while the page is built") end
  local h = read_handler("page:on_unload", spec)
  pages[self].handlers.unload = h
  return chain.handle("page:on_unload", h, read_handler)
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
  local app, page = M.new(what, options)
  local handle = setmetatable({}, { __index = page_methods, __metatable = false, __name = "page" })
  pages[handle] = page
  page.root = build(handle)
  if not is_handle(page.root) then
    raise("%s: the function returns the page's root, such as ui.column { … } (got %s)", what,
      describe(page.root))
  end
  return app
end
-- --- the page as the browser gets it -------------------------------------------------------

local object = function() return setmetatable({}, host.object) end

local function give_key(rec, above, counts, built)
  local kind = rec.type
  counts[kind] = (counts[kind] or 0) + 1
  local place_of = counts[kind] > 1 and ":" .. counts[kind] or ""
  local path = (above ~= "" and above .. "/" or "") .. kind .. place_of
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
  if rec.session_key then raise("%s has no place on the page", name_of(rec)) end
  if rec.node then raise("%s '%s' stands twice on the page", name_of(rec), rec.key) end
  if depth > constants.TREE_DEPTH_MAX then
    raise("the page is nested deeper than %d", constants.TREE_DEPTH_MAX)
  end
  give_key(rec, above, counts, built)
  if rec.make and built.renders then built.renders[#built.renders + 1] = rec end
  built.order[#built.order + 1] = rec
  local below = {}
  for _, child in ipairs(rec.children or {}) do place(child, rec.key, below, depth + 1, built) end
end

local function nodes_of(what, handles)
  local nodes = {}
  for _, handle in ipairs(handles or {}) do
    local rec = records[handle]
    if not rec.node then raise("%s names a %s that is not on the page", what, name_of(rec)) end
    if not rec.session_key then nodes[#nodes + 1] = rec.node end
  end
  return nodes
end

local function all_handlers(built)
  local list = {}
  for _, rec in ipairs(built.order) do
    for _, h in next, rec.handlers do list[#list + 1] = h end
  end
  for _, h in next, built.page.handlers do list[#list + 1] = h end
  for _, h in ipairs(built.page.functions) do list[#list + 1] = h end
  return list
end

-- Handlers with the same concurrency_id share one limit, which one of them names, 1 unless told.
local function share_limits(handlers)
  local limits = {}
  for _, h in ipairs(handlers) do
    local id = h.concurrency_id
    if id and h.concurrency then
      if limits[id] and limits[id] ~= h.concurrency then
        raise("the handlers with concurrency_id '%s' name different limits (%d, %d)", id,
          min(limits[id], h.concurrency), max(limits[id], h.concurrency))
      end
      limits[id] = h.concurrency
    end
  end
  for _, h in ipairs(handlers) do
    if h.concurrency_id then
      h.concurrency, h.group = limits[h.concurrency_id] or 1, host.crc32c(h.concurrency_id) | 1
    end
  end
end

M.place, M.nodes_of = place, nodes_of

-- What the browser has to know of a handler.
local function describe_handler(what, h, on)
  for _, list in ipairs { "inputs", "outputs", "cancels" } do
    local nodes = nodes_of(format("%s: '%s'", what, list), h[list])
    if #nodes > 0 then on[list] = nodes end
  end
  chain.each(h, function(link)
    local where = format("%s:%s", what, link.when)
    nodes_of(where .. ": 'inputs'", link.inputs)
    local nodes = nodes_of(where .. ": 'outputs'", link.outputs)
    if on.outputs then -- otherwise every output waits
      for _, node in ipairs(nodes) do on.outputs[#on.outputs + 1] = node end
    end
  end)
  on.trigger = h.trigger
  if h.debounce then on.debounce = floor(h.debounce * 1000) end
  return on
end

---The same for one that a render makes.
function M.describe(what, h) return describe_handler(what, h, object()) end

local function declare(built, node, what, event, h)
  h.on = describe_handler(format("%s:on_%s", what, event), h, object())
  if h.retry then h.on.retry = true end
  -- One that only cancels has nothing to wait for.
  local parallel = h.parallel or h.fn == nil
  -- The gateway reads these: it holds back what would only wait here.
  if parallel then h.on.parallel = true end
  h.on.concurrency, h.on.concurrency_id = h.concurrency, h.concurrency_id
  if h.on_leave == "cancel" or event == "tick" or event == "unload" then built.presence = true end
  host.handler(node, component.events[event], parallel, h.concurrency or 0, h.on.cancels, h.group,
    h.on_leave == "cancel")
end

---Gives every component its key and number, declares the handlers. Called once, with what app.lua
---returned.
function M.finish(app)
  local page = pages[app]
  if not page or not page.root then
    raise("the app file returns an app: ui.page or ui.interface (got %s)", describe(app))
  end
  local built = { nodes = {}, order = {}, count = 0, page = page, api = {}, functions = {}, renders = {} }
  place(page.root, "", {}, 1, built)
  share_limits(all_handlers(built))
  for _, rec in ipairs(built.order) do
    for _, event in ipairs(parts.names(rec.handlers)) do
      local h = rec.handlers[event]
      declare(built, rec.node, name_of(rec), event, h)
      if h.api_name then
        call.declare(built, format("%s:on_%s", name_of(rec), event), rec.node, event, h)
      end
    end
    if rec.example_inputs then
      rec.props.inputs = nodes_of("ui.examples: 'inputs'", rec.example_inputs)
    end
  end
  for _, event in ipairs(parts.names(page.handlers)) do
    declare(built, 0, "page", event, page.handlers[event])
  end
  if page.handlers.load and page.handlers.load.api_name then
    call.declare(built, "page:on_load", 0, "load", page.handlers.load)
  end
  for _, h in ipairs(page.functions) do call.declare_aside(built, h) end
  return built
end

local function tree_props(rec)
  local props = object()
  for prop, value in next, rec.props do
    -- A file of the repo is sent to each session: see greet.
    local sent_later = values.of_files[rec.type] and prop == "value"
    if prop ~= "id" and value ~= rec.spec[prop].default and not sent_later then
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
function M.hello(built, load_usec, tests)
  local page = built.page
  return {
    tree = {
      title = page.title,
      theme = page.theme,
      root = tree_node(records[page.root]),
      load = (page.handlers.load or #built.renders > 0) and true or nil,
      presence = built.presence,
      navigate = (page.handlers.navigate or places.several()) and true or nil,
    },
    api = built.api,
    load_usec = load_usec,
    upgrade = page.upgrade and true or nil,
    tests = tests or nil,
  }
end

---Files of the repo that the page shows go to a session that does not have them.
function M.greet(S, built)
  for _, rec in ipairs(built.order) do
    local value = values.of_files[rec.type] and rec.props.value
    if type(value) == "string" or value and rec.type == "gallery" then
      local own = S.overlay[rec.node]
      if not own or own.value == nil then
        state.set(S, rec, "value", values.normalise[rec.type]("ui." .. rec.type, S, rec.props.value))
      end
    end
  end
end
return M
