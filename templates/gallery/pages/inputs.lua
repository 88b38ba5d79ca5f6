local ui = require "vitrine.ui"

local colours = { "red", "green", "blue" }

return function()
  local text    = ui.textbox { label = "Text", placeholder = "Type here", info = "Enter sends it", submit = true }
  local secret  = ui.textbox { label = "Password", password = true }
  local number  = ui.number { label = "Number", value = 3, min = 0, max = 10, step = 1 }
  local slider  = ui.slider { label = "Slider", value = 40, min = 0, max = 100 }
  local check   = ui.checkbox { label = "Shout", value = false }
  local radio   = ui.radio { label = "Colour", choices = colours, value = "green" }
  local one     = ui.dropdown { label = "One colour", choices = colours, value = "red" }
  local several = ui.dropdown { label = "Colours", choices = colours, multiple = true, value = { "red" } }
  local show    = ui.button { "Show what the page holds", variant = "primary" }
  local said    = ui.markdown { id = "said", value = "Nothing was said yet." }
  local held    = ui.json { label = "What the page holds", value = {} }

  text:on_submit(function(message)
    said:set("You said **" .. (check.value and message:upper() or message) .. "**.")
    text:clear()
  end)

  show:on_click(function()
    held:set {
      text = text.value, number = number.value, slider = slider.value, shout = check.value,
      colour = radio.value, one = one.value, colours = several.value,
    }
  end)

  return ui.column {
    ui.examples {
      label = "Ready-made", inputs = { text, radio }, rows = { { "good morning", "red" }, { "good night", "blue" } },
    },
    ui.row {
      ui.column { text, secret, number, slider, check, radio, one, several, show },
      ui.column { said, held },
    },
  }
end
