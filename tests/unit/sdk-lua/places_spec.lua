-- Several pages of one app, and the address of the one that is shown.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local APP = [[
  local ui = require "vitrine.ui"
  return ui.page({}, function(page)
    local out = ui.textbox { id = "out" }
    local go = ui.button { "Go", id = "go" }
    local function tell(session)
      out:set((session:page_name()) .. " " .. (session:query().q or "-"))
    end
    page:on_load(tell)
    page:on_navigate(tell)
    go:on_click(function(session) ]]
local REST = [[ end)
    return ui.pages { ui.subpage { "Home", out, go }, ui.subpage { "About", name = "about", ui.markdown "About" } }
  end)]]

local function load(body) return s.load(APP .. (body or "") .. REST) end
local function place(v, kind, p) return v:await(v:fire("", kind, nil, p)) end

it("a handler knows which page is open, and its query", function()
  local app = load()
  equal(true, app.hello.tree.navigate)
  local v = app:open { query = { q = "begun" } }
  place(v, "load", { page = "", query = { q = "1" } })
  equal(" 1", v:see "out")
  place(v, "navigate", { page = "about", query = { q = "2" } })
  equal("about 2", v:see "out")
end)

it("where the visitor is survives another worker", function()
  local app = load [[ tell(session) ]]
  local v = app:open { overlay = '[[0,"location",1,{"page":"about","query":{"q":"old"}}]]', query = { q = "begun" } }
  v:click "go"
  equal("about old", v:see "out")
end)

it("a handler changes the query, and sends the visitor to another page", function()
  local app = load [[ session:set_query { q = "x", n = 3 } ]]
  local v = app:open()
  v:click "go"
  equal({ page = "", query = { q = "x", n = "3" } }, v:see("", "location"))
  app.bench:close()
  app = load [[ session:open_page("about", { q = "y" }) tell(session) ]]
  v = app:open()
  v:click "go"
  equal({ page = "about", query = { q = "y" } }, v:see("", "location"))
  equal("about y", v:see "out")
end)

it("a place that cannot be is ignored where it is wrong", function()
  local app = load()
  local v = app:open { query = { q = "kept" } }
  for _, p in ipairs {
    { page = ("x"):rep(100), query = { q = 1 } }, { page = 3, query = "x" }, { query = { q = { 1 } } }, "x", 7,
    { query = { q = ("x"):rep(3000) } },
  } do
    equal(nil, place(v, "navigate", p).fail)
    equal(" kept", v:see "out")
  end
end)

it("a page that is not there is where the visitor is", function()
  local app = load()
  local v = app:open()
  place(v, "navigate", { page = "nowhere", query = {} })
  equal("nowhere -", v:see "out")
  equal("nowhere", v:see("", "location").page)
end)

local function refused(what, body, words)
  it(what .. " is refused", function()
    local app = load(body)
    local v = app:open()
    app.bench:capture()
    match(words, v:click("go").fail.message)
    app.bench:captured()
  end)
end

refused("a page that is not there", [[ session:open_page "nowhere" ]], "there is no page 'nowhere'")
refused("a query that is no table", [[ session:set_query "q=1" ]], "session:set_query: a table")
refused("a query of tables", [[ session:set_query { q = {} } ]], "session:set_query: a table")
refused("a query that is too long", [[ session:set_query { q = ("x"):rep(3000) } ]], "2048 bytes together")

local function unloadable(what, root, words)
  it(what .. " does not load", function()
    local why = s.load_failure("local ui = require 'vitrine.ui' return ui.page({}, function() return " .. root .. " end)")
    match(words, why.message)
  end)
end

unloadable("a second page without a name", "ui.pages { ui.subpage { 'A' }, ui.subpage { 'B' } }", "page 2 needs a name")
unloadable("a first page with one", "ui.pages { ui.subpage { 'A', name = 'a' } }", "the first page has the Space's address")
unloadable("two of one name", "ui.pages { ui.subpage { 'A' }, ui.subpage { 'B', name = 'b' }, ui.subpage { 'C', name = 'b' } }", "two pages are called 'b'")
unloadable("a name that is no part of an address", "ui.pages { ui.subpage { 'A' }, ui.subpage { 'B', name = '../x' } }", "'name' is 1 to 64 letters")
unloadable("a page without a label", "ui.pages { ui.subpage {} }", "a page needs a label")
unloadable("what is no page", "ui.pages { ui.markdown 'x' }", "is not a ui.subpage")
unloadable("pages twice", "ui.column { ui.pages { ui.subpage { 'A' } }, ui.pages { ui.subpage { 'B' } } }", "an app has one of them")
