local ui = require "vitrine.ui"
local f = require "functions"

local function words(fields)
  fields.max_length = fields.max_length or 10000
  return ui.textbox(fields)
end

local function shown(fields)
  fields.interactive = false
  return ui.textbox(fields)
end

-- A tab: what it is, then inputs beside outputs.
local function tab(label, text, inputs, outputs)
  return ui.tab { label, ui.markdown(text), ui.row { ui.column(inputs), ui.column(outputs) } }
end

local function greet()
  local text, out = words { label = "Text", placeholder = "Ada", max_length = 2000000 }, shown { label = "Greeting" }
  local run = ui.button { "Greet", variant = "primary" }
  run:on_click {
    api_name = "predict", description = "Greets whoever you name.", inputs = text, outputs = out, fn = f.predict,
  }
  return tab("Greet", "One text in, one text out: `predict`.", { text, run }, { out })
end

local function combine()
  local text, times = words { label = "Text", placeholder = "ab" }, ui.number { label = "Times", value = 2, min = 0, max = 100 }
  local loud, run = ui.checkbox { label = "Loud", value = false }, ui.button { "Repeat", variant = "primary" }
  local result, length = shown { label = "Result" }, ui.number { label = "Length", interactive = false }
  run:on_click {
    api_name = "combine", description = "Repeats a text, in capitals if you like, and counts its letters.",
    inputs = { text, times, loud }, outputs = { result, length }, fn = f.combine,
  }
  return tab("Repeat", "Three inputs, two of them with defaults, and two outputs: `combine`.",
    { text, times, loud, run }, { result, length })
end

local function stream()
  local text, out = words { label = "Text", placeholder = "Every letter comes by itself" }, shown { label = "So far", lines = 3 }
  local run, stop = ui.button { "Stream", variant = "primary" }, ui.button { "Stop", variant = "stop" }
  run:on_click {
    api_name = "stream", description = "Says a text letter by letter.", stream = true,
    inputs = text, outputs = out, fn = f.stream,
  }
  stop:on_click { cancels = run }
  return tab("Stream", "Results on the way: `stream`, and for programs `stream_json`.", { text, ui.row { run, stop } }, { out })
end

local function count()
  local amount, out = ui.number { label = "Amount", value = 1 }, ui.number { label = "Total", interactive = false }
  local run = ui.button { "Add", variant = "primary" }
  run:on_click {
    api_name = "counter", description = "Adds to what this session has added so far.",
    inputs = amount, outputs = out, fn = f.counter,
  }
  return tab("Session", "What a visitor, or a client, has added so far: `counter`.", { amount, run }, { out })
end

local function slow()
  local steps = ui.number { label = "Steps", value = 5, min = 1, max = 1000 }
  local delay = ui.number { label = "Delay ms", value = 50, min = 0, max = 10000, info = "before each step" }
  local run, stop = ui.button { "Start", variant = "primary" }, ui.button { "Stop", variant = "stop" }
  local out = shown { label = "Done" }
  run:on_click {
    api_name = "slow", description = "Works step by step, and says how far it is. One at a time.", concurrency = 1,
    inputs = { steps, delay }, outputs = out, fn = f.slow,
  }
  stop:on_click { cancels = run }
  return tab("Queue", "One at a time, so whoever comes second waits for a turn and sees the place: `slow`.",
    { ui.row { steps, delay }, ui.row { run, stop } }, { out })
end

local function files()
  local image = ui.file { label = "Image", info = "or any other file" }
  local out, run = ui.file { label = "Its bytes, backwards", interactive = false }, ui.button { "Reverse", variant = "primary" }
  run:on_click {
    api_name = "file", description = "Gives a file back with its bytes in reverse order.",
    inputs = image, outputs = out,
    fn = function(file)
      if not file then ui.refuse "Choose a file first." end
      return f.reverse_file(file)
    end,
  }
  return tab("Files", "A file in, a file out: `file`.", { image, run }, { out })
end

local function messages()
  local text, said = words { label = "Text", placeholder = "Well done" }, shown { label = "Result" }
  local run, fail = ui.button { "Notify", variant = "primary" }, ui.button "Fail midway"
  run:on_click {
    api_name = "notify", description = "Says a text as a note and as a warning.",
    inputs = text, outputs = said, fn = f.notify,
  }
  fail:on_click {
    api_name = "fail_midway", description = "Gives two results, then fails.", stream = true,
    outputs = said, fn = f.fail_midway,
  }
  return tab("Messages", "Notes, warnings and errors on the way: `notify`, `fail_midway`, and for programs `fail`.",
    { text, ui.row { run, fail } }, { said })
end

-- Functions that only programs call.
local function for_programs(page)
  page:api("identity", {
    description = "Gives any JSON value back as it is.",
    inputs = ui.json { label = "Value" }, outputs = ui.json { label = "Value" }, fn = f.identity,
  })
  page:api("stream_json", {
    description = "Counts to n, with everything counted so far.", stream = true,
    inputs = ui.number { label = "n", min = 0, max = 1000 },
    outputs = { ui.json { label = "Value" }, ui.textbox { label = "State" } }, fn = f.stream_json,
  })
  page:api("fail", {
    description = "Fails with the message that it is given.",
    inputs = words { label = "Message" }, outputs = ui.textbox { label = "Nothing" }, fn = f.fail,
  })
  page:api("counter_state", {
    description = "Another counter of this session.",
    inputs = ui.number { label = "Amount", value = 1 }, outputs = ui.number { label = "Total" },
    fn = function(amount, session)
      session.state = (session.state or 0) + amount
      return session.state
    end,
  })
  page:api("slow_stats", {
    description = "How many runs of slow go on, and the steps of all.",
    outputs = ui.json { label = "Stats" }, fn = f.slow_stats,
  })
end

return ui.page({ title = "Every Space is an API" }, function(page)
  for_programs(page)
  return ui.column {
    ui.markdown "What you do here by hand, programs do by name: with Gradio's clients, with curl, or as tools of an agent.",
    ui.tabs { label = "Functions", greet(), combine(), stream(), count(), slow(), files(), messages() },
  }
end)
