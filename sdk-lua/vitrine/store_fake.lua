-- What the platform's store does, in memory: for test.lua, where no platform is. Empty at the start
-- of each test.
local host, lua = ...
local next = next
local sub = lua.string.sub
local sort = lua.table.sort
local time = lua.os.time

local M = {}

local scopes, revision = {}, 0
local files, parts = {}, {} -- bytes and revision by name, bytes by id

function M.clear() scopes, revision, files, parts = {}, 0, {}, {} end

local function scope_of(args)
  local S = host.state()
  local name = args.user and (S.user and "u:" .. S.user or "v:" .. S.id) or ""
  scopes[name] = scopes[name] or {}
  return scopes[name]
end

local ops = {}

function ops.get(args)
  local item = scope_of(args)[args.key]
  return item and { value = host.json_decode(item.text), revision = item.revision } or {}
end

-- Whether the key is as the caller has seen it, or what to say.
local function conflict(args, item)
  local now = item and item.revision or 0
  local wanted = args["if"]
  return wanted and wanted ~= now and { conflict = true, revision = now } or nil
end

function ops.set(args)
  local scope = scope_of(args)
  local other = conflict(args, scope[args.key])
  if other then return other end
  local text, words = host.json_encode(args.value)
  if not text then return nil, "bad_input", words end
  if #text > 1 << 20 then return nil, "too_large", "value: over 1048576 bytes" end
  revision = revision + 1
  scope[args.key] = { text = text, revision = revision }
  return { revision = revision }
end

function ops.delete(args)
  local scope = scope_of(args)
  local other = conflict(args, scope[args.key])
  if other then return other end
  local was = scope[args.key] ~= nil
  scope[args.key] = nil
  return { deleted = was }
end

function ops.list(args)
  local scope, keys, items = scope_of(args), {}, {}
  local prefix, after = args.prefix or "", args.after or ""
  for key in next, scope do
    if sub(key, 1, #prefix) == prefix and key > after then keys[#keys + 1] = key end
  end
  sort(keys)
  for i = 1, #keys do
    if i > (args.limit or 100) then return { items = items, more = true } end
    local item = scope[keys[i]]
    items[i] = {
      key = keys[i], revision = item.revision, bytes = #keys[i] + #item.text,
      value = args.values and host.json_decode(item.text) or nil,
    }
  end
  return { items = items, more = false }
end

function ops.usage()
  local n, bytes = 0, 0
  for _, scope in next, scopes do
    for key, item in next, scope do n, bytes = n + 1, bytes + #key + #item.text end
  end
  local n_files, file_bytes = 0, 0
  for _, file in next, files do n_files, file_bytes = n_files + 1, file_bytes + #file.bytes end
  return {
    keys = n, bytes = bytes, keys_max = 100000, bytes_max = 64 << 20,
    files = n_files, file_bytes = file_bytes, file_bytes_max = 256 << 20,
  }
end

ops["file.begin"] = function()
  revision = revision + 1
  parts["part" .. revision] = ""
  return { id = "part" .. revision }
end

ops["file.write"] = function(args, raw)
  parts[args.id] = sub(parts[args.id], 1, args.offset) .. raw
  return { size = #parts[args.id] }
end

local function stat(file)
  return file and { size = #file.bytes, revision = file.revision, written = file.written } or {}
end

ops["file.end"] = function(args)
  revision = revision + 1
  files[args.name] = { bytes = parts[args.id], revision = revision, written = time() }
  parts[args.id] = nil
  return stat(files[args.name])
end

ops["file.read"] = function(args)
  local file = files[args.name]
  if not file then return {} end
  if args.revision ~= file.revision then return { changed = true } end
  return stat(file), sub(file.bytes, args.offset + 1, args.offset + args.n)
end

ops["file.stat"] = function(args) return stat(files[args.name]) end

ops["file.remove"] = function(args)
  local was = files[args.name] ~= nil
  files[args.name] = nil
  return { removed = was }
end

ops["file.list"] = function(args)
  local names, items = {}, {}
  local prefix, after = args.prefix or "", args.after or ""
  for name in next, files do
    if sub(name, 1, #prefix) == prefix and name > after then names[#names + 1] = name end
  end
  sort(names)
  for i = 1, #names do
    if i > (args.limit or 100) then return { items = items, more = true } end
    items[i] = stat(files[names[i]])
    items[i].name = names[i]
  end
  return { items = items, more = false }
end

function M.ask(op, args, raw)
  host.sleep(0) -- others have their turn, as with the real one
  local value, code, words = ops[op](args, raw)
  if value == nil then return false, code, words end
  return true, value, code -- bytes, of what gives any
end

return M
