-- The two examples of the design, word for word.
local s = require "support"
local it, equal = s.it, s.equal

it("the five-line interface answers with a label", function()
  local app = s.load [[
local ui, models = require "vitrine.ui", require "vitrine.models"
local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")

return ui.interface {
  title    = "How does this sound?",
  inputs   = ui.textbox { label = "Text", lines = 3, max_length = 2000 },
  outputs  = ui.label { label = "Mood" },
  examples = { "I love it.", "Not again." },
  fn       = function(text) return mood(text) end,
}
]]
  equal("How does this sound?", app.hello.tree.title)
  local submit = "row/column/row/button:2"
  equal("Submit", app.nodes[submit].props.value)
  local v = app:open()
  local n = v:fire(submit, "click", { ["row/column/textbox"] = "I love it." })
  local call = app:await_call()
  equal("vitrine/tiny-sentiment", call.body.model)
  equal("I love it.", call.body.inputs)
  equal(v.channel, call.channel)
  equal(n, call.node)
  app:result(call, { { label = "positive", score = 0.9 }, { label = "negative", score = 0.1 } })
  v:await(n)
  equal({ label = "positive", confidences = {
    { label = "positive", confidence = 0.9 }, { label = "negative", confidence = 0.1 } } },
    v:see("row/column:2/label"))
end)

it("the chat streams a reply and keeps its turns", function()
  local app = s.load [[
local ui, models = require "vitrine.ui", require "vitrine.models"
local llm = models.chat "vitrine/tiny-writer"

return ui.page({ title = "Chat" }, function(page)
  local chat  = ui.chatbot { height = 420 }
  local input = ui.textbox { placeholder = "Message…", submit = true }
  input:on_submit { api_name = "chat", concurrency = 4, fn = function(message, session)
    local turns = session.turns or {}                   -- session: a table of plain values that survives sleep, deploy, restart
    turns[#turns + 1] = { role = "user", content = message }
    chat:append(turns[#turns])
    input:clear()
    local reply = chat:append { role = "assistant", content = "" }
    for token in llm:stream(turns) do reply:add(token) end     -- waits by yielding; closing the tab cancels it
    turns[#turns + 1] = { role = "assistant", content = reply.content }
    session.turns = turns
  end }
  return ui.column { chat, input }
end)
]]
  local v = app:open()
  local n = v:fire("column/textbox", "submit", { ["column/textbox"] = "Hello" })
  local call = app:await_call()
  equal({ { role = "user", content = "Hello" } }, call.body.inputs)
  for _, token in ipairs { "Good", " day", "." } do
    app:token(call, token)
    app:pump(3)
  end
  app:result(call, { text = "Good day.", finish_reason = "stop" })
  v:await(n)
  equal({ { role = "user", content = "Hello" }, { role = "assistant", content = "Good day." } },
    v:see "column/chatbot")
  equal("", v:see "column/textbox")
  equal({ turns = { { role = "user", content = "Hello" }, { role = "assistant", content = "Good day." } } }, v:stored())
end)
