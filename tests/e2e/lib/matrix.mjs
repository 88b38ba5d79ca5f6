// What a visitor sees when something is cut, killed or replaced under a session: the table that
// tests/e2e/matrix.test.mjs plays cell by cell and docs/sessions.md prints.

/** What a visitor may be in the middle of. */
export const activities = {
  idle: "idle",
  running: "a handler runs",
  streaming: "tokens stream",
  upload: "an upload is half done",
};

/** What an outcome means; the words of docs/sessions.md. */
export const outcomes = {
  same: "the page as it was; the next click counts on",
  finishes: "the handler's result, once, without doing anything",
  whole: "the whole answer, without doing anything",
  asks: "“interrupted, try again?”; what was finished before is there, and trying again runs it once",
  partly: "the answer as far as it was shown, why it ended, and the button works again",
  goes_on: "the upload goes on from the last byte that was acknowledged",
};

/** disturbance → activity → outcome. */
export const matrix = {
  "a socket cut": { idle: "same", running: "finishes", streaming: "whole", upload: "goes_on" },
  "a tab loaded again": { idle: "same", running: "finishes", streaming: "whole", upload: "goes_on" },
  "a worker killed": { idle: "same", running: "asks", streaming: "asks", upload: "goes_on" },
  "a gateway killed": { idle: "same", running: "finishes", streaming: "whole", upload: "goes_on" },
  "an agent killed": { idle: "same", running: "asks", streaming: "asks", upload: "goes_on" },
  "an orchestrator killed": { idle: "same", running: "finishes", streaming: "whole", upload: "goes_on" },
  "an inference killed": { idle: "same", running: "finishes", streaming: "partly", upload: "goes_on" },
  "a deploy": { idle: "same", running: "finishes", streaming: "whole", upload: "goes_on" },
  "a rollback": { idle: "same", running: "finishes", streaming: "whole", upload: "goes_on" },
  "a sleep and a wake": { idle: "same", running: "finishes", streaming: "whole", upload: "goes_on" },
  "a platform upgraded in place": { idle: "same", running: "asks", streaming: "asks", upload: "goes_on" },
};

/** The table as docs/sessions.md has it. */
export function printed() {
  const head = ["", ...Object.values(activities)];
  const rows = Object.entries(matrix).map(([name, cells]) =>
    [name, ...Object.keys(activities).map((activity) => outcomes[cells[activity]])]);

  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

export const WORDS = 40;

/** What the stream writes, whole. */
export const answer = Array.from({ length: WORDS }, (_, i) => `word${i + 1} `).join("");

/** The app. title: a version one can tell from the others. */
export const app = (title) => `local ui = require "vitrine.ui"
local time, models = require "vitrine.time", require "vitrine.models"
local llm = models.chat "vitrine/tiny-writer"

return ui.page({ title = "${title}", upgrade = function(old) old.moves = (old.moves or 0) + 1 return old end }, function(page)
  local mine  = ui.number { id = "mine", value = 0 }
  local slow  = ui.number { id = "slow", value = 0 }
  local chat  = ui.chatbot { id = "chat" }
  local input = ui.image { id = "input", upload = true }
  local info  = ui.json { id = "info" }
  local add, hold = ui.button { "Add", id = "add" }, ui.button { "Hold", id = "hold" }
  local stream, talk = ui.button { "Stream", id = "stream" }, ui.button { "Talk", id = "talk" }

  add:on_click(function(session)
    session.count = (session.count or 0) + 1
    mine:set(session.count)
  end)
  hold:on_click(function(session)
    time.sleep(1.5)
    session.slow = (session.slow or 0) + 1
    slow:set(session.slow)
  end)
  stream:on_click(function(session)
    local reply = chat:append { role = "assistant", content = "" }
    for i = 1, ${WORDS} do
      reply:add("word" .. i .. " ")
      time.sleep(0.04)
    end
    session.streams = (session.streams or 0) + 1
  end)
  talk:on_click(function()
    local reply = chat:append { role = "assistant", content = "" }
    for i = 1, 200 do
      for token in llm:stream { { role = "user", content = "Tell me more." } } do reply:add(token) end
      time.sleep(0.01)
    end
  end)
  input:on_upload(function(file) info:set { size = file.size } end)
  return ui.column { mine, slow, chat, input, info, ui.row { add, hold, stream, talk } }
end)
`;
