-- vitrine.secrets and vitrine.variables: what of a Space's settings its app reads.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local SETTINGS = {
  secrets = { API_KEY = "s3cret-value", get = "named get" },
  variables = { GREETING = "Grüß dich", SPACE_ID = "ada/demo" },
}
local BEFORE = [[local secrets, variables = require "vitrine.secrets", require "vitrine.variables"
]]

local function run(body, settings)
  local app = s.handler(body, { before = BEFORE, settings = settings or SETTINGS })
  local v = app:open()
  app.bench:capture()
  local group = v:click "go"
  app.bench:captured()
  return v:stored(), group
end

it("an app reads a secret and a variable by name, in a handler and while it loads", function()
  local app = s.handler([[session.key = secrets.API_KEY .. "/" .. at_load .. "/" .. variables.GREETING]], {
    before = BEFORE .. "local at_load = secrets.API_KEY\n", settings = SETTINGS,
  })
  local v = app:open()
  v:click "go"
  equal("s3cret-value/s3cret-value/Grüß dich", v:stored().key)
end)

it("a name that is not there is nil, and get says what to do", function()
  local got = run [[
    session.none = secrets.NOPE == nil and variables.NOPE == nil
    session.fallback = variables.get("NOPE", "else")
    session.method = secrets.get("get")
    session.near = select(2, pcall(variables.get, "GREETNG"))
    session.missing = select(2, pcall(secrets.get, "API_KEX"))
    session.kind = select(2, pcall(secrets.get))
  ]]
  equal(true, got.none)
  equal("else", got.fallback)
  equal("named get", got.method)
  match("app.lua:%d+: variables.get: there is no variable 'GREETNG'; set it in the Space's settings; "
    .. "did you mean 'GREETING'%?", got.near)
  match("secrets.get: there is no secret 'API_KEX'; set it in the Space's settings$", got.missing)
  match("secrets.get: a name is needed %(got nil%)", got.kind)
end)

it("both are read-only, and nothing lists the secrets", function()
  local got = run [[
    session.write = select(2, pcall(function() secrets.API_KEY = "x" end))
    session.raw = select(2, pcall(function() variables.NEW = "x" end))
    local names = {}
    for name in pairs(variables) do names[#names + 1] = name end
    table.sort(names)
    session.names = table.concat(names, ",")
    session.listed = 0
    for _ in pairs(secrets) do session.listed = session.listed + 1 end
    session.next = next(secrets) == nil and next(variables) == nil
    session.text = tostring(secrets)
    session.meta = getmetatable(secrets)
  ]]
  match("secrets are read%-only: set them in the Space's settings", got.write)
  match("variables are read%-only", got.raw)
  equal("GREETING,SPACE_ID", got.names)
  equal(0, got.listed)
  equal(true, got.next)
  equal("vitrine.secrets", got.text)
  equal(false, got.meta)
end)

it("a copy of the variables that pairs gives changes nothing", function()
  local got = run [[
    local _, copy = pairs(variables)
    copy.GREETING = "changed"
    session.greeting = variables.GREETING
  ]]
  equal("Grüß dich", got.greeting)
end)

it("without settings both are empty", function()
  local app = s.handler([[session.none = secrets.API_KEY == nil and variables.SPACE_ID == nil]], { before = BEFORE })
  local v = app:open()
  v:click "go"
  equal(true, v:stored().none)
end)

it("settings that are no JSON end the worker before it loads anything", function()
  local app = s.start("return 1", { settings_text = "{" })
  app.bench:capture()
  for _ = 1, 5 do app:pump(1) end
  match("JSON", app.bench:captured())
  assert(not app:take "HELLO" and not app:take "LOAD_FAILED")
end)
