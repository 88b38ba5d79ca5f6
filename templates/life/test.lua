local test = require "vitrine.test"

local function alive(visitor) return #visitor:value("board").series[1].x end

test("a glider gun has made its first glider after thirty generations", function(app)
  local visitor = app:visit()
  test.equal(alive(visitor), 36)
  for _ = 1, 30 do visitor:fire("clock", "tick") end
  test.equal(alive(visitor), 41)
  test.equal(visitor:value "news", "Generation **30**, 41 alive")
end)

test("the board is there after a reload, and stepped by hand", function(app)
  local visitor = app:visit()
  visitor:set("Begin with", "R-pentomino")
  visitor:click "step"
  visitor:reload()
  visitor:click "step"
  test.equal(visitor:value "news", "Generation **2**, 7 alive")
end)

test("start and stop", function(app)
  local visitor = app:visit()
  visitor:click "run"
  test.equal(visitor:value "run", "Stop")
  visitor:click "run"
  test.equal(visitor:value "run", "Start")
end)
