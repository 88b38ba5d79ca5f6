-- What editors complete and docs/COMPONENTS.md tells is what the SDK has.
local s = require "support"
local it = s.it

local function read(path)
  local f = assert(io.open(path))
  local text = f:read "a"
  f:close()
  return text
end

local def, sdk = read "proto/components.def", read "proto/sdk.def"

local function examples()
  local found = {}
  for name, source in sdk:gmatch 'EXAMPLE%((%w+_?%w*), (".-")%)\n' do found[name] = assert(load("return " .. source))() end
  return found
end

local function page(source, check, root)
  return 'local ui = require "vitrine.ui"\nreturn ui.page({}, function()\nlocal text = ui.textbox { label = "Text" }\nlocal c = '
    .. source .. "\n" .. check .. "return ui.column { " .. root .. " }\nend)"
end

it("every component has an example, and it loads", function()
  local found = examples()
  for name in def:gmatch 'COMPONENT%(([%w_]+), "' do
    if name ~= "progress" then
      if not found[name] then error("no example of " .. name .. ": proto/sdk.def, EXAMPLE") end
      -- A state is seen nowhere, so it has no place.
      s.load(page(found[name], "", name == "state" and "text" or "text, c"))
    end
  end
end)

it("every method that is told of is there", function()
  local found = examples()
  for kind, method in sdk:gmatch '\nMETHOD%(([%w_*]+), ([%w_]+),' do
    local source = kind == "chain" and "ui.button 'x':on_click(function() end)" or found[kind == "*" and "textbox" or kind]
    s.load(page(source, ("if type(c.%s) ~= 'function' then error 'no %s' end\n"):format(method, method), "text"))
  end
end)

it("a handler takes the fields that are told of, and no other", function()
  local told, taken = {}, {}
  for field in sdk:gmatch "\nHANDLER%(([%w_]+)," do told[field] = true end
  for field in read("sdk-lua/vitrine/component.lua"):match("HANDLER_FIELDS = {(.-)}"):gmatch "([%w_]+) = true" do taken[field] = true end
  for field in pairs(taken) do if not told[field] then error("not told: " .. field) end end
  for field in pairs(told) do if not taken[field] then error("not taken: " .. field) end end
end)

it("every function of vitrine.ui is told of", function()
  local told = { examples = true }
  for name in sdk:gmatch "\nFUNCTION%(([%w_]+)," do told[name] = true end
  for name in def:gmatch 'COMPONENT%(([%w_]+), "' do told[name] = true end
  for name in read("tests/unit/sdk-lua/reachable.txt"):gmatch "ui%.([%w_]+): function" do
    if not told[name] then error("ui." .. name .. " is in no annotation") end
  end
end)
