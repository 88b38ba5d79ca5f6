---@meta vitrine.ui
-- What an app requires as vitrine.ui: components, pages, and words to the visitor. A page is built
-- once, while the app loads; a component's handle then means the component of whichever visitor's
-- handler is running.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local component = import "component"
import "kept"
import "render"
local page = import "page"
local interface = import "interface"
local chat = import "chat"
local data = import "components"
local type, pairs, next, tostring, setmetatable = type, pairs, next, tostring, setmetatable
local format = lua.string.format
local min, max = lua.math.min, lua.math.max
local raise, refuse = parts.raise, parts.refuse

local M = {}

for name, constructor in pairs(component.constructors) do M[name] = constructor end
M.bytes, M.page, M.interface, M.chat = values.bytes, page.page, interface.interface, chat.chat

-- --- words to the visitor ------------------------------------------------------------------

-- As app.RESULT names them.
local LEVELS = { info = "info", warn = "warning", error = "error", success = "success" }
local TOAST_FIELDS = { true, message = true, title = true, duration = true }

local function toast(kind, spec)
  local what = "ui." .. kind
  if not host.state() then raise("%s: there is no visitor yet", what) end
  if type(spec) ~= "table" then spec = { spec } end
  parts.check_fields(what, spec, TOAST_FIELDS)
  local message = parts.as_kind(what .. ": the message", "string", spec.message or spec[1])
  local title = parts.as_kind(what .. ": 'title'", "string", spec.title)
  local duration = parts.as_kind(what .. ": 'duration'", "number", spec.duration)
  if duration and duration < 0 then raise("%s: 'duration' is in seconds (got %s)", what, duration) end
  if host.state().call then
    return host.result(data.constants.RESULT_LOG, { level = LEVELS[kind], message = message or "" })
  end
  host.patch(0, data.constants.PATCH_SET, "toast",
    { kind = kind, message = message, title = title, duration = duration })
end

---A short message over the page: its words, or {words, title = …, duration = seconds}; duration 0
---stays until the visitor dismisses it.
---@param message string|{ [1]: string, title?: string, duration?: number }
---@usage ui.info("Saved")
---@usage ui.info { "It is in your folder.", title = "Saved", duration = 10 }
function M.info(message) toast("info", message) end
---@usage ui.success("Saved")
function M.success(message) toast("success", message) end
function M.warn(message) toast("warn", message) end
function M.error(message) toast("error", message) end

---Ends the handler; the visitor sees the message.
---@usage if #text > 500 then ui.refuse("At most 500 characters, please.") end
function M.refuse(message)
  refuse(parts.as_kind("ui.refuse: the message", "string", message) or "refused")
end

local STEPS = {
  fraction = "number", index = "integer", length = "integer", unit = "string", message = "string",
}

-- ui.progress { index, length, unit, message }: the fraction and the words to be shown for them.
local function counted(t)
  parts.check_fields("ui.progress", t, STEPS)
  for field, kind in next, STEPS do
    parts.as_kind(format("ui.progress: '%s'", field), kind, t[field])
  end
  local fraction, message = t.fraction, t.message
  if t.index and t.length and t.length > 0 and not fraction then
    fraction = min(max(t.index / t.length, 0), 1)
  end
  if t.index and not message then
    message = format("%d%s%s", t.index, t.length and format(" of %d", t.length) or "",
      t.unit and " " .. t.unit or "")
  end
  return fraction, message
end

---How far the handler is, shown over the outputs until it ends.
---@param fraction? number|{index?: integer, length?: integer, unit?: string, message?: string} 0 to 1; nil: unknown
---@param message? string
---@usage ui.progress(0.5, "Half of it")
---@usage ui.progress { index = 3, length = 10, unit = "pages", message = "Reading" }
local function progress(fraction, message)
  local S = host.state()
  local steps = type(fraction) == "table" and fraction or nil
  if not S then raise("ui.progress: there is no visitor yet") end
  if steps then fraction, message = counted(steps) end
  fraction = parts.as_kind("ui.progress: the fraction", "number", fraction)
  message = parts.as_kind("ui.progress: the message", "string", message)
  if fraction and (fraction < 0 or fraction > 1) then
    raise("ui.progress: the fraction is from 0 to 1 (got %s)", fraction)
  end
  if S.call then
    return host.result(data.constants.RESULT_PROGRESS, {
      fraction = fraction, index = steps and steps.index, length = steps and steps.length,
      unit = steps and steps.unit, message = steps and steps.message or message,
    })
  end
  S.progress = { fraction = fraction, message = message }
  host.patch(0, data.constants.PATCH_SET, "progress", S.progress)
end
M.progress = progress

-- How much of a model is loaded, in the place of the handler's own progress; nil: all of it.
function parts.loading(fraction)
  local S = host.state()
  if S.call then
    if fraction then progress(fraction, "Loading the model") end
    return
  end
  local own = S.progress
  if fraction then
    progress(fraction, "Loading the model")
    S.progress = own or true
  else
    host.patch(0, data.constants.PATCH_SET, "progress", type(own) == "table" and own or nil)
  end
end

-- --- the session table's methods -----------------------------------------------------------

local function state_of(what)
  local S = host.state()
  if not S then raise("session:%s: there is no visitor", what) end
  return S
end

---Keeps the session table now; a handler's end does it anyway.
function state.methods.save()
  state_of "save"
  local words = host.save()
  if words then raise("%s", words) end
end

function state.methods.progress(_, fraction, message) progress(fraction, message) end

---Name of a signed-in visitor, or nil.
function state.methods.user() return state_of("user").user end

---The page's query parameters.
function state.methods.query() return parts.copy(state_of("query").query) end

-- A name that is not there is an error, as with fields.
setmetatable(M, {
  __index = function(_, key)
    local near = type(key) == "string" and parts.nearest(key, M)
    raise("ui: there is no '%s'%s", tostring(key),
      near and format("; did you mean '%s'?", near) or "")
  end,
  __metatable = false,
})

return M
