-- What vitrine.secrets and vitrine.variables are made of: a table of texts that only the Space's
-- owner changes.
local host, lua, import = ...
local parts = import "parts"
local setmetatable, next, type, format = setmetatable, next, type, lua.string.format
local raise, describe = parts.raise, parts.describe

local M = {}

---A read-only table. kind: "secrets" or "variables"; one: what a name of it is called; listed: whether
---pairs shows what there is.
function M.table(kind, one, listed)
  local texts = host.settings(kind)
  local methods = {}

  ---The text of that name; fallback, or an error that says what to do, where there is none.
  function methods.get(name, fallback)
    if type(name) ~= "string" then
      raise("%s.get: a name is needed (got %s)", kind, describe(name))
    end
    local text = texts[name]
    if text ~= nil then return text end
    if fallback ~= nil then return fallback end
    local near = listed and parts.nearest(name, texts)
    raise("%s.get: there is no %s '%s'; set it in the Space's settings%s", kind, one, name,
      near and format("; did you mean '%s'?", near) or "")
  end

  return setmetatable({}, {
    __index = function(_, name) return methods[name] or texts[name] end,
    __newindex = function() raise("%s are read-only: set them in the Space's settings", kind) end,
    __pairs = function()
      local copy = {}
      if listed then
        for name, text in next, texts do copy[name] = text end
      end
      return next, copy, nil
    end,
    __tostring = function() return "vitrine." .. kind end,
    __metatable = false,
  })
end

return M
