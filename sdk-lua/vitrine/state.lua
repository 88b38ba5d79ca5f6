-- What one visitor sees: the page's own values with the session's overlay over them.
local host, lua, import = ...
local parts = import "parts"
local data = import "components"
local type, next, tonumber = type, next, tonumber
local getmetatable, setmetatable = getmetatable, setmetatable
local find, gmatch, sub = lua.string.find, lua.string.gmatch, lua.string.sub
local tremove = lua.table.remove
local copy, raise = parts.copy, parts.raise
local constants = data.constants
local SET, APPEND, REMOVE = constants.PATCH_SET, constants.PATCH_APPEND, constants.PATCH_REMOVE
local NIL = {} -- stands for nil in an overlay, which differs from "as on the page"

local M = {}

---May components and handlers be declared now? While the app loads, and in the function of a render.
function M.building()
  local S = host.state()
  return not S or S.making ~= nil
end

-- A session's table is the visitor's own; its methods come from here.
local methods = {}
M.methods = methods
local session_mt = { __index = methods, __metatable = false }

---Makes the SDK's table of a session.
function M.new(channel, id, image, user, query)
  for name in next, methods do image[name] = nil end
  return {
    session = setmetatable(image, session_mt),
    overlay = {},
    channel = channel,
    id = id,
    user = user,
    query = query or {},
  }
end

-- A call's session: the session's table behind a door, which opens when it is this call's turn.
local function stand_in(S, C)
  local mt = { __metatable = false, __name = "session" }
  local function enter()
    if host.state() ~= C then raise("this session belongs to another call") end
    host.turn()
    return S.session
  end
  function mt.__index(_, key)
    if methods[key] then return methods[key] end
    return enter()[key]
  end
  function mt.__newindex(_, key, value) enter()[key] = value end
  function mt.__pairs() return next, enter(), nil end
  return setmetatable({}, mt)
end

---The SDK's table of one call: the session with values of its own. parallel: it takes no turns.
function M.for_call(S, parallel)
  local C = {
    overlay = {}, channel = S.channel, id = S.id, user = S.user, query = S.query, call = true,
  }
  C.session = parallel and S.session or stand_in(S, C)
  return C
end

---Replaces the session table by what upgrade(old) made.
function M.replace(S, image)
  if getmetatable(image) == false then image = S.session end
  S.session = setmetatable(image, session_mt)
end

---The value of a property as this visitor sees it; tables are the overlay's own.
function M.get(S, rec, prop)
  if rec.session_key and prop == "value" then
    local value = S and S.session[rec.session_key]
    if value == nil then value = copy(rec.props.value) end
    return value
  end
  local own = S and S.overlay[rec.node]
  local value = own and own[prop]
  if value == NIL then return nil end
  if value ~= nil then return value end
  value = rec.props[prop]
  if value == nil then value = rec.spec[prop].default end
  return value
end

-- Components whose properties mean something to the worker itself: type → fn(S, rec).
local watched = {}

---fn(S, rec) runs after each change of a component of this type.
function M.watch(kind, fn) watched[kind] = fn end

---Stores without telling the browser.
function M.keep(S, rec, prop, value)
  if rec.session_key and prop == "value" then
    S.session[rec.session_key] = value
    return
  end
  local own = S.overlay[rec.node]
  if not own then
    own = {}
    S.overlay[rec.node] = own
  end
  if value == nil then value = NIL end
  own[prop] = value
  if watched[rec.type] then watched[rec.type](S, rec) end
end

---A table of the overlay that may be changed in place; the page's own is copied first.
function M.own_table(S, rec, prop)
  local own = S.overlay[rec.node]
  local value = own and own[prop]
  if type(value) == "table" and value ~= NIL then return value end
  value = M.get(S, rec, prop)
  value = type(value) == "table" and copy(value) or {}
  M.keep(S, rec, prop, value)
  return value
end

---Stores and shows.
function M.set(S, rec, prop, value)
  if not rec.session_key then host.patch(rec.node, SET, prop, value) end
  M.keep(S, rec, prop, value)
end

---Adds text to a string property, stores and shows.
function M.append(S, rec, prop, text)
  if text == "" then return end
  host.patch(rec.node, APPEND, prop, text)
  M.keep(S, rec, prop, (M.get(S, rec, prop) or "") .. text)
end

local function step(container, part)
  local index = find(part, "^%d+$") and tonumber(part)
  if index and (container[1] ~= nil or next(container) == nil) then return index + 1 end
  return part
end

local function apply_below(container, path, op, value)
  local last
  for part in path do
    if last ~= nil then
      local key = step(container, last)
      if type(container[key]) ~= "table" then container[key] = {} end
      container = container[key]
    end
    last = part
  end
  local key = step(container, last)
  if op == SET then
    container[key] = value
  elseif op == APPEND then
    container[key] = (type(container[key]) == "string" and container[key] or "") .. value
  elseif type(key) == "number" then
    for i = #container, key, -1 do tremove(container, i) end
  else
    container[key] = nil
  end
end

---Applies one stored change [node, path, op, value] when a session is opened. What the page does
---not have any more is left out.
function M.apply(S, rec, path, op, value)
  local slash = find(path, "/", 1, true)
  local prop = slash and sub(path, 1, slash - 1) or path
  if not rec.spec[prop] then return end
  if slash then
    apply_below(M.own_table(S, rec, prop), gmatch(sub(path, slash + 1), "[^/]+"), op, value)
  elseif op == SET then
    M.keep(S, rec, prop, value)
  elseif op == APPEND then
    local now = M.get(S, rec, prop)
    M.keep(S, rec, prop, (type(now) == "string" and now or "") .. value)
  elseif op == REMOVE then
    M.keep(S, rec, prop, nil)
  end
end

return M
