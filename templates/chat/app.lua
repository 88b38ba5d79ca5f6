local ui, models, log = require "vitrine.ui", require "vitrine.models", require "vitrine.log"
local llm = models.chat "vitrine/tiny-writer"

return ui.chat {
  title = "A small chat",
  description = "Ask `vitrine/tiny-writer` for a story, a poem or a haiku.",
  placeholder = "A small model writes here. Begin with one of these, or with words of your own.",
  examples = {
    "A story about a fox",
    "A haiku about the sea",
    { label = "A poem", value = "Write a short poem about rain" },
  },
  inputs = ui.slider { label = "How daring", id = "daring", value = 0.8, min = 0, max = 1.5, step = 0.1 },
  inputs_label = "How it writes",
  height = 440,
  concurrency = 4,

  fn = function(_, history, daring)
    return llm:stream(history, { temperature = daring, max_tokens = 300 })
  end,

  on_like = function(answer)
    log.info { answer.liked and "liked" or answer.liked == false and "disliked" or "neither", bytes = #answer.text }
  end,
}
