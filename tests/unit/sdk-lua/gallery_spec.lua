-- ui.gallery: which pictures it takes, and what an app gets of them.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function page(fields, body)
  return { ["cat.png"] = "\137PNG", ["app.lua"] = [[
local ui, json = require "vitrine.ui", require "vitrine.json"
return ui.page({}, function()
  local g = ui.gallery { id = "g", ]] .. fields .. [[ }
  local out = ui.textbox { id = "out" }
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session) ]] .. body .. [[ end)
  g:on_select(function(session, at) out:set(at and at.index .. " " .. tostring(at.caption) or "none") end)
  return ui.column { g, out, go }
end)]] }
end

local function click(fields, body)
  local app = s.load(page(fields, body))
  local v = app:open()
  app.bench:capture()
  local group = v:click "go"
  app.bench:captured()
  return v, group
end

it("pictures of the repo, made ones and captions", function()
  local v, group = click("", [[g:set { "cat.png", { ui.bytes("GIF89a", "image/gif", "a.gif"), caption = "made" } }
    local list = g.value out:set(#list .. list[1].name .. list[2].name .. list[2].caption)]])
  equal(nil, group.fail and group.fail.message)
  equal("2cat.pnga.gifmade", v:see "out")
  local value = v:see "g"
  equal("made", value[2].caption)
  equal("\137PNG", group.blobs[value[1].file].bytes)
end)

it("what the constructor shows goes to every session, and a selection names one of it", function()
  local app = s.load(page("value = { { 'cat.png', caption = 'Tom' } }", ""))
  equal(nil, app.nodes.g.props.value)
  local v = app:open()
  v:await(v:fire("g", "select", nil, { index = 0 }))
  equal("Tom", v:see("g")[1].caption)
  equal("1 Tom", v:see "out")
  for _, payload in ipairs { { index = 1 }, { index = -1 }, { index = "x" }, 5 } do
    v:await(v:fire("g", "select", nil, payload))
    equal("none", v:see "out")
  end
end)

local function refuses(name, value, words)
  it(name .. " is refused", function()
    local _, group = click("", "g:set(" .. value .. ")")
    match(words, group.fail and group.fail.message)
  end)
end

refuses("one picture", "'cat.png'", "a list of pictures is needed")
refuses("a picture that is not there", "{ 'dog.png' }", "no file 'dog.png'")
refuses("a caption that is no text", "{ { 'cat.png', caption = {} } }", "picture 1: 'caption' is a string")
refuses("an unknown field", "{ { 'cat.png', captoin = 'x' } }", "did you mean 'caption'")

it("a picture that is not in the repo stops the push", function()
  match("no file 'dog.png'", s.load_failure(page("value = { 'dog.png' }", "")).message)
  match("'columns' must be from 1 to 12", s.load_failure(page("columns = 13", "")).message)
end)
