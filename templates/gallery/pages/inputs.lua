local ui = require "vitrine.ui"

local colours = { "red", "green", "blue" }
local stars = {}
for i = 1, 5000 do stars[i] = "Star " .. i end

local function texts()
  local said  = ui.markdown { id = "said", value = "Nothing was said yet." }
  local shout = ui.checkbox { label = "Shout", info = "Says it in capitals." }
  local text  = ui.textbox { label = "Text", placeholder = "Type here", info = "Enter sends it", submit = true }
  text:on_submit(function(message)
    said:set("You said **" .. (shout.value and message:upper() or message) .. "**.")
    text:clear()
  end)
  return ui.row {
    ui.column {
      text, shout, said,
      ui.textbox { label = "Several lines", lines = 3, placeholder = "Grows as you write", max_length = 200, count = true },
    },
    ui.column {
      ui.textbox { label = "Password", password = true },
      ui.textbox { label = "E-mail", kind = "email", placeholder = "ada@example.org", required = true },
      ui.textbox { label = "Price", prefix = "€", suffix = "per month", value = "12" },
      ui.textbox { label = "To copy", value = "git clone", copy = true },
      ui.textbox { label = "From right to left", value = "שלום", direction = "rtl" },
    },
  }
end

local function choices(held)
  held.colour = ui.radio { label = "Colour", choices = colours, value = "green" }
  held.extras = ui.checkbox_group {
    label = "Extras", choices = { "Milk", "Sugar", { label = "Oat milk", value = "oat" } }, value = { "oat" },
  }
  held.one  = ui.dropdown { label = "One colour", choices = colours, placeholder = "Choose a colour" }
  held.star = ui.dropdown { label = "One of 5,000", choices = stars, info = "Typing finds it." }
  held.tags = ui.dropdown {
    label = "Several, or your own", choices = { "art", "biology", "chess", "dance" },
    multiple = true, custom = true, value = { "art", "chess" },
  }
  local fixed = ui.dropdown {
    label = "Not yours to change", choices = stars, multiple = true, value = { "Star 7" }, interactive = false,
  }
  return ui.row {
    ui.column { held.colour, held.extras, held.one },
    ui.column { held.star, held.tags, fixed },
  }
end

local function numbers(held)
  held.number = ui.number { label = "Number", value = 3, min = 0, max = 10, step = 1 }
  held.slider = ui.slider { label = "Slider", value = 40 }
  held.range  = ui.range_slider { label = "Range", value = { 20, 60 } }
  held.day    = ui.datetime { label = "Day", value = "2026-11-26", min = "2026-01-01" }
  held.time   = ui.datetime { label = "Time", kind = "time", value = "13:05" }
  held.wall   = ui.color {
    label = "Colour of the wall", value = "#0b6b5d",
    choices = {
      { label = "Glass", value = "#0b6b5d" }, { label = "Brick", value = "#a3432f" }, { label = "Sand", value = "#d9c28f" },
    },
  }
  return ui.row {
    ui.column { held.number, held.slider, held.range },
    ui.column { held.day, held.time, held.wall },
  }
end

local function buttons()
  local sent = ui.markdown { id = "sent", value = "No file was sent." }
  local made = ui.download_button "Make a report"
  made:on_click(function() made:set(ui.bytes("made,just now\n", "text/csv", "report.csv")) end)
  local function toast(kind, words)
    return ui.button { kind, size = "small", on_click = function() ui[kind](words) end }
  end
  return ui.column {
    ui.row {
      ui.button { "Primary", variant = "primary", icon = "sparkles", on_click = function() end },
      ui.button { "Secondary", icon = "settings", on_click = function() end },
      ui.button { "Stop", variant = "stop", on_click = function() end },
      ui.button { "Quiet", variant = "quiet", on_click = function() end },
      ui.button { "Not now", interactive = false },
    },
    ui.row {
      ui.button { "Small", size = "small", on_click = function() end },
      ui.button { "Large", size = "large", on_click = function() end },
      ui.button { "Leads elsewhere", icon = "external", link = "https://example.org/" },
    },
    ui.row {
      ui.upload_button { "Send files", multiple = true, on_upload = function(files)
        sent:set(("%d sent, the first is **%s**."):format(#files, files[1].name))
      end },
      ui.download_button { "Get the card", value = "README.md" },
      made,
    },
    sent,
    ui.row { toast("info", "For your information."), toast("success", "Saved."), toast("warn", "Nearly full."), toast("error", "It did not work.") },
  }
end

return function()
  local held  = {} -- what the last button shows
  local show  = ui.button { "Show what the page holds", variant = "primary" }
  local shown = ui.json { label = "What the page holds" }
  local tree = ui.column {
    gap = "large",
    ui.column { ui.markdown "## Text", texts() },
    ui.column { ui.markdown "## Choices", choices(held) },
    ui.column { ui.markdown "## Numbers, days, colours", numbers(held) },
    ui.column { ui.markdown "## Buttons", buttons() },
    ui.column { show, shown },
  }
  show:on_click(function()
    local values = {}
    for name, component in pairs(held) do values[name] = component.value end
    shown:set(values)
  end)
  return tree
end
