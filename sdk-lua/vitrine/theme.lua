-- How a page looks: what an app may say of it. The browser makes the colours of it, so that text
-- stays readable in both schemes whatever the accent is.
local host, lua, import = ...
local parts = import "parts"
local type, next = type, next
local find, lower = lua.string.find, lua.string.lower
local raise, describe = parts.raise, parts.describe

local M = {}

-- Themes that have a name.
local NAMED = {
  glass  = {},
  clay   = { accent = "#a3432f", radius = 14, font = "rounded" },
  forest = { accent = "#3b6b1f", radius = 8 },
  ink    = { accent = "#2b2f36", radius = 2, font = "serif" },
  ocean  = { accent = "#1259c3", radius = 10 },
  plum   = { accent = "#7b2fa0", radius = 12 },
  signal = { accent = "#b45309", radius = 4, font = "mono" },
}

local FONTS, SCHEMES = "sans|serif|mono|rounded", "auto|light|dark"
local RADIUS_MAX = 28

local rules = {}

function rules.base(what, v)
  if not NAMED[v] then parts.unknown(what .. ": 'base'", v, NAMED) end
end

function rules.accent(what, v)
  if type(v) ~= "string" or not find(v, "^#%x%x%x%x%x%x$") then
    raise("%s: 'accent' is a colour like #0b6b5d (got %s)", what, describe(v))
  end
  return lower(v)
end

function rules.radius(what, v)
  v = parts.as_kind(what .. ": 'radius'", "number", v)
  if v < 0 or v > RADIUS_MAX then
    raise("%s: 'radius' is from 0 to %d CSS pixels (got %s)", what, RADIUS_MAX, v)
  end
  return v
end

function rules.font(what, v) return parts.as_kind(what .. ": 'font'", "enum:" .. FONTS, v) end

function rules.scheme(what, v) return parts.as_kind(what .. ": 'scheme'", "enum:" .. SCHEMES, v) end

---What travels in the tree, of what an app gave as theme: a name, or a table.
function M.read(what, theme)
  if theme == nil then return nil end
  what = what .. ": 'theme'"
  if type(theme) == "string" then theme = { base = theme } end
  if type(theme) ~= "table" then
    raise("%s: a name or a table is needed (got %s)", what, describe(theme))
  end
  parts.check_fields(what, theme, rules)
  if theme.base ~= nil then rules.base(what, theme.base) end
  local look = {}
  for field, value in next, theme.base and NAMED[theme.base] or {} do look[field] = value end
  for field, value in next, theme do
    if field ~= "base" then look[field] = rules[field](what, value) end
  end
  return next(look) and look or nil
end

return M
