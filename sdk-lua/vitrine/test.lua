---@meta vitrine.test
-- What test.lua requires: tests with names, checks, and models that answer as the test says. Each
-- test runs where it stands; one that fails does not stop the others, but the push.
local host, lua, import = ...
local parts = import "parts"
local drive = import "drive"
local store = import "store_fake"
local type, ipairs, next, tostring = type, ipairs, next, tostring
local pcall, getmetatable, setmetatable = pcall, getmetatable, setmetatable
local format, find, gsub, match, sub =
  lua.string.format, lua.string.find, lua.string.gsub, lua.string.match, lua.string.sub
local concat, sort = lua.table.concat, lua.table.sort
local mathtype, tointeger = lua.math.type, lua.math.tointeger
local utf8_len = lua.utf8.len
local raise, describe = parts.raise, parts.describe

local TESTS_MAX = 200
local NAME_MAX = 100
local WORDS_MAX = 1000
local FILE_MAX, LINE_MAX = 255, 1 << 24 -- of a place in app.TESTED
local SHOWN_MAX = 300

local M = {}
local public = {}
M.public = public

local results = {}
local first   -- the first failure: {message, file, line, traceback}
local current -- name of the test that runs
local fakes = {}
local http_fn -- what requests are answered by

-- --- words ----------------------------------------------------------------------------------

local function clip(text, most)
  if not utf8_len(text) then text = gsub(text, "[\128-\255]", "?") end
  if #text <= most then return text end
  local cut = most
  while not utf8_len(sub(text, 1, cut)) do cut = cut - 1 end
  return sub(text, 1, cut) .. "…"
end

local function show(value, depth)
  depth = depth or 1
  if type(value) == "string" then return format("%q", value) end
  if type(value) ~= "table" then return tostring(value) end
  if depth > 4 then return "{…}" end
  local fields = {}
  for i, v in ipairs(value) do fields[i] = show(v, depth + 1) end
  local n, named = #fields, {}
  for k, v in next, value do
    if not (mathtype(k) == "integer" and k >= 1 and k <= n) then
      named[#named + 1] = format("%s = %s", tostring(k), show(v, depth + 1))
    end
  end
  sort(named)
  for _, text in ipairs(named) do fields[#fields + 1] = text end
  return "{ " .. concat(fields, ", ") .. " }"
end

-- message, file, line, traceback of whatever a test raised
local function read_error(e)
  local words, trace = e, nil
  if getmetatable(e) == false and type(e) == "table" then
    words, trace = tostring(e), e.traceback
  elseif type(e) == "table" then
    words = e.message or e[1]
  end
  if type(words) ~= "string" then words = "the error is not a text: " .. describe(words) end
  local file, line, rest = match(words, "^([^:\n]+):(%d+): (.*)$")
  line = tointeger(line)
  -- An app's own words may look like a place.
  if file and (#file > FILE_MAX or not line or line > LINE_MAX) then file, line, rest = nil, nil, nil end
  return clip(rest or words, WORDS_MAX), file, line, trace
end

-- --- tests ----------------------------------------------------------------------------------

-- A program that calls once has a session of its own, as a visitor has.
local function call(self, name, ...) return drive.visit(self):call(name, ...) end

local app_mt = { __index = { visit = drive.visit, call = call }, __metatable = false, __name = "app" }

local function add_result(name, began, message, file, line, trace)
  results[#results + 1] = {
    name = clip(name, NAME_MAX), ok = message == nil,
    ms = tointeger((host.monotonic() - began) * 1000 // 1),
    message = message, file = file, line = line,
  }
  if message and not first then
    first = { message = message, file = file, line = line, traceback = trace }
  end
end

local function run(_, name, fn)
  if type(name) ~= "string" or name == "" or type(fn) ~= "function" then
    raise("test: a name and a function are needed: test(\"greets\", function(app) … end)")
  end
  if current then raise("test: '%s' stands inside '%s'", name, current) end
  if #results >= TESTS_MAX then raise("test: more than %d tests", TESTS_MAX) end
  local began = host.monotonic()
  current = gsub(name, "%c", " ")
  store.clear()
  M.began = began
  local ok, e = pcall(fn, setmetatable({}, app_mt))
  if ok then
    add_result(current, began)
  else
    add_result(current, began, read_error(e))
  end
  current = nil
  drive.close_all()
end

-- --- checks ---------------------------------------------------------------------------------

local function same(a, b, depth)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if depth > 32 then return false end
  for k, v in next, a do
    if not same(v, b[k], depth + 1) then return false end
  end
  for k in next, b do
    if a[k] == nil then return false end
  end
  return true
end

local function about(what) return what and tostring(what) .. ": " or "" end

---Two values that are alike; tables by what is in them.
---@usage test.equal(s:value "Greeting", "Hello, Ada!")
function public.equal(got, wanted, what)
  if same(got, wanted, 1) then return end
  raise("%sgot %s, wanted %s", about(what), clip(show(got), SHOWN_MAX),
    clip(show(wanted), SHOWN_MAX))
end

---Anything but nil and false.
function public.ok(value, what)
  if not value then raise("%sgot %s", about(what), tostring(value)) end
end

---A text with this piece in it, found as it stands; give a pattern with is_pattern.
function public.contains(text, piece, is_pattern)
  if type(text) == "string" and find(text, piece, 1, not is_pattern) then return end
  raise("got %s, which does not contain %s", clip(show(text), SHOWN_MAX), show(piece))
end

---Something that must fail, in words that contain these. Returns them.
---@usage test.fails(function() s:click "Refuse" end, "This button always refuses")
function public.fails(fn, words)
  local ok, e = pcall(fn)
  if ok then raise("this should have failed") end
  local message = read_error(e)
  if words and not find(message, words, 1, true) then
    raise("failed with %s, which does not contain %s", show(message), show(words))
  end
  return message
end

-- --- models ---------------------------------------------------------------------------------

-- A fake's answer as a stream: a text at once, a list of texts or an iterator piece by piece.
local function pieces_of(answer)
  if type(answer) == "function" then return answer end
  local list, i = type(answer) == "table" and answer or { answer }, 0
  return function()
    i = i + 1
    if list[i] ~= nil then host.sleep(0) end
    return list[i]
  end
end

local function stream(answer)
  local give, all = pieces_of(answer), {}
  return function()
    local piece = give()
    if piece ~= nil then
      all[#all + 1] = tostring(piece)
      return "token", tostring(piece)
    end
    return "done", { text = concat(all), finish_reason = "stop" }
  end
end

local function fake(what, model, task, inputs, options)
  local fn = fakes[model]
  if not fn then
    raise("%s: no model runs while tests do; say what '%s' answers: "
      .. "test.model(\"%s\", function(input) … end)", what, model, model)
  end
  local answer = fn(inputs, options or {}, task)
  if answer == nil then raise("test.model '%s': the function returned nothing", model) end
  if task == "chat" or task == "text-generation" then return { next = stream(answer) } end
  return { next = function() return "done", parts.copy(answer) end }
end

---What a model answers from now on: fn(input, options, task) returns the task's value, as a
---classification, or a text, a list of its pieces, or an iterator over them.
---@param id string owner/name
---@param fn fun(input: any, options: table, task: string): any
---@usage test.model("vitrine/tiny-writer", function(turns) return { "Once", " upon" } end)
function public.model(id, fn)
  if type(id) ~= "string" or not (fn == nil or type(fn) == "function") then
    raise("test.model: a model's name and a function are needed")
  end
  fakes[id] = fn
end

---What requests of vitrine.http are answered from now on: fn(method, url, body, headers) returns a
---status and a body, or a body alone, or a table as JSON.
---@param fn fun(method: string, url: string, body: string?, headers: table): any, any
---@usage test.http(function(method, url) return 200, { words = 3 } end)
function public.http(fn)
  if type(fn) ~= "function" then raise("test.http: a function is needed (got %s)", describe(fn)) end
  http_fn = fn
end

local function fake_http(what, method, args, body)
  if not http_fn then
    raise("%s: no request is made while tests run; say what comes back: "
      .. "test.http(function(method, url, body) … end)", what)
  end
  local headers = {}
  for _, pair in ipairs(args.headers or {}) do headers[pair[1]] = pair[2] end
  local status, answer = http_fn(method, args.url, body, headers)
  if not mathtype(status) then status, answer = 200, status end
  if type(answer) == "table" then answer = host.json_encode(answer) end
  if type(answer) ~= "string" then
    raise("test.http: the function returned no body (got %s)", describe(answer))
  end
  return { status = tointeger(status) or 200, headers = {} }, answer
end

-- --- for the host ---------------------------------------------------------------------------

setmetatable(public, {
  __call = run,
  __index = function(_, key)
    local near = type(key) == "string" and parts.nearest(key, public)
    raise("test: there is no '%s'%s", tostring(key),
      near and format("; did you mean '%s'?", near) or "")
  end,
  __metatable = false,
})

function M.begin(built)
  drive.begin(built)
  parts.fake_models = fake
  parts.fake_store = store.ask
  parts.fake_http = fake_http
end

---The fields of TESTED. What is behind usec: why test.lua itself ended.
function M.results(usec, message, file, line, trace)
  if message then
    if file == "" then file, line = nil, nil end
    if current then
      add_result(current, M.began, clip(message, WORDS_MAX), file, line, trace)
    elseif not first then
      first = { message = clip(message, WORDS_MAX), file = file, line = line, traceback = trace }
    end
  elseif #results == 0 then
    first = {
      message = "it has no test: test(\"greets\", function(app) … end)", file = "test.lua", line = 1,
    }
  end
  local fields = { ok = first == nil, usec = usec, tests = results[1] and results or nil }
  for k, v in next, first or {} do fields[k] = v end
  if fields.traceback == "" then fields.traceback = nil end
  return fields
end

return M
