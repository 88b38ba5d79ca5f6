---@meta vitrine.json
-- JSON text and Lua values.
local host = ...
local M = {}

---Stands for null inside a list, where nil would end it.
M.null = host.null

---@param value any nil, booleans, numbers, UTF-8 strings, lists 1..n, maps with string keys
---@return string? text keys sorted; an empty table is []
---@return string? err where the value cannot be written, and why
---@usage print(json.encode { answer = 42 })
function M.encode(value) return host.json_encode(value) end

---@param text string
---@return any? value
---@return string? err
---@usage local t = json.decode '{"answer": 42}'
function M.decode(text) return host.json_decode(text) end

return M
