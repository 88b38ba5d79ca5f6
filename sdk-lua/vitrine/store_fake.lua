-- What the platform's store does, in memory: for test.lua, where no platform is. Empty at the start
-- of each test.
local host, lua = ...
local next = next
local sub = lua.string.sub
local sort = lua.table.sort

local M = {}

local scopes, revision = {}, 0

function M.clear() scopes, revision = {}, 0 end

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
  return { keys = n, bytes = bytes, keys_max = 100000, bytes_max = 64 << 20 }
end

function M.ask(op, args)
  host.sleep(0) -- others have their turn, as with the real one
  local value, code, words = ops[op](args)
  if value == nil then return false, code, words end
  return true, value
end

return M
