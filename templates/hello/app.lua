local ui = require "vitrine.ui"

return ui.interface {
  title   = "Hello",
  inputs  = ui.textbox { label = "Your name", placeholder = "Ada", max_length = 100 },
  outputs = ui.textbox { label = "Greeting" },
  fn      = function(name) return "Hello, " .. (name ~= "" and name or "world") .. "!" end,
}
