local ui, time = require "vitrine.ui", require "vitrine.time"

local function counting()
  local slow   = ui.button "Count to five"
  local stop   = ui.button { "Stop counting", variant = "stop" }
  local refuse = ui.button { "Refuse", variant = "stop" }

  slow:on_click {
    on_leave = "cancel",
    fn = function(session)
      for i = 1, 5 do
        session:progress(i / 5, "step " .. i)
        time.sleep(0.2)
      end
      ui.info "Counted to five."
    end,
  }

  stop:on_click { cancels = { slow } }

  refuse:on_click(function() ui.refuse "This button always refuses; that is all it does." end)

  local word  = ui.textbox { label = "Word" }
  local times = ui.number { label = "Times", value = 2, min = 1, max = 9 }
  local out   = ui.markdown { id = "repeated", value = "" }
  local ready = ui.examples {
    label = "Ready-made", inputs = { word, times }, rows = { { "ho ", 3 }, { "tick ", 2 } },
    on_example = function() out:set((word.value or ""):rep(times.value)) end,
  }

  return ui.column { ui.row { slow, stop, refuse }, ui.row { word, times }, ready, out }
end

local function clock()
  local shown = ui.textbox { label = "Ticks", value = "0", interactive = false }
  local pause = ui.button "Start the timer"
  local timer = ui.timer { every = 0.5, active = false }

  timer:on_tick(function(session)
    session.ticks = (session.ticks or 0) + 1
    shown:set(tostring(session.ticks))
  end)

  pause:on_click(function()
    timer:update { active = not timer.active }
    pause:set(timer.active and "Stop the timer" or "Start the timer")
  end)

  return ui.row { shown, ui.column { pause, timer } }
end

-- One handler behind another, and what happens when the first refuses.
local function chain()
  local word  = ui.textbox { label = "A word", value = "listen", validate = function(text)
    if text:find "%s" then return "one word, please" end
  end }
  local run   = ui.button { "Reverse it, then count", variant = "primary" }
  local back  = ui.textbox { label = "Backwards", interactive = false }
  local count = ui.textbox { label = "Letters", interactive = false }

  local first = run:on_click { inputs = word, outputs = back, fn = function(text)
    if text == "" then ui.refuse "There is nothing to reverse." end
    return text:reverse()
  end }
  first:ok { inputs = back, outputs = count, fn = function(text) return tostring(#text) end }
  first:fail { outputs = count, fn = function(_, why) return why end }

  return ui.row { ui.column { word, run }, ui.column { back, count } }
end

-- The answer waits until typing has stopped, and is kept for whoever types the same.
local function kept()
  local text  = ui.textbox { label = "Answers when you rest", placeholder = "Type something" }
  local shown = ui.textbox { label = "In capitals", interactive = false }
  text:on_input { debounce = 0.3, outputs = shown, cache = 600, fn = function(t) return t:upper() end }
  return ui.row { text, shown }
end

-- A list that is made from the session's value; each row has handlers of its own.
local function todos()
  local items = ui.state { id = "todos", value = { "Look at this list" } }
  local more  = ui.textbox { label = "To do", placeholder = "One more", submit = true }
  more:on_submit(function(text)
    local list = items.value
    list[#list + 1] = text
    items:set(list)
    more:clear()
  end)

  local list = ui.render { inputs = items, fn = function(all)
    if #all == 0 then return ui.markdown "_Nothing to do._" end
    local rows = {}
    for i, item in ipairs(all) do
      local done = ui.button { "Done", scale = 0 }
      done:on_click(function()
        table.remove(all, i)
        items:set(all)
      end)
      rows[i] = ui.row { ui.markdown(item), done }
    end
    return rows
  end }
  return ui.row { ui.column { more }, ui.column { list } }
end

-- Pages with addresses of their own; the query is in the address too.
local function addresses()
  local word  = ui.textbox { label = "In the address", submit = true }
  local there = ui.button "Go there"
  local said  = ui.textbox { label = "You are at", interactive = false }

  local function tell(session)
    said:set("page '" .. session:page_name() .. "', word '" .. (session:query().word or "") .. "'")
  end
  word:on_submit(function(text, session)
    session:set_query { word = text }
    tell(session)
  end)
  there:on_click(function(session) session:open_page "there" end)

  return ui.column {
    ui.pages { ui.subpage { "Here", word, there }, ui.subpage { "There", name = "there", ui.markdown "You are there." } },
    said,
  }, tell
end

return function(page)
  local pages, tell = addresses()
  page:on_navigate(tell)
  return ui.column { counting(), todos(), chain(), kept(), clock(), pages }
end
