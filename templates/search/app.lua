local ui, models = require "vitrine.ui", require "vitrine.models"
local passages = require "passages"
local reader = models.embedder "sentence-transformers/all-MiniLM-L6-v2"

local TEXTS_MAX = 200 -- of a visitor's own

-- The vectors of this Space's passages, made by the first search and kept for all visitors.
local kept

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "[^\r\n]+" do
    line = line:match "^%s*(.-)%s*$"
    if line ~= "" then lines[#lines + 1] = line end
  end
  if #lines > TEXTS_MAX then
    ui.refuse(("At most %d texts, one a line (these are %d)."):format(TEXTS_MAX, #lines))
  end
  return lines
end

-- The texts to search, and their vectors.
local function library(own)
  local texts = lines_of(own or "")
  if #texts > 0 then return texts, reader:embed(texts) end
  kept = kept or reader:embed(passages)
  return passages, kept
end

local function search(wish, how_many, own)
  local texts, vectors = library(own)
  local rows = {}
  for i, found in ipairs(models.nearest(reader:embed(wish), vectors, how_many)) do
    rows[i] = { texts[found.index], ("%.0f %%"):format(100 * math.max(found.score, 0)) }
  end
  return rows
end

return ui.interface {
  title       = "Find by meaning",
  description = "Texts that say what you mean, whatever their words: "
    .. "a search for *king of the jungle* finds the lion.",
  theme       = "ocean",
  api_name    = "search",
  submit      = "Search",
  inputs      = {
    ui.textbox { label = "What are you looking for?", max_length = 500 },
    ui.slider { label = "How many", value = 5, min = 1, max = 20, step = 1 },
    ui.textbox {
      label = "Texts of yours", lines = 4, max_length = 20000,
      placeholder = "One a line. Left empty, the " .. #passages .. " texts of this Space are searched.",
    },
  },
  outputs     = ui.dataframe { label = "Closest first", headers = { "Text", "Alike" }, search = false },
  examples    = { { "king of the jungle" }, { "how do I cook an egg?" }, { "a machine that flies" } },
  run_examples = true,
  concurrency = 4,
  fn          = function(wish, how_many, own)
    if not wish:find "%S" then ui.refuse "Say what you are looking for." end
    local ok, rows = pcall(search, wish, how_many, own)
    if ok then return rows end
    if type(rows) == "table" and rows.code == "no_model" then
      ui.refuse("The model of this Space is not on this platform yet. Whoever runs it can add one: "
        .. "vitrine model import --name sentence-transformers/all-MiniLM-L6-v2 FOLDER")
    end
    error(rows, 0)
  end,
}
