-- Choices, ranges, days, colours and buttons: what an app may declare, what a visitor may send.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function source(constructor)
  return [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local c = ui.]] .. constructor .. "\n" .. [[
  local go = ui.button { "Go", id = "go" }
  go:on_click { inputs = { c }, fn = function(value, session) session.got = value end }
  return ui.column { c, go }
end)]]
end

local function takes(name, constructor, sent, want)
  it(name .. " is taken from a visitor", function()
    local app = s.load(source(constructor))
    local v = app:open()
    local group = v:click("go", { c = sent })
    if group.fail then error(group.fail.message) end
    equal({ got = want }, v:stored())
  end)
end

local function turns_away(name, constructor, sent, words)
  it(name .. " is turned away", function()
    local app = s.load(source(constructor))
    local v = app:open()
    v:value("c", sent)
    local group = v:click "go"
    equal(s.FAIL.INVALID, group.fail and group.fail.op)
    match(words, group.fail.message)
    equal({}, v:stored())
  end)
end

local function refuses(name, constructor, words)
  it(name .. " is refused", function() match(words, s.load_failure(source(constructor)).message) end)
end

local FEW = "checkbox_group { id = 'c', choices = { 'a', { label = 'B', value = 'b' } } }"
takes("some of a group, once each", FEW, { "b", "a", "b" }, { "b", "a" })
takes("none of a group", FEW, {}, {})
turns_away("what is not in the group", FEW, '["x"]', "must be among the choices")
turns_away("a text for a group", FEW, '"a"', "must be a list of choices")
turns_away("numbers for a group", FEW, "[1]", "must be among the choices")
refuses("a group's value that is no choice", "checkbox_group { choices = { 'a' }, value = { 'b' } }", "must be one of the choices")
it("a group nobody touched is an empty list", function()
  local app = s.load(source(FEW))
  local v = app:open()
  v:click "go"
  equal({ got = {} }, v:stored())
end)

local CUSTOM = "dropdown { id = 'c', choices = { 'a' }, custom = true }"
takes("a word of the visitor's own", CUSTOM, "zebra", "zebra")
turns_away("an empty word", CUSTOM, '""', "one of the choices")
turns_away("a word that is too long", CUSTOM, '"' .. ("x"):rep(1001) .. '"', "the limit is 1000")
turns_away("a word where only choices are", "dropdown { id = 'c', choices = { 'a' } }", '"zebra"', "one of the choices")
turns_away("more than max_choices", "dropdown { id = 'c', choices = { 'a', 'b' }, multiple = true, max_choices = 1 }", '["a","b"]', "takes at most 1")
takes("own words among several", "dropdown { id = 'c', choices = { 'a' }, multiple = true, custom = true }", { "a", "own" }, { "a", "own" })
refuses("no choice at all", "dropdown { choices = { 'a' }, max_choices = 0 }", "'max_choices' must be at least 1")

it("one of many thousand choices is found without looking at each of them for each of them", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local many = {}
  for i = 1, 20000 do many[i] = "choice " .. i end
  local c = ui.dropdown { id = "c", choices = many, multiple = true, value = many }
  local go = ui.button { "Go", id = "go" }
  go:on_click { inputs = { c }, fn = function(value, session) session.n = #value end }
  return ui.column { c, go }
end)]]
  local v = app:open()
  local all = {}
  for i = 1, 20000 do all[i] = "choice " .. i end
  local group = v:click("go", { c = all })
  if group.fail then error(group.fail.message) end
  equal({ n = 20000 }, v:stored())
end)

local RANGE = "range_slider { id = 'c', min = 10, max = 20 }"
takes("a part of a range", RANGE, { 12, 15.5 }, { 12, 15.5 })
it("a range nobody touched is all of it", function()
  local app = s.load(source(RANGE))
  local v = app:open()
  v:click "go"
  equal({ got = { 10, 20 } }, v:stored())
end)
turns_away("a range the wrong way round", RANGE, "[15,12]", "the lower one first")
turns_away("a range that goes beyond", RANGE, "[12,21]", "must be from 10 to 20")
turns_away("three ends", RANGE, "[12,13,14]", "must be two numbers")
turns_away("words for a range", RANGE, '["a","b"]', "must be two numbers")
turns_away("a number for a range", RANGE, "12", "must be two numbers")
refuses("a range without width", "range_slider { min = 1, max = 1 }", "'min' must be below 'max'")
refuses("a range's value outside", "range_slider { value = { -1, 5 } }", "'value' must be from 0 to 100")
refuses("a range's value that is none", "range_slider { value = { 5 } }", "low ≤ high")
refuses("a step of nothing", "range_slider { step = 0 }", "'step' must be above 0")

takes("a day", "datetime { id = 'c' }", "2024-02-29", "2024-02-29")
takes("no day", "datetime { id = 'c', value = '2024-02-29' }", "", nil)
takes("a time", "datetime { id = 'c', kind = 'time' }", "23:59", "23:59")
takes("a day and a time", "datetime { id = 'c', kind = 'datetime' }", "2026-11-26T13:05", "2026-11-26T13:05")
for _, bad in ipairs { "2025-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "26-04-01", "2026-04-01T10:00", "x", "2026-04-01\\n" } do
  turns_away("the day " .. bad, "datetime { id = 'c' }", '"' .. bad .. '"', "a day like 2026")
end
turns_away("an hour there is not", "datetime { id = 'c', kind = 'time' }", '"24:00"', "a time like 13:05")
turns_away("a day before the first", "datetime { id = 'c', min = '2026-01-01' }", '"2025-12-31"', "must not be before 2026%-01%-01")
turns_away("a day after the last", "datetime { id = 'c', max = '2026-01-01' }", '"2026-01-02"', "must not be after")
turns_away("a number for a day", "datetime { id = 'c' }", "7", "a day like")
refuses("a day of another form", "datetime { kind = 'time', value = '2026-01-01' }", "'value' must be a time like 13:05")

takes("a colour, in small letters", "color { id = 'c' }", "#0B6B5D", "#0b6b5d")
turns_away("a colour by name", "color { id = 'c' }", '"red"', "a colour like #0b6b5d")
turns_away("a style for a colour", "color { id = 'c' }", '"#000000;background:url(x)"', "a colour like")
refuses("a ready colour that is none", "color { choices = { 'red' } }", "a colour is like #0b6b5d")

for _, bad in ipairs { "javascript:alert(1)", "data:text/html,x", "//example.org", "/path", "mailto:a@b", "https://", "https:///x", "ftp://x" } do
  refuses("a button that leads to " .. bad, ("button { 'x', link = '%s' }"):format(bad), "must be an http:// or https:// address")
end
it("a handler cannot make a button lead to script", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local go = ui.button { "Go", id = "go", link = "https://example.org/" }
  go:on_click(function() go:update { link = "javascript:alert(1)" } end)
  return go
end)]]
  match("must be an http:// or https:// address", app:open():click("go").fail.message)
end)
refuses("a pictogram there is not", "button { 'x', icon = 'skull' }", "must be one of add|check")

it("an upload button gives its files to the handler, a download button what the handler made", function()
  local app = s.load { ["card.md"] = "card", ["app.lua"] = [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local up = ui.upload_button { "Send", id = "up", types = ".txt" }
  local down = ui.download_button { "Get", id = "down", value = "card.md" }
  up:on_upload(function(file, session) session.got = file.name .. ":" .. file:read() end)
  down:on_click(function() down:set(ui.bytes("a,b", "text/csv", "made.csv")) end)
  return ui.row { up, down }
end)]] }
  local v = app:open()
  app:until_(function() return v.finished[0] end, "the card")
  equal("card.md", v:see("down").name)
  app:send("FILE", { channel = v.channel, file = "abc", value = '{"id":"f1","name":"a.txt","type":"text/plain","size":3}' })
  v:await(v:fire("up", "upload", { up = { file = "f1" } }))
  equal({ got = "a.txt:abc" }, v:stored())
  v:click "down"
  equal("made.csv", v:see("down").name)
end)

it("a message may have a title and its own duration", function()
  local app = s.handler [[ ui.success { "In your folder.", title = "Saved", duration = 0 } ]]
  local v = app:open()
  local group = v:click "go"
  equal({ kind = "success", message = "In your folder.", title = "Saved", duration = 0 }, group.patches[1].value)
end)

it("a message with a field that is not known is refused", function()
  local app = s.handler [[ ui.info { "x", timeout = 3 } ]]
  local v = app:open()
  app.bench:capture()
  local fail = v:click("go").fail
  app.bench:captured()
  match("unknown field 'timeout'", fail.message)
end)

it("what is needed is asked for when it is sent, not while it is changed, and of programs too", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local name = ui.textbox { label = "Name", id = "name", required = true, value = "x", submit = true }
  local tags = ui.checkbox_group { label = "Tags", id = "tags", choices = { "a" }, required = true }
  local go = ui.button { "Go", id = "go" }
  name:on_change(function(value, session) session.seen = value end)
  name:on_submit(function(value, session) session.sent = value end)
  go:on_click { inputs = { name, tags }, api_name = "send", fn = function(n, t, session) session.both = n .. #t end }
  return ui.column { name, tags, go }
end)]]
  local v = app:open()
  v:await(v:fire("name", "change", { name = "" }))
  equal({ seen = "" }, v:stored())
  match("Name: This is needed", v:await(v:fire("name", "submit")).fail.message)
  local fail = v:click("go").fail
  equal("Name: This is needed.; Tags: This is needed.", fail.message)
  equal(2, #fail.fields)
  equal(nil, v:click("go", { name = "Ada", tags = { "a" } }).fail)
  equal("Ada1", v:stored().both)
  equal({ true, true }, { app.hello.api[1].inputs[1].required, app.hello.api[1].inputs[2].required })
end)
