-- Code, HTML, and texts whose pieces have labels.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function highlighted(value)
  return s.load([[local ui = require "vitrine.ui"
return ui.page({}, function()
  local h, go = ui.highlighted { id = "h", on_select = function(session, what) session.chosen = what end }, ui.button { "Go", id = "go" }
  go:on_click(function() h:set(]] .. value .. [[) end)
  return ui.column { h, go }
end)]])
end

local function shown(value)
  local v = highlighted(value):open()
  local fail = v:click("go").fail
  if fail then error(fail.message, 2) end
  return v:see "h"
end

it("pieces come as texts, tables and pairs", function()
  equal({ { text = "a" }, { text = "b", label = "X", score = 0.5 }, { text = "c", label = "Y" }, { text = "d", score = -1 } },
    shown [[{ "a", { text = "b", label = "X", score = 0.5 }, { "c", "Y" }, { "d", -1 } }]])
  equal({ { text = "just a text" } }, shown [["just a text"]])
  equal({}, shown "{}")
end)

it("entities of a pipeline cut the text by characters", function()
  equal({
    { text = "Zoë", label = "PER", score = 0.9 }, { text = " lives in " }, { text = "Malmö", label = "LOC" }, { text = "." },
  }, shown [[{ text = "Zoë lives in Malmö.", entities = {
    { start = 13, ["end"] = 18, entity_group = "LOC" }, { start = 0, ["end"] = 3, entity = "PER", score = 0.9 },
    { start = 1, ["end"] = 2, entity = "inside another" }, { start = 19, ["end"] = 900, label = "behind the end" },
  } }]])
end)

for value, words in pairs {
  ["5"] = "a list of pieces, or {text, entities}", ["{ 5 }"] = "piece 1 is a text", ["{ { text = {} } }"] = "text of piece 1",
  ["{ a = 1 }"] = "a list of pieces", ["{ { 'a', 'b', 'c' } }"] = "score of piece 1",
  ["{ text = 'x', entities = { { start = -1, ['end'] = 2 } } }"] = "entity 1 needs",
  ["{ text = 'x', entities = { { start = 3, ['end'] = 2 } } }"] = "entity 1 needs",
  ["(function() local t = {} for i = 1, 10001 do t[i] = 'x' end return t end)()"] = "more than 10000 pieces",
} do
  it("highlighted refuses " .. value, function()
    local app = highlighted(value)
    local v = app:open()
    app.bench:capture()
    local fail = v:click("go").fail
    app.bench:captured()
    match(words, fail and fail.message)
  end)
end

it("a chosen piece is told with its label, another one is refused", function()
  local v = highlighted [[{ "a", { "b", "X" } }]]:open()
  v:click "go"
  v:await(v:fire("h", "select", nil, 1))
  equal({ index = 2, text = "b", label = "X" }, v:stored().chosen)
  for _, payload in ipairs { 2, -1, 0.5, "1", true } do
    equal(s.FAIL.INVALID, v:await(v:fire("h", "select", nil, payload)).fail.op)
  end
end)

it("code is typed within its length, and grows; HTML is a text", function()
  local app = s.load [[local ui = require "vitrine.ui"
return ui.page({}, function()
  local c = ui.code { "x = 1", id = "c", language = "lua", max_length = 10 }
  local h = ui.html { "<p>a</p>", id = "h" }
  c:on_submit(function(text, session) session.said = text c:append " -- ok" h:append "<p>b</p>" end)
  return ui.column { c, h }
end)]]
  local v = app:open()
  v:await(v:fire("c", "submit", { c = "y = 2" }))
  equal({ said = "y = 2" }, v:stored())
  match("%-%- ok$", v:see "c")
  equal("<p>a</p><p>b</p>", v:see "h")
  match("the limit is 10", v:await(v:fire("c", "submit", { c = ("x"):rep(11) })).fail.message)
  equal(s.FAIL.INVALID, v:await(v:fire("c", "submit", { c = 5 })).fail.op)
  equal(s.FAIL.INVALID, v:await(v:fire("c", "submit", { h = "<p>no input</p>" })).fail.op)
  match("must be one of", s.load_failure([[return require "vitrine.ui".page({}, function() return require "vitrine.ui".code { language = "cobol" } end)]]).message)
end)
