-- Plots of ui.plot: what an app may draw, and how points are added.
--
-- As it travels, and is stored: { series, tail? }
--   series  { { name, kind?, x = {…}, y = {…} }, … }: x numbers, dates as text, or words
--   tail    points added since, as lines of JSON [series from 0, x, y]: a text that grows
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local data = import "components"
local type, ipairs, next, tostring = type, ipairs, next, tostring
local format, gmatch = lua.string.format, lua.string.gmatch
local concat, move = lua.table.concat, lua.table.move
local huge, tointeger, mathtype = lua.math.huge, lua.math.tointeger, lua.math.type
local raise, describe = parts.raise, parts.describe
local null = host.null

local SERIES_MAX = 100
local POINTS_MAX = 40000 -- of all series: what a patch may hold
local TAIL_BYTES = 64 << 10
local KINDS = { line = true, area = true, bar = true, scatter = true }
local FIELDS = { name = true, kind = true, x = true, y = true }

local M = {}

local function read_x(v)
  if v == nil or v == null then return null end
  if type(v) == "string" then return v end
  if type(v) == "number" and v == v and v ~= huge and v ~= -huge then return v end
  return nil, format("x is a finite number, a date or a word (got %s)", describe(v))
end

-- NaN is a gap.
local function read_y(v)
  if v == nil or v == null or v ~= v then return null end
  if type(v) == "number" and v ~= huge and v ~= -huge then return v end
  return nil, format("y is a finite number or nil (got %s)", describe(v))
end

-- Of lists with gaps, the longer one says how many points there are.
local function length_of(list)
  local n = #list
  for i in next, list do
    if mathtype(i) == "integer" and i > n then n = i end
  end
  return n
end

local function read_series(what, s, i)
  if type(s) ~= "table" then raise("%s: series %d is a table (got %s)", what, i, describe(s)) end
  local y = s.y
  if y == nil and s.x == nil and s.name == nil then s, y = {}, s end
  parts.check_fields(format("%s: series %d", what, i), s, FIELDS)
  if type(y) ~= "table" then raise("%s: series %d has a list 'y' (got %s)", what, i, describe(y)) end
  if s.x ~= nil and type(s.x) ~= "table" then raise("%s: series %d has a list 'x'", what, i) end
  if s.kind ~= nil and not KINDS[s.kind] then
    raise("%s: series %d: 'kind' must be one of area, bar, line, scatter (got %s)", what, i, describe(s.kind))
  end
  local n = length_of(s.x or y)
  if n > POINTS_MAX then raise("%s: over %d points; draw fewer", what, POINTS_MAX) end
  local own = { name = s.name ~= nil and tostring(s.name) or "Series " .. i, kind = s.kind, x = {}, y = {} }
  for k = 1, n do
    local x, words = k, nil
    if s.x then x, words = read_x(s.x[k]) end
    if words then raise("%s: series %d, point %d: %s", what, i, k, words) end
    own.x[k] = x
    own.y[k], words = read_y(y[k])
    if words then raise("%s: series %d, point %d: %s", what, i, k, words) end
  end
  return own
end

---What an app draws: { x =, y = }, a list of those, or a list of numbers.
function M.normalise(what, _, v)
  if type(v) ~= "table" then raise("%s: a table with 'x' and 'y' is needed (got %s)", what, describe(v)) end
  local list = v.series
  if list == nil then list = type(v[1]) == "table" and v or { next(v) ~= nil and v or nil } end
  if type(list) ~= "table" then raise("%s: 'series' is a list", what) end
  if #list > SERIES_MAX then raise("%s: %d series, the limit is %d", what, #list, SERIES_MAX) end
  local series, points = {}, 0
  for i = 1, #list do
    series[i] = read_series(what, list[i], i)
    points = points + #series[i].x
  end
  if points > POINTS_MAX then raise("%s: %d points, the limit is %d", what, points, POINTS_MAX) end
  return { series = series }
end

---What is stored, as an app gets it: { series }.
function M.given(t)
  if type(t) ~= "table" then return nil end
  local series = parts.copy(t.series or {})
  for line in gmatch(t.tail or "", "[^\n]+") do
    local point = host.json_decode(line)
    local s = series[point[1] + 1]
    if s then
      local n = #s.x + 1
      s.x[n], s.y[n] = point[2], point[3]
    end
  end
  return { series = series }
end

local function find_series(t, name)
  if name == nil then return t.series[1] and 1 end
  local at = tointeger(name)
  if at and t.series[at] then return at end
  for i, s in ipairs(t.series) do
    if s.name == name then return i end
  end
end

-- Only the last ones are looked at where there is a window.
local function cut(series, window)
  for _, s in ipairs(series) do
    local gone = window and #s.x - window or 0
    if gone > 0 then
      s.x = move(s.x, gone + 1, #s.x, 1, {})
      s.y = move(s.y, gone + 1, #s.y, 1, {})
    end
  end
  return series
end

local function settle(S, rec, t)
  if #(t.tail or "") <= TAIL_BYTES then return end
  local all = M.given(t)
  state.set(S, rec, "value", M.normalise("ui.plot", S,
    { series = cut(all.series, state.get(S, rec, "window")) }))
end

-- The place of the series that a point names; a name that is new begins one.
local function series_for(S, rec, point)
  local t = state.own_table(S, rec, "value")
  t.series = t.series or {}
  local at = find_series(t, point.series)
  if at then return t, at end
  local all = M.given(t)
  all.series[#all.series + 1] = {
    name = point.series ~= nil and tostring(point.series) or "Series 1", x = {}, y = {},
  }
  state.set(S, rec, "value", M.normalise("ui.plot:append", S, all))
  return state.own_table(S, rec, "value"), #all.series
end

---Adds a point {x =, y =, series? = name or number}, or a list of them.
function M.append(S, rec, points)
  local what = "ui.plot:append"
  if type(points) ~= "table" then raise("%s: a point {x =, y =} is needed (got %s)", what, describe(points)) end
  if points[1] == nil then points = { points } end
  local t, lines = nil, {}
  for i, point in ipairs(points) do
    if type(point) ~= "table" then raise("%s: point %d is a table (got %s)", what, i, describe(point)) end
    local at
    local x, x_words = read_x(point.x)
    local y, y_words = read_y(point.y)
    if x_words or y_words then raise("%s: point %d: %s", what, i, x_words or y_words) end
    t = state.own_table(S, rec, "value")
    if not find_series({ series = t.series or {} }, point.series) and #lines > 0 then
      M.add_lines(S, rec, t, lines)
      lines = {}
    end
    t, at = series_for(S, rec, point)
    local text, words = host.json_encode { at - 1, x, y }
    if not text then raise("%s: point %d: %s", what, i, words) end
    lines[#lines + 1] = text .. "\n"
  end
  if t and #lines > 0 then
    M.add_lines(S, rec, t, lines)
    settle(S, rec, t)
  end
end

function M.add_lines(S, rec, t, lines)
  local more = concat(lines)
  host.patch(rec.node, data.constants.PATCH_APPEND, "value/tail", more)
  t.tail = (t.tail or "") .. more
end

---The stretch of x that a visitor chose: {from, to}; times in seconds, places of categories from 1.
function M.selected(_, _, payload)
  if type(payload) ~= "table" then return nil end
  local from, to = payload.from, payload.to
  if type(from) ~= "number" or type(to) ~= "number" or from > to then return nil end
  return { from = from, to = to }
end

return M
