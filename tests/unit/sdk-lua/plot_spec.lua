-- ui.plot: what an app may draw, and what travels when points are added.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function click(fields, body, more)
  local app = s.load([[
local ui, json = require "vitrine.ui", require "vitrine.json"
return ui.page({}, function()
  local plot = ui.plot { id = "plot", ]] .. fields .. [[ }
  local out = ui.textbox { id = "out" }
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session) ]] .. body .. [[ end)
  ]] .. (more or "") .. [[
  return ui.column { plot, out, go }
end)]])
  local v = app:open()
  app.bench:capture()
  local group = v:click "go"
  app.bench:captured()
  return v, group
end

local function draws(name, body, want)
  it(name, function()
    local v, group = click("", body)
    equal(nil, group.fail and group.fail.message)
    equal(want, v:see("plot"))
  end)
end

draws("one series", "plot:set { x = { 1, 2 }, y = { 3, 4.5 } }", { series = { { name = "Series 1", x = { 1, 2 }, y = { 3, 4.5 } } } })
draws("several series", "plot:set { { name = 'a', y = { 1 } }, { name = 'b', kind = 'bar', x = { 'mon' }, y = { 2 } } }",
  { series = { { name = "a", x = { 1 }, y = { 1 } }, { name = "b", kind = "bar", x = { "mon" }, y = { 2 } } } })
draws("a list of numbers", "plot:set { 4, 5 }", { series = { { name = "Series 1", x = { 1, 2 }, y = { 4, 5 } } } })
draws("nothing", "plot:set {}", { series = {} })

it("NaN and nil are gaps", function()
  local _, group = click("", "plot:set { x = { 1, 2, 3 }, y = { 1, nil, 0/0 } }")
  match('"y":%[1,null,null%]', group.frames[1].value)
end)

local function refuses(name, value, words)
  it(name .. " is refused", function()
    local _, group = click("", "plot:set(" .. value .. ")")
    match(words, group.fail and group.fail.message)
    equal(6, group.fail.line)
  end)
end

refuses("an infinite y", "{ y = { 1/0 } }", "series 1, point 1: y is a finite number")
refuses("a table as x", "{ x = { {} }, y = { 1 } }", "series 1, point 1: x is a finite number, a date or a word")
refuses("an unknown kind", "{ { kind = 'pie', y = { 1 } } }", "'kind' must be one of")
refuses("a field that is none", "{ { yy = { 1 }, name = 'a' } }", "did you mean 'y'")
refuses("text", "'abc'", "a table with 'x' and 'y' is needed")
refuses("too many points", "(function() local y = {} for i = 1, 50000 do y[i] = i end return y end)()", "over 40000 points")

it("points that are added travel alone, to the series they name", function()
  local v, group = click("value = { { name = 'a', x = { 1 }, y = { 1 } }, { name = 'b', x = { 1 }, y = { 2 } } }", [[
    plot:append { x = 2, y = 5 }
    plot:append { { x = 2, y = 6, series = "b" }, { x = 3, y = nil, series = 1 } }
    out:set(json.encode(plot.value))]])
  equal(nil, group.fail and group.fail.message)
  equal("value/tail", group.patches[1].path)
  equal("[0,2,5]\n[1,2,6]\n[0,3,null]\n", v:see("plot").tail)
  equal('{"series":[{"name":"a","x":[1,2,3],"y":[1,5,null]},{"name":"b","x":[1,2],"y":[2,6]}]}', v:see("out"))
end)

it("a point of a new name begins a series, in an empty plot too", function()
  local v, group = click("", [[
    plot:append { { x = 1, y = 1, series = "in" }, { x = 1, y = 2, series = "out" }, { x = 2, y = 3, series = "in" } }
    out:set(json.encode(plot.value))]])
  equal(nil, group.fail and group.fail.message)
  equal('{"series":[{"name":"in","x":[1,2],"y":[1,3]},{"name":"out","x":[1],"y":[2]}]}', v:see("out"))
end)

it("what has left the window is forgotten", function()
  local v, group = click("window = 50", [[
    for i = 1, 20000 do plot:append { x = i, y = i } end
    local s = plot.value.series[1]
    out:set(s.x[#s.x] .. " " .. tostring(#s.x < 8000))]])
  equal(nil, group.fail and group.fail.message)
  equal("20000 true", v:see("out"))
end)

it("a stretch that a visitor chose is two numbers in order, or nothing", function()
  local app = s.load [[
local ui, json = require "vitrine.ui", require "vitrine.json"
return ui.page({}, function()
  local plot = ui.plot { id = "plot", value = { 1, 2 } }
  local out = ui.textbox { id = "out" }
  plot:on_select(function(session, at) out:set(json.encode(at)) end)
  return ui.column { plot, out }
end)]]
  local v = app:open()
  v:await(v:fire("plot", "select", nil, { from = 1, to = 2.5 }))
  equal('{"from":1,"to":2.5}', v:see "out")
  for _, payload in ipairs { { from = 2, to = 1 }, { from = "1", to = 2 }, "x" } do
    v:await(v:fire("plot", "select", nil, payload))
    equal("null", v:see "out")
  end
end)
