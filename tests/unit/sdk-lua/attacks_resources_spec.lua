-- Attacks on time and memory from Lua: numbers 15 to 32 of the catalogue in docs/THREATS.md. Every
-- one runs as an app on the real host, with another visitor beside it who must be served.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function quiet(app, f)
  app.bench:capture()
  local result = f()
  return result, app.bench:captured()
end

-- Runs the body in a handler; what it stores is the result.
local function run(body, options)
  local app = s.handler(body, options)
  local v = app:open()
  local group = quiet(app, function() return v:click "go" end)
  if group.fail then error(group.fail.message, 2) end
  return v:stored(), v, app
end

-- How a handler ends that must not end well.
local function ends(body, options)
  local app = s.handler(body, options)
  local v, other = app:open(), app:open()
  local group, log = quiet(app, function() return v:click "go" end)
  if not group.fail then error("it ended well: " .. s.json.encode(v:stored()), 2) end
  v:click "quick"
  equal("quick", v:see "out")
  other:click "quick"
  equal("quick", other:see "out")
  return group.fail, log, v
end

-- Another visitor is answered before the handler ends, whatever it does.
local function lets_others_through(body, options)
  local app = s.handler(body, options)
  local first, second = app:open(), app:open()
  local n = first:fire("go", "click")
  app:pump(2)
  local log
  if first.finished[n] then error("it ended at once: " .. tostring(first.finished[n].fail and first.finished[n].fail.message), 2) end
  app.bench:capture()
  local quick = second:fire("quick", "click")
  app:until_(function() return second.finished[quick] or first.finished[n] end, "either of them")
  if not second.finished[quick] then error("the other visitor waited for it", 2) end
  local group = first.finished[n] or first:await(n)
  log = app.bench:captured()
  first:click "quick"
  return group, log, first, app
end

-- --- 15, 16: loops ---------------------------------------------------------------------------

local LOOPS = {
  ["while"] = "while true do end",
  ["repeat"] = "repeat until false",
  ["goto"] = "::again:: goto again",
  ["goto with a body"] = "local n = 0 ::again:: n = n + 1 goto again",
  ["numeric for"] = "for i = 1, math.maxinteger do end",
  ["numeric for down"] = "for i = math.maxinteger, math.mininteger, -1 do end",
  ["float for"] = "for i = 1.0, math.huge do end",
  ["generic for"] = "for _ in os.clock do end",
  ["generic for over a C iterator"] = "for _ in function() return true end do end",
  ["tail calls"] = "local function f() return f() end f()",
  ["mutual tail calls"] = "local f, g function f() return g() end function g() return f() end f()",
  ["calls"] = "local function f() end while true do f() end",
  ["pcall"] = "while true do pcall(function() while true do end end) end",
  ["errors"] = "while true do pcall(error) end",
  ["string work"] = "while true do local s = ('x'):rep(10) .. 'y' end",
  ["tables"] = "while true do local t = { {}, {} } end",
  ["coroutines"] = "while true do coroutine.wrap(function() coroutine.yield() end)() end",
  ["library calls"] = "while true do string.find('aaa', 'b') table.concat({ 1, 2 }) end",
}

-- @ is the loop. In yieldable code it is paused, and ended at its limit of CPU time.
local PLACES = {
  ["plainly"] = "@",
  ["in pcall"] = "pcall(function() @ end)",
  ["in pcall for ever"] = "while true do pcall(function() @ end) end",
  ["in a nested pcall"] = "pcall(pcall, pcall, pcall, function() @ end) @",
  ["in xpcall"] = "xpcall(function() @ end, function() return 1 end)",
  ["in an error handler"] = "xpcall(error, function() @ end)",
  ["in an error handler for ever"] = "while true do xpcall(error, function() @ end) end",
  ["in an error handler that fails"] = "while true do xpcall(error, function() xpcall(error, function() @ end) error() end) end",
  ["in coroutine.wrap"] = "coroutine.wrap(function() @ end)()",
  ["in wrap inside wrap"] = "coroutine.wrap(function() coroutine.wrap(function() @ end)() end)()",
  ["in resume for ever"] = "while true do coroutine.resume(coroutine.create(function() @ end)) end",
  ["in wrap inside pcall inside resume"] = "while true do coroutine.resume(coroutine.create(function() pcall(coroutine.wrap(function() @ end)) end)) end",
  ["in __close"] = "do local x <close> = setmetatable({}, { __close = function() @ end }) end",
  ["in __close after an error"] = "pcall(function() local x <close> = setmetatable({}, { __close = function() @ end }) error 'x' end)",
  ["in __close of a generic for"] = "for _ in function() return nil end, nil, nil, setmetatable({}, { __close = function() @ end }) do end",
  ["in __close inside wrap"] = "coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() @ end }) end)()",
  ["in __close for ever"] = "while true do pcall(function() local x <close> = setmetatable({}, { __close = function() @ end }) error() end) end",
  ["in a comparator"] = "table.sort({ 3, 2, 1 }, function() @ end)",
  ["in a gsub callback"] = "string.gsub('abc', '.', function() @ end)",
  ["in a gsub callback inside a comparator"] = "table.sort({ 3, 2 }, function() string.gsub('abc', '.', function() @ end) end)",
  ["in __index"] = "local _ = setmetatable({}, { __index = function() @ end }).x",
  ["in __newindex"] = "setmetatable({}, { __newindex = function() @ end }).x = 1",
  ["in __call"] = "setmetatable({}, { __call = function() @ end })()",
  ["in __eq"] = "local mt = { __eq = function() @ end } local _ = setmetatable({}, mt) == setmetatable({}, mt)",
  ["in __concat"] = "local _ = setmetatable({}, { __concat = function() @ end }) .. 'x'",
  ["in __len"] = "local _ = #setmetatable({}, { __len = function() @ end })",
  ["in loaded text"] = "load([==[ @ ]==])()",
  ["in load's reader"] = "load(function() @ end)",
  ["in an iterator's function"] = "for _ in setmetatable({}, { __call = function() @ end }) do end",
}

-- Below a C function nothing can be paused: it is raised out of after the stall, and then ended.
local BELOW_C = {
  ["in __tostring"] = "tostring(setmetatable({}, { __tostring = function() @ end }))",
  ["in __tostring below format"] = "string.format('%s', setmetatable({}, { __tostring = function() @ end }))",
  ["in __tostring for ever"] = "while true do pcall(tostring, setmetatable({}, { __tostring = function() @ end })) end",
  ["in pcall in __tostring"] = "tostring(setmetatable({}, { __tostring = function() while true do pcall(function() @ end) end end }))",
  ["in __index below concat"] = "table.concat(setmetatable({}, { __index = function() @ end }), '', 1, 3)",
  ["in __len below insert"] = "table.insert(setmetatable({}, { __len = function() @ end }), 1)",
  ["in __lt below sort"] = "local mt = { __lt = function() @ end } table.sort { setmetatable({}, mt), setmetatable({}, mt) }",
  ["in wrap below tostring"] = "tostring(setmetatable({}, { __tostring = coroutine.wrap(function() @ end) }))",
  ["in __close below tostring"] = "tostring(setmetatable({}, { __tostring = function() local x <close> = setmetatable({}, { __close = function() @ end }) end }))",
  ["in __close after an error below tostring"] = "tostring(setmetatable({}, { __tostring = function() pcall(function() local x <close> = setmetatable({}, { __close = function() @ end }) error() end) end }))",
  ["in __index of a replacement table"] = "string.gsub('abc', '.', setmetatable({}, { __index = function() @ end }))",
  ["in resume below tostring for ever"] = "while true do pcall(tostring, setmetatable({}, { __tostring = function() while true do coroutine.resume(coroutine.create(function() @ end)) end end })) end",
}

local function sorted(map)
  local keys = {}
  for k in pairs(map) do keys[#keys + 1] = k end
  table.sort(keys)
  return keys
end

-- One app with a button for each case.
local function case_app(cases, options)
  local functions = {}
  for i, body in ipairs(cases) do functions[i] = ("cases[%d] = function() %s end"):format(i, body) end
  return s.load("local cases = {}\n" .. table.concat(functions, "\n") .. [[

    local ui = require "vitrine.ui"
    return ui.page({}, function()
      local out, go, quick = ui.textbox { id = "out" }, ui.button { "Go", id = "go" }, ui.button { "Quick", id = "quick" }
      quick:on_click(function() out:set("quick") end)
      go:on_click(function(session, i) cases[i]() out:set("it went on") end)
      return ui.column { out, go, quick }
    end)]], options)
end

local function ended_in_words(app, v, i, name, words)
  local n = v:fire("go", "click", nil, i)
  local group = quiet(app, function() return v:await(n) end)
  match(words, group.fail and group.fail.message, name)
  equal(s.FAIL.LIMIT, group.fail.op, name)
end

local function matrix(places, options, words)
  local cases, names = {}, {}
  for _, place in ipairs(sorted(places)) do
    for _, loop in ipairs(sorted(LOOPS)) do
      -- every loop plainly and in one other place, every place with two loops
      if place == "plainly" or (#place + #loop) % 9 == 0 or loop == "while" then
        cases[#cases + 1] = places[place]:gsub("@", (LOOPS[loop]:gsub("%%", "%%%%")))
        names[#names + 1] = loop .. " " .. place
      end
    end
  end
  local app = case_app(cases, options)
  local v, other = app:open(), app:open()
  for i, name in ipairs(names) do
    ended_in_words(app, v, i, name, words)
    if i % 5 == 0 then
      other:click "quick"
      equal("quick", other:see "out", name)
    end
  end
  return #names
end

-- catalogue 15, 16
it("an endless loop of every kind in every place is paused and then ended in words", function()
  if matrix(PLACES, { cpu_ms = 30 }, "it used .* of processor time, the limit") < 60 then error "too few cases" end
end)

-- catalogue 16
it("an endless loop below a C function is raised out of, and nothing catches it for good", function()
  matrix(BELOW_C, { cpu_ms = 5000, stall_ms = 15 }, "too long inside a library function")
end)

-- catalogue 15
it("chains without a loop of their own end as errors", function()
  local r = run [[
    local r = {}
    session.r = r
    local function why(f, ...) return tostring(select(2, pcall(f, ...))) end
    local a, b = {}, {}
    setmetatable(a, { __index = b }) setmetatable(b, { __index = a })
    r.index = why(function() return a.x end)
    setmetatable(a, { __newindex = b }) setmetatable(b, { __newindex = a })
    r.newindex = why(function() a.x = 1 end)
    local c = setmetatable({}, { __call = setmetatable({}, { __call = setmetatable({}, { __call = 1 }) }) })
    r.call = why(c)
    r.step = why(load "for i = 1, 2, 0 do end")
  ]].r
  match("loop", r.index)
  match("loop", r.newindex)
  match("attempt to call a number value", r.call) -- one that calls itself: tests/peer/test_worker.c
  match("step is zero", r.step)
end)

-- catalogue 15, 30
it("a load that never ends fails with words, wherever it is", function()
  for _, source in ipairs {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    'return require "vitrine.ui".page({}, function() while true do end end)',
    'string.rep("x", 1) for _ in os.clock do end',
    'local ui = require "vitrine.ui" return ui.page({}, function() table.sort({ 2, 1 }, function() while true do end end) end)',
  } do
    local why, app = s.load_failure(source, { cpu_ms = 50 })
    match("processor time", why.message)
    app.bench:close()
  end
end)

-- --- 17: patterns ----------------------------------------------------------------------------

local BOMBS = {
  { '("a"):rep(28)', '("a?"):rep(28) .. ("a"):rep(28) .. "b"' },
  { '("x"):rep(3000)', '(".-"):rep(8) .. "b"' },
  { '("a"):rep(200000)', '".-b"' },
  { '("a"):rep(100000)', '"(.*)(.*)(.*)%1%2%3b"' },
  { '("("):rep(20000)', '"%b()"' },
  { '("ab"):rep(20000)', '"(a*b*)-%1c"' },
  { '("a"):rep(5000)', '"^(a*)(a*)(a*)(a*)$b"' },
  { '(" "):rep(60000)', '"%s*%s*%s*x"' },
  { '("a"):rep(30000)', '"[a-z]-[a-z]-[^a]"' },
  { '("a"):rep(30000)', '"%f[a]a*%f[b]"' },
}

local CALLS = {
  find = "string.find(%s, %s)",
  match = "string.match(%s, %s)",
  gmatch = "for _ in string.gmatch(%s, (%s)) do end",
  gsub = "string.gsub(%s, %s, '')",
}

-- catalogue 17
it("a pattern that explodes ends as an error that names the function, and others are served", function()
  local named = 0
  for _, name in ipairs(sorted(CALLS)) do
    local cases = {}
    for i, bomb in ipairs(BOMBS) do
      if i <= 4 or name == "find" then cases[i] = CALLS[name]:format(bomb[1], bomb[2]) end
    end
    local app = case_app(cases, { cpu_ms = 60000 })
    local v, other = app:open(), app:open()
    for i in ipairs(cases) do
      local n = v:fire("go", "click", nil, i)
      app:pump(2)
      app.bench:capture()
      if not v.finished[n] then
        local quick = other:fire("quick", "click")
        app:until_(function() return other.finished[quick] or v.finished[n] end, "either")
        if not other.finished[quick] then error(name .. " " .. BOMBS[i][2] .. ": the other visitor waited for it") end
      end
      local group = v.finished[n] or v:await(n)
      app.bench:captured()
      -- some are only slow: those end well
      if group.fail then
        equal(s.FAIL.ERROR, group.fail.op)
        match("^string%." .. name .. ": the pattern takes too long on this text$", group.fail.message)
        named = named + 1
      end
    end
    app.bench:close()
  end
  if named < 12 then error("only " .. named .. " of them were stopped") end
end)

-- catalogue 17
it("a pattern that explodes where nothing can pause ends too, and can be caught", function()
  local r = run([[
    local text, pattern = ("a"):rep(28), ("a?"):rep(28) .. ("a"):rep(28) .. "b"
    session.caught = select(2, pcall(string.find, text, pattern))
    session.below = select(2, pcall(tostring, setmetatable({}, { __tostring = function() return string.find(text, pattern) and "x" end })))
    session.co = select(2, coroutine.resume(coroutine.create(function() return text:gsub(pattern, "") end)))
  ]], { stall_ms = 60000, cpu_ms = 60000 })
  match("string.find: the pattern takes too long", r.caught)
  match("string.find: the pattern takes too long", r.below)
  match("string.gsub: the pattern takes too long", r.co)
end)

-- --- 18: loops in C --------------------------------------------------------------------------

local ENDLESS = {
  "table.move({}, 1, math.maxinteger - 1, 2)",
  "table.move({}, 1, math.maxinteger - 1, 2, {})",
  "table.move(setmetatable({}, { __index = type, __newindex = rawequal }), 1, math.maxinteger - 1, 1)",
  "table.insert(setmetatable({}, { __len = function() return math.maxinteger - 1 end }), 1, 'x')",
  "table.remove(setmetatable({}, { __len = function() return math.maxinteger - 1 end }), 1)",
  "table.concat(setmetatable({}, { __index = getmetatable, __metatable = '' }), '', 1, math.maxinteger)",
  "table.sort(setmetatable({}, { __len = function() return 2147483646 end, __index = type, __newindex = rawequal }))",
  "while true do collectgarbage() end",
  "local t = {} for i = 1, 300000 do t[i] = i end while true do table.remove(table.move(t, 1, 250000, 2), 1) end",
  "while true do string.rep('', math.maxinteger) string.rep('', math.maxinteger, '') end",
  "local s = ('x'):rep(1 << 20) while true do s:find('y') s:find('xy', 1, true) s:gsub('y', '') s:upper() s:reverse() end",
  "local s = ('[1,2,{\"a\":3}],'):rep(30000) while true do json.decode('[' .. s .. '1]') end",
  "while true do load(('local a = 1 '):rep(150)) load(('x=1 '):rep(20000)) end",
}

-- catalogue 18
it("no loop in C holds the processor, however long an app makes it", function()
  for _, body in ipairs(ENDLESS) do
    local group = lets_others_through(body, { cpu_ms = 150, before = "local json = require 'vitrine.json' " })
    equal(s.FAIL.LIMIT, group.fail and group.fail.op, body)
    match("processor time", group.fail.message, body)
  end
end)

-- catalogue 18
it("long but finite work in the library ends well beside others", function()
  local _, _, v = lets_others_through([[
    local list = {}
    for i = 1, 300000 do list[i] = (i * 7919) % 300007 end
    table.sort(list)
    for i = 2, #list do if list[i - 1] > list[i] then error "not sorted" end end
    local copy = table.move(list, 1, #list, 1, {})
    table.insert(copy, 1, 0) table.remove(copy, 1)
    local text = table.concat(copy, " ")
    local words, n = text:gsub("%d+", function(w) return w end)
    session.r = { #list, n, words == text, select(2, text:gsub(" ", " ")), #json.decode("[" .. table.concat(copy, ",") .. "]") }
  ]], { cpu_ms = 60000 })
  equal({ 300000, 300000, true, 299999, 300000 }, v:stored().r)
end)

-- catalogue 18
it("what cannot pause refuses what would take long, and says the limit", function()
  local r = run([[
    local r = {}
    session.r = r
    local function why(f, ...) return tostring(select(2, pcall(f, ...))) end
    local long = ("x"):rep(9 << 20)
    for _, name in ipairs { "len", "codepoint", "offset", "codes" } do r[name] = why(utf8[name], long, 1) end
    r.date = why(os.date, ("%c"):rep(200))
    r.rep, r.empty = why(string.rep, "x", 1 << 40), ("").rep("", math.maxinteger)
    r.width, r.precision = why(string.format, "%999d", 1), why(string.format, "%.999f", 1)
    r.pack = why(string.pack, "c2147483647", "x")
    r.unpack = why(table.unpack, {}, 1, 1e8)
  ]]).r
  for _, name in ipairs { "len", "codepoint", "offset", "codes" } do match("the text is over 8 MiB", r[name], name) end
  match("over 256 bytes", r.date)
  match("resulting string too large", r.rep)
  equal("", r.empty)
  match("invalid conversion", r.width)
  match("invalid conversion", r.precision)
  match("not enough memory", r.pack)
  match("too many results to unpack", r.unpack)
end)

-- --- 19: the compiler ------------------------------------------------------------------------

-- catalogue 19
it("a source has a size and a time", function()
  local r = run([[
    local function why(f, words) return f and "fine" or words end
    local big = ("x = 1 "):rep(200000)
    session.over = why(load(big))
    session.over_pieces = why(load(function() return big:sub(1, 1000) end))
    session.fits = why(load(("local a = 1 "):rep(150) .. ("a = 1 "):rep(100000)))
    -- every label is compared with every one before it, every goto with every label
    local labels = {}
    for i = 1, 32000 do labels[i] = "::l" .. i .. "::x=1 " end
    labels = table.concat(labels)
    session.slow = why(load("do " .. labels .. " end do " .. labels .. " end"))
    session.deep = {}
    for i, pair in ipairs { { "(", ")" }, { "{", "}" }, { "- ", "" }, { "f(", ")" }, { "function() return ", " end" }, { "a[", "]" }, { "not ", "" } } do
      session.deep[i] = why(load("return " .. pair[1]:rep(40000) .. "1" .. pair[2]:rep(40000)))
    end
    for i, pair in ipairs { { "do ", " end" }, { "if x then ", " end" }, { "for i = 1, 2 do ", " end" }, { "while x do ", " end" }, { "repeat ", " until x" } } do
      session.deep[#session.deep + 1] = why(load(pair[1]:rep(40000) .. pair[2]:rep(40000)))
    end
    session.chain = why(load("return " .. ("1 .. "):rep(100000) .. "1"))
  ]], { cpu_ms = 60000 })
  match("source is over 1024 KiB", r.over)
  match("source is over 1024 KiB", r.over_pieces)
  equal("fine", r.fits)
  match("takes too long to compile", r.slow)
  for i, why in ipairs(r.deep) do match("overflow", why:gsub("too many local variables", "overflow"), "nesting " .. i) end
  match("overflow", r.chain)
end)

-- catalogue 19
it("an app file that is too large or takes the compiler too long does not load", function()
  local labels = {}
  for i = 1, 32000 do labels[i] = "::l" .. i .. "::x=1 " end
  labels = table.concat(labels)
  for _, check in ipairs { true, false } do
    local why, app = s.load_failure(("x = 1 "):rep(200000), { check = check })
    match("app.lua: the source is over 1024 KiB", why.message)
    app.bench:close()
    why, app = s.load_failure("do " .. labels .. " end do " .. labels .. " end", { check = check })
    match("takes too long to compile", why.message)
    app.bench:close()
  end
end)

-- --- 20, 21: memory --------------------------------------------------------------------------

local MEMORY = {
  "local s = 'x' while true do s = s .. s end",
  "local s = ('x'):rep(1 << 20) while true do s = s:rep(2) end",
  "local t = {} for i = 1, 1e9 do t[i] = i end",
  "local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
  "local t = {} for i = 1, 1e9 do t[i] = {} end",
  "local t = {} for i = 1, 1e9 do t[i] = function() return i end end",
  "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(function() end) end",
  "local t = {} for i = 1, 1e9 do t[i] = coroutine.wrap(function() coroutine.yield() end) t[i]() end",
  "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(i) end",
  "(('x'):rep(100000)):gsub('', ('y'):rep(1000))",
  "local t = {} for i = 1, 20000 do t[i] = ('x'):rep(1000) end return table.concat(t)",
  "string.format(('%s'):rep(100), table.unpack((function() local t = {} for i = 1, 100 do t[i] = ('x'):rep(100000) end return t end)()))",
  "json.decode('[' .. ('{},'):rep(400000) .. '{}]')",
  "json.decode(('['):rep(60) .. ('[],'):rep(400000) .. '[]' .. (']'):rep(60))",
  "local t = {} for i = 1, 1e9 do t[i] = ui.bytes('x', 'image/png') end",
  "local t = {} for i = 1, 1e9 do t[i] = assert(load('return ' .. i)) end",
  "string.pack(('s'):rep(30), table.unpack((function() local t = {} for i = 1, 30 do t[i] = ('x'):rep(1 << 20) end return t end)()))",
  "local function f(...) return 1 + f(1, ...) end f()",
  "local t = {} local function f(n) t[n] = {} f(n + 1) end f(1)",
  "utf8.char(table.unpack((function() local t = {} for i = 1, 900000 do t[i] = 65 end return t end)()))",
  "local t = setmetatable({}, { __mode = 'k' }) local k = {} for i = 1, 1e9 do local n = {} t[k] = n k = n t[i] = k end",
}

-- catalogue 20
it("every memory bomb ends in words and the worker goes on", function()
  local cases = {}
  for i, body in ipairs(MEMORY) do cases[i] = "local ui, json = require 'vitrine.ui', require 'vitrine.json' do " .. body .. " end" end
  local app = case_app(cases, { heap_max = 12 << 20, cpu_ms = 60000 })
  local v, other = app:open(), app:open()
  for i, body in ipairs(MEMORY) do
    local n = v:fire("go", "click", nil, i)
    local group = quiet(app, function() return v:await(n) end)
    local why = group.fail and group.fail.message or "nothing"
    if not (why:find "memory is full: 12 MiB" or why:find "stack overflow" or why:find "not enough memory") then error(body .. ": " .. why) end
    other:click "quick"
    v:click "quick"
    equal("quick", v:see "out", body)
  end
end)

-- catalogue 20
it("far too large strings are refused before they are made", function()
  local r = run [[
    local function why(f, ...) return tostring(select(2, pcall(f, ...))) end
    session.r = { why(string.rep, "x", 1e10), why(string.rep, "x", 1 << 31), why(string.rep, ("x"):rep(1 << 20), 1 << 20), why(string.rep, "ab", 1 << 62, "c"),
      why(string.rep, "x", 1 << 28) }
  ]].r
  for i = 1, 4 do match("resulting string too large", r[i]) end
  match("not enough memory", r[5])
end)

-- catalogue 21
it("a memory bomb that catches its own errors ends at its limit of time", function()
  for _, body in ipairs {
    "local keep = {} while true do pcall(function() for i = 1, 1e9 do keep[#keep + 1] = ('x'):rep(4000) .. i end end) end",
    "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
    "while true do pcall(string.rep, 'x', 1 << 30) end",
    "while true do coroutine.resume(coroutine.create(function() local t = {} for i = 1, 1e9 do t[i] = {} end end)) end",
    "while true do pcall(json.decode, '[' .. ('{},'):rep(200000) .. '{}]') end",
    "while true do xpcall(function() local t = {} for i = 1, 1e9 do t[i] = i end end, function() return ('x'):rep(1 << 25) end) end",
  } do
    local fail = ends(body, { heap_max = 8 << 20, cpu_ms = 300 })
    equal(s.FAIL.LIMIT, fail.op, body)
  end
end)

-- --- 23, 24: depth and width -----------------------------------------------------------------

-- catalogue 23
it("recursion of every kind ends in a Lua error on a stack of 1 MiB", function()
  local r = run([[
    local r = {}
    session.r = r
    local function try(name, f, ...)
      local ok, why = pcall(f, ...)
      r[name] = ok and "it ended well" or tostring(why)
    end
    local function plain() return 1 + plain() end
    try("plain", plain)
    local function many(...) local a, b, c, d, e, f, g, h return 1 + many(a, b, c, d, ...) end
    try("wide", many)
    local function gsub(s) return (s:gsub(".", gsub)) end
    try("gsub", gsub, "x")
    local function sort() table.sort({ 2, 1 }, sort) end
    try("sort", sort)
    local index = {} setmetatable(index, { __index = function(t, k) return t[k] end })
    try("index", function() return index.x end)
    local newindex = setmetatable({}, { __newindex = function(t, k, v) t[k] = v end })
    try("newindex", function() newindex.x = 1 end)
    local call = {} setmetatable(call, { __call = function(t) return 1 + t() end })
    try("call", call)
    local text = {} setmetatable(text, { __tostring = function(t) return tostring(t) end })
    try("tostring", tostring, text)
    local concat = setmetatable({}, { __index = function(t, i) return table.concat(t, "", 1, 1) end })
    try("concat", table.concat, concat, "", 1, 1)
    local format = setmetatable({}, { __tostring = function(t) return string.format("%s", t) end })
    try("format", tostring, format)
    local lt lt = setmetatable({}, { __lt = function(a, b) table.sort { a, b } return true end })
    try("lt", table.sort, { lt, lt })
    local map = setmetatable({}, { __index = function(t, k) return (string.gsub(k, ".", t)) end })
    try("replacement table", string.gsub, "x", ".", map)
    local function nest() return coroutine.wrap(nest)() end
    try("coroutines", nest)
    local function resume() return select(2, coroutine.resume(coroutine.create(resume))) end
    r.resume = tostring(resume())
    local function caught() local ok, why = pcall(caught) return why end
    r.pcall = tostring(caught())
    local function handled() local ok, why = xpcall(handled, function(e) return e end) return why end
    r.xpcall = tostring(handled())
    local function close() local x <close> = setmetatable({}, { __close = close }) end
    try("close", close)
    local function loader() return load(loader) end
    r.load = tostring(select(2, loader()))
    try("require", require, "self")
    local function copied(n) local t = {} for _ = 1, n do t = { t } end return t end
    try("json", function() error(select(2, json.encode(copied(100000)))) end)
    try("decode", function() error(select(2, json.decode(("["):rep(100000)))) end)
    local function loads(code) return load("local f = ... return 1 + f(f)")(load(code)) end
    try("text", load "local function f() return 1 + f() end return f()")
    try("varargs", function() local function f(...) return 1 + f(..., ...) end return f(1) end)
    try("pack", function() local function f(t) return { f { t } } end return f {} end)
  ]], { cpu_ms = 60000, stall_ms = 60000, before = "" })
  for name, why in pairs(r.r) do
    local fine = why:find "overflow" or why:find "too many" or why:find "nested deeper" or why:find "error in error" or why:find "not enough memory"
      or why:find "reader function must return" or (name == "require" and why:find "is not there")
    if not fine then error(name .. ": " .. why) end
  end
end)

-- catalogue 24
it("too many values at once are refused", function()
  local r = run([[
    local function why(f, ...) return tostring(select(2, pcall(f, ...))) end
    local list = {}
    for i = 1, 200000 do list[i] = i end
    session.r = {
      why(table.unpack, {}, 1, 1e8), why(table.unpack, {}, math.mininteger, math.maxinteger), why(table.unpack, {}, 0, 1 << 31),
      why(string.byte, ("x"):rep(10 << 20), 1, -1), why(utf8.codepoint, ("x"):rep(8 << 20), 1, -1), why(string.unpack, ("b"):rep(2000000), ("x"):rep(2000000)),
      why(coroutine.wrap(function(...) return ... end), table.unpack(list)) == "1",
      select("#", table.unpack(list)), #table.pack(table.unpack(list)), select(-1, table.unpack(list)), math.max(table.unpack(list)),
    }
  ]], { cpu_ms = 60000 }).r
  for i = 1, 3 do match("too many results to unpack", r[i]) end
  for i = 4, 6 do match("too long", r[i]:gsub("too many results", "too long")) end
  equal({ true, 200000, 200000, 200000, 200000 }, { table.unpack(r, 7, 11) })
end)

-- --- 25: hashes ------------------------------------------------------------------------------

-- The one that is worse, whole numbers chosen against a table's next size, ends the worker: see
-- tests/peer/test_worker.c.
-- catalogue 25
it("keys that look alike take no longer than others", function()
  local r = run([[
    local n = 200000
    local function fill(key) local t = {} for i = 1, n do t[key(i)] = i end local c = 0 for _ in next, t do c = c + 1 end return c end
    session.r = { fill(function(i) return i << 20 end), fill(function(i) return i * 65536.5 end), fill(function(i) return ("\0"):rep(i % 40) .. i end),
      fill(function(i) return -i end), fill(function(i) return 2.0 ^ (i % 1000) * i end) }
  ]], { cpu_ms = 5000 }).r
  equal(200000, r[1])
  equal(200000, r[2])
  equal(200000, r[3])
  equal(200000, r[4])
end)

-- --- 26: the log -----------------------------------------------------------------------------

-- catalogue 26
it("no byte of an app's line takes the log apart", function()
  local app = s.handler [[
    print("\27[2J\27]0;title\7\r\8\0\127 end")
    print("C1 \xc2\x9b31m and bytes \xff\xfe\x80 end")
    print("one\n\x1eerror session=1\x1fforged\r\nprint session=2 forged")
    print(setmetatable({}, { __tostring = function() return "named\27[0m" end }))
  ]]
  local v = app:open()
  local _, log = quiet(app, function() return v:click "go" end)
  local head = log:match "^\x1eprint session=%x+ event=%d+\x1f"
  equal(head .. " [2J ]0;title      end\n" .. head .. "C1   31m and bytes ??? end\n" .. head .. "one\n" .. head .. " error session=1 forged \n" .. head
    .. "print session=2 forged\n" .. head .. "named [0m\n", log)
end)

-- catalogue 26
it("a line and a text of many lines are cut, and say so", function()
  local app = s.handler [[ print(("é"):rep(1 << 20)) print(("line\n"):rep(100000)) ]]
  local v = app:open()
  local _, log = quiet(app, function() return v:click "go" end)
  local lines = {}
  for line in log:gmatch "[^\n]+" do lines[#lines + 1] = line end
  equal(1 + 64 + 1, #lines)
  match("^\x1eprint session=%x+ event=%d+\x1fé+.* … %d+ more bytes$", lines[1])
  if #lines[1] > 2048 then error "a line of over 2 KiB" end
  match("… %d+ more bytes in this text", lines[66])
  for i = 2, 65 do match("^\x1eprint session=%x+ event=%d+\x1fline$", lines[i]) end
end)

-- catalogue 26
it("a log that nobody reads holds nobody up, and tells how much was lost", function()
  local app = s.handler [[ for i = 1, 200000 do print("line " .. i) end ]]
  local v = app:open()
  local _, log = quiet(app, function() return v:click "go" end)
  if #log > 70000 then error("the pipe took " .. #log) end
  app.bench:capture()
  v:click "go"
  match("^\x1ewarn\x1f%[%d+ lines dropped", app.bench:captured())
end)

-- --- 27: patches -----------------------------------------------------------------------------

-- catalogue 27
it("a million patches to a gateway that reads nothing wait in the handler, not in memory", function()
  local app = s.handler([[ for i = 1, 1000000 do out:set(tostring(i)) session.i = i end ]], { unacked_max = 64 << 10, flush_ms = 1, cpu_ms = 60000 })
  local v, other = app:open(), app:open()
  app.auto_ack = false
  local n = v:fire("go", "click")
  app:pump(400)
  equal(nil, v.finished[n])
  local waiting = #v.groups
  app:pump(200)
  if #v.groups - waiting > 1 then error "it did not wait" end
  app.auto_ack = true
  other:click "quick"
  equal("quick", other:see "out")
  v:cancel(n)
  equal(s.FAIL.CANCELLED, v:await(n).fail.op)
end)

-- catalogue 27
it("patches that are too large, too many, or go where nothing can wait, are refused in words", function()
  for _, case in ipairs {
    { "out:set(('x'):rep(8 << 20))", "value: too much is shown at once: over 7 MiB" },
    { "tostring(setmetatable({}, { __tostring = function() for i = 1, 9 do out:set(('x'):rep(1 << 20)) end end }))", "too much is shown at once: over 7 MiB or 4096 changes" },
    { "tostring(setmetatable({}, { __tostring = function() for i = 1, 5000 do out:set('x') end end }))", "over 7 MiB or 4096 changes" },
    { "tostring(setmetatable({}, { __tostring = function() for i = 1, 100 do out:set(('x'):rep(6 << 20)) session:save() end end }))",
      "over 16 MiB to all visitors" },
    { "js:set((function() local t = {} for i = 1, 200000 do t[i] = i end return t end)())", "ui.json: 'value'%[%d+%]: over 100000 values" },
  } do
    local app = s.load([[
      local ui = require "vitrine.ui"
      return ui.page({}, function()
        local out, js, go, quick = ui.textbox { id = "out" }, ui.json { id = "js" }, ui.button { "Go", id = "go" }, ui.button { "Q", id = "quick" }
        go:on_click(function(session) ]] .. case[1] .. [[ end)
        quick:on_click(function() out:set("quick") end)
        return ui.column { out, js, go, quick }
      end)]], { stall_ms = 60000, cpu_ms = 60000 })
    local v = app:open()
    app.deaf = true
    local n = v:fire("go", "click")
    app.bench:capture()
    for _ = 1, 200 do app:pump(1) end
    app.deaf = false
    local group = v:await(n)
    app.bench:captured()
    match(case[2], group.fail and group.fail.message, case[1])
    v:click "quick"
    equal("quick", v:see "out")
    app.bench:close()
  end
end)

-- --- 28: trees and values --------------------------------------------------------------------

local HEAD = 'local ui = require "vitrine.ui" '

-- What a page must not be, and the words for its owner.
local TREES = {
  { "many nodes", "local t = {} for i = 1, 2500 do t[i] = ui.button { 'x', id = 'b' .. i } end return ui.column(t)", "more than 2000 components" },
  { "a million nodes", "local t = {} for i = 1, 1e6 do t[i] = ui.button {} end return ui.column(t)", "memory is full" },
  { "depth", "local c = ui.button {} for i = 1, 100 do c = ui.column { c } end return c", "nested deeper than 32" },
  { "depth of 50000", "local c = ui.button {} for i = 1, 50000 do c = ui.column { c } end return c", "nested deeper than 32" },
  { "a component inside itself", "local t = {} local c = ui.column(t) t[1] = c return ui.column { c, c }", "stands twice" },
  { "a shared component", "local c = ui.button {} local r = ui.row { c } return ui.column { r, c }", "stands twice" },
  { "a deep value", "local t = {} for i = 1, 1e5 do t = { t } end return ui.json { value = t }", "ui%.json%[1%].*: nested deeper than 32" },
  { "a cyclic value", "local t = {} t.t = t return ui.json { value = t }", "ui%.json%.t%.t.*: nested deeper than 32" },
  { "a DAG", "local t = {} for i = 1, 30 do t = { t, t } end return ui.json { value = t }", "ui%.json%[1%].*: over 100000 values" },
  { "DAG choices", "local t = { label = 'x', value = 'x' } for i = 1, 30 do t = { t, t } end return ui.radio { choices = t }", "ui.radio: 'choices'.*over 100000 values" },
  { "cyclic choices", "local t = {} t[1] = t return ui.radio { choices = t }", "ui.radio: 'choices'.*nested deeper than 32" },
  { "cyclic rows", "local t = {} t[1] = { t } t[1][1] = t return ui.examples { inputs = { ui.textbox {} }, rows = { t } }", "ui.examples: row 1.*nested deeper than 32" },
  { "a large string", "return ui.markdown { ('x'):rep(3 << 20) }", "too large: over 2 MiB at page%.tree%.root%.props%.value" },
  { "a string of 64 MiB", "return ui.markdown { ('x'):rep(64 << 20) }", "not enough memory|memory is full" },
  { "invalid UTF-8", "return ui.textbox { label = 'bad \\xff' }", "page%.tree%.root%.props%.label: a string that is not UTF%-8" },
  { "a NUL", "return ui.textbox { label = 'bad \\0' }", "page%.tree%.root%.props%.label: a string that is not UTF%-8" },
  { "NaN", "return ui.number { value = 0 / 0 }", "'value' must be a finite number" },
  { "infinity in a value", "return ui.json { value = { a = { 1 / 0 } } }", "page.*value%.a%[1%]: a number that is not finite" },
  { "a function in a value", "return ui.json { value = { f = print } }", "page.*value%.f: a function cannot be kept" },
  { "mixed keys", "return ui.json { value = { 1, 2, x = 3 } }", "page.*value: a table is either a list" },
  { "keys that are no text", "return ui.json { value = { ['\\xff'] = 3 } }", "page.*value: a key that is not UTF%-8" },
}

-- catalogue 28
it("a page that is too much of anything fails with what, where and the limit", function()
  for _, case in ipairs(TREES) do
    local why, app = s.load_failure(HEAD .. "return ui.page({}, function() " .. case[2] .. " end)", { cpu_ms = 60000 })
    local found = false
    for words in case[3]:gmatch "[^|]+" do found = found or why.message:find(words) end
    if not found then error(case[1] .. ": wanted " .. case[3] .. ", got " .. why.message) end
    app.bench:close()
  end
end)

local VALUES = {
  { "js:set(deep)", "ui.json: 'value'.*nested deeper than 32" },
  { "js:set(cyclic)", "ui.json: 'value'%.self.*nested deeper than 32" },
  { "js:set(dag)", "ui.json: 'value'.*over 100000 values" },
  { "js:set { a = { 0 / 0 } }", "value%.a%[1%]: a number that is not finite" },
  { "js:set { a = { -1 / 0 } }", "value%.a%[1%]: a number that is not finite" },
  { "js:set { a = 'bad \\xff' }", "value%.a: a string that is not UTF%-8" },
  { "js:set { ['bad \\xff'] = 1 }", "value: a key that is not UTF%-8" },
  { "js:set { f = print }", "value%.f: a function cannot be kept" },
  { "js:set { [1.5] = 1 }", "value: a table is either a list" },
  { "out:set('bad \\xff')", "value: a string that is not UTF%-8" },
  { "out:append('bad \\xff')", "text is UTF%-8" },
  { "out:set(('x'):rep(9 << 20))", "value: too much is shown at once: over 7 MiB" },
  { "chat:set { { role = 'user', content = 'bad \\xff' } }", "value%[1%]%.content: a string that is not UTF%-8" },
  { "chat:set { { role = 'user' } }", "a message is" },
  { "out:update { label = deep }", "ui.textbox: 'label' must be a string" },
  { "drop:update { choices = dag }", "ui.dropdown: 'choices'.*over 100000 values" },
  { "session.a = deep", "session%.a.*nested deeper than 32" },
  { "session.a = cyclic", "session%.a%.self: a table inside itself" },
  { "session.a = dag", "session%.a.*over 100000 values" },
  { "session.a = { 0 / 0 }", "session%.a%[1%]: a number that is not finite" },
  { "session.a = empty_but_large", "session%.a.*takes too long to write" },
  { "error(select(2, json.encode(deep)))", "value.*nested deeper than 63" },
  { "error(select(2, json.encode(cyclic)))", "value%.self: a table inside itself" },
  { "error(select(2, json.encode(dag)))", "value.*over 100000 values" },
  { "error(select(2, json.encode(('x'):rep(9 << 20))))", "over 7 MiB" },
}

-- catalogue 28
it("a value that is too much of anything is refused with what, where and the limit", function()
  local cases = {}
  for i, case in ipairs(VALUES) do cases[i] = ("cases[%d] = function(session) %s end"):format(i, case[1]) end
  local app = s.load(HEAD .. [[
    local json = require "vitrine.json"
    local deep, cyclic, dag, empty = {}, {}, {}, {}
    for i = 1, 100000 do deep = { deep } end
    cyclic.self = cyclic
    for i = 1, 28 do dag = { dag, dag } end
    -- emptied, but with a place for every key it had: going over one takes as long as ever
    for i = 1, 300000 do empty["k" .. i] = true end
    for k in pairs(empty) do empty[k] = nil end
    local empty_but_large = {}
    for i = 1, 50000 do empty_but_large[i] = empty end
    local cases = {}
    return ui.page({}, function()
      local out, js, chat, drop = ui.textbox { id = "out" }, ui.json { id = "js" }, ui.chatbot { id = "chat" }, ui.dropdown { id = "drop", choices = { "a" } }
      local go, quick = ui.button { "Go", id = "go" }, ui.button { "Q", id = "quick" }
      ]] .. table.concat(cases, "\n") .. [[

      go:on_click(function(session, i) cases[i](session) end)
      quick:on_click(function(session) for k in next, session do session[k] = nil end out:set("quick") end)
      return ui.column { out, js, chat, drop, go, quick }
    end)]], { cpu_ms = 60000 })
  local v = app:open()
  for i, case in ipairs(VALUES) do
    local n = v:fire("go", "click", nil, i)
    local group = quiet(app, function() return v:await(n) end)
    match(case[2], group.fail and group.fail.message, case[1])
    v:click "quick"
    equal("quick", v:see "out")
  end
end)

-- catalogue 28
it("names that mean something to a browser are ordinary names", function()
  local nasty = { "__proto__", "constructor", "<script>alert(1)</script>", "toString", "</textarea>", "../..", "\u{202e}rtl", "a b" }
  local app = s.load { ["app.lua"] = HEAD .. [[
    local nasty = require "nasty"
    return ui.page({ title = nasty[3] }, function()
      local js, go = ui.json { id = "js", value = { __proto__ = { polluted = true } } }, ui.button { "Go", id = "go" }
      local boxes = {}
      for i, name in ipairs(nasty) do boxes[i] = ui.textbox { id = name, label = name, placeholder = name } end
      go:on_click(function(session)
        local t = {}
        for i, name in ipairs(nasty) do t[name] = name session[name] = name boxes[i]:set(name) end
        js:set(t)
      end)
      return ui.column { js, go, ui.row(boxes) }
    end)]], ["nasty.lua"] = "return { " .. ("%q,"):rep(#nasty):format(table.unpack(nasty)) .. " }" }
  local v = app:open()
  v:click "go"
  local want = {}
  for _, name in ipairs(nasty) do
    want[name] = name
    equal(name, v:see(name), name)
    equal(name, app.nodes[name].props.label)
  end
  equal(want, v:see "js")
  equal(want, v:stored())
  equal({ ["__proto__"] = { polluted = true } }, app.nodes.js.props.value)
end)

-- --- 29, 30: time ----------------------------------------------------------------------------

-- catalogue 29
it("a sleep is clamped or refused, and no number of sleepers keeps a new visitor out", function()
  local r = run [[
    local function why(...) return tostring(select(2, pcall(time.sleep, ...))) end
    session.refused = { why(-1), why(-1e-300), why(1e300), why(0 / 0), why(1 / 0), why(3600.1), why("1"), why(), why({}), why(math.mininteger) }
    local began = time.monotonic()
    for i = 1, 20 do time.sleep(0) end
    for i = 1, 20 do time.sleep(1e-300) end
    session.slept = time.monotonic() - began
  ]]
  for i = 1, 10 do match("time.sleep: 0 to 3600 seconds", r.refused[i]) end
  if r.slept < 0.02 then error "sleep(0) is a busy loop" end

  local app = s.handler([[
    local threads = {}
    for i = 1, 1000 do threads[i] = coroutine.create(function() time.sleep(3600) end) end
    for i = 1, 1000 do coroutine.resume(threads[i]) end
  ]], { wall_ms = 300 })
  local sleepers = {}
  for i = 1, 16 do
    sleepers[i] = app:open()
    sleepers[i]:fire("go", "click")
  end
  local new = app:open()
  app.bench:capture()
  new:click "quick"
  for i = 1, 16 do equal(s.FAIL.LIMIT, sleepers[i]:await(1).fail.op) end
  app.bench:captured()
  equal("quick", new:see "out")
end)

-- catalogue 30
it("a handler that waits for ever ends at its deadline, whatever it waits for", function()
  for _, body in ipairs {
    "time.sleep(3600)",
    "while true do pcall(time.sleep, 3600) end",
    "while true do time.sleep(0.01) end",
    "coroutine.wrap(function() time.sleep(3600) end)()",
    "while true do pcall(coroutine.wrap(function() pcall(time.sleep, 3600) end)) end",
    "models.generate('a/b'):complete('x')",
    "for _ in models.generate('a/b'):stream('x') do end",
    "while true do pcall(models.pipeline('chat', 'a/b'), { { role = 'user', content = 'x' } }) end",
    "local x <close> = setmetatable({}, { __close = function() time.sleep(3600) end })",
    "table.sort({ 2, 1 }, function() time.sleep(3600) end)",
    "('x'):gsub('.', function() time.sleep(3600) end)",
  } do
    local fail = ends(body, { wall_ms = 150 })
    equal(s.FAIL.LIMIT, fail.op, body)
    match("it ran for .*, the limit", fail.message, body)
  end
end)

-- catalogue 30
it("a handler that waits for a gateway that never takes anything ends at its deadline", function()
  local app = s.handler([[ for i = 1, 1e9 do out:set(tostring(i)) session:save() end ]], { wall_ms = 300, unacked_max = 4096 })
  local v = app:open()
  app.auto_ack = false
  local n = v:fire("go", "click")
  app.bench:capture()
  app:until_(function() return v.finished[n] end, "its end")
  app.bench:captured()
  equal(s.FAIL.LIMIT, v.finished[n].fail.op)
end)

-- --- 32: model calls -------------------------------------------------------------------------

-- What the worker itself keeps of it; the Space's quota is inference's.
-- catalogue 32
it("a handler has at most eight model calls at once, and what it starts and drops is stopped", function()
  local app = s.handler([[
    local writer, kept, busy = models.generate "a/b", {}, 0
    for i = 1, 10000 do
      local ok, f = pcall(writer.stream, writer, "x")
      if ok then kept[#kept + 1] = f else busy = busy + 1 session.why = f end
    end
    session.r = { #kept, busy }
    for i = 1, 2000 do for _ in writer:stream("y") do break end end
  ]], { cpu_ms = 60000 })
  local v = app:open()
  local n = v:fire("go", "click")
  app.bench:capture()
  app:until_(function() return v.finished[n] or #app.calls > 20 end, "its end")
  v:cancel(n)
  local group = v.finished[n] or v:await(n)
  app.bench:captured()
  app:pump(5)
  if group.fail and group.fail.op == s.FAIL.ERROR then match("busy|at once", group.fail.message:gsub("too many model calls at once", "busy|at once")) end
  local stopped = 0
  for _, call in ipairs(app.calls) do
    if app.stops and app.stops[call.seq] then stopped = stopped + 1 end
  end
  equal(#app.calls, stopped)
  equal(8, #app.calls)
end)
