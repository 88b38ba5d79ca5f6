-- How a page may look: what an app says of it, and what travels.
local s = require "support"
local it, equal, match = s.it, s.equal, s.match

local function page(theme)
  return 'local ui = require "vitrine.ui"\nreturn ui.page({ theme = ' .. theme .. " }, function() return ui.markdown 'x' end)"
end

local function travels(theme, want)
  it("the theme " .. theme .. " travels as what it says", function() equal(want, s.load(page(theme)).hello.tree.theme) end)
end
travels([["plum"]], { accent = "#7b2fa0", radius = 12 })
travels([["glass"]], nil)
travels([[{ accent = "#AB0000", radius = 0, font = "serif", scheme = "dark" }]], { accent = "#ab0000", radius = 0, font = "serif", scheme = "dark" })
travels([[{ base = "ink", accent = "#aa0000" }]], { accent = "#aa0000", radius = 2, font = "serif" })

local function refuses(theme, words)
  it("the theme " .. theme .. " is refused", function() match(words, s.load_failure(page(theme)).message) end)
end
refuses([["plumm"]], "unknown field 'plumm'; did you mean 'plum'")
refuses([[{ accent = "red" }]], "'accent' is a colour like #0b6b5d")
refuses([[{ accent = "#000000;}" }]], "'accent' is a colour like")
refuses([[{ radius = 99 }]], "'radius' is from 0 to 28")
refuses([[{ font = "Comic Sans, url(x)" }]], "'font' must be one of sans|serif|mono|rounded")
refuses([[{ scheme = "sepia" }]], "'scheme' must be one of auto|light|dark")
refuses([[{ color = "#000000" }]], "unknown field 'color'")
refuses("7", "a name or a table is needed")

it("ui.interface and ui.chat take a theme too", function()
  equal({ accent = "#1259c3", radius = 10 }, s.load([[
local ui = require "vitrine.ui"
return ui.interface { inputs = ui.textbox {}, outputs = ui.textbox {}, fn = string.upper, theme = "ocean" }]]).hello.tree.theme)
  equal({ accent = "#1259c3", radius = 10 }, s.load([[
local ui = require "vitrine.ui"
return ui.chat { fn = string.upper, theme = "ocean" }]]).hello.tree.theme)
end)
