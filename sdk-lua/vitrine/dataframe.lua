-- Tables of ui.dataframe: what an app may show, how it travels, and what a visitor may send.
--
-- As it travels, and is stored: { headers, types?, parts?, rows, tail?, edits? }
--   parts  { { file = id, rows = n }, … }: the first rows of a large table, in files of JSON that the
--          page loads when they are scrolled to
--   rows   rows after those: arrays, one cell for each header
--   tail   rows added since, as lines of JSON: a text that grows by its suffix
--   edits  { r7 = row }: rows changed since, by their number from 0 over all of the above
local host, lua, import = ...
local words_of = import "parts"
local state = import "state"
local data = import "components"
local type, ipairs, next, tostring = type, ipairs, next, tostring
local rawget, setmetatable = rawget, setmetatable
local format, match, gmatch, sub =
  lua.string.format, lua.string.match, lua.string.gmatch, lua.string.sub
local concat, remove = lua.table.concat, lua.table.remove
local huge, tointeger = lua.math.huge, lua.math.tointeger
local raise, describe = words_of.raise, words_of.describe
local SET, APPEND = data.constants.PATCH_SET, data.constants.PATCH_APPEND
local null = host.null

local COLUMNS_MAX = 200
local ROWS_MAX = 1000000
local INLINE_CELLS, INLINE_BYTES = 20000, 256 << 10 -- what still travels inside a patch
local BLOCK_CELLS = 20000                           -- encoded at once
local PART_BYTES, PARTS_MAX = 1 << 20, 12           -- a worker holds 16 files of visitors open
local EDITS_MAX, TAIL_BYTES = 1000, 256 << 10       -- then the table travels whole again
local VISITOR_EDITS_MAX = 4000
local HEADER_BYTES = 1000

local TYPES = { string = true, number = true, boolean = true, date = true, markdown = true }

local M = {}

-- The text of a stored part, as long as its table lives; a worker that came later reads the file.
-- What is shown to every visitor is held once.
local texts = setmetatable({}, { __mode = "k" })
local held = setmetatable({}, { __mode = "v" })

local function hold(text)
  local key = #text .. ":" .. host.crc32c(text)
  local holder = held[key]
  if not holder or holder.text ~= text then
    holder = { text = text }
    held[key] = holder
  end
  return holder
end

-- --- reading what somebody calls a table ----------------------------------------------------

-- nil and words where a cell is none. NaN is what a missing number is elsewhere.
local function read_cell(v)
  local kind = type(v)
  if v == nil or v == null then return null end
  if kind == "number" then
    if v ~= v then return null end
    if v == huge or v == -huge then return nil, "a finite number is needed" end
  elseif kind ~= "string" and kind ~= "boolean" then
    return nil, format("a string, a number, true or false is needed (got %s)", describe(v))
  end
  return v
end

local function read_row(row, headers, i)
  if type(row) ~= "table" then
    return nil, format("row %d is a list or a map of cells (got %s)", i, describe(row))
  end
  local named = rawget(row, 1) == nil and next(row) ~= nil and type((next(row))) == "string"
  local cells = {}
  for j = 1, #headers do
    local v, words = read_cell(row[named and headers[j] or j])
    if words then return nil, format("row %d, '%s': %s", i, headers[j], words) end
    cells[j] = v
  end
  if not named and row[#headers + 1] ~= nil then
    return nil, format("row %d has more than %d cells", i, #headers)
  end
  return cells
end

-- The names of maps' keys, in alphabetical order: a map has none of its own.
local function headers_of(rows)
  local first, seen = rows[1], {}
  if type(first) ~= "table" then return {} end
  if first[1] ~= nil then
    local names = {}
    for j = 1, #first do names[j] = tostring(j) end
    return names
  end
  for i = 1, #rows < 1000 and #rows or 1000 do
    if type(rows[i]) == "table" then
      for key in next, rows[i] do
        if type(key) == "string" then seen[key] = true end
      end
    end
  end
  return words_of.names(seen)
end

local function read_headers(list)
  if type(list) ~= "table" then return nil, "'headers' is a list of names" end
  if #list > COLUMNS_MAX then
    return nil, format("%d columns, the limit is %d", #list, COLUMNS_MAX)
  end
  local headers = {}
  for j = 1, #list do
    local name = list[j]
    if type(name) == "number" then name = tostring(name) end
    if type(name) ~= "string" or #name > HEADER_BYTES then
      return nil, format("header %d is a string of at most %d bytes", j, HEADER_BYTES)
    end
    headers[j] = name
  end
  return headers
end

local function read_types(list, headers)
  if list == nil then return nil end
  if type(list) ~= "table" then return nil, "'types' is a list of words" end
  local types = {}
  for j = 1, #headers do
    local name = list[j] == nil and "string" or list[j]
    if not TYPES[name] then
      return nil, format("type %d must be one of boolean, date, markdown, number, string (got %s)", j,
        describe(name))
    end
    types[j] = name
  end
  return types
end

-- The headers, the types and whatever holds the rows of a table, or nil and words. v may be
-- {headers, rows}, what Gradio calls {headers, data}, a list of maps, or a list of lists.
local function read_frame(v, props)
  if type(v) ~= "table" then return nil, format("a table is needed (got %s)", describe(v)) end
  local list = v.rows or v.data
  if list == nil then list = v.headers ~= nil and {} or v end
  if type(list) ~= "table" then return nil, "'rows' is a list" end
  if list[1] == nil and next(list) ~= nil then
    return nil, "rows are a list from 1, or {headers = …, rows = …}"
  end
  if #list > ROWS_MAX then return nil, format("%d rows, the limit is %d", #list, ROWS_MAX) end
  local headers, words = read_headers(v.headers or props and props.headers or headers_of(list))
  if not headers then return nil, words end
  local types
  types, words = read_types(v.types or props and props.types, headers)
  if words then return nil, words end
  return { headers = headers, types = types }, list
end

local function read_rows(list, headers, from, to)
  local rows, words = {}, nil
  for i = from, to do
    rows[#rows + 1], words = read_row(list[i], headers, i)
    if words then return nil, words end
  end
  return rows
end

-- { headers, types?, rows } in tables of our own, or nil and words.
local function read_table(v, props)
  local t, list = read_frame(v, props)
  if not t then return nil, list end
  local rows, words = read_rows(list, t.headers, 1, #list)
  if not rows then return nil, words end
  t.rows = rows
  return t
end

-- --- how it travels -------------------------------------------------------------------------

-- The rows as JSON in texts of about PART_BYTES, with how many rows each has; and the rows
-- themselves while they are few. Block by block: a second copy of a large table may not fit.
local function pack(what, list, headers)
  local step = #headers > 0 and BLOCK_CELLS // #headers or BLOCK_CELLS
  local packed, blocks, bytes, count, all, few = {}, {}, 0, 0, 0, {}
  local function close()
    if count == 0 then return end
    packed[#packed + 1] = { text = "[" .. concat(blocks, ",") .. "]", rows = count }
    blocks, bytes, count = {}, 0, 0
  end
  for from = 1, #list, step do
    local to = from + step - 1 < #list and from + step - 1 or #list
    local rows, words = read_rows(list, headers, from, to)
    if not rows then raise("%s: %s", what, words) end
    local text
    text, words = host.json_encode(rows)
    if not text then raise("%s: rows %d to %d: %s", what, from, to, words) end
    if bytes + #text > PART_BYTES then close() end
    blocks[#blocks + 1], bytes, count, all = sub(text, 2, -2), bytes + #text, count + #rows, all + #text
    if to * #headers > INLINE_CELLS or all > INLINE_BYTES then few = nil end
    for i = 1, few and #rows or 0 do few[#few + 1] = rows[i] end
  end
  close()
  return packed, few
end

local function send_parts(what, t, packed)
  if #packed > PARTS_MAX then
    raise("%s: the table has over %d MiB; show a part of it", what, PARTS_MAX * PART_BYTES >> 20)
  end
  t.parts, t.rows = {}, {}
  for i, p in ipairs(packed) do
    local part = { file = host.blob(p.text, "application/json", "rows.json"), rows = p.rows }
    t.parts[i], texts[part] = part, hold(p.text)
  end
  return t
end

---What an app shows: small tables travel as they are, large ones in files.
function M.normalise(what, S, v, rec)
  local t, list = read_frame(v, rec and rec.props)
  if not t then raise("%s: %s", what, list) end
  local packed, few = pack(what, list, t.headers)
  if few then
    t.rows = few
    return t
  end
  if not S then
    raise("%s: over %d cells or %d KiB; show it from page:on_load", what, INLINE_CELLS,
      INLINE_BYTES >> 10)
  end
  return send_parts(what, t, packed)
end

-- --- a stored table as an app gets it -------------------------------------------------------

local function part_rows(part, read)
  local text, words = texts[part] and texts[part].text, nil
  if read then
    text = read(part.file)
  elseif not text then
    text, words = host.upload_read(part.file, 0, data.constants.UPLOAD_READ_MAX)
  end
  if not text then words_of.refuse(words) end
  return host.json_decode(text) or {}
end

local function count_lines(text)
  local n = 0
  for _ in gmatch(text or "", "\n") do n = n + 1 end
  return n
end

local function count(t)
  local n = #(t.rows or {}) + count_lines(t.tail)
  for _, part in ipairs(t.parts or {}) do n = n + part.rows end
  return n
end

---The table of what is stored: {headers, types?, rows}. nil: there is none. read: bytes of a file by
---its id; nil: the session's.
function M.given(t, read)
  if type(t) ~= "table" then return nil end
  local rows = {}
  for _, part in ipairs(t.parts or {}) do
    for _, row in ipairs(part_rows(part, read)) do rows[#rows + 1] = row end
  end
  for _, row in ipairs(t.rows or {}) do
    local copy = {}
    for j = 1, #t.headers do copy[j] = row[j] end
    rows[#rows + 1] = copy
  end
  for line in gmatch(t.tail or "", "[^\n]+") do rows[#rows + 1] = host.json_decode(line) end
  for key, row in next, t.edits or {} do
    local copy = {}
    for j = 1, #t.headers do copy[j] = row[j] end
    local at = tointeger(sub(key, 2)) + 1
    if rows[at] then rows[at] = copy end
  end
  local headers, types = {}, t.types and {} or nil
  for j, name in ipairs(t.headers) do
    headers[j] = name
    if types then types[j] = t.types[j] end
  end
  return { headers = headers, types = types, rows = rows }
end

---The same as programs know it from Gradio: {headers, data}.
function M.for_programs(t)
  local given = M.given(t)
  return given and { headers = given.headers, data = given.rows }
end

-- --- methods --------------------------------------------------------------------------------

local function own(S, rec)
  local t = state.own_table(S, rec, "value")
  if not t.headers then
    local fresh = read_table({ headers = rec.props.headers or {}, rows = {} }, rec.props)
    state.set(S, rec, "value", fresh)
    return fresh
  end
  return t
end

-- Every row of its own that was changed or added is a cell of the session's store; some day they
-- are too many.
local function settle(S, rec, t)
  local n = 0
  for _ in next, t.edits or {} do n = n + 1 end
  if n <= EDITS_MAX and #(t.tail or "") <= TAIL_BYTES then return end
  state.set(S, rec, "value", M.normalise("ui.dataframe", S, M.given(t), rec))
end

local function one_row(what, t, row, i)
  local cells, words = read_row(row, t.headers, i)
  if not cells then raise("%s: %s", what, words) end
  return cells
end

---Shows another row i, from 1, without the others travelling again.
function M.set_row(S, rec, i, row)
  local what, t = "ui.dataframe:set_row", own(S, rec)
  local n = count(t)
  i = tointeger(i)
  if not i or i < 1 or i > n then raise("%s: the row is from 1 to %d", what, n) end
  local cells = one_row(what, t, row, i)
  local key = "r" .. (i - 1)
  host.patch(rec.node, SET, "value/edits/" .. key, cells)
  t.edits = t.edits or {}
  t.edits[key] = cells
  settle(S, rec, t)
end

---Adds rows at the end.
function M.append_rows(S, rec, rows)
  local what, t = "ui.dataframe:append_rows", own(S, rec)
  if type(rows) ~= "table" then raise("%s: a list of rows is needed (got %s)", what, describe(rows)) end
  local n, lines = count(t), {}
  if n + #rows > ROWS_MAX then raise("%s: the limit is %d rows", what, ROWS_MAX) end
  for i = 1, #rows do
    local text, words = host.json_encode(one_row(what, t, rows[i], n + i))
    if not text then raise("%s: row %d: %s", what, n + i, words) end
    lines[i] = text .. "\n"
  end
  local more = concat(lines)
  if more == "" then return end
  host.patch(rec.node, APPEND, "value/tail", more)
  t.tail = (t.tail or "") .. more
  settle(S, rec, t)
end

---Takes row i away.
function M.remove_row(S, rec, i)
  local what, t = "ui.dataframe:remove_row", M.given(own(S, rec))
  i = tointeger(i)
  if not i or i < 1 or i > #t.rows then raise("%s: the row is from 1 to %d", what, #t.rows) end
  remove(t.rows, i)
  state.set(S, rec, "value", M.normalise("ui.dataframe", S, t, rec))
end

-- --- what visitors send ---------------------------------------------------------------------

-- The files of a visitor's table are those that it was shown with.
local function same_parts(a, b)
  if type(a) ~= "table" or type(b) ~= "table" or #a ~= #b then return false end
  for i, part in ipairs(a) do
    if type(part) ~= "table" or part.file ~= b[i].file or part.rows ~= b[i].rows then return false end
  end
  return true
end

local function read_edits(edits, headers, n)
  local read, seen = {}, 0
  if type(edits) ~= "table" then return nil, "has edits that are no map" end
  for key, row in next, edits do
    local at = type(key) == "string" and tointeger(match(key, "^r(%d+)$"))
    seen = seen + 1
    if seen > VISITOR_EDITS_MAX then
      return nil, format("has more than %d changed rows", VISITOR_EDITS_MAX)
    end
    if not at or at >= n then return nil, "has an edit of no row" end
    local cells, words = read_row(row, headers, at + 1)
    if not cells then return nil, words end
    read[key] = cells
  end
  return read
end

local function read_tail(tail, headers)
  local lines = {}
  if type(tail) ~= "string" or #tail > 2 * TAIL_BYTES then return nil, "has a tail that is too long" end
  for line in gmatch(tail, "[^\n]+") do
    local cells, words = read_row(host.json_decode(line), headers, #lines + 1)
    if not cells then return nil, words end
    lines[#lines + 1] = host.json_encode(cells) .. "\n"
  end
  return concat(lines)
end

---A visitor's table: with the columns of the one it was shown, where that has any.
function M.accept(S, rec, v)
  if v == nil then return nil end
  local now = state.get(S, rec, "value")
  local t, words = read_table(v, rec.props)
  if not t then return nil, words end
  if type(now) == "table" and now.headers and #now.headers ~= #t.headers then
    return nil, format("has %d columns instead of %d", #t.headers, #now.headers)
  end
  if v.parts ~= nil then
    if type(now) ~= "table" or not same_parts(v.parts, now.parts) then
      return nil, "has changed meanwhile; try again"
    end
    t.parts = now.parts
  end
  if v.tail ~= nil then
    t.tail, words = read_tail(v.tail, t.headers)
    if words then return nil, words end
  end
  if v.edits ~= nil then
    t.edits, words = read_edits(v.edits, t.headers, count(t))
    if words then return nil, words end
  end
  t.types = type(now) == "table" and now.types or t.types
  return t
end

---Where a visitor clicked: {row, column, value, header}, from 1; nil: nowhere in the table.
function M.selected(S, rec, payload)
  local t = state.get(S, rec, "value")
  if type(payload) ~= "table" or type(t) ~= "table" then return nil end
  local row, column = tointeger(payload.row), tointeger(payload.column)
  if not row or not column or row < 0 or column < 0 or row >= count(t) or column >= #t.headers then
    return nil
  end
  local value = read_cell(payload.value)
  return { row = row + 1, column = column + 1, header = t.headers[column + 1], value = value }
end

return M
