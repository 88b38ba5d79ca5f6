local ui, models = require "vitrine.ui", require "vitrine.models"
local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")

return ui.interface {
  title    = "How does this sound?",
  theme    = "plum",
  inputs   = ui.textbox { label = "Text", lines = 3, max_length = 2000 },
  outputs  = ui.label { label = "Mood" },
  examples = { "I love it.", "Not again." },
  fn       = function(text) return mood(text) end,
}
