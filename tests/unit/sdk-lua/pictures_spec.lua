-- Pictures for models; the pixels that are expected were made by PIL (tests/unit/picture/make_known.py).
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local KNOWN = "tests/unit/picture/known/"
local function known(name)
  local f = assert(io.open(KNOWN .. name, "rb"))
  local bytes = f:read "a"
  f:close()
  return bytes
end

local FORM = { width = 24, height = 24, shortest = 0, filter = 2 }
local SEEN = { { label = "cat", score = 0.75 }, { label = "dog", score = 0.25 } }

local function app_of(body, files)
  local all = {
    ["app.lua"] = [[
      local ui, models = require "vitrine.ui", require "vitrine.models"
      local see = models.pipeline("image-classification", "a/eyes")
      local clip = models.pipeline("zero-shot-image-classification", "a/clip")
      return ui.page({}, function()
        local photo = ui.image { id = "photo", upload = true }
        local pad, out, go = ui.sketch { id = "pad", grid = 4 }, ui.textbox { id = "out" }, ui.button { id = "go", "Go" }
        go:on_click { inputs = photo, fn = function(file, session) ]] .. body .. [[ end }
        return ui.column { photo, pad, out, go }
      end)
    ]],
  }
  for name, bytes in pairs(files or {}) do all[name] = bytes end
  return s.load(all)
end

local function send_file(app, v, bytes)
  app:send("FILE", { channel = v.channel, file = bytes, value = s.json.encode {
    id = "f1", name = "photo.jpg", type = "image/jpeg", size = #bytes } })
end

-- The call that a click leads to, once the model has been described.
local function await_look(app)
  local call = app:await_call()
  if call.body.task == "describe" then
    app:result(call, { task = "image-classification", picture = FORM })
    call = app:await_call()
  end
  return call
end

local function show_first(what) return "local seen = " .. what .. [[ out:set(seen[1].label .. " " .. seen[1].score) ]] end

it("an upload is brought to the size that the model wants, and its pixels follow the call", function()
  local app = app_of(show_first "see(file)")
  local v = app:open()
  send_file(app, v, known "tall.jpg")
  local n = v:fire("go", "click", { photo = { file = "f1" } })
  local call = await_look(app)
  equal({ model = "a/eyes", task = "image-classification", inputs = { width = 24, height = 24 } }, call.body)
  equal(true, call.raw == known "tall.jpg.24x24x0x2.rgb")
  app:result(call, SEEN)
  v:await(n)
  equal("cat 0.75", v:see "out")
end)

it("a model is described each time, for it may have been replaced", function()
  local app = app_of(show_first "see(file)")
  local v = app:open()
  send_file(app, v, known "rgb.png")
  for _ = 1, 2 do
    local n = v:fire("go", "click", { photo = { file = "f1" } })
    local call = app:await_call()
    equal("describe", call.body.task)
    app:result(call, { task = "image-classification", picture = FORM })
    call = app:await_call()
    equal("image-classification", call.body.task)
    equal(true, call.raw == known "rgb.png.24x24x0x2.rgb")
    app:result(call, SEEN)
    v:await(n)
  end
end)

it("an upload, what an image shows and a drawing have a method for it", function()
  for what, expected in pairs {
    ['file:classify "a/eyes"'] = "tall.jpg.24x24x0x2.rgb",
    ['photo:classify("a/eyes", { top_labels = 2 })'] = "tall.jpg.24x24x0x2.rgb",
    ['pad:classify "a/eyes"'] = false,
  } do
    local app = app_of(show_first(what))
    local v = app:open()
    send_file(app, v, known "tall.jpg")
    local pixels = {}
    for i = 1, 16 do pixels[i] = 200 end
    local n = v:fire("go", "click", { photo = { file = "f1" }, pad = { width = 4, height = 4, pixels = pixels } })
    local call = await_look(app)
    equal(true, call.raw == (expected and known(expected) or ("\200"):rep(24 * 24 * 3)))
    app:result(call, SEEN)
    v:await(n)
    equal("cat 0.75", v:see "out")
    app.bench:close()
  end
end)

it("a file of the repo and made bytes are read as well", function()
  for _, what in ipairs { 'see "cat.png"', 'see(ui.bytes(session.png or "", "image/png"))' } do
    local app = app_of(show_first(what), { ["cat.png"] = known "rgb.png" })
    local v = app:open {}
    local n = v:fire("go", "click")
    if what:find "session" then
      app:result(app:await_call(), { task = "image-classification", picture = FORM })
      match("neither a PNG nor a JPEG", v:await(n).fail.message)
    else
      local call = await_look(app)
      equal(true, call.raw == known "rgb.png.24x24x0x2.rgb")
      app:result(call, SEEN)
      v:await(n)
    end
    app.bench:close()
  end
end)

it("the caller's texts go with the picture", function()
  local app = app_of(show_first 'clip(file, { candidate_labels = { "cat", "dog" } })')
  local v = app:open()
  send_file(app, v, known "rgb.png")
  local n = v:fire("go", "click", { photo = { file = "f1" } })
  local call = await_look(app)
  equal("zero-shot-image-classification", call.body.task)
  equal({ candidate_labels = { "cat", "dog" } }, call.body.options)
  app:result(call, SEEN)
  v:await(n)
end)

it("a visitor is told what is wrong with the picture, and pcall catches it", function()
  local app = app_of(show_first "see(file)")
  local v = app:open()
  send_file(app, v, known("tall.jpg"):sub(1, 700))
  local n = v:fire("go", "click", { photo = { file = "f1" } })
  app:result(app:await_call(), { task = "image-classification", picture = FORM })
  local fail = v:await(n).fail
  equal(s.FAIL.INVALID, fail.op)
  match("the JPEG is damaged", fail.message)
  app.bench:close()
  app = app_of [[ local ok, e = pcall(see, file) out:set(e.code .. ": " .. e.message) ]]
  v = app:open()
  send_file(app, v, known "rgb.png")
  n = v:fire("go", "click", { photo = { file = "f1" } })
  app:result(app:await_call(), { task = "text-classification" })
  v:await(n)
  equal("bad_input: a/eyes does not look at pictures", v:see "out")
end)

it("what is no picture is the app's mistake", function()
  local app = app_of "see(42)"
  local v = app:open()
  local n = v:fire("go", "click")
  app:result(app:await_call(), { task = "image-classification", picture = FORM })
  local fail = v:await(n).fail
  equal(s.FAIL.ERROR, fail.op)
  match("a picture is an upload", fail.message)
end)
