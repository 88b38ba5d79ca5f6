local ui = require "vitrine.ui"

-- A second of a tone, as a WAV file.
local function tone(hertz, seconds)
  local rate, samples = 8000, {}
  local n = rate * seconds // 1
  for i = 0, n - 1 do
    local fade = math.min(1, i / 400, (n - i) / 400)
    samples[i + 1] = string.pack("<i2", (math.sin(2 * math.pi * hertz * i / rate) * 9000 * fade) // 1)
  end
  local data = table.concat(samples)
  return "RIFF" .. string.pack("<I4", 36 + #data) .. "WAVEfmt "
    .. string.pack("<I4I2I2I4I4I2I2", 16, 1, 1, rate, rate * 2, 2, 16)
    .. "data" .. string.pack("<I4", #data) .. data
end

return function()
  local picture = ui.image { label = "Picture", upload = true, webcam = true, edit = true, height = 200, alt = "What you uploaded" }
  local drawn   = ui.image { label = "Drawing", sketch = true, height = 260 }
  local mirror  = ui.image { label = "The same picture", height = 200, alt = "What you uploaded" }
  local pad     = ui.sketch { label = "Sign", grid = 16, height = 180 }
  local seen    = ui.markdown { id = "ink", "Nothing drawn yet." }
  local sound   = ui.audio { label = "Sound", upload = true, microphone = true, max_seconds = 60 }
  local about   = ui.markdown { id = "about", "No sound yet." }
  local scale   = ui.button "Play a scale"
  local played  = ui.audio { label = "Scale", autoplay = true }
  local film    = ui.video { label = "Film", upload = true, webcam = true, max_seconds = 20, height = 220 }
  local sheet   = ui.file { label = "File", info = "Its lines are counted" }
  local report  = ui.file { label = "Report", interactive = false }

  picture:on_upload(function(file) mirror:set(file) end)
  drawn:on_upload(function(file) mirror:set(file) end)

  pad:on_change(function(sign)
    local ink = 0
    for _, p in ipairs(sign and sign.pixels or {}) do ink = ink + p end
    seen:set(("%.1f %% of it is ink."):format(ink / 2.55 / 16 / 16))
  end)

  sound:on_upload(function(file) about:set(("**%s** has %d bytes."):format(file.type, file.size)) end)

  scale:on_click(function()
    played:clear()
    for _, hertz in ipairs { 262, 294, 330, 349, 392, 440, 494, 523 } do
      played:append(ui.bytes(tone(hertz, 0.3), "audio/wav"))
    end
  end)

  sheet:on_upload(function(file)
    local lines = 0
    for _ in file:lines() do lines = lines + 1 end
    report:set(ui.bytes(("%s has %d lines, %d bytes.\n"):format(file.name, lines, file.size), "text/plain", "report.txt"))
  end)

  return ui.column {
    ui.row { ui.column { picture, drawn }, ui.column { mirror, ui.row { pad, seen } } },
    ui.row { ui.column { sound, about, scale, played }, ui.column { film } },
    ui.row { ui.column { sheet }, ui.column { report } },
  }
end
