local ui = require "vitrine.ui"

local teas = {
  headers = { "Tea", "Price", "In stock", "Since", "Taste" },
  types = { "string", "number", "boolean", "date", "markdown" },
  rows = {
    { "Sencha", 12.5, true, "2024-03-01", "**grassy**, light" },
    { "Assam", 8.75, true, "2023-11-20", "malty" },
    { "Lapsang Souchong", 14, false, "2025-01-15", "*smoke*" },
    { "Oolong", 21.25, true, "2022-07-30", "flowers and butter" },
  },
}

local function hundred_thousand()
  local rows = {}
  for i = 1, 100000 do
    rows[i] = { i, ("Row %d"):format(i), i * 7919 % 100003 / 100, i % 3 == 0 }
  end
  return { headers = { "Number", "Name", "Value", "Third" }, rows = rows }
end

local function waves()
  local sine, noise = { name = "sine", x = {}, y = {} }, { name = "noise", kind = "scatter", x = {}, y = {} }
  for i = 1, 200 do
    sine.x[i], sine.y[i] = i / 10, math.sin(i / 15)
    noise.x[i], noise.y[i] = i / 10, math.sin(i / 15) + (i * 7919 % 101 - 50) / 120
  end
  return { sine, noise }
end

return function()
  local share = ui.slider { label = "Share of the left", value = 40 }
  local bars  = ui.label { label = "Shares" }
  share:on_change(function(value)
    bars:set { { label = "left", score = value / 100 }, { label = "right", score = 1 - value / 100 } }
  end)

  local shop  = ui.dataframe { label = "Teas", info = "Enter edits, arrow keys move", value = teas, grow = true }
  local where = ui.markdown "Nothing is selected."
  shop:on_select(function(_, at)
    if at then where:set(("Row %d, **%s**."):format(at.row, at.header)) end
  end)

  local large = ui.dataframe { label = "A hundred thousand rows", interactive = false }
  local fill  = ui.button "Show 100,000 rows"
  fill:on_click(function() large:set(hundred_thousand()) end)

  local lines = ui.plot { label = "Waves", value = waves(), x_label = "seconds" }
  local bars_of = ui.plot {
    label = "Cups a day", kind = "bar", value = {
      { name = "Tea", x = { "Mon", "Tue", "Wed", "Thu", "Fri" }, y = { 3, 5, 4, 8, 2 } },
      { name = "Coffee", x = { "Mon", "Tue", "Wed", "Thu", "Fri" }, y = { 4, 4, 6, 2, 5 } },
    },
  }
  local live  = ui.plot { label = "A walk", kind = "area", window = 100, height = 220 }
  local step  = ui.button "Ten steps"
  step:on_click(function(session)
    session.walk = session.walk or { at = 0, n = 0 }
    local walk = session.walk
    for _ = 1, 10 do
      walk.n, walk.at = walk.n + 1, walk.at + math.random(-10, 10)
      live:append { x = walk.n, y = walk.at, series = "walk" }
    end
  end)

  -- Pictures as an app may make them: a bitmap, 4 × 4, one colour.
  local function square(red, green, blue)
    local pixel = string.char(blue, green, red)
    local head = string.pack("<c2I4I4I4I4i4i4I2I2I4I4i4i4I4I4", "BM", 54 + 48, 0, 54, 40, 4, 4, 1, 24, 0, 48, 2835, 2835, 0, 0)
    return ui.bytes(head .. pixel:rep(16), "image/bmp", "square.bmp")
  end
  local squares = ui.gallery { label = "Colours" }
  local paint   = ui.button "Paint six"
  paint:on_click(function()
    local list = {}
    for i = 1, 6 do list[i] = { square(i * 40, 120, 255 - i * 40), caption = "Colour " .. i } end
    squares:set(list)
  end)

  return ui.column {
    shop, where,
    ui.row { ui.column { lines }, ui.column { bars_of } },
    step, live,
    ui.row { ui.column { share }, ui.column { bars } },
    ui.json { label = "A value", value = { name = "Vitrine", tags = { "demo", "lua" }, size = { width = 3, height = 4 } } },
    paint, squares,
    fill, large,
  }
end
