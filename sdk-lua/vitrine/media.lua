-- Pictures, sound and film: what an app may show, what a visitor may send, and sound that is sent
-- piece by piece while a handler makes it.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local data = import "components"
local type, pairs, rawget = type, pairs, rawget
local format, find, match, lower, unpack =
  lua.string.format, lua.string.find, lua.string.match, lua.string.lower, lua.string.unpack
local byte, sub = lua.string.byte, lua.string.sub
local mathtype, concat = lua.math.type, lua.table.concat
local raise, describe = parts.raise, parts.describe
local accept, normalise = values.accept, values.normalise

local HEAD = 65536            -- bytes in which a picture says how large it is
local PIXELS_MAX = 64000000   -- of a picture: what a telephone makes, and no browser dies of
local PARTS_MAX = 4096        -- pieces of one sound
local GRID_MAX = 128

local M = {
  inputs = { audio = true, video = true, sketch = true },
  checks = {},
  methods = { audio = {}, image = {}, sketch = {} },
}

values.of_files.audio, values.of_files.video = true, true

-- --- how large a picture is ------------------------------------------------------------------

-- JPEG: the first frame header behind the segments before it.
local function jpeg_size(head)
  local at = 3
  while at + 8 < #head and byte(head, at) == 0xff do
    local mark, length = byte(head, at + 1), unpack(">I2", head, at + 2)
    if mark >= 0xc0 and mark <= 0xcf and mark ~= 0xc4 and mark ~= 0xc8 and mark ~= 0xcc then
      local height, width = unpack(">I2I2", head, at + 5)
      return width, height
    end
    at = at + 2 + length
  end
end

local function webp_size(head)
  local kind = sub(head, 13, 16)
  if kind == "VP8X" then
    local w, h = unpack("<I3I3", head, 25)
    return w + 1, h + 1
  elseif kind == "VP8L" then
    local bits = unpack("<I4", head, 22)
    return (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1
  elseif kind == "VP8 " then
    local w, h = unpack("<I2I2", head, 27)
    return w & 0x3fff, h & 0x3fff
  end
end

---Width and height that the first bytes of a PNG, JPEG, GIF or WebP picture tell; nil: they do not.
function M.picture_size(head)
  if #head < 32 then return nil end
  if sub(head, 1, 8) == "\137PNG\r\n\26\n" then return unpack(">I4I4", head, 17) end
  if sub(head, 1, 3) == "GIF" then return unpack("<I2I2", head, 7) end
  if sub(head, 1, 2) == "\xff\xd8" then return jpeg_size(head) end
  if sub(head, 9, 12) == "WEBP" then return webp_size(head) end
end

-- --- what visitors send ----------------------------------------------------------------------

function accept.image(_, _, v)
  local file, words = values.accept_upload(v)
  if not file then return nil, words end
  if not find(file.type, "^image/") then
    return nil, format("'%s' is not a picture (PNG, JPEG, GIF or WebP)", file.name)
  end
  local head = host.upload_read(file.file, 0, HEAD)
  local width, height = M.picture_size(head or "")
  if width and width * height > PIXELS_MAX then
    return nil, format("'%s' has %d × %d pixels, the limit is %d million", file.name, width, height,
      PIXELS_MAX // 1000000)
  end
  file.width, file.height = width, height
  return file
end

-- What a recorder makes has a container that is the same for both: the bytes do not say more.
local RECORDED = { ["video/webm"] = true, ["video/mp4"] = true, ["audio/ogg"] = true }

local function accept_recording(kind, words)
  return function(_, _, v)
    local file, why = values.accept_upload(v)
    if not file then return nil, why end
    if not find(file.type, "^" .. kind .. "/") and not RECORDED[file.type] then
      return nil, format("'%s' is not %s", file.name, words)
    end
    return file
  end
end
accept.audio = accept_recording("audio", "a sound (WAV, MP3, Ogg, FLAC, MP4 or WebM)")
accept.video = accept_recording("video", "a film (MP4, WebM or Ogg)")

-- {width, height, pixels}, or nil and words.
local function read_grid(rec, v)
  local side = rec.props.grid or rec.spec.grid.default
  if type(v) ~= "table" or type(v.pixels) ~= "table" then return nil, "must be a drawing" end
  if v.width ~= side or v.height ~= side or #v.pixels ~= side * side then
    return nil, format("must have %d × %d pixels", side, side)
  end
  local pixels = {}
  for i = 1, side * side do
    local p = v.pixels[i]
    if mathtype(p) ~= "integer" or p < 0 or p > 255 then
      return nil, "must have whole numbers from 0 to 255 as pixels"
    end
    pixels[i] = p
  end
  return { width = side, height = side, pixels = pixels }
end

function accept.sketch(_, rec, v)
  if v == nil then return nil end
  return read_grid(rec, v)
end

-- --- what an app shows -----------------------------------------------------------------------

local ENDINGS = {
  audio = {
    wav = "audio/wav", mp3 = "audio/mpeg", ogg = "audio/ogg", oga = "audio/ogg", flac = "audio/flac",
    m4a = "video/mp4", webm = "video/webm",
  },
  video = { mp4 = "video/mp4", webm = "video/webm", ogv = "audio/ogg" },
}

local function bundled(what, kind, path)
  local media_type = ENDINGS[kind][lower(match(path, "%.(%w+)$") or "")]
  if not media_type then
    raise("%s: a file that ends in %s is needed (got '%s')", what,
      "." .. concat(parts.names(ENDINGS[kind]), ", ."), path)
  end
  local bytes = host.bundled(path)
  if not bytes then raise("%s: there is no file '%s' in the Space's repo", what, path) end
  return bytes, media_type
end

local function recording(kind)
  return function(what, S, v)
    if type(v) == "string" then
      local bytes, media_type = bundled(what, kind, v)
      return values.blob(S, v, bytes, media_type, match(v, "[^/]+$"))
    end
    if type(v) == "table" and rawget(v, "bytes") then
      return values.blob(S, v, v.bytes, v.type, v.name or kind)
    end
    if type(v) == "table" and type(v.file) == "string" then
      return { file = v.file, name = v.name, type = v.type, size = v.size }
    end
    raise("%s: an upload, a path in the repo or ui.bytes(data, type) is needed (got %s)", what,
      describe(v))
  end
end
normalise.audio, normalise.video = recording "audio", recording "video"

for kind in pairs(ENDINGS) do
  M.checks[kind] = function(what, p)
    if type(p.value) == "string" then bundled(what, kind, p.value) end
    if p.max_seconds and (p.max_seconds < 1 or p.max_seconds > 3600) then
      raise("%s: 'max_seconds' must be from 1 to 3600 (got %d)", what, p.max_seconds)
    end
  end
end

function M.checks.sketch(what, p, rec)
  if p.grid and (p.grid < 4 or p.grid > GRID_MAX) then
    raise("%s: 'grid' must be from 4 to %d (got %d)", what, GRID_MAX, p.grid)
  end
  if p.value ~= nil then
    local grid, words = read_grid(rec, p.value)
    if not grid then raise("%s: 'value' %s", what, words) end
  end
end

---Plays more sound behind what was played so far; each piece is a sound of its own: a WAV or MP3.
---@usage for piece in voice(text) do audio:append(ui.bytes(piece, "audio/wav")) end
function M.methods.audio.append(rec, S, piece)
  local what = "ui.audio:append"
  if type(piece) ~= "table" or not rawget(piece, "bytes") then
    raise("%s: ui.bytes(data, type) is needed (got %s)", what, describe(piece))
  end
  local now = state.get(S, rec, "value")
  if type(now) ~= "table" or type(now.parts) ~= "table" then
    state.set(S, rec, "value", { parts = {} })
  end
  local list = state.own_table(S, rec, "value").parts
  if #list >= PARTS_MAX then raise("%s: over %d pieces", what, PARTS_MAX) end
  local value = values.blob(S, piece, piece.bytes, piece.type, piece.name or "audio")
  host.patch(rec.node, data.constants.PATCH_SET, "value/parts/" .. #list, value)
  list[#list + 1] = value
end

-- What a model sees in the picture that is shown to the visitor, or that they drew.
local function classify(kind)
  local what = "ui." .. kind .. ":classify"
  return function(rec, S, model, options)
    local picture = state.get(S, rec, "value")
    if picture == nil then raise("%s: it is empty", what) end
    import "models"
  return parts.classify_picture(what, picture, model, options)
  end
end
M.methods.image.classify = classify "image"
M.methods.sketch.classify = classify "sketch"

return M
