local ui = require "vitrine.ui"

return function()
  local picture = ui.image { label = "Picture", upload = true, height = 160, alt = "What you uploaded" }
  local mirror  = ui.image { label = "The same picture", height = 160, alt = "What you uploaded" }
  local sheet   = ui.file { label = "File", info = "Its lines are counted" }
  local report  = ui.file { label = "Report", interactive = false }

  picture:on_upload(function(file) mirror:set(file) end)

  sheet:on_upload(function(file)
    local lines = 0
    for _ in file:lines() do lines = lines + 1 end
    report:set(ui.bytes(("%s has %d lines, %d bytes.\n"):format(file.name, lines, file.size), "text/plain", "report.txt"))
  end)

  return ui.row { ui.column { picture, sheet }, ui.column { mirror, report } }
end
