// A Space whose functions programs call: one of each kind.
export const app = `local ui = require "vitrine.ui"
local time = require "vitrine.time"

return ui.page({ title = "Programs" }, function(page)
  local text  = ui.textbox { label = "Text", max_length = 50 }
  local times = ui.slider { label = "Times", min = 1, max = 9, value = 2 }
  local mood  = ui.radio { label = "Mood", choices = { "plain", "loud" }, value = "plain" }
  local out   = ui.textbox { label = "Result", interactive = false }
  local go    = ui.button { "Go" }
  go:on_click {
    api_name = "greet", description = "Greets somebody, a few times.",
    inputs = { text, times, mood }, outputs = { out },
    fn = function(text, times, mood)
      local words = ("Hello, " .. text .. "! "):rep(math.tointeger(times) or 1)
      return mood == "loud" and words:upper() or words
    end,
  }
  page:api("identity", {
    inputs = ui.json { id = "value" }, outputs = ui.json { id = "same" },
    fn = function(v) return v end,
  })
  page:api("spell", {
    description = "Spells a word, letter by letter.",
    inputs = ui.textbox { id = "word" }, outputs = ui.textbox { id = "letters" }, stream = true,
    fn = function(word)
      for i = 1, #word do
        time.sleep(0.02)
        coroutine.yield(word:sub(1, i))
      end
    end,
  })
  page:api("steps", {
    inputs = ui.number { id = "n", value = 3 }, outputs = ui.textbox { id = "done" }, concurrency = 1,
    fn = function(n, session)
      for i = 1, n do
        session:progress { index = i, length = n, unit = "steps", message = "step " .. i }
        time.sleep(0.05)
      end
      return "done after " .. math.tointeger(n)
    end,
  })
  page:api("fail", { inputs = ui.textbox { id = "message" }, outputs = ui.textbox {},
    fn = function(message) error(message, 0) end })
  page:api("count", { outputs = ui.number { id = "count" },
    fn = function(session)
      session.count = (session.count or 0) + 1
      return session.count
    end })
  page:api("picture", { inputs = ui.image { id = "picture", upload = true }, outputs = ui.image { id = "same" },
    fn = function(picture) return picture end })
  return ui.column { text, times, mood, go, out }
end)
`;

/** 1 × 1, red. */
export const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/** What came over a text/event-stream: [event, data]. */
export async function* eventsOf(answer) {
  let text = "";

  for await (const bytes of answer.body.pipeThrough(new TextDecoderStream())) {
    text += bytes;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const lines = text.slice(0, end).split("\n");
      const field = (name) => lines.filter((l) => l.startsWith(`${name}: `)).map((l) => l.slice(name.length + 2)).join("\n");

      if (field("event")) yield [field("event"), JSON.parse(field("data"))];
    }
  }
}
