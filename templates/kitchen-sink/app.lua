local ui, time = require "vitrine.ui", require "vitrine.time"

local colours = { "red", "green", "blue" }

return ui.page({ title = "Every component" }, function(page)
  local text    = ui.textbox { label = "Text", placeholder = "Type here", info = "Enter sends it", submit = true }
  local number  = ui.number { label = "Number", value = 3, min = 0, max = 10, step = 1 }
  local slider  = ui.slider { label = "Slider", value = 40, min = 0, max = 100 }
  local check   = ui.checkbox { label = "Shout", value = false }
  local radio   = ui.radio { label = "Colour", choices = colours, value = "green" }
  local several = ui.dropdown { label = "Colours", choices = colours, multiple = true, value = { "red" } }
  local picture = ui.image { label = "Picture", upload = true, height = 160, alt = "What you uploaded" }

  local sheet   = ui.file { label = "File", info = "Its lines are counted" }

  local said    = ui.markdown "Nothing was said yet."
  local state   = ui.json { label = "What the page holds", value = {} }
  local bars    = ui.label { label = "Shares" }
  local mirror  = ui.image { label = "The same picture", height = 160, alt = "What you uploaded" }
  local report  = ui.file { label = "Report", interactive = false }
  local chat    = ui.chatbot { label = "Echo", height = 200 }

  local run     = ui.button { "Show what the page holds", variant = "primary" }
  local slow    = ui.button "Count to five"
  local stop    = ui.button { "Stop counting", variant = "stop" }
  local refuse  = ui.button { "Refuse", variant = "stop" }

  text:on_submit(function(message)
    local words = check.value and message:upper() or message
    said:set("You said **" .. words .. "**.")
    chat:append { role = "user", content = words }
    chat:append { role = "assistant", content = "You said: " .. words }
    text:clear()
  end)

  slider:on_change(function(value)
    bars:set { { label = "left", score = value / 100 }, { label = "right", score = 1 - value / 100 } }
  end)

  picture:on_upload(function(file) mirror:set(file) end)

  sheet:on_upload(function(file)
    local lines = 0
    for _ in file:lines() do lines = lines + 1 end
    report:set(ui.bytes(("%s has %d lines, %d bytes.\n"):format(file.name, lines, file.size), "text/plain", "report.txt"))
  end)

  run:on_click(function()
    state:set {
      text = text.value, number = number.value, slider = slider.value, shout = check.value,
      colour = radio.value, colours = several.value,
    }
  end)

  slow:on_click(function(session)
    for i = 1, 5 do
      session:progress(i / 5, "step " .. i)
      time.sleep(0.2)
    end
    ui.info "Counted to five."
  end)

  stop:on_click { cancels = { slow } }

  refuse:on_click(function() ui.refuse "This button always refuses; that is all it does." end)

  local ready = ui.examples {
    label = "Ready-made", inputs = { text, radio }, rows = { { "good morning", "red" }, { "good night", "blue" } },
  }

  return ui.column {
    ready,
    ui.row { ui.column { text, number, slider, check, radio, several, picture, sheet },
             ui.column { said, bars, state, mirror, report } },
    ui.row { run, slow, stop, refuse },
    chat,
  }
end)
