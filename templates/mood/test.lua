local test = require "vitrine.test"

-- What the model says is its own business; that it is asked and shown is ours.
test.model("vitrine/tiny-sentiment", function(text)
  local good = text:find "love" and 0.9 or 0.2
  return { { label = "positive", score = good }, { label = "negative", score = 1 - good } }
end)

test("shows the mood of what was written", function(app)
  local visitor = app:visit()
  visitor:submit("Text", "I love it.")
  test.equal(visitor:value("Mood").label, "positive")
end)

test("an example is one click", function(app)
  local visitor = app:visit()
  visitor:example(2)
  visitor:click "Submit"
  test.equal(visitor:value("Mood").label, "negative")
end)
