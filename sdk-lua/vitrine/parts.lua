-- What every SDK module leans on: errors at the author's line, nearest names, copies, kinds.
-- SDK code keeps every library function in a local, because an app may change its own copies.
local host, lua, import = ...
local data = import "components"
local type, pairs, ipairs, next, tostring = type, pairs, ipairs, next, tostring
local getmetatable, setmetatable = getmetatable, setmetatable
local format, lower, find, sub =
  lua.string.format, lua.string.lower, lua.string.find, lua.string.sub
local concat, sort = lua.table.concat, lua.table.sort
local tointeger, mathtype = lua.math.tointeger, lua.math.type
local min = lua.math.min

local DEPTH_MAX = data.constants.SESSION_IMAGE_DEPTH_MAX
local NEAR_MAX = 40 -- bytes of a name that may be a mistyped one

local M = {}

---Raises an error that points at the line of the app, however deep inside the SDK it was found.
function M.raise(words, ...)
  return host.raise(format(words, ...))
end

---An error whose message is meant for the visitor.
function M.refuse(message)
  return error({ kind = "refused", message = message }, 0)
end

-- Edits between two short names (Levenshtein), given up beyond 3.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = sub(a, i, i) == sub(b, j, j) and 0 or 1
      diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
    end
  end
  return row[#b]
end

---The keys of a set in alphabetical order.
function M.names(set)
  local names = {}
  for name in pairs(set) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  sort(names)
  return names
end

---The name in set that was probably meant, or nil.
function M.nearest(name, set)
  if #name > NEAR_MAX then return nil end
  local best, least = nil, min(3, #name // 2 + 1) + 1
  for _, known in ipairs(M.names(set)) do
    local d = distance(lower(name), lower(known))
    if #known > 2 and #name > 2 and find(known, name, 1, true) then d = min(d, 2) end
    if d < least then best, least = known, d end
  end
  return best
end

---Raises that what has no field of this name, naming the nearest known one.
function M.unknown(what, name, set)
  local near = type(name) == "string" and M.nearest(name, set)
  if near then M.raise("%s: unknown field '%s'; did you mean '%s'?", what, name, near) end
  M.raise("%s: unknown field '%s'; known are: %s", what, tostring(name), concat(M.names(set), ", "))
end

---Checks that every key of a table is one of the set.
function M.check_fields(what, t, set)
  for key in next, t do
    if set[key] == nil then M.unknown(what, key, set) end
  end
end

local function describe(value)
  if type(value) == "string" then
    return format("the string %q", #value > 40 and sub(value, 1, 40) .. "…" or value)
  elseif type(value) == "number" or type(value) == "boolean" or value == nil then
    return tostring(value)
  end
  return "a " .. type(value)
end
M.describe = describe

-- Where in a value: "[3].name".
local function path_words(path, depth)
  local words = {}
  for i = 1, depth do
    local key = path[i]
    words[i] = type(key) == "string" and "." .. sub(key, 1, 60) or "[" .. tostring(key) .. "]"
  end
  return concat(words)
end

---A deep copy of a plain value. Raises, naming what and where, for what is nested too deep, which a
---table inside itself is, or holds too many values, as one table many times over does.
local function copy(value, what)
  if type(value) ~= "table" then return value end
  local left, path = host.values_max, {}
  local function below(t, depth)
    if depth > DEPTH_MAX then
      M.raise("%s%s: nested deeper than %d", what or "value", path_words(path, depth - 1), DEPTH_MAX)
    end
    local new = {}
    for k, v in next, t do
      path[depth] = k
      left = left - 1
      if left < 0 then
        M.raise("%s%s: over %d values", what or "value", path_words(path, depth), host.values_max)
      end
      if type(v) == "table" then v = below(v, depth + 1) end
      new[k] = v
    end
    -- What says of an empty one that it is a map.
    if getmetatable(t) == "map" then setmetatable(new, host.object) end
    return new
  end
  return below(value, 1)
end
M.copy = copy

local function is_choice(c)
  return type(c) == "string"
    or (type(c) == "table" and type(c.label) == "string" and type(c.value) == "string")
end

local function copy_choices(v, what)
  if type(v) ~= "table" then return nil end
  v = copy(v, what) -- first: a copy has no metatables, and says the same twice
  for i = 1, #v do
    if not is_choice(v[i]) then return nil end
  end
  return v
end

local kinds = {}

function kinds.string(v)
  if type(v) == "number" then return tostring(v) end
  if type(v) == "string" then return v end
end
function kinds.number(v)
  if type(v) == "number" and v == v and v ~= 1 / 0 and v ~= -1 / 0 then return v end
end
function kinds.integer(v)
  if mathtype(v) then return tointeger(v) end
end
function kinds.boolean(v)
  if type(v) == "boolean" then return v end
end
function kinds.json(v)
  if type(v) ~= "function" and type(v) ~= "thread" and type(v) ~= "userdata" then return v end
end
kinds.choices = copy_choices

local wanted = {
  string = "a string",
  number = "a finite number",
  integer = "a whole number",
  boolean = "true or false",
  json = "a plain value",
  choices = "a list of strings or of {label = …, value = …}",
}

---Returns the value as the kind of components.def wants it; raises naming what and kind.
function M.as_kind(what, kind, value)
  if value == nil or value == host.null then return nil end
  if sub(kind, 1, 5) == "enum:" then
    local options = sub(kind, 6)
    if type(value) == "string" and #value > 0 and not find(value, "|", 1, true)
      and find("|" .. options .. "|", "|" .. value .. "|", 1, true) then
      return value
    end
    M.raise("%s must be one of %s (got %s)", what, options, describe(value))
  end
  local v = kinds[kind](value, what)
  if v == nil then M.raise("%s must be %s (got %s)", what, wanted[kind], describe(value)) end
  return v
end

return M
