-- What does not belong on the link ends it with a reason; the worker ends by itself then.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local PAGE = 'local ui = require "vitrine.ui" return ui.page({}, function() return ui.button { "Go", id = "go" } end)'

local function header(length, type, op, channel, node, seq)
  return string.pack("<I2BBI4I4I4", length, type, op or 0, channel or 0, node or 0, seq or 0)
end

local function ends(name, words, send)
  it(name .. " ends the link with a reason", function()
    local app = s.load(PAGE)
    local v = app:open()
    app:pump(2)
    app.bench:capture()
    send(app, v)
    for _ = 1, 20 do
      if app.ended then break end
      app:pump(1, 10)
    end
    local log = app.bench:captured()
    equal(true, app.ended)
    match("the app link was ended: .*" .. words, log)
  end)
end

ends("an unknown type", "frame type 119 is not known", function(app) app.bench:raw("app", header(0, 0x77)) end)
ends("a truncated header", "frame header: 3 bytes", function(app) app.bench:raw("app", "abc") end)
ends("a truncated value", "frame length: 100 but only 5 bytes follow",
  function(app) app.bench:raw("app", header(100, s.TYPE.EVENT, 1, 7) .. "hello") end)
ends("a value over its limit", "value is over the limit of 4096",
  function(app) app:send("FILE", { channel = 7, value = ("x"):rep(5000) }) end)
ends("a second app", "app.APP on channel 0 is out of turn", function(app) app:send("APP", { value = "{}" }) end)
ends("an app's message from the worker's side", "frame type 2 is not known", function(app) app.bench:raw("app", header(0, 2)) end)
ends("OPEN on channel 0", "app.OPEN on channel 0 is out of turn", function(app) app:send("OPEN", { value = "{}" }) end)
ends("OPEN that is not JSON", "app.OPEN: JSON", function(app) app:send("OPEN", { channel = 3, value = "{" }) end)
ends("OPEN without an image", "app.OPEN: image: missing",
  function(app) app:send("OPEN", { channel = 3, value = '{"session":"x","overlay":[]}' }) end)
ends("OPEN with a wrong image", "image must be an object",
  function(app) app:send("OPEN", { channel = 3, value = '{"session":"x","overlay":[],"image":[]}' }) end)
ends("OPEN with wrong files", "files%[0%]: id: missing",
  function(app) app:send("OPEN", { channel = 3, value = '{"session":"x","overlay":[],"image":{},"files":[{}]}' }) end)
ends("an ACK of what was not sent", "app.ACK seq: 9, but group 0 is the last",
  function(app, v) app:send("ACK", { channel = v.channel, seq = 9 }) end)
ends("INFER without its link", "app.INFER: the link is missing", function(app) app:send("INFER", {}) end)
ends("a continued value that is interrupted", "interrupts a continued value",
  function(app) app.bench:raw("app", header(1, s.TYPE.EVENT, 0x81, 7) .. "x" .. header(0, s.TYPE.CLOSE, 0, 7)) end)

it("the gateway's end of file ends the worker without complaint", function()
  local app = s.load(PAGE)
  app.bench:capture()
  app.bench:hang_up "app"
  for _ = 1, 20 do
    if app.bench:step(10) then break end
  end
  equal("", app.bench:captured())
  equal(true, app.bench:step(0))
end)

it("sessions that nobody knows are lost or nothing", function()
  local app = s.load(PAGE)
  for _, kind in ipairs { "VALUE", "CANCEL", "CLOSE", "ACK" } do app:send(kind, { channel = 99, seq = 1, value = kind == "VALUE" and "1" or nil }) end
  app:pump(2)
  equal(nil, app:take("LOST"))
  app:send("EVENT", { channel = 99, seq = 1, op = 1 })
  app:pump(2)
  equal(99, app:take("LOST").channel)
end)

it("events on components the page does not have, or that have no handler", function()
  local app = s.load(PAGE)
  local v = app:open()
  v.n = 1
  app:send("EVENT", { channel = v.channel, seq = 1, node = 12345, op = 1, value = "null" })
  local group = v:await(1)
  equal(s.FAIL.INVALID, group.fail.op)
  match("reload", group.fail.message)
  equal(nil, v:click("go").fail)
  v.n = 3
  app:send("EVENT", { channel = v.channel, seq = 3, node = app.nodes.go.n, op = 99, value = "{bad" })
  equal(s.FAIL.INVALID, v:await(3).fail.op)
end)

-- The bundle: sealed, whole, in the protocol's shape.
local function app_message(bench, file)
  bench:send("app", { type = s.TYPE.APP, file = file, value = s.json.encode {
    space = "s", owner = "o", name = "n", bundle = ("0"):rep(64), entry = "app.lua" } })
end

local function bad_bundle(name, words, file)
  it(name .. " is refused", function()
    local raw = require "bench"
    local b = raw.new {}
    b:capture()
    app_message(b, type(file) == "function" and file(raw) or file)
    for _ = 1, 20 do
      if b:step(10) then break end
    end
    local log = b:captured()
    b:close()
    match(words, log)
  end)
end
bad_bundle("a bundle that is not sealed", "bundle is not sealed", function(raw) return raw.unsealed("VITRBND1\0\0\0\0") end)
bad_bundle("a bundle that is none", "ended: ", "rubbish")
bad_bundle("a truncated bundle", "ended: ", (require("bench").bundle { ["app.lua"] = "return 1" }):sub(1, -3))
bad_bundle("no bundle", "the bundle is missing", nil)

it("random bytes never crash it", function()
  math.randomseed(42)
  for _ = 1, 60 do
    local app = s.load(PAGE)
    local v = app:open()
    app:pump(1)
    app.bench:capture()
    local types = { 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37 }
    for _ = 1, 20 do
      local value = {}
      for i = 1, math.random(0, 60) do value[i] = string.char(math.random(0, 255)) end
      value = table.concat(value)
      app.bench:raw("app", header(#value, types[math.random(#types)], math.random(0, 127), math.random(0, 1) * v.channel,
        math.random(0, 1) * app.nodes.go.n, math.random(0, 5)) .. value)
      if app.ended then break end
      app.bench:step(0)
    end
    app.bench:captured()
    app.bench:close()
  end
end)
