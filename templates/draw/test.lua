local test = require "vitrine.test"
local network = require "network"
local held_out = require "held_out"

-- Two pixels a byte: 16 shades are enough to look at.
local function pixels(hex)
  local list = {}
  for digit in hex:gmatch "%x" do list[#list + 1] = tonumber(digit, 16) * 17 end
  return list
end

test("reads at least 19 of 20 digits that it has not seen", function()
  local right = 0
  for _, drawing in ipairs(held_out) do
    if network.classify(pixels(drawing[2]))[1].label == tostring(drawing[1]) then right = right + 1 end
  end
  print(("%d of %d are right"):format(right, #held_out))
  test.ok(right >= 0.95 * #held_out, right .. " of " .. #held_out)
end)

test("says what is drawn, and nothing of an empty pad", function(app)
  local visitor = app:visit()
  visitor:set("Your digit", { width = 16, height = 16, pixels = pixels(held_out[1][2]) })
  test.equal(visitor:value("It looks like").label, tostring(held_out[1][1]))
  visitor:set("Your digit", nil)
  test.equal(visitor:value "It looks like", nil)
end)

test("refuses a drawing of another size", function(app)
  test.fails(function()
    app:visit():set("Your digit", { width = 2, height = 2, pixels = { 0, 0, 0, 0 } })
  end, "16 × 16 pixels")
end)
