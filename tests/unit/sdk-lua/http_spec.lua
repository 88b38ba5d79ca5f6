local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local before = 'local http = require "vitrine.http"\n'

-- Runs one handler to its end; answer(app, ask) plays the gateway.
local function run(body, answer)
  local app = s.handler(body, { before = before })
  local v = app:open()
  local n = v:fire("go", "click")
  local ask
  if answer then
    ask = app:await_ask()
    answer(app, ask)
  end
  v:await(n)
  return v, ask
end

local function answered(status, body, headers)
  return function(app, ask)
    app:answer(ask, s.json.encode { status = status, headers = headers, url = "https://a.test/x", redirects = 0 }, body)
  end
end

it("a request leaves as method, url, headers and body, and its answer is a table", function()
  local v, seen = run([[
    local r = http.post("https://a.test/x#here", { query = { q = "a b", n = { 1, 2 } }, json = { word = "sea" },
      headers = { ["X-Key"] = "k" }, timeout = 2.5 })
    out:set(r.status .. " " .. tostring(r.ok) .. " " .. r.headers["x-a"] .. " " .. r:json().n .. " " .. r.url) ]],
    answered(201, '{"n":3}', { { "x-a", "1" }, { "x-a", "2" } }))
  equal("http", seen.service)
  equal("POST", seen.ask)
  equal("https://a.test/x?n=1&n=2&q=a%20b#here", seen.args.url)
  equal({ { "X-Key", "k" }, { "Content-Type", "application/json" } }, seen.args.headers)
  equal(2500, seen.args.timeout_ms)
  equal('{"word":"sea"}', seen.raw)
  equal("201 true 1, 2 3 https://a.test/x", v:see "out")
end)

it("a form and bytes are bodies too, and a GET has none", function()
  local _, seen = run([[ http.post("https://a.test/", { form = { a = "1 &", b = true } }) ]], answered(200, ""))
  equal("a=1%20%26&b=true", seen.raw)
  equal({ { "Content-Type", "application/x-www-form-urlencoded" } }, seen.args.headers)
  _, seen = run([[ http.request { method = "put", url = "https://a.test/", body = "\0\xff", headers = { ["content-type"] = "x/y" } } ]], answered(200, ""))
  equal("PUT", seen.ask)
  equal("\0\xff", seen.raw)
  equal({ { "content-type", "x/y" } }, seen.args.headers)
  _, seen = run([[ http.get "https://a.test/" ]], answered(200, ""))
  equal("", seen.raw)
end)

it("every status is an answer; a refusal is raised with its code, and pcall catches it", function()
  local v = run([[ local r = http.get "https://a.test/" out:set(r.status .. tostring(r.ok) .. r.body) ]], answered(404, "no"))
  equal("404falseno", v:see "out")
  v = run([[ local ok, e = pcall(http.get, "https://a.test/") out:set(e.code .. ": " .. e.message) ]],
    function(app, ask) app:refuse(ask, "refused", "a.test is not in the front matter") end)
  equal("refused: a.test is not in the front matter", v:see "out")
  v = run([[ local ok, e = pcall(function() return http.get("https://a.test/"):json() end) out:set(e.code) ]], answered(200, "<html>"))
  equal("bad_answer", v:see "out")
end)

it("a mistake in a call points at the author's line", function()
  for call, words in pairs {
    ['http.get "ftp://a.test"'] = "begins with https://",
    ['http.get()'] = "begins with https://",
    ['http.get("https://a.test", { header = {} })'] = "did you mean 'headers'",
    ['http.post("https://a.test", { json = {}, body = "" })'] = "are both a body",
    ['http.get("https://a.test", { timeout = 61 })'] = "up to 60",
    ['http.get("https://a.test", { headers = { A = {} } })'] = "header 'A'",
    ['http.request "https://a.test"'] = "a table with 'url'",
    ['http.request { url = "https://a.test", method = 3 }'] = "a word like GET",
    ['http.post("https://a.test", { json = { f = print } })'] = "cannot be written",
  } do
    local v = run("local ok, e = pcall(function() " .. call .. " end) out:set(tostring(e))")
    match(words, v:see "out", call)
    match("^app%.lua:%d+: ", v:see "out", call)
  end
end)

it("no request is made while the app loads", function()
  local why = s.load_failure(before .. 'http.get "https://a.test/"')
  match("make them in a handler", why.message)
end)

it("a test.lua says what comes back, and without that it is told how", function()
  local source = [[
    local ui, http = require "vitrine.ui", require "vitrine.http"
    return ui.interface { inputs = ui.textbox {}, outputs = ui.textbox {}, api_name = "words",
      fn = function(q) local r = http.get("https://a.test/", { query = { q = q } }) return r:json().n .. " " .. r.status end }
  ]]
  for _, case in ipairs {
    { 'test.http(function(method, url) test.equal("GET https://a.test/?q=sea", method .. " " .. url) return 201, { n = 3 } end)', true },
    { "", false, "test%.http" },
  } do
    local app = s.start({ ["app.lua"] = source, ["test.lua"] = [[
      local test = require "vitrine.test"
      test("asks", function(app) ]] .. case[1] .. [[ test.equal("3 201", app:call("words", "sea")) end)]] },
      { check = true })
    local m = app:await("TESTED", "LOAD_FAILED")
    local tested = s.json.decode(m.value)
    equal(case[2], tested.ok, m.value)
    if case[3] then match(case[3], tested.message) end
  end
end)
