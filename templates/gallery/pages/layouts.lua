local ui = require "vitrine.ui"

return function()
  local seen = ui.markdown { id = "tab_seen", value = "The first tab is open." }
  local function tab(label, words)
    return ui.tab { label, ui.markdown(words), on_select = function() seen:set("**" .. label .. "** was opened.") end }
  end
  return ui.column {
    ui.markdown "## Row and column",
    ui.row { ui.textbox { label = "Left" }, ui.textbox { label = "Right" } },
    ui.row {
      ui.column { ui.markdown "A column beside another is a panel." },
      ui.column { ui.markdown "They are as high as each other, and stand below each other on a phone." },
    },
    ui.markdown "## Group",
    ui.group {
      ui.textbox { label = "Street" },
      ui.row { ui.textbox { label = "Postcode" }, ui.textbox { label = "Town", scale = 2 } },
    },
    ui.markdown "## Tabs",
    ui.tabs {
      label = "A poem",
      tab("Morning", "A tab is made when it is first opened, and kept."),
      tab("Noon", "Arrow keys go from tab to tab."),
      tab("Night", "`on_select` says that it was opened."),
    },
    seen,
  }
end
