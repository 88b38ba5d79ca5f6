-- Components that hold others: groups, tabs, and what folds away or stands over the page.
local host, lua, import = ...
local parts = import "parts"
local values = import "values"
local ipairs = ipairs
local raise = parts.raise

local M = {
  inputs = { tabs = true, accordion = true, sidebar = true, modal = true },
  containers = {
    group = true, tabs = true, tab = true, accordion = true, sidebar = true, modal = true,
  },
  positional = { tab = "label", accordion = "label", sidebar = "label", modal = "label" },
  checks = {},
  -- Those that open and close.
  folding = { "accordion", "sidebar", "modal" },
}

function M.checks.tab(what, p)
  if (p.name or p.label or "") == "" then raise("%s: a tab needs a label", what) end
end

-- What the value may be: kept with the record, where accept finds it.
function M.checks.tabs(what, p, rec, records)
  rec.tabs = {}
  for i, handle in ipairs(rec.children) do
    local tab = records[handle]
    if tab.type ~= "tab" then raise("%s: item %d is not a ui.tab (got ui.%s)", what, i, tab.type) end
    local name = tab.props.name or tab.props.label
    if rec.tabs[name] then
      raise("%s: two tabs are called '%s'; give one of them a name", what, name)
    end
    rec.tabs[name] = true
  end
  if #rec.children == 0 then raise("%s: there is no ui.tab in it", what) end
  if p.value and not rec.tabs[p.value] then
    raise("%s: 'value' must be the name of one of the tabs (got '%s')", what, p.value)
  end
end

function M.checks.sidebar(what, p)
  if p.width and (p.width < 160 or p.width > 640) then
    raise("%s: 'width' must be from 160 to 640 (got %s)", what, p.width)
  end
end

for _, name in ipairs(M.folding) do values.accept[name] = values.accept.checkbox end

function values.accept.tabs(_, rec, v)
  if v ~= nil and not rec.tabs[v] then return nil, "must be one of the tabs" end
  return v
end

return M
