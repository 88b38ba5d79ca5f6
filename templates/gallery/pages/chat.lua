local ui, time = require "vitrine.ui", require "vitrine.time"

local said = {
  {
    role = "assistant", name = "Guide", time = 1767225600,
    content = "Messages are **Markdown**, as [CommonMark](https://commonmark.org) has it:\n\n"
      .. "```lua\nlocal function greet(name)\n  return \"Hello, \" .. name -- to everyone\nend\n```\n\n"
      .. "| part | folds |\n|---|:-:|\n| text | no |\n| section | yes |",
  },
  { role = "user", content = "And what else can one hold?" },
  { role = "assistant", name = "Guide", content = {
    { title = "Thought about it", text = "Files, and sections like this one.", status = "done", seconds = 1.2 },
    { text = "Whatever a tool did stands above its answer, folded." },
  } },
}

return function()
  local chat = ui.chatbot {
    label = "Echo", height = 420, value = said, avatars = { user = "You", assistant = "G" },
    placeholder = "Nothing here. **Say something**, or begin with one of these:",
    examples = { "Good morning", { label = "A question", value = "What is this?" } },
  }
  local input = ui.multimodal { label = "Message", placeholder = "Message, or drop a file…" }

  local function answer(content, text)
    chat:append { role = "user", content = content }
    local reply = chat:append { role = "assistant", name = "Guide", content = "" }
    local echo = reply:part { title = "Listening", status = "running" }
    echo:add("It says " .. #text .. " bytes.")
    time.sleep(0.3)
    echo:done()
    for word in ("You said: " .. text):gmatch "%S+%s*" do
      reply:add(word)
      time.sleep(0.02)
    end
  end

  input:on_submit { show_progress = { chat }, fn = function(message)
    local content = { message.text }
    for _, file in ipairs(message.files) do content[#content + 1] = file end
    input:clear()
    answer(content, message.text)
  end }
  chat:on_example { show_progress = { chat }, fn = function(_, choice) answer(choice.text, choice.text) end }
  chat:on_retry { show_progress = { chat }, fn = function(_, what)
    chat:cut(what.index - 1)
    answer("Once more, please.", what.text)
  end }
  chat:on_edit { show_progress = { chat }, fn = function(_, what)
    chat:cut(what.index - 1)
    answer(what.text, what.text)
  end }
  chat:on_undo(function(_, what) chat:cut(what.index - 1) end)
  chat:on_like { show_progress = { chat }, fn = function(_, what) chat:like(what.index, what.liked) end }
  chat:on_clear { cancels = { input, chat }, fn = function() chat:clear() end }

  return ui.column { chat, input }
end
