local ui = require "vitrine.ui"

return function()
  local chat  = ui.chatbot { label = "Echo", height = 240 }
  local input = ui.textbox { label = "Message", placeholder = "Message…", submit = true }

  input:on_submit(function(message)
    chat:append { role = "user", content = message }
    chat:append { role = "assistant", content = "You said: " .. message }
    input:clear()
  end)

  return ui.column { chat, input }
end
