local ui, models = require "vitrine.ui", require "vitrine.models"
local read = models.pipeline("image-classification", "vitrine/tiny-digits")

return ui.page({ title = "Draw a digit" }, function()
  local pad   = ui.sketch { label = "Your digit", info = "From 0 to 9", grid = 28, height = 320 }
  local guess = ui.label { label = "It looks like", top = 4 }

  pad:on_change { api_name = "classify", outputs = guess, fn = function(drawing)
    if drawing then return read(drawing) end
    guess:clear()
  end }

  return ui.row { ui.column { pad }, ui.column { guess } }
end)
