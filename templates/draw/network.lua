-- A network of one hidden layer: which digit are these pixels?
local weights = require "weights"

local M = { side = weights.side }

-- The bytes that base64 text stands for, as signed numbers times the step.
local function decode(layer)
  local value, list, bits, held = {}, {}, 0, 0
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  for i = 1, #letters do value[letters:byte(i)] = i - 1 end
  for i = 1, #layer.bytes do
    local v = value[layer.bytes:byte(i)]
    if v then
      held, bits = held << 6 | v, bits + 6
      if bits >= 8 then
        bits = bits - 8
        local byte = held >> bits & 255
        list[#list + 1] = (byte < 128 and byte or byte - 256) * layer.step
      end
    end
  end
  return list
end

local w1, b1, w2, b2 = decode(weights.w1), decode(weights.b1), decode(weights.w2), decode(weights.b2)
local inputs, units = weights.side * weights.side, weights.hidden

-- What a layer makes of the inputs that are not 0, given as their numbers and values.
local function layer(w, b, at, x, width, n)
  local out = {}
  for i = 1, n do
    local sum, row = b[i], (i - 1) * width
    for k = 1, #at do sum = sum + w[row + at[k]] * x[k] end
    out[i] = sum
  end
  return out
end

---The digits with their probabilities, likeliest first; pixels are side × side, 0 to 255.
function M.classify(pixels)
  local at, ink = {}, {}
  for i = 1, inputs do
    if pixels[i] > 0 then
      at[#at + 1] = i
      ink[#ink + 1] = pixels[i] / 255
    end
  end
  local active, fired = {}, {}
  for i, v in ipairs(layer(w1, b1, at, ink, inputs, units)) do
    if v > 0 then
      active[#active + 1] = i
      fired[#fired + 1] = v
    end
  end
  local scores = layer(w2, b2, active, fired, units, 10)
  local most, sum, found = math.max(table.unpack(scores)), 0, {}
  for i, s in ipairs(scores) do
    scores[i] = math.exp(s - most)
    sum = sum + scores[i]
  end
  for i, s in ipairs(scores) do found[i] = { label = tostring(i - 1), score = s / sum } end
  table.sort(found, function(a, b) return a.score > b.score end)
  return found
end

return M
