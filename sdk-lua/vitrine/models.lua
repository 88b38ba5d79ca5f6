---@meta vitrine.models
-- Models of the platform. A call waits by yielding; closing the tab or cancelling stops it. What
-- goes wrong is raised as a table {code, message} whose message the visitor sees; pcall catches it.
local host, lua, import = ...
local parts = import "parts"
local sight = import "sight"
local pipelines = import "pipelines"
local type, ipairs, error, next = type, ipairs, error, next
local find, format = lua.string.find, lua.string.format

local M = {}

local OPTIONS = {
  chat = {
    max_tokens = "integer", temperature = "number", top_p = "number", top_k = "integer",
    min_p = "number", repetition_penalty = "number", frequency_penalty = "number",
    presence_penalty = "number", logit_bias = "json", logprobs = "boolean",
    top_logprobs = "integer", seed = "integer", stop = "json", response_format = "json",
    grammar = "string", adapter = "string",
  },
}
OPTIONS["text-generation"] = OPTIONS.chat
for task, spec in next, pipelines.tasks do OPTIONS[task] = spec.options end
OPTIONS["image-classification"] = OPTIONS["text-classification"]
OPTIONS["zero-shot-image-classification"] = {
  candidate_labels = "json", hypothesis_template = "string", top_labels = "integer",
}
OPTIONS["image-feature-extraction"] = {}
OPTIONS.describe = {}

local function fail(code, message) return error({ code = code, message = message }, 0) end

local function check_id(what, id)
  if type(id) ~= "string" or #id > 160 or not find(id, "^[%w%-_.]+/[%w%-_.]+$") then
    parts.raise("%s: the model is named 'owner/name' (got %s)", what, parts.describe(id))
  end
end

local function check_options(what, task, options)
  if options == nil then return nil end
  if type(options) ~= "table" then
    parts.raise("%s: options are a table (got %s)", what, parts.describe(options))
  end
  local known, checked = OPTIONS[task], {}
  parts.check_fields(what, options, known)
  for name, value in next, options do
    checked[name] = parts.as_kind(format("%s: '%s'", what, name), known[name], value)
  end
  return next(checked) and checked or nil
end

-- raw: a picture's pixels, which follow the call.
local function start(what, model, task, inputs, options, raw)
  options = check_options(what, task, options)
  if parts.fake_models and host.state() then
    return parts.fake_models(what, model, task, inputs, options)
  end
  if not host.state() then
    parts.raise("%s: models answer visitors, so call them in a handler "
      .. "(this ran while the app was loading)", what)
  end
  local id, code, message =
    host.call({ model = model, task = task, inputs = inputs, options = options }, raw)
  if not id then fail(code, message) end
  return id
end

-- "token", text | "done", value | "failed", code, words. A test's own models are tables.
local function next_of(id)
  if type(id) == "table" then return id.next() end
  local what, a, b = host.next(id)
  if what ~= "loading" then return what, a, b end
  -- Its model is on the way: the visitor sees how far, and then what the handler had said.
  repeat
    parts.loading(a)
    what, a, b = host.next(id)
  until what ~= "loading"
  parts.loading(nil)
  return what, a, b
end

-- Reads to the end; tokens that come on the way are joined.
local function finish(id)
  local text = ""
  while true do
    local what, a, b = next_of(id)
    if what == "done" then return a, text end
    if what == "failed" then fail(a, b) end
    text = text .. a
  end
end

-- Asks a model about a picture.
local function look(what, id, task, picture, options)
  if parts.fake_models and host.state() then
    return (finish(start(what, id, task, picture, options)))
  end
  -- Asked each time: a model may have been replaced by one that wants others.
  local form = finish(start(what, id, "describe", {})).picture
  if not form then fail("bad_input", format("%s does not look at pictures", id)) end
  local rgb, words = sight.rgb(what, picture, form)
  if not rgb then fail("bad_input", words) end
  local inputs = { width = form.width, height = form.height }
  return (finish(start(what, id, task, inputs, options, rgb)))
end

local closing = {
  __close = function(call)
    if type(call.id) ~= "table" then host.stop(call.id) end
  end,
  __metatable = false,
}

-- An iterator over the tokens of a call. Leaving the loop early stops the model.
local function stream(id)
  local call = setmetatable({ id = id }, closing)
  local came, ended = false, false
  local function next_token()
    if ended then return nil end
    local what, a, b = next_of(id)
    if what == "token" then
      came = true
      return a
    end
    ended = true
    if what == "failed" then fail(a, b) end
    -- A model that does not stream says everything at its end.
    if not came and a and a.text ~= "" then return a.text end
  end
  return next_token, nil, nil, call
end

local function copy_turns(what, turns)
  if type(turns) ~= "table" or #turns == 0 then
    parts.raise("%s: a list of {role, content} is needed (got %s)", what, parts.describe(turns))
  end
  local copied = {}
  for i, turn in ipairs(turns) do
    local role, content
    if type(turn) == "table" then role, content = turn.role, turn.content end
    if type(role) ~= "string" or type(content) ~= "string" then
      parts.raise("%s: turn %d needs role and content as strings", what, i)
    end
    copied[i] = { role = role, content = content }
  end
  return copied
end

local check_text = pipelines.check_text

---@class vitrine.Sampling
---@field max_tokens? integer
---@field temperature? number
---@field top_p? number
---@field top_k? integer
---@field min_p? number
---@field repetition_penalty? number
---@field frequency_penalty? number
---@field presence_penalty? number
---@field logit_bias? table<string, number>
---@field logprobs? boolean
---@field top_logprobs? integer
---@field seed? integer
---@field stop? string[]
---@field response_format? table { type = "json_object" } or { type = "json_schema", … }
---@field grammar? string
---@field adapter? string

---@class vitrine.Chat
local Chat = {}
local chat_mt = { __index = Chat, __metatable = false }
local chats = setmetatable({}, { __mode = "k" })

local function id_of(what, self)
  local id = self ~= nil and chats[self]
  if not id then parts.raise("%s: call it with ':' on a model", what) end
  return id
end

---@param turns {role: string, content: string}[]
---@param options? vitrine.Sampling
---@return fun(): string? # the next piece of the answer
---@usage for token in llm:stream(turns) do reply:add(token) end
function Chat:stream(turns, options)
  local id = id_of("chat:stream", self)
  return stream(start("chat:stream", id, "chat", copy_turns("chat:stream", turns), options))
end

---@param turns {role: string, content: string}[]
---@return string text the whole answer
---@usage local answer = llm:complete { { role = "user", content = "Hello" } }
function Chat:complete(turns, options)
  local id = id_of("chat:complete", self)
  local inputs = copy_turns("chat:complete", turns)
  local value, text = finish(start("chat:complete", id, "chat", inputs, options))
  return value and value.text or text
end

---@param id string owner/name of a model that chats
---@return vitrine.Chat
---@usage local llm = models.chat "vitrine/tiny-writer"
function M.chat(id)
  check_id("models.chat", id)
  local self = setmetatable({}, chat_mt)
  chats[self] = id
  return self
end

---@class vitrine.Generator
local Generator = {}
local generator_mt = { __index = Generator, __metatable = false }

---@param prompt string
---@return fun(): string?
---@usage for token in writer:stream("Once") do story:append(token) end
function Generator:stream(prompt, options)
  local id = id_of("generate:stream", self)
  local inputs = check_text("generate:stream", prompt)
  return stream(start("generate:stream", id, "text-generation", inputs, options))
end

---@param prompt string
---@return string text what the model wrote
---@usage local story = writer:complete("Once upon a time")
function Generator:complete(prompt, options)
  local id = id_of("generate:complete", self)
  local inputs = check_text("generate:complete", prompt)
  local value, text = finish(start("generate:complete", id, "text-generation", inputs, options))
  return value and value.text or text
end

---@param id string owner/name of a model that goes on with a text
---@return vitrine.Generator
function M.generate(id)
  check_id("models.generate", id)
  local self = setmetatable({}, generator_mt)
  chats[self] = id
  return self
end

-- One call of a task that reads texts, or several where the list of texts is long.
local function read(what, id, task, inputs, options)
  local spec = pipelines.tasks[task]
  inputs = spec.check(what, inputs)
  if spec.check_options then spec.check_options(what, options) end
  return pipelines.in_parts(inputs, function(part)
    return (finish(start(what, id, task, part, options)))
  end)
end

---@class vitrine.Embedder
local Embedder = {}
local embedder_mt = { __index = Embedder, __metatable = false }

---The vector of a text, or a list of them for a list of texts: alike texts have vectors that point
---the same way (models.similarity).
---@param texts string|string[]
---@param options? {pooling?: "mean"|"cls"|"none", normalize?: boolean}
---@return number[]|number[][]
---@usage local vector = reader:embed("a red fox")
function Embedder:embed(texts, options)
  return read("model:embed", id_of("model:embed", self), "feature-extraction", texts, options)
end

---@param id string owner/name of a model that turns texts into vectors
---@return vitrine.Embedder
---@usage local reader = models.embedder "sentence-transformers/all-MiniLM-L6-v2"
function M.embedder(id)
  check_id("models.embedder", id)
  local self = setmetatable({}, embedder_mt)
  chats[self] = id
  return self
end

---@class vitrine.Classifier
local Classifier = {}
local classifier_mt = { __index = Classifier, __metatable = false }

---The labels of a text, best first; with candidate_labels those of yours, which the model need not
---know (zero-shot).
---@param text string|string[]
---@param options? {top_labels?: integer, candidate_labels?: string[], multi_label?: boolean, hypothesis_template?: string}
---@return {label: string, score: number}[]
---@usage local labels = sorter:classify("Where is my parcel?", { candidate_labels = { "order", "refund" } })
function Classifier:classify(text, options)
  local what, id = "model:classify", id_of("model:classify", self)
  if not (type(options) == "table" and options.candidate_labels) then
    return read(what, id, "text-classification", text, options)
  end
  local found, labels = read(what, id, "zero-shot-classification", text, options), {}
  for i, label in ipairs(found.labels) do labels[i] = { label = label, score = found.scores[i] } end
  return labels
end

---@param id string owner/name of a model that sorts texts
---@return vitrine.Classifier
function M.classifier(id)
  check_id("models.classifier", id)
  local self = setmetatable({}, classifier_mt)
  chats[self] = id
  return self
end

---@class vitrine.Ranker
local Ranker = {}
local ranker_mt = { __index = Ranker, __metatable = false }

---The documents that answer a query, best first; index is the place in documents, from 1.
---@param query string
---@param documents string[]
---@return {index: integer, score: number, document: string}[]
---@usage local best = ranker:rank("who flies?", { "a stone", "a bird" })[1].document
function Ranker:rank(query, documents)
  local what, id = "model:rank", id_of("model:rank", self)
  local inputs = { query = query, documents = documents }
  local ranked = {}
  for i, one in ipairs(read(what, id, "text-ranking", inputs)) do
    ranked[i] = { index = one.index + 1, score = one.score, document = documents[one.index + 1] }
  end
  return ranked
end

---@param id string owner/name of a model that holds two texts against each other
---@return vitrine.Ranker
function M.ranker(id)
  check_id("models.ranker", id)
  local self = setmetatable({}, ranker_mt)
  chats[self] = id
  return self
end

---How alike two vectors are: the cosine of the angle between them, from -1 to 1.
---@param a number[]
---@param b number[]
---@return number
---@usage local alike = models.similarity(reader:embed("a fox"), reader:embed("a dog"))
function M.similarity(a, b)
  return pipelines.similarity("models.similarity", a, b)
end

---The vectors of a list that are most alike to one, best first.
---@param vector number[]
---@param list number[][]
---@param n? integer how many, all if nil
---@return {index: integer, score: number}[]
---@usage local best = models.nearest(reader:embed("a fox"), reader:embed(texts), 3)[1].index
function M.nearest(vector, list, n)
  return pipelines.nearest("models.nearest", vector, list, n)
end

local TASKS = {}

for task in next, pipelines.tasks do
  TASKS[task] = function(id)
    return function(inputs, options) return read("pipeline", id, task, inputs, options) end
  end
end

TASKS["text-generation"] = function(id)
  return function(prompt, options)
    local inputs = check_text("pipeline", prompt)
    local value, text = finish(start("pipeline", id, "text-generation", inputs, options))
    return value and value.text or text
  end
end

for _, task in ipairs {
  "image-classification", "zero-shot-image-classification", "image-feature-extraction",
} do
  TASKS[task] = function(id)
    return function(picture, options) return look("pipeline", id, task, picture, options) end
  end
end

-- For methods of pictures: one of the model's own labels, or, with candidate_labels, of the
-- caller's texts.
function parts.classify_picture(what, picture, id, options)
  check_id(what, id)
  local named = type(options) == "table" and options.candidate_labels
  local task = named and "zero-shot-image-classification" or "image-classification"
  return look(what, id, task, picture, options)
end

TASKS.chat = function(id)
  return function(turns, options)
    local inputs = copy_turns("pipeline", turns)
    local value, text = finish(start("pipeline", id, "chat", inputs, options))
    return value and value.text or text
  end
end

---A function that runs one model on one task.
---@param task "text-classification"|"text-generation"|"chat"|"feature-extraction"|"fill-mask"|"token-classification"|"question-answering"|"zero-shot-classification"|"text-ranking"|"image-classification"|"zero-shot-image-classification"|"image-feature-extraction"
---@param id string owner/name
---@return fun(input: any, options?: table): any
---@usage local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")
function M.pipeline(task, id)
  local make = type(task) == "string" and TASKS[task]
  if not make then
    local near = type(task) == "string" and parts.nearest(task, TASKS)
    parts.raise("models.pipeline: unknown task %s; %s", parts.describe(task),
      near and format("did you mean '%s'?", near)
        or "known are: " .. lua.table.concat(parts.names(TASKS), ", "))
  end
  check_id("models.pipeline", id)
  return make(id)
end

return M
