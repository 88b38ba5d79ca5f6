local ui, time = require "vitrine.ui", require "vitrine.time"

return function()
  local slow   = ui.button "Count to five"
  local stop   = ui.button { "Stop counting", variant = "stop" }
  local refuse = ui.button { "Refuse", variant = "stop" }

  slow:on_click(function(session)
    for i = 1, 5 do
      session:progress(i / 5, "step " .. i)
      time.sleep(0.2)
    end
    ui.info "Counted to five."
  end)

  stop:on_click { cancels = { slow } }

  refuse:on_click(function() ui.refuse "This button always refuses; that is all it does." end)

  return ui.row { slow, stop, refuse }
end
