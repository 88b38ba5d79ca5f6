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

return function()
  return ui.column { counting(), clock() }
end
