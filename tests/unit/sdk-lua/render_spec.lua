-- Values of the session by name, and parts of the page that are made from them.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function page(body, root)
  return s.load([[
    local ui, time = require "vitrine.ui", require "vitrine.time"
    return ui.page({}, function(page)
      local out = ui.textbox { id = "out" }
      local name = ui.textbox { id = "name", label = "Name" }
      local go = ui.button { "Go", id = "go" }
]] .. body .. "\n return ui.column { out, name, go, " .. (root or "") .. " } end)")
end

-- What the visitor sees of a render, and its nodes made known to the bench.
local function made(v, key)
  local list = v:see(key or "list", "children") or {}
  local function walk(node)
    v.app.nodes[node.key] = node
    for _, child in ipairs(node.children or {}) do walk(child) end
  end
  for _, node in ipairs(list) do walk(node) end
  return list
end

local function texts(v, key)
  local found = {}
  for i, node in ipairs(made(v, key)) do found[i] = node.props.value or "" end
  return table.concat(found, " ")
end

local function load(v) return v:await(v:fire("", "load")) end

local TODOS = [[
  local todos = ui.state { id = "todos", value = { "a", "b" } }
  local list = ui.render { id = "list", inputs = todos, fn = function(items)
    local rows = {}
    for i, item in ipairs(items) do
      local done = ui.button { "Done " .. item, id = "done-" .. item }
      done:on_click(function()
        local left = {}
        for k, other in ipairs(todos.value) do if k ~= i then left[#left + 1] = other end end
        todos:set(left)
      end)
      rows[i] = done
    end
    return rows
  end }
  go:on_click { inputs = name, fn = function(text)
    local items = todos.value
    items[#items + 1] = text
    todos:set(items)
  end }
]]

it("a render is made for a new visitor, and anew when its state has changed", function()
  local app = page(TODOS, "list")
  equal(true, app.hello.tree.load)
  local v = app:open()
  equal(nil, load(v).fail)
  equal("Done a Done b", texts(v))
  v:click("go", { name = "c" })
  equal("Done a Done b Done c", texts(v))
  equal({ "a", "b", "c" }, v:stored().todos)
end)

it("what has not changed does not travel", function()
  local app = page(TODOS .. [[ out:on_change(function() end) ]], "list")
  local v = app:open()
  load(v)
  equal(0, #v:await(v:fire("out", "change")).patches)
  local group = v:click("go", { name = "c" })
  equal(1, #group.patches)
  equal("children/2", group.patches[1].path)
end)

it("handlers in it work, and a shorter list is cut", function()
  local app = page(TODOS, "list")
  local v = app:open()
  load(v)
  made(v)
  local group = v:click "done-b"
  equal(nil, group.fail)
  equal("children/1", group.patches[1].path)
  equal({ "a" }, v:stored().todos)
  v:click "done-a"
  equal({}, v:stored().todos)
  v:click("go", { name = "z" })
  equal("Done z", made(v)[1].props.value)
end)

it("what was taken away cannot be clicked any more", function()
  local app = page(TODOS, "list")
  local v = app:open()
  load(v)
  made(v)
  v:click "done-a"
  equal("The page has changed; reload it.", v:click("done-a").fail.message)
end)

it("one property that changed travels alone", function()
  local app = page([[
    local list = ui.render { id = "list", inputs = name, fn = function(text)
      return ui.column { ui.markdown(text), ui.markdown "same" }
    end }
    go:on_click(function() end)
  ]], "list")
  local v = app:open()
  load(v)
  local group = v:click("go", { name = "x" })
  equal(1, #group.patches)
  equal("children/0/children/0/props/value", group.patches[1].path)
end)

it("what has no properties yet gets one by its name", function()
  local app = page([[
    local list = ui.render { id = "list", inputs = name, fn = function(text)
      if text == "" then return ui.markdown {} end
      return ui.markdown(text)
    end }
    go:on_click(function() end)
  ]], "list")
  local v = app:open()
  local raw
  for _, f in ipairs(load(v).frames) do raw = raw or f.value:match '"props":[%[{][%]}]' end
  equal('"props":{}', raw)
  equal("children/0/props/value", v:click("go", { name = "x" }).patches[1].path)
  equal("x", texts(v))
end)

it("a handler without inputs is described as a map", function()
  local app = page([[
    local list = ui.render { id = "list", fn = function() return ui.button { "x", on_click = function() end } end }
  ]], "list")
  local v = app:open()
  local raw
  for _, f in ipairs(load(v).frames) do raw = raw or f.value:match '"on":%b{}' end
  equal('"on":{"click":{}}', raw)
end)

local KEYED = [[
  local order = ui.state { id = "order", value = { "a", "b" } }
  local list = ui.render { id = "list", inputs = order, fn = function(keys)
    local rows = {}
    for i, key in ipairs(keys) do
      rows[i] = ui.textbox { id = "row-" .. key, value = "" }
      rows[i]:on_submit(function(text) rows[i]:set(text .. "!") end)
    end
    return ui.column(rows)
  end }
  go:on_click(function() order:set { "b", "a" } end)
  name:on_change(function() out:set(order.value[1]) end)
]]

it("components with the same key keep what the visitor made of them", function()
  local app = page(KEYED, "list")
  local v = app:open()
  load(v)
  made(v)
  v:await(v:fire("row-a", "submit", { ["row-a"] = "typed" }))
  equal("typed!", v:see "row-a")
  v:click "go"
  equal("row-b row-a", (made(v)[1].children[1].key .. " " .. made(v)[1].children[2].key))
  equal(nil, v:await(v:fire("row-a", "submit")).fail)
  equal("typed!!", v:see "row-a")
end)

it("another worker goes on with what was made", function()
  local app = page(KEYED, "list")
  local v = app:open()
  load(v)
  made(v)
  v:await(v:fire("row-a", "submit", { ["row-a"] = "typed" }))
  local n, row = app.nodes.list.n, app.nodes["row-a"].n
  local overlay = ('[[%d,"value",1,"typed!"],[%d,"children",1,%s]]'):format(row, n, s.json.encode(v:see("list", "children")))
  overlay = overlay:gsub('"children":{}', '"children":[]')
  local again = app:open { overlay = overlay, seq = v.seq }
  local group = again:await(again:fire("row-a", "submit"))
  equal(nil, group.fail)
  equal("typed!!", again:see "row-a")
  for _, patch in ipairs(group.patches) do
    if patch.node == n then error("sent again: " .. patch.path) end
  end
end)

it("a value that a handler set goes when fn makes another one", function()
  local app = page([[
    local list = ui.render { id = "list", inputs = name, fn = function(text)
      local box = ui.textbox { id = "box", value = text }
      box:on_submit(function() box:set "set" end)
      return box
    end }
    go:on_click(function() end)
  ]], "list")
  local v = app:open()
  load(v)
  made(v)
  v:await(v:fire("box", "submit"))
  equal("set", v:see "box")
  v:click("go", { name = "made" })
  equal("made", v:see "box")
end)

it("two visitors have renders of their own", function()
  local app = page(TODOS, "list")
  local a, b = app:open(), app:open()
  load(a)
  load(b)
  a:click("go", { name = "c" })
  equal("Done a Done b Done c", texts(a))
  equal("Done a Done b", texts(b))
  made(b)
  equal(nil, b:click("done-b").fail)
  equal("Done a", made(b)[1].props.value)
  equal(1, #b:stored().todos)
end)

it("without inputs it is asked after each event", function()
  local app = page([[
    local list = ui.render { id = "list", fn = function(session) return ui.markdown(tostring(session.n or 0)) end }
    go:on_click(function(session) session.n = (session.n or 0) + 1 end)
  ]], "list")
  local v = app:open()
  load(v)
  v:click "go"
  v:click "go"
  equal("2", texts(v))
end)

it("an iterator's pieces, chains and validators work inside", function()
  local app = page([[
    local list = ui.render { id = "list", inputs = name, fn = function()
      local box = ui.textbox { id = "box", label = "Box", validate = function(t) if t == "" then return "empty" end end }
      local shown = ui.textbox { id = "shown" }
      box:on_submit { outputs = shown, fn = function(t) return t .. "1" end }
        :ok { inputs = shown, outputs = shown, fn = function(t) return t .. "2" end }
      return { box, shown }
    end }
  ]], "list")
  local v = app:open()
  load(v)
  made(v)
  local fail = v:await(v:fire("box", "submit", { box = "" })).fail
  equal("Box: empty", fail.message)
  equal(app.nodes.box.n, fail.fields[1].node)
  equal(nil, v:await(v:fire("box", "submit", { box = "t" })).fail)
  equal("t12", v:see "shown")
end)

local function fails(what, body, words)
  it("a render of " .. what .. " is refused, and the page stays as it was", function()
    local app = page([[
      local list = ui.render { id = "list", inputs = name, fn = function(text)
        if text == "" then return ui.markdown "fine" end
        ]] .. body .. [[
      end }
      go:on_click(function() end)
    ]], "list")
    local v = app:open()
    load(v)
    app.bench:capture()
    match(words, v:click("go", { name = "x" }).fail.message)
    app.bench:captured()
    equal("fine", texts(v))
    equal(nil, v:click("go", { name = "" }).fail)
    equal("fine", texts(v))
  end)
end

fails("itself", "return ui.render(function() end)", "cannot stand inside another")
fails("a number", "return 7", "returns a component or a list")
fails("a list with a hole of words", "return { ui.markdown 'x', 'y' }", "item 2 that fn returns")
fails("what stands on the page", "return out", "was not made by this run of fn")
fails("one twice", "local m = ui.markdown 'x' return { m, m }", "stands twice")
fails("a key that the page has", "return ui.markdown { 'x', id = 'out' }", "two components have the key 'out'")
fails("two of one key", "return { ui.markdown { 'x', id = 'k' }, ui.markdown { 'y', id = 'k' } }", "two components have the key 'k'")
fails("3,000", "local t = {} for i = 1, 3000 do t[i] = ui.markdown 'x' end return t", "more than 2000 components")
fails("what is nested deeply", "local c = ui.markdown 'x' for i = 1, 20 do c = ui.column { c } end return c", "nested deeper")
fails("a password", "return ui.textbox { password = true }", "password field")
fails("a timer", "return ui.timer {}", "a timer has its place")
fails("a handler with retry", "return ui.button { 'x', on_click = { fn = print, retry = true } }", "'retry' is for handlers of the page")
fails("a handler whose results are kept for all",
  "return ui.button { 'x', on_click = { fn = print, outputs = out, cache = true } }", "'cache' is for handlers of the page")
fails("a state", "ui.state { id = 'x' } return ui.markdown 'x'", "ui.state: it has its place on the page itself")
fails("not a number", "return ui.number { value = 0/0 }", "'value' must be a finite number")

it("a render that never ends is ended, and the next event renders again", function()
  local app = page([[
    local list = ui.render { id = "list", inputs = name, fn = function(text)
      while text == "loop" do end
      return ui.markdown(text)
    end }
    go:on_click(function() end)
  ]], "list")
  local v = app:open()
  load(v)
  app.bench:capture()
  equal(s.FAIL.LIMIT, v:click("go", { name = "loop" }).fail.op)
  app.bench:captured()
  equal(nil, v:click("go", { name = "over" }).fail)
  equal("over", texts(v))
end)

it("components are made in a render or while the page is built, and nowhere else", function()
  local app = page([[
    local list = ui.render { id = "list", inputs = name, fn = function() end }
    go:on_click(function() ui.markdown "x" end)
  ]], "list")
  local v = app:open()
  load(v)
  app.bench:capture()
  match("made while the page is built", v:click("go").fail.message)
  app.bench:captured()
end)

it("on_change of a state runs when it has changed, and what it changes counts too", function()
  local app = page [[
    local a, b
    b = ui.state { id = "b", value = 0, on_change = function(session) out:set("b is " .. session.b) end }
    a = ui.state { id = "a", value = 0, on_change = function() b:set(a.value * 2) end }
    go:on_click(function(session) session.a = (session.a or 0) + 1 end)
    name:on_change(function() end)
  ]]
  local v = app:open()
  v:click "go"
  equal("b is 2", v:see "out")
  equal({ a = 1, b = 2 }, v:stored())
  equal(0, #v:await(v:fire("name", "change")).patches)
end)

it("states that change each other for ever come to an end", function()
  local app = page [[
    local a
    a = ui.state { id = "a", value = 0, on_change = function() a:set(a.value + 1) end }
    go:on_click(function() a:set(1) end)
  ]]
  local v = app:open()
  equal(nil, v:click("go").fail)
  equal(9, v:stored().a)
end)

it("a state is an input and an output, and no argument of a program", function()
  local app = page [[
    local total = ui.state { id = "total", value = 0 }
    local more = ui.number { value = 1 }
    go:on_click { inputs = { total, name }, outputs = { total, out }, api_name = "add", fn = function(t, n)
      return t + #n, "total " .. t + #n
    end }
  ]]
  equal(1, #app.hello.api[1].inputs)
  equal(1, #app.hello.api[1].outputs)
  local v = app:open()
  v:click("go", { name = "abc" })
  equal(3, v:stored().total)
  equal("total 3", v:see "out")
  v.n = v.n + 1
  app:send("CALL", { channel = v.channel, node = app.nodes.go.n, seq = v.n, op = s.KIND.click, value = 'add\0["ab"]' })
  v:await(v.n)
  equal(5, v:stored().total)
end)

for name, case in pairs {
  ["without a name"] = { "ui.state {}", "'id' is the name" },
  ["named like a method"] = { "ui.state { id = 'save' }", "session%.save is taken" },
  ["named with a hole"] = { "ui.state { id = 'a b' }", "'id' is the name" },
} do
  it("a state " .. name .. " is refused", function()
    local why = s.load_failure("local ui = require 'vitrine.ui' return ui.page({}, function() " .. case[1] .. " return ui.row {} end)")
    match(case[2], why.message)
  end)
end

it("a state has no place on the page", function()
  local why = s.load_failure("local ui = require 'vitrine.ui' return ui.page({}, function() return ui.row { ui.state { id = 'a' } } end)")
  match("ui%.state has no place on the page", why.message)
end)
