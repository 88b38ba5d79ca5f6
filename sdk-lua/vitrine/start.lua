-- The SDK's beginning: makes the app's environment, loads the app, and gives the host its entry
-- functions. Gets the host's functions, the allowed part of Lua's library and a module loader.
local host, lua, load_module = ...
local type, pairs, next, select, tostring = type, pairs, next, select, tostring
local getmetatable, setmetatable, rawget = getmetatable, setmetatable, rawget
local pcall, error = pcall, error
local format, find, gsub, sub = lua.string.format, lua.string.find, lua.string.gsub, lua.string.sub
local concat = lua.table.concat
local csort = lua.table.sort

lua.getmetatable = getmetatable

local loaded = {}
local function import(name)
  local module = loaded[name]
  if module == nil then
    module = load_module("vitrine." .. name)(host, lua, import)
    loaded[name] = module
  end
  return module
end

local parts = import "parts"
local state = import "state"
local page = import "page"
local visit = import "visit"
local call = import "call"
local timer = import "timer"

local SOURCE_MAX = 1 << 20 -- as host/source.h

local env = {}      -- the app's globals
local app, built    -- what app.lua returned, and its page

-- --- Lua's library as apps get it ----------------------------------------------------------

for name, value in pairs(lua) do
  if type(value) == "table" then
    local copy = {}
    for k, v in next, value do copy[k] = v end
    env[name] = copy
  else
    env[name] = value
  end
end

-- A comparator that never ends must be interruptible, which it is not below C's sort, and neither is
-- a long list there; so then, a merge sort in Lua.
local function merge(list, from, middle, to, less, spare)
  for i = from, to do spare[i] = list[i] end
  local left, right = from, middle + 1
  for i = from, to do
    if right > to or (left <= middle and not less(spare[right], spare[left])) then
      list[i], left = spare[left], left + 1
    else
      list[i], right = spare[right], right + 1
    end
  end
end

local function sort_range(list, from, to, less, spare)
  if from >= to then return end
  local middle = (from + to) // 2
  sort_range(list, from, middle, less, spare)
  sort_range(list, middle + 1, to, less, spare)
  merge(list, from, middle, to, less, spare)
end

local SORT_MAX = 4096 -- elements: some 2 ms

local function is_less(a, b) return a < b end

function env.table.sort(list, less)
  if type(list) ~= "table" then return csort(list, less) end -- raises as Lua does
  if less == nil then
    -- A list with a metatable may say another length to C than to us.
    if getmetatable(list) == nil and #list <= SORT_MAX then return csort(list) end
    less = is_less
  elseif type(less) ~= "function" then
    return csort(list, less)
  end
  sort_range(list, 1, #list, less, {})
end

getmetatable("").__index = env.string
getmetatable("").__metatable = false

function env.setmetatable(t, mt)
  if type(mt) == "table" and rawget(mt, "__gc") ~= nil then
    parts.raise("setmetatable: '__gc' is not there in a Space: nothing could interrupt it")
  end
  return setmetatable(t, mt)
end

-- The handler runs after the stack is gone: below a running error nothing could interrupt it.
local function handled(handler, ok, ...)
  if ok then return true, ... end
  return false, handler(...)
end

function env.xpcall(f, handler, ...)
  if type(handler) ~= "function" then
    parts.raise("bad argument #2 to 'xpcall' (function expected, got %s)", parts.describe(handler))
  end
  return handled(handler, pcall(f, ...))
end

-- The pieces of a source, joined; nil and words where they are none.
local function join_pieces(give)
  local pieces, length = {}, 0
  while true do
    local ok, text = pcall(give)
    if not ok then return nil, text end
    if text == nil or text == "" then return concat(pieces) end
    if type(text) ~= "string" then return nil, "reader function must return a string" end
    length = length + #text
    if length > SOURCE_MAX then
      return nil, format("load: the source is over %d KiB", SOURCE_MAX // 1024)
    end
    pieces[#pieces + 1] = text
  end
end

function env.load(chunk, name, mode, own)
  if type(chunk) == "function" then
    local words
    chunk, words = join_pieces(chunk)
    if not chunk then return nil, words end
  end
  if mode ~= nil and not (type(mode) == "string" and find(mode, "t", 1, true)) then
    return nil, "attempt to load a text chunk (mode is '" .. tostring(mode) .. "')"
  end
  name = gsub(tostring(name or "(load)"), "^[=@]", "")
  return host.load(chunk, "=" .. name, own == nil and env or own)
end

-- Step by step, because a whole collection cannot be interrupted. Twice round: what became garbage
-- while the first was under way is found by the second.
local collect = lua.collectgarbage
function env.collectgarbage(option)
  if option == nil or option == "collect" then
    for _ = 1, 2 do
      repeat local ended = collect("step") until ended
    end
    return 0
  end
  if option == "count" then return collect("count") end
  if option == "step" then return collect("step") end
  parts.raise("collectgarbage: 'collect', 'count' or 'step' (got %s)", parts.describe(option))
end

function env.print(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  host.log(concat(words, "\t"))
end

-- --- require -------------------------------------------------------------------------------

local public = {
  ["vitrine.http"] = true,
  ["vitrine.json"] = true, ["vitrine.log"] = true, ["vitrine.models"] = true,
  ["vitrine.secrets"] = true, ["vitrine.store"] = true, ["vitrine.time"] = true,
  ["vitrine.ui"] = true, ["vitrine.variables"] = true,
}
-- These are what they are; of the others an app gets a copy.
local whole = { ["vitrine.secrets"] = true, ["vitrine.ui"] = true, ["vitrine.variables"] = true }
local modules, loading = {}, {}

local function sdk_module(name)
  local module = import(sub(name, 9))
  if whole[name] then return module end
  local copy = {}
  for k, v in next, module do copy[k] = v end
  return copy
end

local function bundle_module(name)
  local path = gsub(name, "%.", "/")
  for _, file in next, { path .. ".lua", path .. "/init.lua" } do
    local chunk, words = host.compile(file, env)
    if chunk then return chunk, file end
    if words then error(words, 0) end
  end
  local near = parts.nearest(name, public)
  parts.raise("module '%s' is not there: no %s.lua in the repo%s", name, path,
    near and format("; did you mean '%s'?", near) or "")
end

function env.require(name)
  if type(name) ~= "string" then
    parts.raise("require: a name is needed (got %s)", parts.describe(name))
  end
  if modules[name] ~= nil then return modules[name] end
  if public[name] then
    modules[name] = sdk_module(name)
    return modules[name]
  end
  if loading[name] then parts.raise("require: '%s' requires itself", name) end
  if name == "vitrine.test" then
    parts.raise("vitrine.test is there for test.lua, while a build runs it")
  end
  local chunk, file = bundle_module(name)
  loading[name] = true
  local result = chunk(name, file)
  loading[name] = nil
  if result == nil then result = true end
  modules[name] = result
  return result
end

-- --- strict globals ------------------------------------------------------------------------

local absent = {
  io = "a Space has no files of its own; uploads and the repo are there through vitrine.ui",
  debug = "it would reach other code's inside",
  package = "require finds vitrine.* and the repo's own files",
  dofile = "use require", loadfile = "use require", loadstring = "use load",
}

env._G = env
setmetatable(env, {
  __index = function(_, name)
    if absent[name] then parts.raise("there is no '%s' here: %s", name, absent[name]) end
    local near = type(name) == "string" and parts.nearest(name, env)
    parts.raise("'%s' is not declared%s", tostring(name),
      near and format("; did you mean '%s'?", near) or "")
  end,
  __newindex = function(_, name)
    parts.raise("'%s' is not declared; write 'local %s'", tostring(name), tostring(name))
  end,
  __metatable = false,
})

-- --- entry functions -----------------------------------------------------------------------

local M = {}

function M.load(entry)
  local chunk, words = host.compile(entry, env)
  if not chunk then error(words or format("the app file '%s' is not in the repo", entry), 0) end
  app = chunk()
  if app == nil then
    error(format("%s returns nothing: end it with 'return ui.page(…)' "
      .. "or 'return ui.interface { … }'", entry), 0)
  end
  built = page.finish(app)
end

function M.hello(load_usec, tests) return page.hello(built, load_usec, tests) end

-- --- test.lua ------------------------------------------------------------------------------

function M.test()
  local test = import "test"
  test.begin(built)
  modules["vitrine.test"] = test.public
  local chunk, words = host.compile("test.lua", env)
  if not chunk then error(words, 0) end
  chunk()
end

---The fields of TESTED. What is behind usec: why test.lua itself ended.
function M.tested(usec, ...) return import("test").results(usec, ...) end


local rehearsal = [[
local ui = require "vitrine.ui"
return ui.interface {
  title = "A", inputs = ui.textbox { label = "B" }, outputs = { ui.label {}, ui.markdown "C" },
  fn = function(text, session) return (text or "") .. "!" end, examples = { "D", "E" },
}
]]

-- What loading an app does, with one that nobody sees. Leaves nothing but loaded modules.
function M.rehearse()
  local chunk = host.load(rehearsal, "=rehearsal", env)
  return page.hello(page.finish(chunk()), 0)
end

function M.open(channel, id, image, overlay, user, query)
  local S = state.new(channel, id, image, user, query)
  visit.restore(S, built, overlay)
  return S
end

function M.upgrade(S)
  local upgrade = built.page.upgrade
  if not upgrade then return end
  local new = upgrade(S.session)
  if new ~= nil then
    if type(new) ~= "table" then
      error(format("upgrade returns the new session table (got %s)", parts.describe(new)), 0)
    end
    state.replace(S, new)
  end
end

function M.greet(S)
  page.greet(S, built)
  timer.begin(S, built)
end

function M.run(S, ...) visit.event(S, built, ...) end

function M.call(S, ...) call.run(S, built, ...) end

---What a running call's outputs show.
function M.outputs(C) return call.outputs(C) end

function M.finish(S) visit.rest(S, built) end

return M
