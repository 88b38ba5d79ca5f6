-- ui.dataframe: what an app may show, what travels when a row changes, what a visitor may send.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function page(fields, body, more)
  return s.load([[
local ui, json = require "vitrine.ui", require "vitrine.json"
return ui.page({}, function()
  local df = ui.dataframe { id = "df", ]] .. fields .. [[ }
  local out = ui.textbox { id = "out" }
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session) ]] .. (body or "") .. [[ end)
  ]] .. (more or "") .. [[
  return ui.column { df, out, go }
end)]])
end

local function click(app)
  local v = app:open()
  app.bench:capture()
  local group = v:click "go"
  app.bench:captured()
  return v, group
end

local function shows(name, fields, body, want)
  it(name, function()
    local v, group = click(page(fields, body))
    equal(nil, group.fail and group.fail.message)
    equal(want, v:see("df"))
  end)
end

shows("rows as lists", "", "df:set { headers = { 'a', 'b' }, rows = { { 1, 'x' }, { 2.5, true } } }",
  { headers = { "a", "b" }, rows = { { 1, "x" }, { 2.5, true } } })
shows("Gradio's shape", "", "df:set { headers = { 'a' }, data = { { 1 } } }", { headers = { "a" }, rows = { { 1 } } })
shows("rows as maps", "", "df:set { { b = 2, a = 1 }, { a = 3, b = 4 } }",
  { headers = { "a", "b" }, rows = { { 1, 2 }, { 3, 4 } } })
shows("the order that the component names", "headers = { 'b', 'a' }", "df:set { { b = 2, a = 1 } }",
  { headers = { "b", "a" }, rows = { { 2, 1 } } })
shows("columns without names", "", "df:set { { 1, 2 } }", { headers = { "1", "2" }, rows = { { 1, 2 } } })
shows("two headers of one name", "", "df:set { headers = { 'a', 'a', '__proto__' }, rows = { { 1, 2, 3 } } }",
  { headers = { "a", "a", "__proto__" }, rows = { { 1, 2, 3 } } })
shows("types", "types = { 'date' }", "df:set { headers = { 'a' }, rows = { { '2026-01-01' } } }",
  { headers = { "a" }, types = { "date" }, rows = { { "2026-01-01" } } })

it("short rows, nil and NaN are empty cells", function()
  local v, group = click(page("", "df:set { headers = { 'a', 'b', 'c' }, rows = { { 1 }, { nil, 2 }, { 0/0, json.null, 3 } } }"))
  match('"rows":%[%[1,null,null%],%[null,2,null%],%[null,null,3%]%]', group.frames[1].value)
end)

local function refuses(name, value, words)
  it(name .. " is refused", function()
    local _, group = click(page("", "local v = " .. value .. " df:set(v)"))
    match(words, group.fail and group.fail.message)
    equal("app.lua", group.fail.file)
    equal(6, group.fail.line)
  end)
end

refuses("an infinite number", "{ headers = { 'a' }, rows = { { 1/0 } } }", "row 1, 'a': a finite number")
refuses("a table as cell", "{ headers = { 'a' }, rows = { { {} } } }", "row 1, 'a': a string, a number")
refuses("a table inside itself", "{ headers = { 'a' } } v.rows = { { v } }", "row 1, 'a': a string, a number")
refuses("a row that is too long", "{ headers = { 'a' }, rows = { { 1, 2 } } }", "row 1 has more than 1 cells")
refuses("a row that is none", "{ headers = { 'a' }, rows = { 5 } }", "row 1 is a list or a map")
refuses("a million columns", "{ headers = {}, rows = {} } for i = 1, 1000000 do v.headers[i] = 'c' end", "1000000 columns, the limit is 200")
refuses("text as table", "'abc'", "a table is needed")
refuses("text that is not UTF-8", "{ headers = { 'a' }, rows = { { '\\xff' } } }", "not UTF%-8")
refuses("an unknown type", "{ headers = { 'a' }, types = { 'money' }, rows = {} }", "type 1 must be one of")

it("a row that changes travels alone", function()
  local v, group = click(page("value = { headers = { 'a', 'b' }, rows = { { 1, 2 }, { 3, 4 } } }",
    "df:set_row(2, { 5, 6 }) out:set(json.encode(df.value.rows))"))
  equal(nil, group.fail and group.fail.message)
  equal("value/edits/r1", group.patches[1].path)
  equal({ 5, 6 }, group.patches[1].value)
  equal("[[1,2],[5,6]]", v:see("out"))
end)

it("rows that are added travel as the text's suffix", function()
  local v, group = click(page("headers = { 'a', 'b' }",
    "df:append_rows { { 1, 2 } } df:append_rows { { b = 4, a = 3 } } df:set_row(2, { 5, 6 }) out:set(json.encode(df.value.rows))"))
  equal(nil, group.fail and group.fail.message)
  equal("value/tail", group.patches[2].path)
  equal("[1,2]\n[3,4]\n", v:see("df").tail)
  equal("[[1,2],[5,6]]", v:see("out"))
end)

it("a row is taken away", function()
  local v = click(page("value = { headers = { 'a' }, rows = { { 1 }, { 2 }, { 3 } } }",
    "df:remove_row(2) out:set(json.encode(df.value.rows))"))
  equal("[[1],[3]]", v:see("out"))
end)

it("rows that do not exist are not changed", function()
  local _, group = click(page("value = { headers = { 'a' }, rows = { { 1 } } }", "df:set_row(2, { 1 })"))
  match("the row is from 1 to 1", group.fail.message)
end)

it("many changes of rows become one table again", function()
  local v = click(page("headers = { 'a' }", [[
    for i = 1, 1200 do df:append_rows { { i } } end
    for i = 1, 1100 do df:set_row(i, { -i }) end
    local n, sum = 0, 0
    for _, row in ipairs(df.value.rows) do n, sum = n + 1, sum + row[1] end
    out:set(n .. " " .. sum)]]))
  equal("1200 " .. -(1100 * 1101 // 2) + (1101 + 1200) * 100 // 2, v:see("out"))
  local edits = 0
  for _ in pairs(v:see("df").edits or {}) do edits = edits + 1 end
  assert(edits < 200, edits .. " edits are left")
end)

it("a large table travels in files, and is read back", function()
  local v, group = click(page("headers = { 'i', 'name' }", [[
    local rows = {}
    for i = 1, 30000 do rows[i] = { i, "row number " .. i } end
    df:set { headers = { 'i', 'name' }, rows = rows }
    df:set_row(20000, { 0, "changed" })
    df:append_rows { { 1, "last" } }
    local back = df.value.rows
    out:set(#back .. " " .. back[30000][1] .. " " .. back[20000][2] .. " " .. back[30001][2])]]))
  equal(nil, group.fail and group.fail.message)
  equal("30001 30000 changed last", v:see("out"))
  local value, rows = v:see("df"), 0
  equal({}, value.rows)
  for _, part in ipairs(value.parts) do
    rows = rows + part.rows
    local blob
    for _, g in ipairs(v.groups) do blob = blob or g.blobs and g.blobs[part.file] end
    equal("application/json", blob.type)
    equal(part.rows, #s.json.decode(blob.bytes))
  end
  equal(30000, rows)
end)

it("a large table in the constructor is refused in words", function()
  local why = s.load_failure [[
local ui = require "vitrine.ui"
return ui.page({}, function()
  local rows = {}
  for i = 1, 30000 do rows[i] = { i } end
  return ui.dataframe { value = rows }
end)]]
  match("over 20000 cells or 256 KiB; show it from page:on_load", why.message)
end)

-- --- visitors ------------------------------------------------------------------------------

local function sends(name, value, want, words)
  it(name, function()
    local app = page("value = { headers = { 'a', 'b' }, rows = { { 1, 2 } } }", "",
      "df:on_change(function(t) out:set(json.encode(t)) end)")
    local v = app:open()
    app.bench:capture()
    v:value("df", value)
    local group = v:fire("df", "change")
    group = v:await(group)
    app.bench:captured()
    if words then
      match(words, group.fail and group.fail.message)
    else
      equal(nil, group.fail and group.fail.message)
      equal(want, v:see("out"))
    end
  end)
end

sends("a visitor's table", '{"headers":["a","b"],"rows":[[3,"x"],[null,true]]}', '{"headers":["a","b"],"rows":[[3,"x"],[null,true]]}')
sends("a program's table in Gradio's shape", '{"headers":["a","b"],"data":[[3,4]],"metadata":null}', '{"headers":["a","b"],"rows":[[3,4]]}')
sends("a visitor's other columns", '{"headers":["a"],"rows":[]}', nil, "has 1 columns instead of 2")
sends("a visitor's text as table", '"x"', nil, "a table is needed")
sends("a visitor's nested cells", '{"headers":["a","b"],"rows":[[[],1]]}', nil, "row 1, 'a'")
sends("a visitor's files", '{"headers":["a","b"],"rows":[],"parts":[{"file":"x","rows":9}]}', nil, "has changed meanwhile")
sends("a visitor's edits of no row", '{"headers":["a","b"],"rows":[],"edits":{"r7":[1,2]}}', nil, "an edit of no row")
sends("a visitor's edits", '{"headers":["a","b"],"rows":[[1,2]],"edits":{"r0":[8,9]}}', '{"headers":["a","b"],"rows":[[8,9]]}')

it("a selection says where, and what does not exist is no selection", function()
  local app = page("value = { headers = { 'a', 'b' }, rows = { { 1, 2 } } }", "",
    "df:on_select(function(session, at) out:set(json.encode(at)) end)")
  local v = app:open()
  v:await(v:fire("df", "select", nil, { row = 0, column = 1, value = 2 }))
  equal('{"column":2,"header":"b","row":1,"value":2}', v:see("out"))
  for _, payload in ipairs { { row = 1, column = 0 }, { row = 0, column = 2 }, { row = -1, column = 0 }, { row = "x" }, "x" } do
    v:await(v:fire("df", "select", nil, payload))
    equal("null", v:see("out"))
  end
end)

it("a program sends and gets a table as it knows it from Gradio", function()
  local app = s.load [[
local ui = require "vitrine.ui"
return ui.interface {
  inputs = ui.dataframe { label = "In" }, outputs = ui.dataframe { label = "Out" },
  fn = function(t)
    for _, row in ipairs(t.rows) do row[1] = row[1] * 2 end
    return t
  end,
}]]
  local port = app.hello.api[1].inputs[1]
  equal("dataframe", port.component)
  equal("json", port.type)
  local v = app:open()
  local got = v:ask("predict", '[{"headers":["n"],"data":[[1],[2]],"metadata":null}]')
  equal('[{"data":[[2],[4]],"headers":["n"]}]', got)
end)
