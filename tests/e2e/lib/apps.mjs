// The apps that tests push. The first two are those of the design, word for word.

export const mood = `local ui, models = require "vitrine.ui", require "vitrine.models"
local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")

return ui.interface {
  title    = "How does this sound?",
  inputs   = ui.textbox { label = "Text", lines = 3, max_length = 2000 },
  outputs  = ui.label { label = "Mood" },
  examples = { "I love it.", "Not again." },
  fn       = function(text) return mood(text) end,
}
`;

const chatBody = `local llm = models.chat "vitrine/tiny-writer"

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
`;

export const chat = `local ui, models = require "vitrine.ui", require "vitrine.models"\n${chatBody}`;

/** The same for long conversations, whose turns are more than the small model's 512 tokens, and at
 * a pace that one can watch: it writes a hundred tokens in 30 ms, two frames of a screen. */
export const longChat = chat
  .replace("llm:stream(turns) do reply:add(token) end", `llm:stream { turns[#turns] } do
      for word in token:gmatch("%S*%s*") do reply:add(word) time.sleep(0.01) end
    end`)
  .replace("\n", '\nlocal time = require "vitrine.time"\n');

/** It with a line of Markdown above: a version one can tell from the first. */
export const chatWith = (words) =>
  longChat.replace("return ui.column { chat, input }", `return ui.column { ui.markdown "${words}", chat, input }`);

/** A counter in the session, a shared one in an upvalue, and an echo. */
export const counter = `local ui = require "vitrine.ui"
local shared = 0

return ui.page({ title = "Counter" }, function(page)
  local mine  = ui.number { id = "mine", label = "Mine", value = 0 }
  local all   = ui.number { id = "all", label = "All", value = 0 }
  local said  = ui.textbox { id = "said", label = "Say" }
  local heard = ui.textbox { id = "heard", label = "Heard" }
  local add   = ui.button { "Add", id = "add" }
  local echo  = ui.button { "Echo", id = "echo" }
  add:on_click(function(session)
    session.count = (session.count or 0) + 1
    shared = shared + 1
    mine:set(session.count)
    all:set(shared)
  end)
  echo:on_click(function()
    heard:set(said.value)
  end)
  return ui.column { mine, all, said, heard, ui.row { add, echo } }
end)
`;

/** Buttons that misbehave, and one that answers. */
export const misbehaving = `local ui = require "vitrine.ui"

return ui.page({ title = "Misbehaving" }, function(page)
  local out = ui.textbox { id = "out", label = "Out" }
  local function button(name, fn)
    local b = ui.button { name, id = name }
    b:on_click(fn)
    return b
  end
  return ui.column {
    out,
    button("answer", function() out:set("answered") end),
    button("burn", function() while true do end end),
    button("burn-pcall", function() pcall(function() while true do end end) while true do end end),
    button("burn-coroutine", function()
      local co = coroutine.wrap(function() while true do end end)
      co()
    end),
    button("burn-c", function()
      local s = string.rep("a", 200000)
      for i = 1, 1e9 do s:find(".-.-.-.-b") end
    end),
    button("eat", function()
      local t = {}
      for i = 1, 1e9 do t[i] = string.rep("x", 1000000) .. i end
    end),
    button("raise", function() error("a secret of the owner") end),
    button("bad-state", function(session) session.x = function() end end),
    button("print", function() print("a line from the app") end),
  }
end)
`;

export const withImage = `local ui = require "vitrine.ui"

return ui.page({ title = "Pictures" }, function(page)
  local input = ui.image { id = "input", label = "Picture", upload = true }
  local info  = ui.json { id = "info", label = "Info" }
  local show  = ui.image { id = "show", label = "Shown" }
  input:on_upload(function(file)
    show:set(file)
    info:set { name = file.name, type = file.type, size = file.size }
  end)
  return ui.column { input, info, show }
end)
`;
