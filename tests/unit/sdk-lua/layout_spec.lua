-- Components that hold others: what they take, what a visitor may send.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function page(root, before)
  return 'local ui = require "vitrine.ui"\nreturn ui.page({}, function()\n' .. (before or "")
    .. "\nreturn " .. root .. "\nend)"
end

local function refuses(name, root, words)
  it(name .. " is refused", function() match(words, s.load_failure(page(root)).message) end)
end

it("tabs hold tabs, each with its label and its children", function()
  local app = s.load(page [[ui.tabs { id = "t", value = "b",
    ui.tab { "A", ui.markdown "1" }, ui.tab { label = "B", name = "b", ui.markdown "2", ui.markdown "3" } }]])
  local root = app.hello.tree.root
  equal({ value = "b" }, root.props)
  equal({ label = "A" }, root.children[1].props)
  equal({ label = "B", name = "b" }, root.children[2].props)
  equal(2, #root.children[2].children)
end)

it("a visitor opens one of the tabs, and no other", function()
  local app = s.load(page([[ui.column { tabs, out }]], [[
local out = ui.markdown { id = "out" }
local tabs = ui.tabs { id = "t", ui.tab { "A", ui.markdown "1" }, ui.tab { "B", id = "b", ui.markdown "2" } }
tabs:on_change(function(open, session) session.open = open end)]]))
  local v = app:open()
  v:await(v:fire("t", "change", { t = "B" }))
  equal({ open = "B" }, v:stored())
  match("must be one of the tabs", v:await(v:fire("t", "change", { t = "C" })).fail.message)
  match("must be one of the tabs", v:await(v:fire("t", "change", { t = { "A" } })).fail.message)
end)

refuses("a tab without a label", "ui.tabs { ui.tab { ui.markdown 'x' } }", "a tab needs a label")
refuses("what is no tab among tabs", "ui.tabs { ui.markdown 'x' }", "item 1 is not a ui.tab %(got ui.markdown%)")
refuses("two tabs of one name", "ui.tabs { ui.tab { 'A' }, ui.tab { 'A' } }", "two tabs are called 'A'")
refuses("tabs without a tab", "ui.tabs {}", "there is no ui.tab in it")
refuses("an open tab that is not there", "ui.tabs { value = 'B', ui.tab { 'A' } }", "must be the name of one of the tabs")
refuses("a label where children belong", "ui.group { 'A', ui.markdown 'x' }", "item 1 is not a component")

it("what folds is opened and closed by the app and by the visitor", function()
  local app = s.load(page([[ui.column { a, m, go }]], [[
local a = ui.accordion { "More", id = "a", value = false, ui.markdown "1" }
local m = ui.modal { "Sure?", id = "m", ui.markdown "2", on_close = function(session) session.closed = true end }
local go = ui.button { "Go", id = "go", on_click = function(session)
  session.was = { a.value, m.value }
  a:open()
  m:open()
end }]]))
  equal({ label = "More", value = false }, app.nodes.a.props)
  local v = app:open()
  v:click "go"
  equal({ false, false }, v:stored().was)
  equal(true, v:see "a")
  equal(true, v:see "m")
  v:await(v:fire("m", "close", { m = false }))
  equal(true, v:stored().closed)
  v:click "go"
  equal({ true, false }, v:stored().was)
  match("must be true or false", v:await(v:fire("m", "close", { m = "x" })).fail.message)
end)

refuses("a sidebar wider than a page", "ui.sidebar { 'S', width = 9000 }", "'width' must be from 160 to 640")
