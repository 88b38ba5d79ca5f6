-- ui.interface: one function with inputs and outputs as a page.
local host, lua, import = ...
local parts = import "parts"
local component = import "component"
local page_room = import "page"
local values = import "values"
local type, ipairs, next, select = type, ipairs, next, select
local unpack = lua.table.unpack
local raise, describe = parts.raise, parts.describe
local records, make, add_handler = component.records, component.make, component.add_handler
local handle_list, INPUTS = component.handle_list, component.inputs

local M = {}

local INTERFACE_FIELDS = {
  title = true, description = true, inputs = true, outputs = true, examples = true, fn = true,
  submit = true, clear = true, api_name = true, concurrency = true, retry = true, upgrade = true,
  run_examples = true, validate = true, cache = true, concurrency_id = true, on_leave = true, stream = true,
  theme = true,
}

-- One value for each output, nil where fn gave fewer; an iterator as it is.
local function one_each(n, first, ...)
  if type(first) == "function" or select("#", ...) + 1 >= n then return first, ... end
  return unpack({ first, ... }, 1, n)
end

local function check_interface(what, t)
  if type(t) ~= "table" then
    raise("%s: one table of fields is needed (got %s)", what, describe(t))
  end
  parts.check_fields(what, t, INTERFACE_FIELDS)
  if type(t.fn) ~= "function" then
    raise("%s: 'fn' must be a function (got %s)", what, describe(t.fn))
  end
  local inputs = handle_list(what .. ": 'inputs'", t.inputs) or {}
  local outputs = handle_list(what .. ": 'outputs'", t.outputs) or {}
  if #outputs == 0 then raise("%s: 'outputs' names what 'fn' fills", what) end
  return inputs, outputs
end

local function clear_all(inputs, outputs)
  return function()
    for _, c in ipairs(inputs) do
      local rec = records[c]
      if rec.props.value ~= nil and not values.of_files[rec.type] then
        c:set(rec.props.value)
      else
        c:clear()
      end
    end
    for _, c in ipairs(outputs) do c:clear() end
  end
end

local function interface_inputs(t, inputs, outputs, handler)
  local left = {}
  local run = make("button", { t.submit or "Submit", variant = "primary" })
  local buttons = { run }
  for i, input in ipairs(inputs) do left[i] = input end
  if t.clear ~= false then
    buttons = { make("button", { type(t.clear) == "string" and t.clear or "Clear" }), run }
    add_handler(buttons[1], "click", clear_all(inputs, outputs))
  end
  local public = {}
  for k, v in next, handler do public[k] = v end
  public.api_name = t.api_name ~= false and (t.api_name or "predict") or nil
  public.description = t.description
  add_handler(run, "click", public)
  for _, input in ipairs(inputs) do
    if records[input].type == "textbox" and not records[input].handlers.submit then
      add_handler(input, "submit", handler)
    end
  end
  left[#left + 1] = make("row", buttons)
  if t.examples then
    local e = component.constructors.examples {
      inputs = inputs, rows = t.examples, run = t.run_examples,
    }
    if t.run_examples then add_handler(e, "example", handler) end
    left[#left + 1] = e
  end
  return make("column", left)
end

---One function with inputs and outputs: the shortest app.
---@class vitrine.Interface
---@field inputs? table a component or a list of them
---@field outputs table
---@field fn function values of the inputs, then the session; returns one value for each output
---@field title? string
---@field description? string Markdown above the inputs
---@field theme? string|table as in ui.page
---@field examples? any[]
---@field run_examples? boolean
---@field submit? string
---@field clear? string|false
---@field api_name? string|false
---@field concurrency? integer
---@field retry? boolean
---@field stream? boolean fn yields, or gives an iterator: said to programs that ask
---@field upgrade? fun(old: table): table?

---@param t vitrine.Interface
---@usage return ui.interface { inputs = ui.textbox {}, outputs = ui.json {}, fn = string.upper }
function M.interface(t)
  local what = "ui.interface"
  local inputs, outputs = check_interface(what, t)
  local app, page = page_room.new(what, t)
  local handler = {
    fn = function(...) return one_each(#outputs, t.fn(...)) end,
    inputs = inputs,
    outputs = outputs,
    stream = t.stream,
    concurrency = t.concurrency,
    retry = t.retry,
    validate = t.validate,
    cache = t.cache,
    concurrency_id = t.concurrency_id,
    on_leave = t.on_leave,
  }
  local right = {}
  for i, output in ipairs(outputs) do
    right[i] = output
    if records[output].props.interactive == nil and INPUTS[records[output].type] then
      records[output].props.interactive = false
    end
  end
  local body = make("row", { interface_inputs(t, inputs, outputs, handler), make("column", right) })
  page.root = body
  if t.description ~= nil then
    page.root = make("column", { make("markdown", { t.description }), body })
  end
  return app
end
return M
