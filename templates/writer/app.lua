local ui, models = require "vitrine.ui", require "vitrine.models"
local llm = models.chat "vitrine/tiny-writer"

return ui.page({ title = "A small writer" }, function(page)
  local chat  = ui.chatbot {
    height = 420,
    placeholder = "Ask for **a story about a fox**, **a short poem about rain** or **a haiku about the sea**.",
  }
  local input = ui.textbox { placeholder = "Message…", submit = true, max_length = 1000 }

  input:on_submit {
    api_name = "chat", description = "Answers a message; remembers the conversation of its session.",
    outputs = chat, stream = true, concurrency = 4,
    fn = function(message, session)
      local turns = session.turns or {}
      turns[#turns + 1] = { role = "user", content = message }
      chat:append(turns[#turns])
      input:clear()
      local reply = chat:append { role = "assistant", content = "" }
      for token in llm:stream(turns) do reply:add(token) end
      turns[#turns + 1] = { role = "assistant", content = reply.content }
      session.turns = turns
    end,
  }

  return ui.column { chat, input }
end)
