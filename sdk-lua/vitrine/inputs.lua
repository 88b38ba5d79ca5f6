-- What visitors choose and press: choices, ranges, days, colours, buttons with files or addresses.
-- Checks what an app declares and what a visitor or a program sends.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local type, ipairs, next, setmetatable, tostring = type, ipairs, next, setmetatable, tostring
local format, find, match, lower = lua.string.format, lua.string.find, lua.string.match, lua.string.lower
local tointeger = lua.math.tointeger
local raise, describe = parts.raise, parts.describe
local accept, normalise = values.accept, values.normalise

local M = {
  inputs = {
    checkbox_group = true, range_slider = true, datetime = true, color = true, upload_button = true,
  },
  positional = { upload_button = "label", download_button = "label" },
  empty = { checkbox_group = {}, color = "#000000" },
  checks = {},
}
local checks = M.checks

-- --- choices -------------------------------------------------------------------------------

local CUSTOM_MAX = 1000 -- bytes of what a visitor writes instead of choosing, and how many of it

-- The values of a list of choices, made once for each list.
local sets = setmetatable({}, { __mode = "k" })
local function choice_set(choices)
  local set = sets[choices]
  if set then return set end
  set = {}
  for _, c in ipairs(choices) do set[type(c) == "table" and c.value or c] = true end
  sets[choices] = set
  return set
end

local function check_choice(what, p)
  if p.max_choices and p.max_choices < 1 then
    raise("%s: 'max_choices' must be at least 1 (got %s)", what, p.max_choices)
  end
  if p.value == nil or p.custom then return end
  local set = choice_set(p.choices or {})
  for _, v in ipairs(type(p.value) == "table" and p.value or { p.value }) do
    if not set[v] then raise("%s: 'value' must be one of the choices (got %s)", what, describe(v)) end
  end
end
checks.radio, checks.dropdown = check_choice, check_choice

function checks.checkbox_group(what, p)
  check_choice(what, p)
  if p.value == nil then p.value = {} end
end

local function one_choice(S, rec, v, words)
  if v == nil then return nil end
  if type(v) == "string" and choice_set(state.get(S, rec, "choices"))[v] then return v end
  if type(v) == "string" and rec.spec.custom and state.get(S, rec, "custom") and v ~= "" then
    if #v > CUSTOM_MAX then return nil, format("has %d bytes, the limit is %d", #v, CUSTOM_MAX) end
    return v
  end
  return nil, words
end

local function many_choices(S, rec, v)
  if v == nil then return {} end
  if type(v) ~= "table" then return nil, "must be a list of choices" end
  local most = rec.spec.max_choices and state.get(S, rec, "max_choices")
    or #state.get(S, rec, "choices") + CUSTOM_MAX
  if #v > most then return nil, format("takes at most %d", most) end
  local chosen, seen = {}, {}
  for _, item in ipairs(v) do
    local taken, words = one_choice(S, rec, item, "must be among the choices")
    if not taken then return nil, words end
    if not seen[taken] then chosen[#chosen + 1] = taken end
    seen[taken] = true
  end
  return chosen
end

function accept.radio(S, rec, v) return one_choice(S, rec, v, "must be one of the choices") end

function accept.dropdown(S, rec, v)
  if state.get(S, rec, "multiple") then return many_choices(S, rec, v) end
  return accept.radio(S, rec, v)
end

accept.checkbox_group = many_choices

-- --- ranges --------------------------------------------------------------------------------

local function check_range(what, p)
  local low, high = p.min or 0, p.max or 100
  if low >= high then raise("%s: 'min' must be below 'max' (got %s, %s)", what, low, high) end
  if p.step and p.step <= 0 then raise("%s: 'step' must be above 0 (got %s)", what, p.step) end
  return low, high
end
checks.slider = check_range

local function is_pair(v)
  return type(v) == "table" and type(v[1]) == "number" and type(v[2]) == "number" and #v == 2
    and v[1] <= v[2]
end

function normalise.range_slider(what, _, v)
  if not is_pair(v) then raise("%s: {low, high} with low ≤ high (got %s)", what, describe(v)) end
  return { v[1], v[2] }
end

function checks.range_slider(what, p)
  local low, high = check_range(what, p)
  if p.value == nil then p.value = { low, high } end
  local pair = normalise.range_slider(what .. ": 'value'", nil, p.value)
  if pair[1] < low or pair[2] > high then
    raise("%s: 'value' must be from %s to %s (got %s, %s)", what, low, high, pair[1], pair[2])
  end
end

function accept.range_slider(S, rec, v)
  local low, high = state.get(S, rec, "min"), state.get(S, rec, "max")
  if v == nil then return { low, high } end
  if not is_pair(v) then return nil, "must be two numbers, the lower one first" end
  if v[1] < low or v[2] > high then
    return nil, format("must be from %s to %s", tostring(low), tostring(high))
  end
  return { v[1], v[2] }
end

-- --- days, times and colours ---------------------------------------------------------------

local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_date(text)
  local year, month, day = match(text, "^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  if not year then return false end
  year, month, day = tointeger(year), tointeger(month), tointeger(day)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  local last = month == 2 and leap and 29 or DAYS[month]
  return last ~= nil and day >= 1 and day <= last
end

local function is_time(text)
  local hour, minute = match(text, "^(%d%d):(%d%d)$")
  return hour ~= nil and tointeger(hour) < 24 and tointeger(minute) < 60
end

local FORMS = {
  date = { is = is_date, words = "a day like 2026-11-26" },
  time = { is = is_time, words = "a time like 13:05" },
  datetime = {
    is = function(text)
      local day, time = match(text, "^(.+)T(.+)$")
      return day ~= nil and is_date(day) and is_time(time)
    end,
    words = "a day and a time like 2026-11-26T13:05",
  },
}

function checks.datetime(what, p)
  local form = FORMS[p.kind or "date"]
  for _, field in ipairs { "value", "min", "max" } do
    if p[field] and not form.is(p[field]) then
      raise("%s: '%s' must be %s (got %s)", what, field, form.words, describe(p[field]))
    end
  end
end

function accept.datetime(S, rec, v)
  if v == nil or v == "" then return nil end
  local form = FORMS[state.get(S, rec, "kind")]
  if type(v) ~= "string" or not form.is(v) then return nil, "must be " .. form.words end
  local low, high = state.get(S, rec, "min"), state.get(S, rec, "max")
  -- In these forms the order of the texts is the order in time.
  if low and v < low then return nil, "must not be before " .. low end
  if high and v > high then return nil, "must not be after " .. high end
  return v
end

local function is_color(v) return type(v) == "string" and find(v, "^#%x%x%x%x%x%x$") ~= nil end

function normalise.color(what, _, v)
  if not is_color(v) then raise("%s: a colour is like #0b6b5d (got %s)", what, describe(v)) end
  return lower(v)
end

function checks.color(what, p)
  if p.value == nil then p.value = "#000000" end
  for _, c in ipairs(p.choices or {}) do
    normalise.color(what .. ": 'choices'", nil, type(c) == "table" and c.value or c)
  end
end

function accept.color(_, _, v)
  if v == nil then return "#000000" end
  if not is_color(v) then return nil, "must be a colour like #0b6b5d" end
  return lower(v)
end

-- --- buttons -------------------------------------------------------------------------------

local LINK_MAX = 2000

local function check_link(what, link)
  if link and (not find(lower(link), "^https?://[^%s/]") or #link > LINK_MAX) then
    raise("%s must be an http:// or https:// address (got %s)", what, describe(link))
  end
end

M.rules = { button = { link = check_link } }

for _, name in next, { "upload_button", "download_button" } do
  normalise[name] = normalise.file
  values.of_files[name] = true
end
accept.upload_button = accept.file

function checks.file(what, p)
  if type(p.value) == "string" then values.bundled_file(what, p.value) end
  if p.max_files and (p.max_files < 1 or p.max_files > 16) then
    raise("%s: 'max_files' must be from 1 to 16 (got %s)", what, p.max_files)
  end
end
checks.upload_button, checks.download_button = checks.file, checks.file

return M
