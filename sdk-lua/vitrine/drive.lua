---@meta vitrine.test
-- A visitor without a browser, for test.lua: gestures go to the app as the frames that the gateway
-- would send, and what comes back is applied as a browser does. The app cannot tell the difference.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local visit = import "visit"
local component = import "component"
local data = import "components"
local type, ipairs, next, select, tostring = type, ipairs, next, select, tostring
local pcall, error, setmetatable = pcall, error, setmetatable
local format, find, match, sub =
  lua.string.format, lua.string.find, lua.string.match, lua.string.sub
local concat, unpack = lua.table.concat, lua.table.unpack
local raise, describe = parts.raise, parts.describe
local of_files, given_of = import("values").of_files, import("values").given
local constants, records, INPUTS = data.constants, component.records, component.inputs
local SET, APPEND = constants.PATCH_SET, constants.PATCH_APPEND

local M = {}

local built            -- the app's page
local above = {}       -- record → the one it stands in
local sessions = {}    -- by channel
local last_channel = 0

---@class vitrine.Visit One visitor of the app.
local Visit = {}
local inside = setmetatable({}, { __mode = "k" }) -- what a test must not reach
local visit_mt = { __index = Visit, __metatable = false, __name = "visit" }

-- What a handler raised, as a test gets it: its own place, and the test's.
local Failure = { __metatable = false, __name = "failure" }
function Failure.__tostring(f) return f.words end
M.Failure = Failure

local function json(value)
  local text, words = host.json_encode(value)
  if not text then raise("this cannot be sent: %s", words) end
  return text
end

-- Where the test is: "test.lua:7".
local function place()
  local _, words = pcall(host.raise, "")
  return match(tostring(words), "^(.-:%d+): $")
end

local function check_test(what)
  if host.state() then raise("%s: a handler cannot drive the app", what) end
end

local function me(self, what)
  check_test("visit:" .. what)
  local s = inside[self]
  if not s then raise("visit:%s: call it with ':' on a visit", what) end
  if s.closed then raise("visit:%s: this visit is over", what) end
  return s
end

-- --- what the visitor sees ------------------------------------------------------------------

local function cell_text(node, op, path, bytes)
  local value = op == SET and bytes or op == APPEND and json(bytes) or "null"
  return format("[%d,%s,%d,%s]", node, json(path), op, value)
end

local function hear_patch(s, op, node, path, bytes)
  local value = bytes
  if op == SET then value = host.json_decode(bytes) end
  if node ~= 0 then
    s.overlay[#s.overlay + 1] = cell_text(node, op, path, bytes)
    local rec = built.nodes[node]
    if rec then state.apply(s.seen, rec, path, op, value) end
  elseif path == "toast" and value then
    s.toasts[#s.toasts + 1] = value
  elseif path == "progress" then
    s.progress = value
  end
end

local function hear_image(s, op, kept, key, bytes)
  if op == constants.IMAGE_SET then
    s.image[key] = sub(s.image[key] or "", 1, kept) .. bytes
  else
    s.image[key] = nil
  end
end

local function hear_result(s, op, n, bytes)
  local value = host.json_decode(bytes, true)
  if op == constants.RESULT_LOG then
    s.toasts[#s.toasts + 1] = { kind = value.level, message = value.message }
  elseif op == constants.RESULT_PROGRESS then
    s.progress = value
  elseif op == constants.RESULT_FINAL then
    s.results[n] = value
  else
    local list = s.yields[n] or {}
    s.yields[n] = list
    list[#list + 1] = value
  end
end

local function hear_blob(s, id, bytes)
  s.blobs[id] = sub(bytes, find(bytes, "\0", 1, true) + 1)
end

local function hear(s, n, op, seq, records_of_group)
  s.seq = seq
  for _, r in ipairs(records_of_group) do
    local kind, rop, node, bytes = r[1], r[2], r[3], r[4]
    local cut = find(bytes, "\0", 1, true)
    if kind == "app.PATCH" then
      hear_patch(s, rop, node, sub(bytes, 1, cut - 1), sub(bytes, cut + 1))
    elseif kind == "app.IMAGE" then
      hear_image(s, rop, node, sub(bytes, 1, cut - 1), sub(bytes, cut + 1))
    elseif kind == "app.FAIL" then
      s.failed[n] = host.json_decode(bytes)
      s.failed[n].op = rop
    elseif kind == "app.RESULT" then
      hear_result(s, rop, node, bytes)
    elseif kind == "app.BLOB" then
      hear_blob(s, sub(bytes, 1, cut - 1), sub(bytes, cut + 1))
    end
  end
  if op == constants.COMMIT_FINISH then s.finished[n] = true end
end

-- Hears one group of whichever session; false: there is none, and it is not to wait.
local function listen(wait)
  local channel, n, op, seq, group = host.stage_next(wait)
  if not channel then return false end
  if sessions[channel] then hear(sessions[channel], n, op, seq, group) end
  return true
end

local function fail(s, n, doing)
  local f = s.failed[n]
  if not f or f.op == constants.FAIL_CANCELLED then return end
  local words = f.message
  if f.file and f.line then words = format("%s:%d: %s", f.file, f.line, words) end
  local at = place()
  error(setmetatable({
    words = format("%s\n  in %s%s", words, doing, at and " at " .. at or ""),
    file = f.file, line = f.line, traceback = f.traceback, at = at,
  }, Failure), 0)
end

local function await(s, n, doing)
  while not s.finished[n] do listen(true) end
  fail(s, n, doing)
end

local function send(s, kind, node, seq, op, value, file)
  local words = host.stage_send(kind, s.channel, node, seq, op, value, file)
  if words then raise("%s", words) end
end

-- --- components by name ---------------------------------------------------------------------

-- The i-th kind of name of a component: its id, its label, what a button says, its key, its type.
local NAMES = 5
local function named(s, rec, i)
  local kind = rec.type
  if i == 1 then return rec.props.id end
  if i == 2 then return state.get(s.seen, rec, "label") end
  if i == 3 then return kind == "button" and state.get(s.seen, rec, "value") or nil end
  return i == 4 and rec.key or kind
end

local function not_there(s, what, name)
  local known = {}
  for _, rec in ipairs(built.order) do
    for i = 1, 3 do
      local other = named(s, rec, i)
      if other then known[other] = true end
    end
  end
  local near = parts.nearest(name, known)
  raise("visit:%s: nothing on the page is called '%s'%s", what, name,
    near and format("; did you mean '%s'?", near)
      or format("; there are: %s", concat(parts.names(known), ", ")))
end

local function find_rec(s, what, name)
  if type(name) ~= "string" then
    raise("visit:%s: the name of a component is needed (got %s)", what, describe(name))
  end
  for i = 1, NAMES do
    local found
    for _, rec in ipairs(built.order) do
      if named(s, rec, i) == name then
        if found then
          raise("visit:%s: several components are called '%s'; give one an id", what, name)
        end
        found = rec
      end
    end
    if found then return found end
  end
  not_there(s, what, name)
end

-- looks: what only looks at it, as selecting a part of it does.
local function check_usable(s, what, name, rec, looks)
  local at = rec
  while at do
    if state.get(s.seen, at, "visible") == false then
      raise("visit:%s: '%s' is hidden", what, name)
    end
    at = above[at]
  end
  if not looks and state.get(s.seen, rec, "interactive") == false then
    raise("visit:%s: '%s' is not interactive now", what, name)
  end
end

-- --- gestures -------------------------------------------------------------------------------

-- What the visitor has typed goes with the next event, as a browser sends it.
local function send_drafts(s, n)
  for _, rec in ipairs(built.order) do
    local draft = s.drafts[rec]
    if draft then
      local text = json(draft.value)
      s.drafts[rec] = nil
      send(s, "value", rec.node, n, 0, text)
      state.keep(s.seen, rec, "value", draft.value)
      if not rec.props.password then
        s.overlay[#s.overlay + 1] = cell_text(rec.node, SET, "value", text)
      end
    end
  end
end

local function fire(s, node, event, payload)
  local n = s.n + 1
  s.n = n
  send_drafts(s, n)
  send(s, "event", node, n, component.events[event], payload == nil and "null" or json(payload))
  return n
end

local function start(self, what, name, event, payload)
  local s = me(self, what)
  local rec = find_rec(s, what, name)
  check_usable(s, what, name, rec, event == "select")
  if not rec.handlers[event] then
    raise("visit:%s: nothing happens on %s of '%s': it has no on_%s", what, event, name, event)
  end
  return s, fire(s, rec.node, event, payload), format("the %s of '%s'", event, name)
end

---Clicks and waits for the end of the handler; what it raises is raised here.
---@param name string id, label or what the button says
---@usage s:click "Submit"
function Visit:click(name) await(start(self, "click", name, "click")) end

---Enter, or the send button, in a text; with text: types it first.
---@usage s:submit("Message", "Hello")
function Visit:submit(name, text)
  if text ~= nil then self:set(name, text) end
  await(start(self, "submit", name, "submit"))
end

---Any event that the component has a handler for.
---@usage s:fire("Conversation", "clear")
function Visit:fire(name, event, payload)
  if not component.events[event] then raise("visit:fire: there is no event %s", describe(event)) end
  await(start(self, "fire", name, event, payload))
end

---Types or chooses. The app has it with the next event; on_input and on_change run at once.
---@usage s:set("Text", "I love it.")
function Visit:set(name, value)
  local s = me(self, "set")
  local rec = find_rec(s, "set", name)
  if not INPUTS[rec.type] then
    raise("visit:set: '%s' is a %s, which visitors cannot change", name, rec.type)
  end
  if of_files[rec.type] and value ~= nil then
    raise("visit:set: files are given by visit:upload")
  end
  check_usable(s, "set", name, rec)
  s.drafts[rec] = { value = parts.copy(value) }
  for _, event in ipairs { "input", "change" } do
    if rec.handlers[event] then await(start(self, "set", name, event)) end
  end
end

local TYPES = {
  png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", gif = "image/gif",
  webp = "image/webp", wav = "audio/wav", mp3 = "audio/mpeg", mp4 = "video/mp4", webm = "video/webm", csv = "text/csv", txt = "text/plain", json = "application/json",
}

-- A file of the repo, or one that the test has made.
local function read_file(file)
  if type(file) == "string" then
    local bytes = host.bundled(file)
    if not bytes then raise("visit:upload: there is no file '%s' in the Space's repo", file) end
    return match(file, "[^/]+$"), TYPES[match(file, "%.(%w+)$") or ""], bytes
  end
  if type(file) ~= "table" or type(file.name) ~= "string" or type(file.bytes) ~= "string" then
    raise("visit:upload: a path in the repo, or { name = …, bytes = …, type = … } is needed")
  end
  return file.name, file.type or TYPES[match(file.name, "%.(%w+)$") or ""], file.bytes
end

local function send_file(s, f)
  send(s, "file", 0, 0, 0, json(f.says), f.bytes)
end

local function give_file(s, file)
  local title, kind, bytes = read_file(file)
  local id = format("test%d", #s.files + 1)
  local says = { id = id, name = title, type = kind or "application/octet-stream", size = #bytes }
  local f = { says = says, bytes = bytes }
  send_file(s, f)
  s.files[#s.files + 1] = f
  return { file = id, name = says.name, type = says.type, size = says.size }
end

---Chooses a file: a path in the repo, or {name, bytes, type}; where several may be chosen, one more.
---@usage s:upload("Photo", { name = "cat.png", bytes = "…" })
function Visit:upload(name, file)
  local s = me(self, "upload")
  local rec = find_rec(s, "upload", name)
  if not of_files[rec.type] then
    raise("visit:upload: '%s' is a %s, which takes no files", name, rec.type)
  end
  check_usable(s, "upload", name, rec)
  local value = give_file(s, file)
  if rec.spec.multiple and state.get(s.seen, rec, "multiple") then
    local list = self:get(name, "value") or {}
    list[#list + 1] = value
    value = list
  end
  s.drafts[rec] = { value = value }
  for _, event in ipairs { "upload", "change" } do
    if rec.handlers[event] then await(start(self, "upload", name, event)) end
  end
end

---A click on one of the ready-made inputs.
---@param name string|integer the examples' name where the page has several, else the row
---@param row? integer from 1
---@usage s:example(1)
function Visit:example(name, row)
  local s = me(self, "example")
  if row == nil then name, row = "examples", name end
  local rec = find_rec(s, "example", name)
  local values = rec.example_inputs and state.get(s.seen, rec, "rows")[row]
  if not values then raise("visit:example: '%s' has no row %s", name, tostring(row)) end
  for i, input in ipairs(rec.example_inputs) do
    s.drafts[records[input]] = { value = parts.copy(values[i]) }
  end
  if rec.handlers.example then await(start(self, "example", name, "example", row - 1)) end
end

---Like click or submit, one step for each group of changes that the visitor sees on the way.
---@param name string
---@param event? string click where it is a button, else submit
---@return fun(): integer?
---@usage for _ in s:stream "Write" do seen[#seen + 1] = s:value "Story" end
function Visit:stream(name, event)
  local s = me(self, "stream")
  local rec = find_rec(s, "stream", name)
  local doing, n
  s, n, doing = start(self, "stream", name, event or (rec.type == "button" and "click" or "submit"))
  local step = 0
  return function()
    if s.finished[n] then return nil end
    local before = s.seq
    while s.seq == before do listen(true) end
    if s.finished[n] then fail(s, n, doing) end
    step = step + 1
    return step
  end
end

---Stops every running handler of this visitor, as its stop button does.
function Visit:cancel()
  local s = me(self, "cancel")
  send(s, "cancel", 0, 0, 0)
end

-- --- functions that programs call ----------------------------------------------------------

local function start_call(self, what, name, ...)
  local s = me(self, what)
  local f = built.functions[name]
  if not f then
    local near = type(name) == "string" and parts.nearest(name, built.functions)
    raise("visit:%s: there is no function %s%s", what, describe(name),
      near and format("; did you mean '%s'?", near) or "")
  end
  local texts, n = {}, s.n + 1
  for i = 1, select("#", ...) do texts[i] = json((select(i, ...))) end
  s.n = n
  send(s, "call", f.entry.node, n, f.kind, name .. "\0[" .. concat(texts, ",") .. "]")
  return s, n, format("the call of '%s'", name), #f.entry.outputs
end

local function values_of(list, n)
  local own = {}
  for i = 1, n do
    if list[i] ~= host.null then own[i] = list[i] end
  end
  return unpack(own, 1, n)
end

---Calls a function as a program does, and returns its results.
---@param name string its api_name
---@param ... any arguments; nil: the default
---@usage test.equal(s:call("greet", "Ada"), "Hello, Ada!")
function Visit:call(name, ...)
  local s, n, doing, count = start_call(self, "call", name, ...)
  await(s, n, doing)
  return values_of(s.results[n] or {}, count)
end

---The same, once for each result on the way.
---@usage for text in s:yields("spell", "fox") do seen[#seen + 1] = text end
function Visit:yields(name, ...)
  local s, n, doing, count = start_call(self, "yields", name, ...)
  local at = 0
  return function()
    while not (s.yields[n] and s.yields[n][at + 1]) do
      if s.finished[n] then return fail(s, n, doing) end
      listen(true)
    end
    at = at + 1
    return values_of(s.yields[n][at], count)
  end
end

---A file as an argument of a call: a path in the repo, or {name, bytes, type}.
---@usage s:call("size", s:file { name = "cat.png", bytes = "…" })
function Visit:file(file) return give_file(me(self, "file"), file) end

---The content of a file that the app made.
---@usage test.equal(s:bytes(s:call "report"), "a,b")
function Visit:bytes(file)
  local s = me(self, "bytes")
  local bytes = type(file) == "table" and s.blobs[file.file]
  if not bytes then raise("visit:bytes: a file that the app made is needed (got %s)", describe(file)) end
  return bytes
end

---How far the last handler that said so was.
function Visit:progress() return parts.copy(me(self, "progress").progress) end

-- --- looking --------------------------------------------------------------------------------

---A property of a component as the visitor sees it.
---@usage test.equal(s:get("Submit", "interactive"), true)
function Visit:get(name, prop)
  local s = me(self, "get")
  local rec = find_rec(s, "get", name)
  if not rec.spec[prop] then parts.unknown("visit:get", prop, rec.spec) end
  local draft = prop == "value" and s.drafts[rec]
  if draft then return parts.copy(draft.value) end
  local value = state.get(s.seen, rec, prop)
  local given = prop == "value" and given_of[rec.type]
  if given then return given(value, function(id) return s.blobs[id] end) end
  return parts.copy(value)
end

---What a component shows.
---@usage test.equal(s:value "Greeting", "Hello, Ada!")
function Visit:value(name) return self:get(name, "value") end

---The messages that came over the page so far: {kind, message}.
function Visit:toasts() return parts.copy(me(self, "toasts").toasts) end

---The session table as it is stored.
---@usage test.equal(#s:session().turns, 2)
function Visit:session()
  local s, stored = me(self, "session"), {}
  for key, text in next, s.image do stored[key] = host.json_decode(text) end
  return stored
end

-- --- coming and going -----------------------------------------------------------------------

local function image_text(image)
  local pairs_of = {}
  for _, key in ipairs(parts.names(image)) do
    pairs_of[#pairs_of + 1] = json(key) .. ":" .. image[key]
  end
  return "{" .. concat(pairs_of, ",") .. "}"
end

local function open(s, from)
  local fields = {
    '"session":' .. json("test" .. s.channel),
    '"image":' .. image_text(s.image),
    '"overlay":[' .. concat(s.overlay, ",") .. "]",
  }
  local files = {}
  for i, f in ipairs(s.files) do files[i] = json(f.says) end
  if files[1] then fields[#fields + 1] = '"files":[' .. concat(files, ",") .. "]" end
  if s.user then fields[#fields + 1] = '"user":' .. json(s.user) end
  if next(s.query) then fields[#fields + 1] = '"query":' .. json(s.query) end
  if from then fields[#fields + 1] = '"from":' .. json(from) end
  s.finished[0], s.failed[0] = nil, nil
  s.seen = state.new(s.channel, "", {})
  visit.restore(s.seen, built, host.json_decode("[" .. concat(s.overlay, ",") .. "]"))
  send(s, "open", 0, s.seq, 0, "{" .. concat(fields, ",") .. "}")
  while listen(false) do end
  for _, f in ipairs(s.files) do send_file(s, f) end
  if from then while not s.finished[0] do listen(true) end end
  fail(s, 0, from and "upgrade(old)" or "the opening of the session")
end

---The same visitor after the page was reloaded, or the worker has slept: the session comes back
---from what was stored.
function Visit:reload()
  local s = me(self, "reload")
  send(s, "close", 0, 0, 0)
  open(s)
end

---The visitor leaves; running handlers are stopped.
function Visit:close()
  local s = me(self, "close")
  send(s, "close", 0, 0, 0)
  s.closed = true
  sessions[s.channel] = nil
end

local ELSEWHERE = lua.string.rep("0", 64) -- a bundle that is none
local VISIT_FIELDS = { user = true, query = true, session = true, upgrade = true }

---Opens the page.
---@param options? { user?: string, query?: table, session?: table, upgrade?: boolean }
---@return vitrine.Visit
---@usage local s = app:visit { user = "ada" }
function M.visit(_, options)
  check_test "app:visit"
  options = options or {}
  if type(options) ~= "table" then raise("app:visit: options are a table") end
  parts.check_fields("app:visit", options, VISIT_FIELDS)
  last_channel = last_channel + 1
  local s = {
    channel = last_channel, n = 0, seq = 0, image = {}, overlay = {}, drafts = {}, toasts = {}, files = {},
    finished = {}, failed = {}, results = {}, yields = {}, blobs = {}, user = options.user, query = parts.copy(options.query or {}),
  }
  for key, value in next, options.session or {} do s.image[key] = json(value) end
  sessions[s.channel] = s
  open(s, options.upgrade and ELSEWHERE or nil)
  if built.page.handlers.load then await(s, fire(s, 0, "load"), "the page's on_load") end
  local self = setmetatable({}, visit_mt)
  inside[self] = s
  return self
end

---Ends every visit that is still open.
function M.close_all()
  for channel, s in next, sessions do
    s.closed = true
    host.stage_send("close", channel, 0, 0, 0)
  end
  sessions = {}
end

function M.begin(page)
  built = page
  for _, rec in ipairs(page.order) do
    for _, child in ipairs(rec.children or {}) do above[records[child]] = rec end
  end
end

return M
