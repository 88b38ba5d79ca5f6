local ui = require "vitrine.ui"

return function()
  local share = ui.slider { label = "Share of the left", value = 40 }
  local bars  = ui.label { label = "Shares" }
  share:on_change(function(value)
    bars:set { { label = "left", score = value / 100 }, { label = "right", score = 1 - value / 100 } }
  end)
  return ui.column {
    ui.row { ui.column { share }, ui.column { bars } },
    ui.json { label = "A value", value = { name = "Vitrine", tags = { "demo", "lua" }, size = { width = 3, height = 4 } } },
  }
end
