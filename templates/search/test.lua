local test = require "vitrine.test"

-- A model that knows three things: animals, kitchens and machines.
local WORDS = {
  { "lion", "jungle", "whales", "bees", "penguins" }, { "egg", "cook", "fry", "dough", "tea" },
  { "aeroplane", "machine", "steam", "battery" },
}

local function vector(text)
  local v = { 0.01, 0.01, 0.01 }
  for i, words in ipairs(WORDS) do
    for _, word in ipairs(words) do
      if text:lower():find(word, 1, true) then v[i] = 1 end
    end
  end
  return v
end

test.model("sentence-transformers/all-MiniLM-L6-v2", function(texts)
  if type(texts) == "string" then return vector(texts) end
  local list = {}
  for i, text in ipairs(texts) do list[i] = vector(text) end
  return list
end)

test("finds what is meant", function(app)
  local visitor = app:visit()
  visitor:set("How many", 2)
  visitor:submit("What are you looking for?", "king of the jungle")
  local rows = visitor:value("Closest first").rows
  test.equal(#rows, 2)
  test.contains(rows[1][1], "lion")
  test.equal(rows[1][2], "100 %")
end)

test("searches a visitor's own texts", function(app)
  local visitor = app:visit()
  visitor:set("Texts of yours", "  a machine\n\nfry an egg\n")
  visitor:submit("What are you looking for?", "how do I cook?")
  local rows = visitor:value("Closest first").rows
  test.equal(#rows, 2)
  test.equal(rows[1][1], "fry an egg")
end)

test("wants to know what for", function(app)
  test.fails(function() app:visit():submit("What are you looking for?", "  ") end, "looking for")
  local many = app:visit()
  many:set("Texts of yours", ("x\n"):rep(201))
  test.fails(function() many:submit("What are you looking for?", "x") end, "At most 200")
end)

test("programs search too", function(app)
  local rows = app:call("search", "steam", 1, "") -- as Gradio writes a table
  test.contains(rows.data[1][1], "Steam")
end)
