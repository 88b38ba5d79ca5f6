local ui = require "vitrine.ui"

-- Conway's Game of Life on a board without edges. The worker counts, the page draws: thirty times a
-- second a patch of about a kilobyte goes to the visitor, and so does what the session keeps.
local W, H = 48, 32

-- --- the board: a set of living cells, cell = row * W + column, both from 0 ------------------

local function pattern(rows, left, top)
  local cells = {}
  for y, row in ipairs(rows) do
    for x = 1, #row do
      if row:sub(x, x) == "#" then cells[(top + y - 1) * W + left + x - 1] = true end
    end
  end
  return cells
end

local PATTERNS = {
  ["Glider gun"] = pattern({
    "........................#...........",
    "......................#.#...........",
    "............##......##............##",
    "...........#...#....##............##",
    "##........#.....#...##..............",
    "##........#...#.##....#.#...........",
    "..........#.....#.......#...........",
    "...........#...#....................",
    "............##......................",
  }, 4, 3),
  ["R-pentomino"] = pattern({ ".##", "##.", ".#." }, 22, 14),
  ["Acorn"] = pattern({ ".#.....", "...#...", "##..###" }, 20, 14),
}

local function soup()
  local cells = {}
  for cell = 0, W * H - 1 do
    if math.random() < 0.3 then cells[cell] = true end
  end
  return cells
end

local function next_board(cells)
  local beside, new, n = {}, {}, 0
  for cell in pairs(cells) do
    local x, y = cell % W, cell // W
    for dy = -1, 1 do
      local row = (y + dy) % H * W
      for dx = -1, 1 do
        if dx ~= 0 or dy ~= 0 then
          local other = row + (x + dx) % W
          beside[other] = (beside[other] or 0) + 1
        end
      end
    end
  end
  for cell, count in pairs(beside) do
    if count == 3 or (count == 2 and cells[cell]) then
      new[cell] = true
      n = n + 1
    end
  end
  return new, n
end

-- As the session keeps it: four cells a digit.
local function pack(cells)
  local digits = {}
  for at = 0, W * H - 1, 4 do
    local digit = 0
    for bit = 0, 3 do
      if cells[at + bit] then digit = digit | 1 << bit end
    end
    digits[#digits + 1] = ("%x"):format(digit)
  end
  return table.concat(digits)
end

local function unpack_board(text)
  local cells = {}
  for i = 1, #text do
    local digit = tonumber(text:sub(i, i), 16)
    for bit = 0, 3 do
      if digit & 1 << bit ~= 0 then cells[(i - 1) * 4 + bit] = true end
    end
  end
  return cells
end

-- As the plot draws it.
local function points(cells)
  local s = { name = "alive", x = {}, y = {} }
  for cell = 0, W * H - 1 do
    if cells[cell] then
      s.x[#s.x + 1], s.y[#s.y + 1] = cell % W, H - 1 - cell // W
    end
  end
  return { s }
end

-- --- the page -------------------------------------------------------------------------------

local FIRST = PATTERNS["Glider gun"]

return ui.page({ title = "Life" }, function()
  local board = ui.plot {
    label = "Board", id = "board", kind = "scatter", value = points(FIRST), height = 420, dot_size = 9,
    x_range = { -1, W }, y_range = { -1, H },
  }
  local news   = ui.markdown { "Generation **0**", id = "news" }
  local clock  = ui.timer { id = "clock", every = 1 / 30, active = false }
  local run    = ui.button { "Start", id = "run", variant = "primary" }
  local step   = ui.button { "One step", id = "step" }
  local speed  = ui.slider { label = "Steps a second", min = 1, max = 30, value = 30 }
  local choice = ui.dropdown {
    label = "Begin with", value = "Glider gun",
    choices = { "Glider gun", "R-pentomino", "Acorn", "A random soup" },
  }

  local function show(session, cells, generation)
    session.board, session.generation = pack(cells), generation
    board:set(points(cells))
  end

  local function advance(session)
    local cells, alive = next_board(session.board and unpack_board(session.board) or FIRST)
    local generation = (session.generation or 0) + 1
    show(session, cells, generation)
    news:set(("Generation **%d**, %d alive"):format(generation, alive))
    if alive == 0 then clock:update { active = false } end
  end

  clock:on_tick(advance)
  step:on_click(advance)
  run:on_click(function()
    clock:update { active = not clock.active }
    run:set(clock.active and "Stop" or "Start")
  end)
  speed:on_change(function(value) clock:update { every = 1 / value } end)
  choice:on_change(function(name, session)
    show(session, PATTERNS[name] or soup(), 0)
    news:set "Generation **0**"
  end)

  return ui.column { board, ui.row { run, step, news }, ui.row { speed, choice }, clock }
end)
