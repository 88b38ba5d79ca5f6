-- What a message may hold: texts, files, sections that fold; what a visitor does to one; and the
-- multimodal textbox, where messages with files are written.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local type, ipairs, next, rawget = type, ipairs, next, rawget
local format, find = lua.string.format, lua.string.find
local concat = lua.table.concat
local tointeger, mathtype = lua.math.tointeger, lua.math.type
local raise, describe, refuse = parts.raise, parts.describe, parts.refuse

local M = {
  inputs = { multimodal = true },
  empty = { chatbot = {}, multimodal = {} },
  checks = {},
}

local PARTS_MAX = 64 -- in one message
local TEXT_MAX = 100000 -- bytes of one that is edited, as of a textbox
M.PARTS_MAX = PARTS_MAX

-- --- messages ------------------------------------------------------------------------------

-- What a table holds, whatever its metatable says of it.
local function plain(t)
  local copy = {}
  for k, v in next, t do copy[k] = v end
  return copy
end

local SECTION = { title = true, text = true, status = true, open = true, seconds = true }
M.SECTION = SECTION
local STATUS = { running = true, done = true, failed = true }

function M.check_text(what, text)
  text = parts.as_kind(what, "string", text) or ""
  return text
end

-- What a model thought, what a tool did: folded below its title.
function M.as_section(what, part)
  parts.check_fields(what, part, SECTION)
  local status = part.status
  if status ~= nil and not (type(status) == "string" and STATUS[status]) then
    raise("%s: 'status' is running, done or failed (got %s)", what, describe(status))
  end
  return {
    title = M.check_text(what .. ": 'title'", part.title),
    text = M.check_text(what .. ": 'text'", part.text),
    status = status,
    open = parts.as_kind(what .. ": 'open'", "boolean", part.open),
    seconds = parts.as_kind(what .. ": 'seconds'", "number", part.seconds),
  }
end

-- A piece of a message as it travels: {text}, a file, or a section with a title.
function M.as_part(what, S, part)
  if type(part) == "string" then return { text = part } end
  if type(part) ~= "table" then
    raise("%s: a text, a file or a section is needed (got %s)", what, describe(part))
  end
  local file = rawget(part, "file")
  if rawget(part, "bytes") or file ~= nil then
    if not S then raise("%s: a file is shown to a visitor; do it in a handler", what) end
    local alt = parts.as_kind(what .. ": 'alt'", "string", rawget(part, "alt"))
    local sent = values.one_file(what, S, type(file) == "table" and file or part)
    return { file = sent.file, name = sent.name, type = sent.type, size = sent.size, alt = alt }
  end
  part = plain(part)
  if part.title ~= nil then return M.as_section(what, part) end
  parts.check_fields(what, part, { text = true })
  return { text = M.check_text(what .. ": 'text'", part.text) }
end

function M.as_content(what, S, content)
  if type(content) == "string" then return content end
  if type(content) ~= "table" then
    raise("%s: 'content' is a text, or a list of texts, files and sections (got %s)", what,
      describe(content))
  end
  if rawget(content, 1) == nil and next(content) ~= nil then content = { content } end
  content = plain(content)
  if #content > PARTS_MAX then raise("%s: more than %d parts", what, PARTS_MAX) end
  local list = {}
  for i, part in ipairs(content) do
    list[i] = M.as_part(format("%s: part %d", what, i), S, part)
  end
  return list[1] and list or ""
end

local MESSAGE = {
  role = true, content = true, name = true, time = true, liked = true, error = true,
}

function M.as_message(what, S, m)
  if type(m) == "table" then m = plain(m) end
  if type(m) ~= "table" or type(m.role) ~= "string" or m.content == nil then
    raise("%s: a message is {role = \"user\" or \"assistant\", content = text}", what)
  end
  parts.check_fields(what, m, MESSAGE)
  return {
    role = m.role,
    content = M.as_content(what, S, m.content),
    name = parts.as_kind(what .. ": 'name'", "string", m.name),
    time = parts.as_kind(what .. ": 'time'", "number", m.time),
    liked = parts.as_kind(what .. ": 'liked'", "boolean", m.liked),
    error = parts.as_kind(what .. ": 'error'", "boolean", m.error),
  }
end

function values.normalise.chatbot(what, S, v)
  if type(v) ~= "table" then
    raise("%s: a list of messages is needed (got %s)", what, describe(v))
  end
  local list = {}
  for i, m in ipairs(plain(v)) do list[i] = M.as_message(format("%s: message %d", what, i), S, m) end
  return list
end

-- The text of a message: what a model is told of it.
function M.text_of(content)
  if type(content) ~= "table" then return content end
  local texts = {}
  for _, part in ipairs(content) do
    if part.text and not part.title then texts[#texts + 1] = part.text end
  end
  return concat(texts, "\n\n")
end

-- --- what visitors do to messages -----------------------------------------------------------

-- By event: what the gesture carries, checked. Raises what is meant for the visitor.
local gestures = {}

local function turn_at(S, rec, payload)
  local n = type(payload) == "table" and mathtype(payload.index) and tointeger(payload.index)
  local turn = n and (state.get(S, rec, "value") or {})[n]
  if not turn then refuse("That message is not here any more.") end
  return n, turn
end

function gestures.like(S, rec, payload)
  local n, turn = turn_at(S, rec, payload)
  local liked = payload.liked
  if type(liked) ~= "boolean" then liked = nil end
  return { index = n, liked = liked, text = M.text_of(turn.content) }
end

function gestures.retry(S, rec, payload)
  local n, turn = turn_at(S, rec, payload)
  return { index = n, text = M.text_of(turn.content) }
end
gestures.undo = gestures.retry

function gestures.edit(S, rec, payload)
  local n, turn = turn_at(S, rec, payload)
  local text, most = payload.text, TEXT_MAX
  if turn.role ~= "user" or type(text) ~= "string" or not find(text, "%S") then
    refuse("A message of yours needs some words.")
  end
  if #text > most then refuse(format("The message has %d bytes, the limit is %d", #text, most)) end
  return { index = n, text = text, before = M.text_of(turn.content) }
end

function gestures.example(S, rec, payload)
  local choices = state.get(S, rec, "examples") or {}
  local i = mathtype(payload) and tointeger(payload)
  local choice = i and choices[i + 1]
  if not choice then refuse("That example is not here any more.") end
  return { index = i + 1, text = type(choice) == "table" and choice.value or choice }
end

function values.gesture.chatbot(S, rec, event, payload)
  local check = gestures[event]
  if check then return check(S, rec, payload) end
end

-- --- the multimodal textbox ----------------------------------------------------------------

local function file_list(what, S, files)
  if files == nil then return {} end
  if type(files) ~= "table" then raise("%s: a list of files (got %s)", what, describe(files)) end
  local list = {}
  for i, file in ipairs(plain(files)) do
    if not S then raise("%s: a file is shown to a visitor; do it in a handler", what) end
    list[i] = values.one_file(what, S, file)
  end
  return list
end

function values.normalise.multimodal(what, S, v)
  if type(v) == "string" then v = { text = v } end
  if type(v) ~= "table" then raise("%s: {text, files} is needed (got %s)", what, describe(v)) end
  v = plain(v)
  parts.check_fields(what, v, { text = true, files = true })
  return {
    text = M.check_text(what .. ": 'text'", v.text),
    files = file_list(what .. ": 'files'", S, v.files),
  }
end

function values.accept.multimodal(S, rec, v)
  if type(v) == "string" then v = { text = v } end
  if v == nil then v = {} end
  if type(v) ~= "table" then return nil, "must be a text with files" end
  local text, words = v.text or "", nil
  if type(text) ~= "string" then return nil, "must be a text with files" end
  local most = state.get(S, rec, "max_length")
  if #text > most then return nil, format("has %d bytes, the limit is %d", #text, most) end
  local files = v.files or {}
  if type(files) ~= "table" then return nil, "must be a text with files" end
  if #files > state.get(S, rec, "max_files") then
    return nil, format("takes at most %d files", state.get(S, rec, "max_files"))
  end
  local list = {}
  for i, file in ipairs(files) do
    list[i], words = values.accept_file(S, rec, file)
    if not list[i] then return nil, words end
  end
  return { text = text, files = list }
end

function values.given.multimodal(v)
  v = v or {}
  local files = {}
  for i, file in ipairs(v.files or {}) do files[i] = values.as_file(file) end
  return { text = v.text or "", files = files }
end

function M.checks.multimodal(what, p)
  if p.max_files and (p.max_files < 0 or p.max_files > 16) then
    raise("%s: 'max_files' must be from 0 to 16 (got %s)", what, p.max_files)
  end
end

return M
