local test = require "vitrine.test"

local asked
test.model("vitrine/tiny-writer", function(turns)
  asked = turns
  return { "Once", " upon", " a time." }
end)

test("writes piece by piece, and remembers", function(app)
  local visitor = app:visit()
  visitor:submit("textbox", "A story about a fox")
  test.equal(visitor:value("chatbot")[2].content, "Once upon a time.")

  visitor:reload()
  visitor:submit("textbox", "More")
  test.equal(#asked, 3, "turns that the model is given")
  test.equal(#visitor:value "chatbot", 4)
end)

test("answers programs too, with the conversation that it shows", function(app)
  local program = app:visit()
  test.equal(program:call("chat", "A story about a fox")[2].content, "Once upon a time.")
  test.equal(program:call("chat", "More")[1].content, "More")
  test.equal(#asked, 3, "turns that the model is given")
end)
