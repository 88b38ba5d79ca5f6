local ui = require "vitrine.ui"

local function asked()
  local answer  = ui.markdown { id = "answer", value = "Nothing was asked yet." }
  local ask     = ui.button "Delete the poem"
  local yes, no = ui.button { "Delete it", variant = "stop" }, ui.button "Keep it"
  local sure    = ui.modal {
    "Delete the poem?", size = "small",
    ui.markdown "It cannot be written again.",
    ui.row { no, yes },
    on_close = function() answer:set "It was closed without an answer." end,
  }
  local function answers(button, words)
    button:on_click(function()
      sure:close()
      answer:set(words)
    end)
  end
  answers(yes, "It is gone.")
  answers(no, "It stays.")
  ask:on_click(function() sure:open() end)
  return ui.column { ask, answer, sure }
end

local function beside()
  local settings = ui.sidebar {
    "Settings", value = false,
    ui.slider { label = "Size of the letters", value = 16, min = 10, max = 24 },
    ui.checkbox { label = "Wide lines" },
  }
  local show = ui.button { "Show the sidebar", on_click = function() settings:open() end }
  return ui.column { show, settings }
end

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
    ui.markdown "## Accordion",
    ui.accordion { "Advanced", value = false, ui.slider { label = "Temperature", max = 2, step = 0.1, value = 0.7 } },
    ui.accordion { "Open at first", info = "three lines", ui.markdown "What is folded away is made when it is first opened." },
    ui.markdown "## Modal",
    asked(),
    ui.markdown "## Sidebar",
    beside(),
  }
end
