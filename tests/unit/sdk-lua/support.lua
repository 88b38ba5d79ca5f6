-- What the specs share: it(), checks, and a bench that plays gateway and inference.
local bench = require "bench"

local M = { json = { encode = bench.encode, decode = bench.decode } }

local passed, failed = 0, 0
local open_bench

local TYPE = {
  APP = 0x20, INFER = 0x21, OPEN = 0x30, VALUE = 0x31, EVENT = 0x32, CANCEL = 0x33, CLOSE = 0x34,
  ACK = 0x35, RESUME = 0x36, FILE = 0x37, CALL = 0x38, PRESENCE = 0x39, HOST_RESULT = 0x3b, TOKEN = 0xb8, RESULT = 0xb9, ERROR = 0xba, LOADING = 0xbb,
}
local KIND = { click = 1, submit = 2, change = 3, input = 4, load = 5, select = 6, clear = 7, upload = 8, example = 9,
  stream = 10, stop = 11, unload = 12, tick = 13, navigate = 21, like = 14, retry = 15, undo = 16, edit = 17, focus = 18, blur = 19, close = 20, call = 63 }
local SET, APPEND, REMOVE = 1, 2, 3
M.TYPE, M.KIND = TYPE, KIND
M.FAIL = { ERROR = 1, LIMIT = 2, CANCELLED = 3, INVALID = 4 }
M.RESULT = { YIELD = 1, FINAL = 2, PROGRESS = 3, LOG = 4 }
M.INTERIM, M.FINISH = 1, 2

---One claim. Its bench is closed afterwards.
function M.it(name, fn)
  if os.getenv "SPEC_NAMES" then io.stdout:write(os.clock(), " ", name, "\n") io.stdout:flush() end
  local ok, why = xpcall(fn, function(e) return debug.traceback(tostring(e), 2) end)
  if open_bench then
    local b = open_bench
    open_bench = nil
    b:close()
  end
  if ok then
    passed = passed + 1
  else
    failed = failed + 1
    io.stderr:write("FAILED ", name, "\n  ", why:gsub("\n", "\n  "), "\n")
  end
end

function report()
  print(string.format("%d passed, %d failed", passed, failed))
  return failed == 0 and passed > 0
end

local function show(v)
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) ~= "table" then return tostring(v) end
  local parts = {}
  for k, x in pairs(v) do parts[#parts + 1] = tostring(k) .. "=" .. show(x) end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b and math.type(a) == math.type(b) end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

function M.equal(want, got, what)
  if not same(want, got) then
    error((what and what .. ": " or "") .. "wanted " .. show(want) .. ", got " .. show(got), 2)
  end
end

function M.match(pattern, text, what)
  if type(text) ~= "string" or not text:find(pattern) then
    error((what and what .. ": " or "") .. "wanted " .. pattern .. ", got " .. show(text), 2)
  end
end

-- --- one app on a bench ------------------------------------------------------------------

local App = {}
App.__index = App
local Visitor = {}
Visitor.__index = Visitor

---Starts a worker and gives it an app: a source text, or {path = text}.
function M.start(files, options)
  if type(files) == "string" then files = { ["app.lua"] = files } end
  options = options or {}
  -- A busy machine gives a tenth of its time.
  if options.cpu_ms and options.cpu_ms > 6000 then options.wall_ms = options.wall_ms or options.cpu_ms * 10 end
  local self = setmetatable({ bench = bench.new(options), visitors = {}, seen = {}, calls = {}, asked = {}, unasked = {}, auto_ack = true }, App)
  open_bench = self.bench
  self.options = options
  self:pump(1)
  assert(self:take("SEALED"), "no SEALED")
  self:send("APP", {
    value = bench.encode {
      space = "space0", owner = "ada", name = "demo", bundle = ("0"):rep(64),
      entry = options.entry or "app.lua", check = options.check or nil,
    },
    file = bench.bundle(files),
    file2 = options.settings_text or options.settings and bench.encode(options.settings),
  })
  return self
end

---The same, through its HELLO.
function M.load(files, options)
  local self = M.start(files, options)
  local hello = self:await("HELLO", "LOAD_FAILED")
  if hello.type == "LOAD_FAILED" then error("load failed: " .. hello.value, 2) end
  self.hello = bench.decode(hello.value)
  self.nodes = {}
  local function walk(node)
    self.nodes[node.key] = node
    for _, child in ipairs(node.children or {}) do walk(child) end
  end
  walk(self.hello.tree.root)
  return self
end

---Why an app does not load: the fields of LOAD_FAILED.
function M.load_failure(files, options)
  local self = M.start(files, options)
  self.bench:capture()
  local m = self:await("LOAD_FAILED", "HELLO")
  self.log = self.bench:captured()
  if m.type == "HELLO" then error("it loaded", 2) end
  local why = bench.decode(m.value)
  return why, self
end

---A whole app around the body of one button's handler: h(body) or h(body, options).
function M.handler(body, options)
  options = options or {}
  return M.load((options.before or "") .. [[
    local ui, models, json, time = require "vitrine.ui", require "vitrine.models", require "vitrine.json", require "vitrine.time"
    return ui.page({}, function()
      local out = ui.textbox { id = "out" }
      local go = ui.button { "Go", id = "go" }
      local quick = ui.button { "Quick", id = "quick" }
      quick:on_click(function() out:set("quick") end)
      go:on_click(function(session)
]] .. body .. [[
      end)
      return ui.column { out, go, quick }
    end)]], options)
end

function App:send(kind, f)
  f.type = TYPE[kind]
  local link = f.type >= 0xb0 and "infer" or "app"
  self.bench:send(link, f)
end

-- Rounds of the worker; what it says is sorted to its visitors.
function App:pump(rounds, timeout)
  for _ = 1, rounds or 1 do
    self.ended = self.bench:step(timeout or 0)
    self:collect()
    if self.ended then return end
  end
end

function App:collect()
  if self.deaf then return end
  local frames, closed = self.bench:receive("app")
  self.closed = self.closed or closed
  for _, f in ipairs(frames) do
    local v = f.channel ~= 0 and self.visitors[f.channel]
    if f.type == "HOST_CALL" then
      f.service, f.ask, f.args, f.raw = f.value:match "^(%Z+)%z(%Z+)%z(%Z*)%z?(.*)$"
      f.args = bench.decode(f.args)
      self.asked[#self.asked + 1] = f
    elseif f.type == "HOST_STOP" then
      self.unasked[f.seq] = true
    elseif v then v:hear(f) else self.seen[#self.seen + 1] = f end
  end
  for _, f in ipairs((self.bench:receive("infer"))) do
    if f.type == "CALL" then
      local json, raw = f.value:match "^(%Z*)%z?(.*)$"
      f.body, f.raw = bench.decode(json), raw
      self.calls[#self.calls + 1] = f
    else
      self.stops = self.stops or {}
      self.stops[f.seq] = true
    end
  end
end

---Takes the first message of that type that belongs to no visitor.
function App:take(...)
  for i, f in ipairs(self.seen) do
    for _, kind in ipairs { ... } do
      if f.type == kind then return table.remove(self.seen, i) end
    end
  end
end

local PATIENCE = 600 -- seconds; only a test that fails waits so long

---Runs the worker until test() is true.
function App:until_(test, what)
  local begin = os.time()
  while true do
    local got = test()
    if got then return got end
    if self.ended then error("the worker has ended; waiting for " .. (what or "?"), 2) end
    if os.time() - begin > PATIENCE then error("waited too long for " .. (what or "?"), 2) end
    self:pump(1, 20)
  end
end

function App:await(...)
  local kinds = { ... }
  return self:until_(function() return self:take(table.unpack(kinds)) end, table.concat(kinds, " or "))
end

---The next model call the worker makes.
function App:await_call()
  return self:until_(function() return table.remove(self.calls, 1) end, "a model call")
end

---The next call to a service of the platform.
function App:await_ask()
  return self:until_(function() return table.remove(self.asked, 1) end, "a call to the platform")
end

---Answers it; value: JSON text, raw: bytes behind it.
function App:answer(ask, value, raw)
  self:send("HOST_RESULT", { channel = ask.channel, seq = ask.seq, op = 1, value = value .. (raw and "\0" .. raw or "") })
end

function App:refuse(ask, code, words)
  self:send("HOST_RESULT", { channel = ask.channel, seq = ask.seq, op = 2, value = code .. "\0" .. words })
end

function App:token(call, text) self:send("TOKEN", { seq = call.seq, value = text }) end

function App:loading(call, percent)
  self:send("LOADING", { seq = call.seq, value = bench.encode { percent = percent } })
end

function App:result(call, value)
  self:send("RESULT", {
    seq = call.seq,
    value = bench.encode { value = value, device_usec = 10, queue_usec = 1, tokens_in = 1, tokens_out = 1 },
  })
end

function App:fail_call(call, code, message)
  self:send("ERROR", { seq = call.seq, value = bench.encode { code = code, message = message } })
end

local next_channel = 6

---Opens a session: fields of OPEN, and seq.
function App:open(o)
  o = o or {}
  next_channel = next_channel + 1
  local v = setmetatable({
    app = self, channel = o.channel or next_channel, n = 0, seq = o.seq or 0, groups = {}, finished = {},
    frames = {}, image = {}, props = {}, results = {},
  }, Visitor)
  self.visitors[v.channel] = v
  local body = { session = "s" .. v.channel, image = 0, overlay = 0, files = o.files, user = o.user, from = o.from, query = o.query }
  -- image and overlay are given as JSON text where {} and [] must differ
  local text = bench.encode(body)
  text = text:gsub('"image":0', function() return '"image":' .. (o.image or "{}") end)
  text = text:gsub('"overlay":0', function() return '"overlay":' .. (o.overlay or "[]") end)
  self:send("OPEN", { channel = v.channel, seq = v.seq, value = text })
  return v
end

-- One frame for this visitor; a COMMIT closes the group and applies it, as the gateway does.
function Visitor:hear(f)
  if f.type == "LOST" then
    self.lost = true
    return
  end
  if f.type ~= "COMMIT" then
    self.frames[#self.frames + 1] = f
    return
  end
  M.equal(self.seq + 1, f.seq, "group number")
  self.seq = f.seq
  local group = { n = f.node, op = f.op, seq = f.seq, frames = self.frames, patches = {}, images = {} }
  self.frames = {}
  for _, part in ipairs(group.frames) do self:apply(group, part) end
  self.groups[#self.groups + 1] = group
  if f.op == M.FINISH then self.finished[f.node] = group end
  if self.app.auto_ack then self.app:send("ACK", { channel = self.channel, seq = f.seq }) end
end

function Visitor:apply(group, f)
  local cut = f.value:find("\0", 1, true)
  if f.type == "PATCH" then
    local path, value = f.value:sub(1, cut - 1), f.value:sub(cut + 1)
    if f.op == SET then value = bench.decode(value) end
    group.patches[#group.patches + 1] = { node = f.node, op = f.op, path = path, value = value }
    self:apply_patch(f.node, f.op, path, value)
  elseif f.type == "IMAGE" then
    local key, bytes = f.value:sub(1, cut - 1), f.value:sub(cut + 1)
    group.images[#group.images + 1] = { key = key, op = f.op, kept = f.node, bytes = bytes }
    self.image[key] = f.op == SET and (self.image[key] or ""):sub(1, f.node) .. bytes or nil
  elseif f.type == "FAIL" then
    group.fail = bench.decode(f.value)
    group.fail.op, group.fail.n = f.op, f.node
  elseif f.type == "RESULT" then
    local of = self.results[f.node] or { yields = {}, progress = {}, logs = {} }
    self.results[f.node] = of
    if f.op == M.RESULT.FINAL then
      of.final = f.value
    else
      local list = ({ of.yields, [3] = of.progress, [4] = of.logs })[f.op]
      list[#list + 1] = f.op == M.RESULT.YIELD and f.value or bench.decode(f.value)
    end
  elseif f.type == "BLOB" then
    group.blobs = group.blobs or {}
    local id, media, bytes = f.value:match("^([^%z]*)%z([^%z]*)%z(.*)$")
    local kind, name = media:match("^(.-);name=(.*)$")
    group.blobs[id] = { type = kind or media, name = name, bytes = bytes }
  end
end

local function page_value(self, node, prop)
  for _, known in pairs(self.app.nodes) do
    if known.n == node then return known.props[prop] end
  end
end

function Visitor:apply_patch(node, op, path, value)
  local own = self.props[node] or {}
  self.props[node] = own
  local prop, rest = path:match("^([^/]+)/?(.*)$")
  if rest == "" then
    own[prop] = op == APPEND and (own[prop] or page_value(self, node, prop) or "") .. value or value
    return
  end
  own[prop] = own[prop] or page_value(self, node, prop) or {}
  local at = own[prop]
  local keys = {}
  for key in rest:gmatch("[^/]+") do keys[#keys + 1] = tonumber(key) and tonumber(key) + 1 or key end
  for i = 1, #keys - 1 do
    at[keys[i]] = at[keys[i]] or {} -- what names an item makes the container
    at = at[keys[i]]
  end
  local last = keys[#keys]
  if op == REMOVE and math.type(last) then
    for i = #at, last, -1 do table.remove(at, i) end
    return
  end
  at[last] = op == APPEND and (at[last] or "") .. value or value
end

---What this visitor sees of a component's property.
function Visitor:see(key, prop)
  local node = key == "" and 0 or assert(self.app.nodes[key], key).n
  local own = self.props[node]
  if own and own[prop or "value"] ~= nil then return own[prop or "value"] end
  return key ~= "" and self.app.nodes[key].props[prop or "value"] or nil
end

---The session table as the gateway has it.
function Visitor:stored()
  local t = {}
  for key, text in pairs(self.image) do t[key] = bench.decode(text) end
  return t
end

function Visitor:value(key, json)
  self.app:send("VALUE", { channel = self.channel, node = self.app.nodes[key].n, seq = self.n + 1, value = json })
end

---A gesture. values: {key = value} that the visitor changed before it. Returns n.
function Visitor:fire(key, kind, values, payload)
  local node = key == "" and 0 or assert(self.app.nodes[key], "no component " .. key).n
  for k, v in pairs(values or {}) do self:value(k, bench.encode(v)) end
  self.n = self.n + 1
  self.app:send("EVENT", {
    channel = self.channel, node = node, seq = self.n, op = KIND[kind],
    value = payload == nil and "null" or bench.encode(payload),
  })
  return self.n
end

---A program calls a function; arguments as JSON text. Returns n.
function Visitor:call(name, arguments)
  local known
  for _, f in ipairs(self.app.hello.api) do known = f.name == name and f or known end
  self.n = self.n + 1
  self.app:send("CALL", {
    channel = self.channel, node = known and known.node or 0, seq = self.n,
    op = known and KIND[known.event] or KIND.call, value = name .. "\0" .. arguments,
  })
  return self.n
end

---Calls and waits: the final result as JSON text, or nil and the FAIL; then all of its results.
function Visitor:ask(name, arguments)
  local n = self:call(name, arguments)
  local group = self:await(n)
  local of = self.results[n] or { yields = {}, progress = {}, logs = {} }
  return not group.fail and of.final or nil, group.fail, of
end

---Runs until event n is finished; returns the group that finished it.
function Visitor:await(n)
  return self.app:until_(function() return self.finished[n] end, "the end of event " .. n)
end

function Visitor:click(key, values) return self:await(self:fire(key, "click", values)) end

function Visitor:cancel(n) self.app:send("CANCEL", { channel = self.channel, seq = n }) end

return M
