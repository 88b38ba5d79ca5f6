-- Pictures for models: what an app may give, brought to the size that a model wants.
local host, lua, import = ...
local parts = import "parts"
local values = import "values"
local type, rawget = type, rawget
local char, concat, mathtype = lua.string.char, lua.table.concat, lua.math.type
local raise, describe = parts.raise, parts.describe

local M = {}

-- A drawing's gray pixels, one byte each.
local function gray(what, drawing)
  local width, height, pixels = drawing.width, drawing.height, drawing.pixels
  if mathtype(width) ~= "integer" or mathtype(height) ~= "integer" or type(pixels) ~= "table"
    or width < 1 or height < 1 or width > 4096 or height > 4096 or #pixels ~= width * height then
    raise("%s: a drawing is { width, height, pixels } with width × height pixels (got %s)", what,
      describe(drawing))
  end
  local bytes = {}
  for i = 1, #pixels do
    local p = pixels[i]
    if mathtype(p) ~= "integer" or p < 0 or p > 255 then
      raise("%s: pixel %d must be a whole number from 0 to 255 (got %s)", what, i, describe(p))
    end
    bytes[i] = char(p)
  end
  return concat(bytes), width, height
end

local function read(what, picture, f)
  if type(picture) == "string" then
    local bytes = values.bundled_image(what, picture)
    return host.picture_bytes(bytes, f.width, f.height, f.shortest, f.filter)
  end
  if type(picture) == "table" then
    if rawget(picture, "bytes") then
      return host.picture_bytes(picture.bytes, f.width, f.height, f.shortest, f.filter)
    end
    if rawget(picture, "pixels") then
      local bytes, columns, rows = gray(what, picture)
      return host.picture_gray(bytes, columns, rows, f.width, f.height, f.shortest, f.filter)
    end
    if type(picture.file) == "string" then
      return host.picture_upload(picture.file, f.width, f.height, f.shortest, f.filter)
    end
  end
  raise("%s: a picture is an upload, a drawing, a path in the repo or ui.bytes(data, type) (got %s)",
    what, describe(picture))
end

-- RGB bytes of a picture as a model's description wants them, or nil and words for the visitor.
M.rgb = read

return M
