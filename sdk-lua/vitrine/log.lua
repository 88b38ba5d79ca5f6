---@meta vitrine.log
-- Lines for the Space's owner with a level and named values.
local host, lua, import = ...
local parts = import "parts"
local type, next, tostring, rawget = type, next, tostring, lua.rawget
local find, format, gsub = lua.string.find, lua.string.format, lua.string.gsub
local concat = lua.table.concat
local M = {}

-- A value as one word: what has spaces or quotes in it is quoted.
local function word(value)
  local text = tostring(value)
  if text ~= "" and not find(text, '[%s"=]') then return text end
  return format('"%s"', (gsub(text, '["\\]', "\\%0")))
end

local function line(name, words, fields)
  if type(words) == "table" and fields == nil then words, fields = rawget(words, 1), words end
  if words ~= nil and type(words) ~= "string" then
    parts.raise("log.%s: the words are a string (got %s)", name, parts.describe(words))
  end
  if fields ~= nil and type(fields) ~= "table" then
    parts.raise("log.%s: the values are a table (got %s)", name, parts.describe(fields))
  end
  local out, names = { words }, {}
  for key, value in next, fields or {} do
    if type(key) == "string" then names[key] = value end
  end
  for _, key in next, parts.names(names) do out[#out + 1] = word(key) .. "=" .. word(names[key]) end
  if #out == 0 then parts.raise("log.%s: there is nothing to say", name) end
  return concat(out, " ")
end

---Detail for looking closer; the log's page hides it unless asked.
---@param words string|table the text, or a table { text, name = value, … }
---@param fields? table<string, any> named values, written as name=value
---@usage log.debug("cache", { hits = 3 })
function M.debug(words, fields) host.log(line("debug", words, fields), "log.debug") end

---@param words string|table
---@param fields? table<string, any>
---@usage log.info { "classified", label = "happy", ms = 12 }
function M.info(words, fields) host.log(line("info", words, fields), "log.info") end

---@param words string|table
---@param fields? table<string, any>
function M.warn(words, fields) host.log(line("warn", words, fields), "log.warn") end

---@param words string|table
---@param fields? table<string, any>
function M.error(words, fields) host.log(line("error", words, fields), "log.error") end

return M
