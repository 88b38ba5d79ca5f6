-- ui.interface: results, streaming, examples, clear.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function interface(fields)
  return s.load([[local ui, time, models = require "vitrine.ui", require "vitrine.time", require "vitrine.models"
return ui.interface { ]] .. fields .. " }")
end
local SUBMIT, CLEAR = "row/column/row/button:2", "row/column/row/button"

it("several inputs fill several outputs", function()
  local app = interface [[ inputs = { ui.textbox { id = "a" }, ui.number { id = "b" } },
    outputs = { ui.textbox { id = "x" }, ui.json { id = "y" } },
    fn = function(a, b, session) session.n = 1 return a .. b, { a, b } end ]]
  local v = app:open()
  v:click(SUBMIT, { a = "t", b = 2 })
  equal("t2", v:see "x")
  equal({ "t", 2 }, v:see "y")
  equal({ n = 1 }, v:stored())
  equal({ app.nodes.x.n, app.nodes.y.n }, app.nodes[SUBMIT].on.click.outputs)
  equal(false, app.nodes.x.props.interactive)
end)

it("coroutine.yield replaces the outputs on the way", function()
  local app = interface [[ inputs = ui.number { id = "n" }, outputs = ui.textbox { id = "x" },
    fn = function(n)
      for i = 1, n do
        coroutine.yield("step " .. i)
        time.sleep(0.04)
      end
      return "done"
    end ]]
  local v = app:open()
  v:click(SUBMIT, { n = 3 })
  local seen = {}
  for _, g in ipairs(v.groups) do for _, p in ipairs(g.patches) do seen[#seen + 1] = p.value end end
  equal({ "step 1", "step 2", "step 3", "done" }, seen)
end)

it("an iterator as result is added piece by piece", function()
  local app = interface [[ inputs = ui.textbox { id = "p" }, outputs = ui.textbox { id = "x", value = "old" },
    fn = function(p) return models.generate("a/b"):stream(p) end ]]
  local v = app:open()
  local n = v:fire(SUBMIT, "click", { p = "Once" })
  local call = app:await_call()
  app:token(call, "upon")
  app:pump(2)
  app:token(call, " a time")
  app:result(call, { text = "upon a time", finish_reason = "stop" })
  v:await(n)
  equal("upon a time", v:see "x")
end)

it("submit in a textbox runs too, clear empties, examples fill", function()
  local app = interface [[ description = "Says it *again*.", inputs = ui.textbox { id = "a" }, outputs = ui.textbox { id = "x" },
    examples = { "one", { "two" } }, submit = "Go", fn = function(a) return a .. a end ]]
  local v = app:open()
  local row = "column/row/column"
  equal("Go", app.nodes[row .. "/row/button:2"].props.value)
  equal({ { "one" }, { "two" } }, app.nodes[row .. "/examples"].props.rows)
  equal("Says it *again*.", app.nodes["column/markdown"].props.value)
  v:await(v:fire("a", "submit", { a = "t" }))
  equal("tt", v:see "x")
  v:click(row .. "/row/button")
  equal({ "", "" }, { v:see "a", v:see "x" })
end)

it("an error in fn is the developer's, with its line", function()
  local app = interface [[ inputs = ui.textbox { id = "a" }, outputs = ui.textbox { id = "x" },
    fn = function(a)
      return a.b.c
    end ]]
  local v = app:open()
  app.bench:capture()
  local fail = v:click(SUBMIT).fail
  app.bench:captured()
  equal("app.lua", fail.file)
  equal(4, fail.line)
end)

it("a result of the wrong type names the output", function()
  local app = interface [[ inputs = ui.textbox { id = "a" }, outputs = ui.number { id = "x" }, fn = function(a) return "x" end ]]
  local v = app:open()
  app.bench:capture()
  local fail = v:click(SUBMIT).fail
  app.bench:captured()
  match("ui%.number: 'value' must be a finite number", fail.message)
end)

it("yield in a page's handler says what to do instead", function()
  local app = s.handler "coroutine.yield(1)"
  local v = app:open()
  app.bench:capture()
  local fail = v:click("go").fail
  app.bench:captured()
  match("set components instead", fail.message)
end)
