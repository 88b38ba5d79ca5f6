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

  return ui.column {
    shop, where,
    ui.row { ui.column { share }, ui.column { bars } },
    ui.json { label = "A value", value = { name = "Vitrine", tags = { "demo", "lua" }, size = { width = 3, height = 4 } } },
    fill, large,
  }
end
