local test = require "vitrine.test"

local asked, options
test.model("vitrine/tiny-writer", function(turns, given)
  asked, options = turns, given
  return { "Once", " upon", " a time." }
end)

local function last(visitor)
  local messages = visitor:value "chat"
  return messages[#messages].content, #messages
end

test("an answer streams, and the next one knows of it", function(app)
  local visitor = app:visit()
  visitor:set("How daring", 1.2)
  visitor:submit("message", "A story about a fox")
  test.equal(last(visitor), "Once upon a time.")
  test.equal(options.temperature, 1.2)
  visitor:reload()
  visitor:submit("message", "More")
  test.equal(#asked, 3, "turns that the model is given")
  test.equal(asked[1].content, "A story about a fox")
end)

test("examples begin, answers are made again, words are taken back", function(app)
  local visitor = app:visit()
  visitor:fire("chat", "example", 2)
  test.equal(asked[1].content, "Write a short poem about rain")
  visitor:fire("chat", "retry", { index = 2 })
  test.equal(select(2, last(visitor)), 2)
  visitor:fire("chat", "undo", { index = 2 })
  test.equal(visitor:value "message", "Write a short poem about rain")
  test.fails(function() visitor:fire("chat", "retry", { index = 1 }) end, "not here any more")
end)
