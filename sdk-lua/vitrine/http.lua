---@meta vitrine.http
-- Requests over HTTP to hosts that front matter names and the operator allows. A call waits by
-- yielding. Every status is an answer; what gave none is raised as a table {code, message} whose
-- message the visitor sees, and pcall catches it.
local host, lua, import = ...
local parts = import "parts"
local type, error, next, ipairs, tostring = type, error, next, ipairs, tostring
local setmetatable = setmetatable
local format, gsub, lower, find, byte, upper =
  lua.string.format, lua.string.gsub, lua.string.lower, lua.string.find, lua.string.byte,
  lua.string.upper
local concat, sort = lua.table.concat, lua.table.sort
local raise, describe = parts.raise, parts.describe

local M = {}

local OPTIONS = {
  headers = true, query = true, body = true, json = true, form = true, timeout = true,
}
local REQUEST = { method = true, url = true }
for name in next, OPTIONS do REQUEST[name] = true end

local TIMEOUT_MAX = 60

local function fail(code, message) return error({ code = code, message = message }, 0) end

-- --- what is sent ---------------------------------------------------------------------------

-- Names in order, so that the same table is always sent the same.
local function names_of(what, t)
  if type(t) ~= "table" then raise("%s is a table of names and texts (got %s)", what, describe(t)) end
  local names = {}
  for name in next, t do
    if type(name) ~= "string" then raise("%s: a name is a text (got %s)", what, describe(name)) end
    names[#names + 1] = name
  end
  sort(names)
  return names
end

local function text_of(what, value)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then return tostring(value) end
  return raise("%s: a text, a number or a boolean is needed (got %s)", what, describe(value))
end

local function escape(text)
  return (gsub(text, "[^%w%-._~]", function(c) return format("%%%02X", byte(c)) end))
end

-- name=value&name=value, of a value that is a list each.
local function encode(what, t)
  local pairs_of = {}
  for _, name in ipairs(names_of(what, t)) do
    local value = t[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      pairs_of[#pairs_of + 1] = escape(name) .. "=" .. escape(text_of(what .. "." .. name, one))
    end
  end
  return concat(pairs_of, "&")
end

local function headers_of(what, t)
  local list, has_type = {}, false
  if t == nil then return list, has_type end
  for _, name in ipairs(names_of(what .. ": 'headers'", t)) do
    list[#list + 1] = { name, text_of(format("%s: header '%s'", what, name), t[name]) }
    has_type = has_type or lower(name) == "content-type"
  end
  return list, has_type
end

-- The body's bytes and their type, nil where there is none.
local function body_of(what, o)
  local given
  for _, name in ipairs { "body", "json", "form" } do
    if o[name] ~= nil then
      if given then raise("%s: '%s' and '%s' are both a body; give one", what, given, name) end
      given = name
    end
  end
  if given == "body" then
    if type(o.body) ~= "string" then raise("%s: 'body' is a text (got %s)", what, describe(o.body)) end
    return o.body
  elseif given == "json" then
    local text, words = host.json_encode(o.json)
    if not text then raise("%s: 'json' cannot be written: %s", what, words) end
    return text, "application/json"
  elseif given == "form" then
    return encode(what .. ": 'form'", o.form), "application/x-www-form-urlencoded"
  end
end

local function url_of(what, o)
  if type(o.url) ~= "string" or not find(o.url, "^https?://") then
    raise("%s: a URL begins with https:// or http:// (got %s)", what, describe(o.url))
  end
  if o.query == nil then return o.url end
  local query = encode(what .. ": 'query'", o.query)
  if query == "" then return o.url end
  return (gsub(o.url, "^([^#]*)", function(url)
    return url .. (find(url, "?", 1, true) and "&" or "?") .. query
  end, 1))
end

local function timeout_of(what, seconds)
  if seconds == nil then return nil end
  if type(seconds) ~= "number" or not (seconds > 0 and seconds <= TIMEOUT_MAX) then
    raise("%s: 'timeout' is a number of seconds up to %d (got %s)", what, TIMEOUT_MAX, describe(seconds))
  end
  return seconds * 1000 // 1 | 0
end

-- --- what comes back ------------------------------------------------------------------------

---@class vitrine.http.Answer
---@field status integer
---@field ok boolean status is 200 to 299
---@field headers table<string, string> names in lower case; the values of one name with ", " between
---@field body string
---@field url string that answered, after redirects
local answer = {}

---The body as a Lua value; raises where it is no JSON.
---@return any
function answer:json()
  local value, words = host.json_decode(self.body)
  if words then fail("bad_answer", format("%s answered no JSON: %s", self.url, words)) end
  return value
end

local answer_mt = { __index = answer, __metatable = false, __name = "vitrine.http.Answer" }

local function answer_of(url, value, body)
  local headers = {}
  for _, pair in ipairs(value.headers or {}) do
    local name = pair[1]
    headers[name] = headers[name] and headers[name] .. ", " .. pair[2] or pair[2]
  end
  return setmetatable({
    status = value.status, ok = value.status >= 200 and value.status < 300, headers = headers,
    body = body or "", url = value.url or url,
  }, answer_mt)
end

local function request(what, o)
  local method = o.method == nil and "GET" or o.method
  if type(method) ~= "string" or not find(method, "^%a+$") then
    raise("%s: 'method' is a word like GET (got %s)", what, describe(method))
  end
  local args = { url = url_of(what, o), timeout_ms = timeout_of(what, o.timeout) }
  local body, body_type = body_of(what, o)
  local headers, has_type = headers_of(what, o.headers)
  if body_type and not has_type then headers[#headers + 1] = { "Content-Type", body_type } end
  if headers[1] then args.headers = headers end
  if not host.state() then
    raise("%s: requests serve visitors, so make them in a handler "
      .. "(this ran while the app was loading)", what)
  end
  method = upper(method)
  if parts.fake_http then return answer_of(args.url, parts.fake_http(what, method, args, body)) end
  local ok, value, rest = host.ask("http", method, args, body)
  if not ok then fail(value, rest) end
  return answer_of(args.url, value, rest)
end

---@class vitrine.http.Options
---@field headers? table<string, string>
---@field query? table<string, any> is added to the URL
---@field body? string bytes as they are
---@field json? any becomes the body
---@field form? table<string, any> likewise
---@field timeout? number seconds for everything; 30, at most 60

local function check(what, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then raise("%s: options are a table (got %s)", what, describe(options)) end
  parts.check_fields(what, options, known)
  return options
end

local function with(method, what, url, options)
  local o = { method = method, url = url }
  for name, value in next, check(what, options, OPTIONS) do o[name] = value end
  return request(what, o)
end

---@param url string
---@param options? vitrine.http.Options
---@return vitrine.http.Answer
---@usage local r = http.get("https://api.example.org/words", { query = { q = "sea" } })
function M.get(url, options) return with("GET", "http.get", url, options) end

---@param url string
---@param options? vitrine.http.Options
---@return vitrine.http.Answer
---@usage local r = http.post("https://api.example.org/words", { json = { word = "sea" } })
function M.post(url, options) return with("POST", "http.post", url, options) end

---@param o table method, url, and the options
---@return vitrine.http.Answer
---@usage local r = http.request { method = "DELETE", url = "https://api.example.org/words/sea" }
function M.request(o)
  if type(o) ~= "table" then raise("http.request: a table with 'url' is needed (got %s)", describe(o)) end
  return request("http.request", check("http.request", o, REQUEST))
end

return M
