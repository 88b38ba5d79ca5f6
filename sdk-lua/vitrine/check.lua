-- Validators: what an app says of a visitor's value before its handler gets it. Words that refuse it
-- are shown at the very component, and name it to a program.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local component = import "component"
local type, ipairs, next, error = type, ipairs, next, error
local format, sub = lua.string.format, lua.string.sub
local concat, pack, unpack = lua.table.concat, lua.table.pack, lua.table.unpack
local raise, describe = parts.raise, parts.describe
local records, name_of = component.records, component.name_of

local M = {}

local WORDS_MAX = 1000 -- bytes of one refusal

local function read_words(what, words)
  if words == nil then return nil end
  if type(words) ~= "string" then
    raise("%s: 'validate' gives words that refuse the value, or nothing (got %s)", what,
      describe(words))
  end
  return #words <= WORDS_MAX and words or sub(words, 1, WORDS_MAX)
end

local function refuse(S, found)
  local all, fields = {}, {}
  for i, f in ipairs(found) do
    all[i] = format("%s: %s", state.get(S, f.rec, "label") or f.rec.props.id or f.rec.type, f.words)
    fields[i] = { node = f.rec.node, message = f.words }
  end
  error({ kind = "refused", message = concat(all, "; "), fields = host.json_encode(fields) }, 0)
end

local function is_empty(value)
  return value == nil or value == "" or type(value) == "table" and next(value) == nil
end

-- Who leaves a needed one empty while changing it has not sent anything yet.
local function is_needed(h, rec) return rec.props.required and not h.changes end

---Asks the validators of a handler and of its inputs; args: their values. Refuses for all of them at
---once.
function M.arguments(S, h, args, n)
  local found = {}
  for i = 1, n do
    local rec = records[h.inputs[i]]
    local words
    if is_needed(h, rec) and is_empty(args[i]) then
      words = "This is needed."
    elseif rec.validate then
      words = read_words(name_of(rec), rec.validate(args[i], S.session))
    end
    if words then found[#found + 1] = { rec = rec, words = words } end
  end
  if h.validate then
    args[n + 1] = S.session
    local said = pack(h.validate(unpack(args, 1, n + 1)))
    for i = 1, n do
      local words = read_words("handler", said[i])
      if words then found[#found + 1] = { rec = records[h.inputs[i]], words = words } end
    end
  end
  if #found > 0 then refuse(S, found) end
end

---Is there anything to ask?
function M.wanted(h)
  if h.validate then return true end
  for _, handle in ipairs(h.inputs or {}) do
    local rec = records[handle]
    if rec.validate or is_needed(h, rec) then return true end
  end
  return false
end

return M
