-- What runs after a handler: button:on_click{…}:ok{…}. A chain belongs to its event: it runs in the
-- same place of the visitor's order, cancelling ends all of it, and its limits are those of one
-- handler.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local type, ipairs, next, pcall, error = type, ipairs, next, pcall, error
local setmetatable, tostring = setmetatable, tostring
local format = lua.string.format
local raise = parts.raise

local M = {}

local LINKS_MAX = 64 -- of one event

local handlers = setmetatable({}, { __mode = "k" }) -- handle → { h, read, what }

local FIELDS = { [1] = true, fn = true, inputs = true, outputs = true, show_progress = true, validate = true }

---@class vitrine.Handler What declaring a handler returns.
local methods = {}
local handle_mt = { __index = methods, __metatable = false, __name = "handler" }

---The handle of a declared handler. read(what, spec): as component.read_handler.
function M.handle(what, h, read)
  local handle = setmetatable({}, handle_mt)
  handlers[handle] = { what = what, h = h, read = read }
  return handle
end

local function link(self, when, spec)
  local own = handlers[self]
  if not own then raise("%s: call it with ':' on what declaring a handler returns", when) end
  local what = format("%s:%s", own.what, when)
  if not state.building() then raise("%s: handlers are declared while the page is built", what) end
  if handlers[spec] then raise("%s: a handler stands in one place only; give its function", what) end
  if type(spec) == "table" and next(spec) ~= nil then parts.check_fields(what, spec, FIELDS) end
  local h = own.read(what, spec)
  local root = own.h.root or own.h
  root.n_links = (root.n_links or 0) + 1
  if root.n_links > LINKS_MAX then raise("%s: a chain has at most %d handlers", what, LINKS_MAX) end
  h.root, h.when = root, when
  own.h.links = own.h.links or {}
  own.h.links[#own.h.links + 1] = h
  if when ~= "ok" then own.h.guarded = true end
  return M.handle(what, h, own.read)
end

---Runs when the handler has ended, whether it failed or not.
function methods.next(self, spec) return link(self, "next", spec) end

---Runs when the handler has ended well.
function methods.ok(self, spec) return link(self, "ok", spec) end

---Runs when the handler has failed: its function gets the message behind the session. The failure
---is dealt with, and not shown by itself.
function methods.fail(self, spec) return link(self, "fail", spec) end

---All handlers behind h, in the order in which they are declared.
function M.each(h, fn)
  for _, l in ipairs(h.links or {}) do
    fn(l)
    M.each(l, fn)
  end
end

-- What a person reads of an error.
local function words_of(e)
  if type(e) == "table" and type(e.message) == "string" then return e.message end
  if type(e) == "table" and type(e[1]) == "string" then return e[1] end
  return tostring(e)
end

-- An error that the app did not mean is its owner's to know of, whoever deals with it.
local function note(e)
  if type(e) ~= "table" then host.log(words_of(e), "log.error") end
end

---Runs h and what follows from it. handle(S, h, payload) runs one.
function M.run(S, h, payload, handle)
  local ok, e = true, nil
  if h.guarded and h.fn then
    ok, e = pcall(handle, S, h, payload)
  elseif h.fn then
    handle(S, h, payload)
  end
  if not h.links then return end
  -- A value that was refused is its visitor's to change; nothing has run yet.
  if not ok and type(e) == "table" and e.fields then error(e, 0) end
  local dealt_with = ok
  for _, l in ipairs(h.links) do
    if l.when == "fail" and not ok then
      dealt_with = true
      note(e)
      M.run(S, l, words_of(e), handle)
    elseif l.when == "next" or (l.when == "ok" and ok) then
      M.run(S, l, payload, handle)
    end
  end
  if not dealt_with then error(e, 0) end
end

return M
