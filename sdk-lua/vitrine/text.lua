-- Texts that are more than words: code, HTML, and pieces with labels.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local type, ipairs, next = type, ipairs, next
local format, sub = lua.string.format, lua.string.sub
local sort = lua.table.sort
local offset, tointeger, mathtype = lua.utf8.offset, lua.math.tointeger, lua.math.type
local raise, describe, refuse = parts.raise, parts.describe, parts.refuse

local M = {
  inputs = { code = true },
  positional = { code = "value", html = "value" },
  empty = { code = "", html = "", highlighted = {} },
}

local SPANS_MAX = 10000

values.accept.code = values.accept.textbox

-- --- pieces with labels --------------------------------------------------------------------

local function as_span(what, i, span)
  if type(span) == "string" then return { text = span } end
  if type(span) ~= "table" then
    raise("%s: piece %d is a text or {text, label, score} (got %s)", what, i, describe(span))
  end
  local text, label, score = span.text, span.label, span.score
  if text == nil then text, label, score = span[1], span[2], span[3] end
  if type(label) == "number" and score == nil then label, score = nil, label end
  return {
    text = parts.as_kind(format("%s: text of piece %d", what, i), "string", text) or "",
    label = parts.as_kind(format("%s: label of piece %d", what, i), "string", label),
    score = parts.as_kind(format("%s: score of piece %d", what, i), "number", score),
  }
end

local function as_entity(what, i, e)
  if type(e) ~= "table" then raise("%s: entity %d is a table (got %s)", what, i, describe(e)) end
  local from = mathtype(e.start) and tointeger(e.start)
  local to = mathtype(e["end"]) and tointeger(e["end"])
  if not from or not to or from < 0 or to < from then
    raise("%s: entity %d needs 'start' and 'end', in characters from 0", what, i)
  end
  local label = e.label or e.entity_group or e.entity
  return { from = from, to = to, label = label, score = e.score }
end

-- {text, entities = {{start, end, label, score}}} as pieces; what overlaps an earlier one is left out.
local function from_entities(what, v)
  local text = parts.as_kind(what .. ": 'text'", "string", v.text) or ""
  local list, spans, at = {}, {}, 0
  for i, e in ipairs(v.entities) do list[i] = as_entity(what, i, e) end
  sort(list, function(a, b)
    if a.from ~= b.from then return a.from < b.from end
    return a.to < b.to
  end)
  local function place(n) return offset(text, n + 1) or #text + 1 end
  local function add(from, to, label, score)
    local piece = sub(text, place(from), to and place(to) - 1 or #text)
    if piece ~= "" then
      spans[#spans + 1] = as_span(what, #spans + 1, { text = piece, label = label, score = score })
    end
  end
  for _, e in ipairs(list) do
    if e.from >= at then
      add(at, e.from)
      add(e.from, e.to, e.label, e.score)
      at = e.to
    end
  end
  add(at)
  return spans
end

function values.normalise.highlighted(what, _, v)
  if type(v) == "string" then return { { text = v } } end
  if type(v) ~= "table" then
    raise("%s: a list of pieces, or {text, entities}, is needed (got %s)", what, describe(v))
  end
  v = parts.copy(v, what) -- first: a copy has no metatables, and says the same twice
  local size = type(v.entities) == "table" and #v.entities or #v
  if size > SPANS_MAX then raise("%s: more than %d pieces", what, SPANS_MAX) end
  if type(v.entities) == "table" then return from_entities(what, v) end
  local spans = {}
  for i, span in ipairs(v) do spans[i] = as_span(what, i, span) end
  if not spans[1] and next(v) ~= nil then
    raise("%s: a list of pieces, or {text, entities}, is needed", what)
  end
  return spans
end

function values.gesture.highlighted(S, rec, event, payload)
  if event ~= "select" then return nil end
  local i = mathtype(payload) and tointeger(payload)
  local span = i and (state.get(S, rec, "value") or {})[i + 1]
  if not span then refuse("That piece is not here any more.") end
  return { index = i + 1, text = span.text, label = span.label, score = span.score }
end

return M
