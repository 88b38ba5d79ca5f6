local test = require "vitrine.test"

-- A model that counts: the more ink, the higher the digit.
test.model("vitrine/tiny-digits", function(drawing)
  local ink = 0
  for _, p in ipairs(drawing.pixels) do ink = ink + p end
  local digit = ink // (255 * 100)
  return { { label = tostring(digit), score = 0.75 }, { label = "0", score = 0.25 } }
end)

local function drawing(dark)
  local pixels = {}
  for i = 1, 28 * 28 do pixels[i] = i <= dark and 255 or 0 end
  return { width = 28, height = 28, pixels = pixels }
end

test("says what is drawn, and nothing of an empty pad", function(app)
  local visitor = app:visit()
  visitor:set("Your digit", drawing(310))
  test.equal(visitor:value("It looks like").label, "3")
  visitor:set("Your digit", drawing(520))
  test.equal(visitor:value("It looks like").label, "5")
  visitor:set("Your digit", nil)
  test.equal(visitor:value "It looks like", nil)
end)

test("refuses a drawing of another size", function(app)
  test.fails(function()
    app:visit():set("Your digit", { width = 2, height = 2, pixels = { 0, 0, 0, 0 } })
  end, "28 × 28 pixels")
end)
