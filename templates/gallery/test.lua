local test = require "vitrine.test"

test("says what was typed, loudly when asked to", function(app)
  local visitor = app:visit()
  visitor:submit("Text", "hello")
  test.equal(visitor:value "said", "You said **hello**.")
  visitor:set("Shout", true)
  visitor:submit("Text", "hello")
  test.equal(visitor:value "said", "You said **HELLO**.")
end)

test("shows what the page holds", function(app)
  local visitor = app:visit()
  visitor:set("Number", 7)
  visitor:set("Extras", { "Milk", "oat" })
  visitor:set("One of 5,000", "Star 4711")
  visitor:set("Several, or your own", { "chess", "falconry" })
  visitor:set("Range", { 10, 90 })
  visitor:set("Day", "2026-12-24")
  visitor:click "Show what the page holds"
  local held = visitor:value "What the page holds"
  test.equal(held.number, 7)
  test.equal(held.extras, { "Milk", "oat" })
  test.equal(held.star, "Star 4711")
  test.equal(held.tags, { "chess", "falconry" })
  test.equal(held.range, { 10, 90 })
  test.equal(held.day, "2026-12-24")
end)

test("a report is made when it is asked for", function(app)
  local visitor = app:visit()
  visitor:click "Make a report"
  test.equal(visitor:value("Make a report").name, "report.csv")
end)

test("the slider moves the shares", function(app)
  local visitor = app:visit()
  visitor:set("Share of the left", 90)
  test.equal(visitor:value("Shares").label, "left")
end)

test("counting can be stopped, and a refusal says why", function(app)
  local visitor = app:visit()
  for step in visitor:stream "Count to five" do
    if step == 1 then visitor:cancel() end
  end
  test.equal(visitor:toasts(), {})
  test.fails(function() visitor:click "Refuse" end, "This button always refuses")
end)

test("the chat answers", function(app)
  local visitor = app:visit()
  visitor:submit("Message", "hello")
  local said = visitor:value "Echo"
  test.equal(#said, 5)
  test.equal(said[5].content[2].text, "You said: hello")
end)

test("a table is edited, and a walk grows", function(app)
  local visitor = app:visit()
  local teas = visitor:value "Teas"
  teas.rows[1][2] = 13
  visitor:set("Teas", teas)
  visitor:click "Ten steps"
  visitor:click "Ten steps"
  test.equal(visitor:value("Teas").rows[1][2], 13)
  test.equal(#visitor:value("A walk").series[1].x, 20)
end)
