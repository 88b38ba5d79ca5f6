local ui = require "vitrine.ui"

-- A café that nobody runs: every visitor watches one of their own.
local GOODS = { "Tea", "Coffee", "Cake", "Bread", "Soup" }
local PRICES = { 3.5, 4, 5.5, 2.75, 7 }
local KEPT = 200 -- the table begins anew then

-- Between one and four orders, and what they bring in.
local function next_orders(shop)
  local orders, took = {}, 0
  for i = 1, math.random(4) do
    local what, count = math.random(#GOODS), math.random(3)
    local amount = count * PRICES[what]
    shop.orders, shop.revenue = shop.orders + 1, shop.revenue + amount
    shop.sold[what] = shop.sold[what] + count
    took = took + amount
    orders[i] = { shop.orders, os.date("!%H:%M:%S"), GOODS[what], count, amount, math.random() < 0.8 }
  end
  return orders, took
end

return ui.page({ title = "A café, live" }, function()
  local open    = ui.button { "Open the café", variant = "primary", id = "open" }
  local pace    = ui.slider { label = "Rounds a second", min = 1, max = 10, value = 2 }
  local clock   = ui.timer { id = "clock", every = 0.5, active = false }
  local numbers = ui.markdown { "Closed. Nothing sold yet.", id = "numbers" }
  local income  = ui.plot { label = "Revenue", kind = "area", window = 120, height = 220, y_label = "€ a round", x_label = "round" }
  local goods   = ui.plot { label = "Sold so far", kind = "bar", height = 220 }
  local orders  = ui.dataframe {
    label = "Orders", interactive = false, height = 320,
    headers = { "No.", "Time", "What", "Count", "€", "Card" },
    types = { "number", "string", "string", "number", "number", "boolean" },
  }
  local picked  = ui.markdown { "Select an order to see it here.", id = "picked" }

  clock:on_tick(function(session)
    session.shop = session.shop or { orders = 0, revenue = 0, rounds = 0, listed = 0, sold = { 0, 0, 0, 0, 0 } }
    local shop = session.shop
    local batch, took = next_orders(shop)
    shop.rounds = shop.rounds + 1
    income:append { x = shop.rounds, y = took, series = "Revenue" }
    goods:set { x = GOODS, y = shop.sold }
    if shop.listed >= KEPT then
      orders:set(batch)
      shop.listed = 0
    else
      orders:append_rows(batch)
    end
    shop.listed = shop.listed + #batch
    numbers:set(("**%d orders**, %.2f € so far."):format(shop.orders, shop.revenue))
  end)

  open:on_click(function()
    clock:update { active = not clock.active }
    open:set(clock.active and "Close the café" or "Open the café")
  end)
  pace:on_change(function(value) clock:update { every = 1 / value } end)

  orders:on_select(function(_, at)
    if not at then return end
    local row = orders.value.rows[at.row]
    picked:set(("Order **%d**: %d × %s for %.2f €."):format(row[1], row[4], row[3], row[5]))
  end)

  return ui.column {
    ui.row { ui.column { pace, open }, ui.column { numbers, picked } },
    ui.row { ui.column { income }, ui.column { goods } },
    orders, clock,
  }
end)
