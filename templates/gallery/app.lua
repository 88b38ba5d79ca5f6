local ui = require "vitrine.ui"

-- One file of pages/ each.
local pages = {
  { "Inputs", "inputs" },
  { "Layouts", "layouts" },
  { "Events", "events" },
  { "Data", "data" },
  { "Media", "media" },
  { "Chat", "chat" },
  { "Texts", "text" },
}

return ui.page({ title = "Gallery" }, function(page)
  local tabs = { label = "Pages" }
  for i, entry in ipairs(pages) do
    local label, name = entry[1], entry[2]
    tabs[i] = ui.tab { label, name = name, require("pages." .. name)(page) }
  end
  return ui.tabs(tabs)
end)
