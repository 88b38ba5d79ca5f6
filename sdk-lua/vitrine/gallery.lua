-- Pictures in a grid: ui.gallery. As it travels, and is stored: { { file, name, type, size, caption? }, … }.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local type, ipairs, rawget, next = type, ipairs, rawget, next
local format = lua.string.format
local tointeger = lua.math.tointeger
local raise, describe = parts.raise, parts.describe

local PICTURES_MAX = 1000
local CAPTION_BYTES = 2000
local COLUMNS_MAX = 12
local ITEM_FIELDS = { image = true, caption = true }

local M = { empty = { gallery = {} }, checks = {}, rules = {} }

values.of_files.gallery = true

-- The picture and the caption of an item: a picture, or { picture, caption = … }.
local function read_item(what, item, i)
  if type(item) ~= "table" or rawget(item, "bytes") then return item end
  if type(item.file) == "string" then return item, item.caption end
  local picture = item.image or item[1]
  for key in next, item do
    if key ~= 1 and not ITEM_FIELDS[key] then
      parts.unknown(format("%s: picture %d", what, i), key, ITEM_FIELDS)
    end
  end
  local caption = item.caption
  if caption ~= nil and (type(caption) ~= "string" or #caption > CAPTION_BYTES) then
    raise("%s: picture %d: 'caption' is a string of at most %d bytes (got %s)", what, i, CAPTION_BYTES,
      describe(caption))
  end
  return picture, caption
end

local function read_list(what, v, each)
  if type(v) ~= "table" or rawget(v, "bytes") or v.file ~= nil then
    raise("%s: a list of pictures is needed (got %s)", what, describe(v))
  end
  if #v > PICTURES_MAX then raise("%s: %d pictures, the limit is %d", what, #v, PICTURES_MAX) end
  for i = 1, #v do each(i, read_item(what, v[i], i)) end
end

---What an app shows: a list of pictures, or of { picture, caption = … }.
function values.normalise.gallery(what, S, v)
  local list = {}
  read_list(what, v, function(i, picture, caption)
    local own = {}
    for key, value in next, values.normalise.image(format("%s: picture %d", what, i), S, picture) do
      own[key] = value
    end
    own.caption = caption
    list[i] = own
  end)
  return list
end

---The pictures as an app gets them: files with their caption.
function values.given.gallery(list)
  local given = {}
  for i, item in ipairs(list or {}) do
    given[i] = values.as_file(item)
    given[i].caption = item.caption
  end
  return given
end

---Which picture a visitor opened: {index, caption, name}, from 1; nil: none.
function values.selected.gallery(S, rec, payload)
  local at = type(payload) == "table" and tointeger(payload.index)
  local item = at and (state.get(S, rec, "value") or {})[at + 1]
  if not item then return nil end
  return { index = at + 1, caption = item.caption, name = item.name }
end

-- Files of the repo that are not there are found when the app loads.
function M.checks.gallery(what, p)
  if p.value == nil then return end
  read_list(what, p.value, function(_, picture)
    if type(picture) == "string" then values.bundled_image(what, picture) end
  end)
end

M.rules.gallery = {
  columns = function(what, n)
    if n < 1 or n > COLUMNS_MAX then raise("%s must be from 1 to %d (got %d)", what, COLUMNS_MAX, n) end
  end,
}

return M
