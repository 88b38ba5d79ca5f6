-- The tasks of models that read texts: what each takes, checked before it is sent, and how lists
-- too long for one call are sent in parts. Names and shapes are those of Hugging Face's pipelines.
local host, lua, import = ...
local parts = import "parts"
local type, ipairs, next = type, ipairs, next
local format, concat = lua.string.format, lua.table.concat
local sqrt, sort, unpack = lua.math.sqrt, lua.table.sort, lua.table.unpack

-- What one call takes of a list of texts, so that its answer fits into one message.
local TEXTS_MAX = 32

local M = { tasks = {} }

local function check_text(what, text)
  if type(text) ~= "string" then
    parts.raise("%s: a string is needed (got %s)", what, parts.describe(text))
  end
  return text
end
M.check_text = check_text

local function check_list(what, list, none)
  if type(list) ~= "table" or (#list == 0 and none) then
    parts.raise("%s: a list of strings is needed (got %s)", what, parts.describe(list))
  end
  for i, text in ipairs(list) do check_text(format("%s[%d]", what, i), text) end
  return parts.copy(list, what)
end

---A text, or a list of them.
function M.check_texts(what, texts)
  if type(texts) ~= "table" then return check_text(what, texts) end
  return check_list(what, texts)
end

-- A table with exactly these fields.
local function check_fields(what, inputs, fields)
  local words = "a table of " .. concat(parts.names(fields), " and ")
  if type(inputs) ~= "table" then
    parts.raise("%s: %s is needed (got %s)", what, words, parts.describe(inputs))
  end
  parts.check_fields(what, inputs, fields)
  local checked = {}
  for name, check in next, fields do checked[name] = check(what .. ": " .. name, inputs[name]) end
  return checked
end

local function documents(what, list) return check_list(what, list, true) end

local tasks = M.tasks

tasks["text-classification"] = { check = M.check_texts, options = { top_labels = "integer" } }

tasks["feature-extraction"] = {
  check = M.check_texts,
  options = { pooling = "enum:mean|cls|none", normalize = "boolean" },
}

tasks["fill-mask"] = { check = check_text, options = { top_k = "integer" } }

tasks["token-classification"] = {
  check = check_text,
  options = { aggregation_strategy = "enum:none|simple|first|average|max" },
}

tasks["question-answering"] = {
  check = function(what, inputs)
    return check_fields(what, inputs, { question = check_text, context = check_text })
  end,
  options = { top_k = "integer" },
}

tasks["zero-shot-classification"] = {
  check = check_text,
  options = {
    candidate_labels = "json", multi_label = "boolean", hypothesis_template = "string",
  },
  check_options = function(what, options)
    check_list(what .. ": candidate_labels", options and options.candidate_labels, true)
  end,
}

tasks["text-ranking"] = {
  check = function(what, inputs)
    return check_fields(what, inputs, { query = check_text, documents = documents })
  end,
  options = {},
}

---Calls run(part) with parts of a list short enough for one call each, and joins what comes.
function M.in_parts(list, run)
  if type(list) ~= "table" or #list <= TEXTS_MAX then return run(list) end
  local all = {}
  for from = 1, #list, TEXTS_MAX do
    local n = from + TEXTS_MAX - 1 < #list and TEXTS_MAX or #list - from + 1
    for _, one in ipairs(run { unpack(list, from, from + n - 1) }) do all[#all + 1] = one end
  end
  return all
end

local function check_vector(what, v)
  if type(v) ~= "table" or type(v[1]) ~= "number" then
    parts.raise("%s: a list of numbers is needed (got %s)", what, parts.describe(v))
  end
end

---How alike two vectors are: the cosine of the angle between them, from -1 to 1.
function M.similarity(what, a, b)
  check_vector(what, a)
  check_vector(what, b)
  if #a ~= #b then parts.raise("%s: %d numbers and %d", what, #a, #b) end
  local ab, aa, bb = 0.0, 0.0, 0.0
  for i = 1, #a do
    local x, y = a[i], b[i]
    ab, aa, bb = ab + x * y, aa + x * x, bb + y * y
  end
  return aa > 0 and bb > 0 and ab / sqrt(aa * bb) or 0.0
end

---The most alike of a list of vectors, best first: a list of { index, score }.
function M.nearest(what, vector, list, n)
  if type(list) ~= "table" then
    parts.raise("%s: a list of vectors is needed (got %s)", what, parts.describe(list))
  end
  local found = {}
  for i, v in ipairs(list) do
    found[i] = { index = i, score = M.similarity(what, vector, v) }
  end
  sort(found, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.index < b.index
  end)
  n = parts.as_kind(what .. ": n", "integer", n) or #found
  for i = #found, n + 1, -1 do found[i] = nil end
  return found
end

return M
