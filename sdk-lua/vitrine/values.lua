-- Values that are more than plain: files, pictures, classifications, conversations. What an app may
-- show, and what a visitor may send.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local dataframe = import "dataframe"
local plot = import "plot"
local data = import "components"
local type, pairs, ipairs, tostring = type, pairs, ipairs, tostring
local rawget, setmetatable = rawget, setmetatable
local format, find, match, gmatch, lower =
  lua.string.format, lua.string.find, lua.string.match, lua.string.gmatch, lua.string.lower
local sub, byte = lua.string.sub, lua.string.byte
local sort = lua.table.sort
local raise, describe = parts.raise, parts.describe

local M = {}

---@class vitrine.File A visitor's upload.
---@field name string as the visitor called it
---@field type string media type
---@field size integer bytes
---@field width? integer pixels of a picture
---@field height? integer
local File = {}
local file_mt = { __index = File, __metatable = false, __name = "file" }

---Reads the upload, or n bytes of it from offset (0 is the beginning).
---@param n? integer
---@param offset? integer
---@return string? bytes
---@return string? err where the file is not here any more
---@usage local bytes = photo:read()
function File:read(n, offset)
  if type(self) ~= "table" or type(rawget(self, "file")) ~= "string" then
    raise("file:read: call it with ':' on an upload")
  end
  return host.upload_read(rawget(self, "file"), offset or 0, n or data.constants.UPLOAD_READ_MAX)
end

---What a model sees in the picture: its labels with their scores, likeliest first.
---@param model string owner/name
---@param options? {candidate_labels?: string[], hypothesis_template?: string, top_labels?: integer}
---@return {label: string, score: number}[]
---@usage local seen = photo:classify "vitrine/tiny-digits"
function File:classify(model, options)
  if type(self) ~= "table" or type(rawget(self, "file")) ~= "string" then
    raise("file:classify: call it with ':' on an upload")
  end
  import "models"
  return parts.classify_picture("file:classify", self, model, options)
end

local CHUNK, LINE_MAX = 65536, 1048576

---The lines of the upload, without their ends ("\\n" or "\\r\\n"), read piece by piece.
---@return fun(): string?
---@usage for line in photo:lines() do print(line) end
function File:lines()
  local offset, piece, at = 0, "", 1
  return function()
    while true do
      local stop = find(piece, "\n", at, true)
      if stop then
        local line = sub(piece, at, byte(piece, stop - 1) == 13 and stop > at and stop - 2 or stop - 1)
        at = stop + 1
        return line
      end
      local more, err = self:read(CHUNK, offset)
      if not more then parts.refuse(err) end
      offset = offset + #more
      piece, at = sub(piece, at) .. more, 1
      if more == "" then
        local last = piece
        piece = ""
        return last ~= "" and last or nil
      end
      if #piece > LINE_MAX and not find(piece, "\n", 1, true) then
        raise("file:lines: a line is over %d bytes; use :read", LINE_MAX)
      end
    end
  end
end

function M.as_file(value)
  if type(value) ~= "table" or type(value.file) ~= "string" then return value end
  return setmetatable(
    {
      file = value.file, name = value.name, type = value.type, size = value.size,
      width = value.width, height = value.height,
    },
    file_mt
  )
end

-- Components whose values are files.
M.of_files = { image = true, file = true }

-- What a handler gets: a file, or a list of them where several may be chosen.
function M.as_input(value, several)
  if not several then return M.as_file(value) end
  local list = {}
  for i, item in ipairs(value or {}) do list[i] = M.as_file(item) end
  return list
end

local IMAGES = {
  png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", gif = "image/gif",
  webp = "image/webp", avif = "image/avif", bmp = "image/bmp",
}

local Bytes = { __metatable = false, __name = "bytes" }

---Content made by the app, to be shown or downloaded: an image's bytes, say.
---@param bytes string
---@param type string media type
---@param name? string of the file it is downloaded as
---@usage picture:set(ui.bytes(png, "image/png"))
---@usage report:set(ui.bytes(csv, "text/csv", "report.csv"))
function M.bytes(bytes, media_type, name)
  if type(bytes) ~= "string" then
    raise("ui.bytes: bytes are a string (got %s)", describe(bytes))
  end
  if type(media_type) ~= "string" or not find(media_type, "^[%w%-.+]+/[%w%-.+]+$") then
    raise("ui.bytes: the media type is like 'image/png' (got %s)", describe(media_type))
  end
  if name ~= nil and (type(name) ~= "string" or #name == 0 or #name > 255 or find(name, "[%c/\\]")) then
    raise("ui.bytes: the name is a file's, without a folder (got %s)", describe(name))
  end
  return setmetatable({ bytes = bytes, type = media_type, name = name }, Bytes)
end

local function image_type(path)
  return IMAGES[lower(match(path, "%.(%w+)$") or "")]
end

-- Sends bytes once per session and remembers the id they got.
local function blob(S, key, bytes, media_type, name)
  local sent = S.blobs
  if not sent then
    sent = setmetatable({}, { __mode = "k" })
    S.blobs = sent
  end
  local value = sent[key]
  if not value then
    value = { file = host.blob(bytes, media_type, name), name = name, type = media_type, size = #bytes }
    sent[key] = value
  end
  return value
end

M.blob = blob

local function bundled_image(what, path)
  local media_type = image_type(path)
  if not media_type then
    raise("%s: an image is a .png, .jpg, .gif, .webp, .avif or .bmp file (got '%s')", what, path)
  end
  local bytes = host.bundled(path)
  if not bytes then raise("%s: there is no file '%s' in the Space's repo", what, path) end
  return bytes, media_type
end

local normalise = {}

function normalise.image(what, S, v)
  if type(v) == "string" then
    local bytes, media_type = bundled_image(what, v)
    return blob(S, v, bytes, media_type, match(v, "[^/]+$"))
  end
  if type(v) == "table" and rawget(v, "bytes") then
    return blob(S, v, v.bytes, v.type, v.name or "image")
  end
  if type(v) == "table" and type(v.file) == "string" then
    return {
      file = v.file, name = v.name, type = v.type, size = v.size,
      width = v.width, height = v.height,
    }
  end
  raise("%s: an image is an upload, a path in the repo or ui.bytes(data, type) (got %s)", what,
    describe(v))
end

local function bundled_file(what, path)
  return host.bundled(path)
    or raise("%s: there is no file '%s' in the Space's repo", what, path)
end

local function one_file(what, S, v)
  if type(v) == "string" then
    return blob(S, v, bundled_file(what, v), "application/octet-stream", match(v, "[^/]+$"))
  end
  if type(v) == "table" and rawget(v, "bytes") then
    return blob(S, v, v.bytes, v.type, v.name or "file")
  end
  if type(v) == "table" and type(v.file) == "string" then
    return { file = v.file, name = v.name, type = v.type, size = v.size }
  end
  raise("%s: a file is an upload, a path in the repo or ui.bytes(data, type, name) (got %s)", what,
    describe(v))
end

M.one_file = one_file

function normalise.file(what, S, v)
  if type(v) ~= "table" or rawget(v, "bytes") or v.file ~= nil then return one_file(what, S, v) end
  local list = {}
  for i, item in ipairs(v) do list[i] = one_file(what, S, item) end
  return #list > 0 and list or nil
end

local function as_confidence(what, item, first, second)
  if type(item) ~= "table" then
    raise("%s: a label with its confidence is needed (got %s)", what, describe(item))
  end
  return { label = tostring(item.label), confidence = item[first] or item[second] }
end

-- A text-classification result, {label, confidences}, a map of scores, or just a name.
function normalise.label(what, _, v)
  if type(v) == "string" then return { label = v } end
  if type(v) ~= "table" then raise("%s: a classification is needed (got %s)", what, describe(v)) end
  local confidences = {}
  if type(v[1]) == "table" and v[1].label ~= nil then
    for i, item in ipairs(v) do
      confidences[i] = as_confidence(what, item, "score", "confidence")
    end
  elseif type(v.confidences) == "table" then
    for i, item in ipairs(v.confidences) do
      confidences[i] = as_confidence(what, item, "confidence", "score")
    end
  elseif type(v.label) == "string" then
    return { label = v.label }
  else
    for label, score in pairs(v) do
      if type(score) ~= "number" then
        raise("%s: '%s' should have a number as confidence (got %s)", what, tostring(label),
          describe(score))
      end
      confidences[#confidences + 1] = { label = tostring(label), confidence = score }
    end
  end
  for _, c in ipairs(confidences) do
    if type(c.confidence) ~= "number" then
      raise("%s: '%s' has no confidence", what, c.label)
    end
  end
  sort(confidences, function(a, b)
    if a.confidence ~= b.confidence then return a.confidence > b.confidence end
    return a.label < b.label
  end)
  return { label = v.label or (confidences[1] and confidences[1].label), confidences = confidences }
end

function normalise.json(what, _, v) return parts.copy(v, what) end

normalise.dataframe = dataframe.normalise
normalise.plot = plot.normalise

-- By type: what an app gets of a stored value that is not plain.
M.given = { dataframe = dataframe.given, plot = plot.given }

-- By type: what a program gets of it.
M.for_programs = { dataframe = dataframe.for_programs, plot = plot.given }

-- By type: the part of it that a visitor selected, from what the page says; nil where there is none.
M.selected = { dataframe = dataframe.selected, plot = plot.selected }

M.bundled_image, M.bundled_file = bundled_image, bundled_file
M.normalise = normalise

-- --- what visitors send --------------------------------------------------------------------

-- By type: the value as it is stored, or nil and words.
local accept = {}
M.accept = accept

-- By type: what a gesture carries, checked; raises words for the visitor.
M.gesture = {}

function accept.textbox(S, rec, v)
  if v == nil then return "" end
  if type(v) ~= "string" then return nil, "must be text" end
  local most = state.get(S, rec, "max_length")
  if #v > most then return nil, format("has %d bytes, the limit is %d", #v, most) end
  return v
end

function accept.number(S, rec, v)
  if v == nil then return nil end
  if type(v) ~= "number" then return nil, "must be a number" end
  local low, high = state.get(S, rec, "min"), state.get(S, rec, "max")
  if (low and v < low) or (high and v > high) then
    return nil, format("must be from %s to %s", tostring(low or "-∞"), tostring(high or "∞"))
  end
  return v
end

function accept.slider(S, rec, v)
  if v == nil then return state.get(S, rec, "min") end
  return accept.number(S, rec, v)
end

function accept.checkbox(_, _, v)
  if v == nil then return false end
  if type(v) ~= "boolean" then return nil, "must be true or false" end
  return v
end

accept.dataframe = dataframe.accept

---An upload that is here, with what the gateway found in its bytes; or nil and words.
function M.accept_upload(v)
  if v == nil then return nil end
  if type(v) ~= "table" or type(v.file) ~= "string" then return nil, "must be an upload" end
  local known = host.upload(v.file)
  if not known then return nil, "is not here any more; upload it again" end
  return { file = v.file, name = known.name, type = known.type, size = known.size }
end

-- Endings and media types, as in ".csv,image/*".
local function is_of(types, file)
  for wanted in gmatch(lower(types), "[^,%s]+") do
    local whole = match(wanted, "^(.*/)%*$")
    if wanted == file.type or sub(lower(file.name), -#wanted) == wanted and sub(wanted, 1, 1) == "."
      or whole and sub(file.type, 1, #whole) == whole then
      return true
    end
  end
  return false
end

local function accept_file(S, rec, v)
  local file, words = M.accept_upload(v)
  if not file then return nil, words or "must be an upload" end
  local most, types = state.get(S, rec, "max_size"), state.get(S, rec, "types")
  if most and file.size > most then
    return nil, format("'%s' has %d bytes, the limit is %d", file.name, file.size, most)
  end
  if types and not is_of(types, file) then
    return nil, format("'%s' is none of %s", file.name, types)
  end
  return file
end

M.accept_file = accept_file

function accept.file(S, rec, v)
  if v == nil then return nil end
  if not state.get(S, rec, "multiple") then return accept_file(S, rec, v) end
  if type(v) ~= "table" then return nil, "must be a list of uploads" end
  local files, most = {}, state.get(S, rec, "max_files")
  if #v > most then return nil, format("takes at most %d files", most) end
  for i, item in ipairs(v) do
    local file, words = accept_file(S, rec, item)
    if not file then return nil, words end
    files[i] = file
  end
  return #files > 0 and files or nil
end
return M
