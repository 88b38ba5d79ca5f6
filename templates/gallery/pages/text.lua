local ui = require "vitrine.ui"

local prose = [[
Markdown with **all of GFM**: ~~struck~~, `code`, https://example.org, and

- [x] tasks
- [ ] that are open

> A quotation

Formulas, as in $e^{i\pi} + 1 = 0$ and

$$\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}, \qquad \begin{pmatrix} a & b \\ c & d \end{pmatrix}^{-1} = \frac{1}{ad - bc} \begin{pmatrix} d & -b \\ -c & a \end{pmatrix}$$

| Animal | Legs |
|---|--:|
| ant | 6 |
| crane | 2 |
]]

local program = [[
-- The first primes.
local function primes(n)
  local found = {}
  for i = 2, n do
    local prime = true
    for _, p in ipairs(found) do prime = prime and i % p ~= 0 end
    if prime then found[#found + 1] = i end
  end
  return found
end

print(table.concat(primes(30), ", "))
]]

local page = [[
<style>
  .card { padding: 20px; border-radius: 14px; background: linear-gradient(120deg, #0b6b5d, #2b7fc4); color: white }
  button { padding: 6px 14px; border: 0; border-radius: 8px; font: inherit }
</style>
<div class="card">
  <p>This is HTML of the app, with its own styles and script.</p>
  <button>Count</button> <output>0</output>
</div>
<script>
  const out = document.querySelector("output");
  document.querySelector("button").onclick = () => { out.textContent = Number(out.textContent) + 1 };
</script>
]]

local entities = {
  text = "Ada Lovelace wrote to Charles Babbage in London.",
  entities = {
    { start = 0, ["end"] = 12, label = "person", score = 0.98 },
    { start = 22, ["end"] = 37, label = "person", score = 0.97 },
    { start = 41, ["end"] = 47, label = "place", score = 0.91 },
  },
}

local weights = { { "I " }, { "love", 0.9 }, { " the view, " }, { "not", -0.6 }, { " the " }, { "noise", -0.9 }, { "." } }

return function()
  local code   = ui.code { program, label = "A program", language = "lua", info = "Ctrl+Enter counts its lines" }
  local lines  = ui.markdown { id = "lines", value = "Nothing was counted yet." }
  local marked = ui.highlighted { label = "Entities", value = entities }
  local chosen = ui.markdown { id = "chosen", value = "Choose one of them." }

  code:on_submit(function(text)
    local _, n = text:gsub("\n", "")
    lines:set("It has **" .. n .. "** lines.")
  end)
  marked:on_select(function(_, piece)
    chosen:set("**" .. piece.text .. "** is a " .. (piece.label or "text") .. ".")
  end)

  return ui.column {
    ui.row { ui.column { ui.markdown { prose, label = "Markdown" } }, ui.column { ui.html { page, label = "HTML" } } },
    ui.row {
      ui.column { code, lines },
      ui.column {
        ui.code { '{\n  "name": "Vitrine",\n  "open": true\n}', label = "JSON, to read", language = "json", interactive = false },
        marked, chosen,
        ui.highlighted { label = "Weights", value = weights },
      },
    },
  }
end
