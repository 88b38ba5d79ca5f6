-- Pictures, sound, film: what visitors send is checked by its bytes, what apps play is sent in pieces.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function page(root, before)
  return 'local ui = require "vitrine.ui"\nreturn ui.page({}, function()\n' .. (before or "")
    .. "\nreturn " .. root .. "\nend)"
end

local function refuses(name, root, words)
  it(name .. " is refused", function() match(words, s.load_failure(page(root)).message) end)
end

local function visitor(kind, more)
  local app = s.load(page("c", ("local c = ui.%s { id = 'c', %s }\n"):format(kind, more or "upload = true") .. [[
c:on_change(function(v, session)
  session.seen = v and { name = v.name, type = v.type, width = v.width, height = v.height, first = v.pixels and v.pixels[1] } or "none"
end)]]))
  return app, app:open()
end

-- What the app has seen of an upload with these bytes; or the words it was refused with.
local function upload(kind, media_type, bytes)
  local app, v = visitor(kind)
  app:send("FILE", {
    channel = v.channel, file = bytes,
    value = s.json.encode { id = "f", name = "a.x", type = media_type, size = #bytes },
  })
  local fail = v:await(v:fire("c", "change", { c = { file = "f" } })).fail
  return fail and fail.message or v:stored().seen
end

local function png(w, h)
  return "\137PNG\r\n\26\n\0\0\0\13IHDR" .. string.pack(">I4I4", w, h) .. ("\0"):rep(20)
end

it("a picture arrives with its width and height, of each of the four forms", function()
  local jpeg = "\xff\xd8\xff\xe0\0\16" .. ("\0"):rep(14) .. "\xff\xc0\0\17\8" .. string.pack(">I2I2", 20, 30) .. ("\0"):rep(20)
  local forms = {
    { "image/png", png(30, 20) }, { "image/jpeg", jpeg },
    { "image/gif", "GIF89a" .. string.pack("<I2I2", 30, 20) .. ("\0"):rep(30) },
    { "image/webp", "RIFF\0\0\0\0WEBPVP8X\10\0\0\0\0\0\0\0" .. string.pack("<I3I3", 29, 19) .. ("\0"):rep(9) },
  }
  for _, f in ipairs(forms) do
    equal({ name = "a.x", type = f[1], width = 30, height = 20 }, upload("image", f[1], f[2]))
  end
end)

it("a picture that would take gigabytes to draw is refused by its header", function()
  match("30000 × 30000 pixels, the limit is 64 million", upload("image", "image/png", png(30000, 30000)))
end)

it("what is no picture by its bytes is refused, whatever it is called", function()
  match("'a.x' is not a picture", upload("image", "text/plain", "<script>alert(1)</script>"))
  match("'a.x' is not a picture", upload("image", "application/octet-stream", "<svg/>"))
end)

it("sounds and films are told from other files", function()
  equal("audio/wav", upload("audio", "audio/wav", "RIFF").type)
  equal("video/webm", upload("audio", "video/webm", "x").type)
  match("is not a sound", upload("audio", "image/png", "x"))
  equal("video/mp4", upload("video", "video/mp4", "x").type)
  match("is not a film", upload("video", "audio/wav", "x"))
end)

local function sign(side, pixel)
  local pixels = {}
  for i = 1, side * side do pixels[i] = pixel end
  return { width = side, height = side, pixels = pixels }
end

it("a sign is a grid of whole numbers from 0 to 255, and nothing else", function()
  local _, v = visitor("sketch", "grid = 4")
  local function draw(value)
    local fail = v:await(v:fire("c", "change", { c = value })).fail
    return fail and fail.message or v:stored().seen
  end
  equal(255, draw(sign(4, 255)).first)
  for _, bad in ipairs { sign(5, 1), sign(4, 256), sign(4, -1), sign(4, 0.5), sign(4, "1"), { width = 4, height = 4 }, "x" } do
    match("must", draw(bad))
  end
  local long = sign(4, 1)
  long.pixels[17] = 1
  match("must have 4 × 4 pixels", draw(long))
end)

it("sound is appended piece by piece, and starts anew after clear", function()
  local app = s.load(page("ui.column { c, b }", [[
local c, b = ui.audio { id = "c" }, ui.button { "go", id = "b" }
b:on_click(function(session)
  c:clear()
  for i = 1, 3 do c:append(ui.bytes("RIFF" .. i, "audio/wav")) end
  session.parts = #c.value.parts
end)]]))
  local v = app:open()
  for _ = 1, 2 do
    local group = v:click "b"
    equal(nil, group.fail)
    equal(3, v:stored().parts)
  end
end)

it("only bytes can be appended", function()
  local app = s.load(page("ui.column { c, b }", [[
local c, b = ui.audio { id = "c" }, ui.button { "go", id = "b" }
b:on_click(function() c:append("RIFF") end)]]))
  local v = app:open()
  match("ui.audio:append: ui.bytes", v:click "b".fail.message)
end)

refuses("a sound that is not in the repo", "ui.audio { value = 'x.wav' }", "there is no file 'x.wav'")
refuses("a sound of another ending", "ui.audio { value = 'x.txt' }", "a file that ends in %.flac")
refuses("an endless recording", "ui.audio { max_seconds = 100000 }", "'max_seconds' must be from 1 to 3600")
refuses("a grid beyond measure", "ui.sketch { grid = 1000 }", "'grid' must be from 4 to 128")
