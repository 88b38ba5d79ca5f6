---@meta vitrine.store
-- What a Space keeps for good: values by key, for the Space and for each of its visitors. A call
-- waits until the disk has it. What goes wrong is raised as a table {code, message} whose message the
-- visitor sees; pcall catches it.
local host, lua, import = ...
local parts = import "parts"
local type, error, next, setmetatable = type, error, next, setmetatable
local format = lua.string.format
local tointeger = lua.math.tointeger
local raise, describe = parts.raise, parts.describe

local TRIES_MAX = 32 -- of an update whose key others change meanwhile

local function ask(what, op, args, raw)
  if not host.state() then
    raise("%s: the store answers visitors, so call it in a handler "
      .. "(this ran while the app was loading)", what)
  end
  local ok, value, words
  if parts.fake_store then
    ok, value, words = parts.fake_store(op, args, raw)
  else
    -- An empty table would be a list.
    if next(args) == nil then setmetatable(args, host.object) end
    ok, value, words = host.ask("store", op, args, raw)
  end
  if not ok then error({ code = value, message = format("%s: %s", what, words) }, 0) end
  return value, words
end

local function check_key(what, key)
  if type(key) ~= "string" or key == "" or #key > 200 then
    raise("%s: a key is a text of 1 to 200 bytes (got %s)", what, describe(key))
  end
end

local function options_of(what, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then
    raise("%s: options are a table (got %s)", what, describe(options))
  end
  parts.check_fields(what, options, known)
  local checked = {}
  for name, value in next, options do
    checked[name] = parts.as_kind(format("%s: '%s'", what, name), known[name], value)
  end
  return checked
end

local SET, LIST = { revision = "integer" }, {
  prefix = "string", after = "string", limit = "integer", values = "boolean",
}

---@class vitrine.Store
-- The functions for one set of keys; user: the visitor's own.
local function keys_of(prefix, user)
  local M = {}
  local function named(name) return prefix .. name end

  ---@param key string
  ---@return any value nil: there is none
  ---@return integer revision of the value, for set; 0: there is none
  ---@usage local visits, revision = store.get "visits"
  function M.get(key)
    local what = named "get"
    check_key(what, key)
    local found = ask(what, "get", { key = key, user = user })
    return found.value, found.revision or 0
  end

  ---@param key string
  ---@param value any as in the session table; at most 1 MiB
  ---@param options? {revision?: integer} only where the key has this revision; 0: where it has none
  ---@return integer? revision the new one; nil: the key has another one
  ---@return integer? current that other one
  ---@usage store.set("greeting", "Hello")
  function M.set(key, value, options)
    local what = named "set"
    check_key(what, key)
    if value == nil then raise("%s: a value is needed; %s takes a key away", what, named "delete") end
    local wanted = options_of(what, options, SET).revision
    local said = ask(what, "set", { key = key, value = value, user = user, ["if"] = wanted })
    if said.conflict then return nil, said.revision end
    return said.revision
  end

  ---@param key string
  ---@param options? {revision?: integer}
  ---@return boolean? deleted false: there was none; nil: the key has another revision
  ---@return integer? current that other one
  function M.delete(key, options)
    local what = named "delete"
    check_key(what, key)
    local wanted = options_of(what, options, SET).revision
    local said = ask(what, "delete", { key = key, user = user, ["if"] = wanted })
    if said.conflict then return nil, said.revision end
    return said.deleted
  end

  ---Changes a value that others change too: fn gets the value that is there and returns the next
  ---one, nil to take it away; it is called again where somebody was faster.
  ---@param key string
  ---@param fn fun(old: any): any
  ---@return any value the new one
  ---@usage local n = store.update("visits", function(n) return (n or 0) + 1 end)
  function M.update(key, fn)
    local what = named "update"
    check_key(what, key)
    if type(fn) ~= "function" then
      raise("%s: a function is needed that makes the new value (got %s)", what, describe(fn))
    end
    for _ = 1, TRIES_MAX do
      local old, revision = M.get(key)
      local new = fn(old)
      if new == nil then
        if revision == 0 or M.delete(key, { revision = revision }) ~= nil then return nil end
      elseif M.set(key, new, { revision = revision }) then
        return new
      end
    end
    error({ code = "busy", message = format("%s: too many change this key at once", what) }, 0)
  end

  ---@param options? {prefix?: string, after?: string, limit?: integer, values?: boolean}
  ---@return {key: string, revision: integer, bytes: integer, value: any}[] items in the order of their keys
  ---@return boolean more go on with after = the last key
  ---@usage for _, item in ipairs(store.list { prefix = "note/" }) do print(item.key) end
  function M.list(options)
    local what = named "list"
    local args = options_of(what, options, LIST)
    if args.limit and (args.limit < 1 or args.limit > 1000) then
      raise("%s: 'limit' is 1 to 1000 (got %d)", what, tointeger(args.limit))
    end
    args.user = user
    local said = ask(what, "list", args)
    return said.items, said.more
  end

  return M
end

local M = keys_of("store.", nil)

---The same for keys of the visitor whose event it is, by account or, without one, by browser.
---@type vitrine.Store
---@usage store.user.set("name", "Ada")
M.user = keys_of("store.user.", true)

---Files of the Space.
M.files = import "store_files" (ask, options_of)

---How much the Space keeps, and how much it may.
---@return {keys: integer, bytes: integer, keys_max: integer, bytes_max: integer, files: integer, file_bytes: integer, file_bytes_max: integer}
function M.usage() return ask("store.usage", "usage", {}) end

return M
