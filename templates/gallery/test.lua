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
  visitor:example(2)
  visitor:set("Number", 7)
  visitor:click "Show what the page holds"
  local held = visitor:value "What the page holds"
  test.equal(held.colour, "blue")
  test.equal(held.number, 7)
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
