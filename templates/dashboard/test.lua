local test = require "vitrine.test"

test("every round adds orders, a point and what was sold", function(app)
  local visitor = app:visit()
  for _ = 1, 5 do visitor:fire("clock", "tick") end
  local rows = visitor:value("Orders").rows
  test.equal(#visitor:value("Revenue").series[1].x, 5)
  local sold = 0
  for _, count in ipairs(visitor:value("Sold so far").series[1].y) do sold = sold + count end
  local listed = 0
  for _, row in ipairs(rows) do listed = listed + row[4] end
  test.equal(listed, sold)
end)

test("a selected order is read out", function(app)
  local visitor = app:visit()
  visitor:fire("clock", "tick")
  visitor:fire("Orders", "select", { row = 0, column = 2, value = "?" })
  test.contains(visitor:value "picked", "Order **1**: ")
end)

test("the table begins anew before it grows without end", function(app)
  local visitor = app:visit()
  for _ = 1, 120 do visitor:fire("clock", "tick") end
  test.equal(#visitor:value("Orders").rows < 210, true)
end)
