-- Results that are kept by what they were made of: cache = true, or seconds, on a handler with
-- outputs. For all visitors of a worker, so such a function gets its arguments and nothing of the
-- visitor. What was shown on the way is shown again.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local component = import "component"
local fill = import "fill"
local type, ipairs, next = type, ipairs, next
local sub = lua.string.sub
local unpack = lua.table.unpack
local records = component.records

local M = {}

local ENTRIES_MAX = 256
local BYTES_MAX = 8 << 20
local ENTRY_MAX = 1 << 20
local KEY_MAX = 64 << 10

local entries, n_entries, bytes, ticks = {}, 0, 0, 0

local function drop(key)
  local e = entries[key]
  if not e then return end
  entries[key] = nil
  n_entries, bytes = n_entries - 1, bytes - e.bytes
end

local function drop_oldest()
  local oldest
  for key, e in next, entries do
    if not oldest or e.used < entries[oldest].used then oldest = key end
  end
  drop(oldest)
end

local function keep(key, steps, size, seconds)
  drop(key)
  ticks = ticks + 1
  size = size + #key
  entries[key] = {
    steps = steps, bytes = size, used = ticks,
    ends = type(seconds) == "number" and host.monotonic() + seconds or nil,
  }
  n_entries, bytes = n_entries + 1, bytes + size
  while n_entries > ENTRIES_MAX or bytes > BYTES_MAX do drop_oldest() end
end

local function find(key)
  local e = entries[key]
  if e and e.ends and host.monotonic() >= e.ends then
    drop(key)
    return nil
  end
  if e then
    ticks = ticks + 1
    e.used = ticks
  end
  return e
end

-- nil where the arguments have no content to go by: files.
local function key_of(h, args, n)
  local list = {}
  for i = 1, n do list[i] = args[i] == nil and host.null or args[i] end
  local text = host.json_encode(list)
  if not text or #text > KEY_MAX then return nil end
  return h.cache_key .. text
end

-- Rows of a large table are files of the session that was shown them.
local function is_of_session(value) return type(value) == "table" and value.parts ~= nil end

-- What the first n outputs show, as what differs from the last step: text that grew as its end. The
-- others were not filled: what they show is the visitor's, and no part of a result. Over
-- ENTRY_MAX: it cannot be kept.
local function take_step(S, h, last, n)
  local step, size = {}, 0
  for i = 1, n do
    local rec = records[h.fills[i]]
    local value = state.get(S, rec, "value")
    if rec.type == "dataframe" and is_of_session(value) then return step, ENTRY_MAX + 1 end
    if type(value) == "string" and type(last[i]) == "string" and #last[i] > 0
      and sub(value, 1, #last[i]) == last[i] then
      step[i] = { more = sub(value, #last[i] + 1) }
      size = size + #step[i].more + 16
      last[i] = value
    else
      last[i] = parts.copy(value)
      step[i] = { value = last[i] }
      size = size + #(host.json_encode(value) or "") + 16
    end
  end
  return step, size
end

local function replay(S, h, steps, say)
  for _, step in ipairs(steps) do
    if say then say(true) end
    for i, part in ipairs(step) do
      local rec = records[h.fills[i]]
      if part.more then
        state.append(S, rec, "value", part.more)
      else
        state.set(S, rec, "value", parts.copy(part.value))
      end
    end
    if say then say() end
  end
end

---fill.run for a handler with cache; its function gets the n arguments alone.
function M.run(S, h, say, args, n)
  local key = key_of(h, args, n)
  local known = key and find(key)
  if known then return replay(S, h, known.steps, say) end
  local steps, size, last, most = {}, 0, {}, 0
  local function record(filled)
    local step, more = take_step(S, h, last, filled)
    steps[#steps + 1], size = step, size + more
  end
  local at_end = fill.run(h, function(before, filled)
    if say then say(before) end
    if before then return end
    if filled > most then most = filled end
    if size <= ENTRY_MAX then record(filled) end
  end, unpack(args, 1, n))
  record(at_end)
  if size > ENTRY_MAX then
    steps, size, last = {}, 0, {}
    record(at_end > most and at_end or most)
  end
  if key and size <= ENTRY_MAX then keep(key, steps, size, h.cache) end
end

return M
