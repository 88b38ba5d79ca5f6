-- vitrine.store.files: files of the Space, read and written in pieces. A file is there under its name
-- once it is closed, whole, or it is not.
local host, lua, import = ...
local parts = import "parts"
local type, error, setmetatable, tostring = type, error, setmetatable, tostring
local format, sub, find = lua.string.format, lua.string.sub, lua.string.find
local concat = lua.table.concat
local tointeger, mathtype = lua.math.tointeger, lua.math.type
local raise, describe = parts.raise, parts.describe

local PIECE = 512 << 10    -- of one call
local READ_MAX = 10 << 20  -- bytes that are read at once
local LIST = { prefix = "string", after = "string", limit = "integer" }

local inside = setmetatable({}, { __mode = "k" }) -- of a handle: what an app must not change

---Makes the table of functions. ask(what, op, args, raw); options_of: as in store.lua.
return function(ask, options_of)
  local M = {}

  local function check_name(what, name)
    if type(name) ~= "string" or name == "" or #name > 200 then
      raise("%s: a name is a text of 1 to 200 bytes like 'out/a.png' (got %s)", what, describe(name))
    end
  end

  local function fail(what, code, words)
    error({ code = code, message = format("%s: %s", what, words) }, 0)
  end

  -- --- handles ------------------------------------------------------------------------------

  ---@class vitrine.StoreFile
  local File = {}

  local function me(self, what, mode)
    local f = self ~= nil and inside[self]
    if not f then raise("file:%s: call it with ':' on a file", what) end
    if f.closed then raise("file:%s: '%s' is closed", what, f.name) end
    if mode and f.mode ~= mode then
      raise("file:%s: '%s' is open for %s", what, f.name, f.mode == "r" and "reading" or "writing")
    end
    return f
  end

  local function send(f)
    if f.held == 0 then return end
    local bytes = concat(f.pieces)
    f.pieces, f.held = {}, 0
    for at = 1, #bytes, PIECE do
      local piece = sub(bytes, at, at + PIECE - 1)
      ask("file:write", "file.write", { id = f.id, offset = f.at }, piece)
      f.at = f.at + #piece
    end
  end

  ---Adds bytes at the end. Returns the file, for more.
  ---@param bytes string
  ---@return vitrine.StoreFile
  function File:write(bytes)
    local f = me(self, "write", "w")
    if mathtype(bytes) then bytes = tostring(bytes) end
    if type(bytes) ~= "string" then raise("file:write: bytes are needed (got %s)", describe(bytes)) end
    f.pieces[#f.pieces + 1] = bytes
    f.held = f.held + #bytes
    if f.held >= PIECE then send(f) end
    return self
  end

  local function fetch(f, n)
    local got = {}
    while n > 0 and f.at < f.size do
      local said, bytes = ask("file:read", "file.read",
        { name = f.name, offset = f.at, n = n < PIECE and n or PIECE, revision = f.revision })
      if said.changed or not said.size then
        fail("file:read", "changed", format("'%s' was replaced while it was read; open it again", f.name))
      end
      got[#got + 1] = bytes
      f.at, n = f.at + #bytes, n - #bytes
    end
    return concat(got)
  end

  ---The next n bytes, "a": all that are left; nil at the end of the file.
  ---@param n? integer|"a"
  ---@return string?
  function File:read(n)
    local f = me(self, "read", "r")
    local left = f.size - f.at
    if n == nil or n == "a" then n = left else n = mathtype(n) and tointeger(n) end
    if not n or n < 0 then raise("file:read: a number of bytes or 'a' (got %s)", describe(n)) end
    if n > left then n = left end
    if n > READ_MAX then
      raise("file:read: over %d MiB at once; read it in pieces", READ_MAX >> 20)
    end
    if left == 0 then return nil end
    return fetch(f, n)
  end

  ---Its lines, without their ends.
  ---@return fun(): string?
  ---@usage for line in store.files.open("log.txt"):lines() do print(line) end
  function File:lines()
    local f = me(self, "lines", "r")
    local held = ""
    return function()
      while true do
        local at = find(held, "\n", 1, true)
        if at then
          local line = sub(held, 1, at - 1)
          held = sub(held, at + 1)
          return line
        end
        if f.at >= f.size then
          local line = held
          held = ""
          return line ~= "" and line or nil
        end
        if #held > READ_MAX then raise("file:lines: a line is over %d MiB", READ_MAX >> 20) end
        held = held .. fetch(f, PIECE)
      end
    end
  end

  ---Ends it: what was written is there under its name from now on, and on the disk.
  ---@return {size: integer, revision: integer, written: integer}? stat of what was written
  function File:close()
    local f = me(self, "close")
    if f.mode == "r" then
      f.closed = true
      return nil
    end
    send(f)
    f.closed = true
    return (ask("file:close", "file.end", { id = f.id, name = f.name, size = f.at }))
  end

  local file_mt = { __index = File, __metatable = false, __name = "file" }

  -- A handler that fails leaves the file as it was.
  function file_mt.__close(self, e)
    local f = inside[self]
    if f.closed then return end
    if e == nil then File.close(self) else f.closed = true end
  end

  -- --- functions ----------------------------------------------------------------------------

  ---Opens a file: "r" to read it, "w" to write it anew.
  ---@param name string
  ---@param mode? "r"|"w"
  ---@return vitrine.StoreFile? file nil: there is none to read
  ---@usage local file = store.files.open("out.txt", "w")
  function M.open(name, mode)
    local what = "store.files.open"
    check_name(what, name)
    if mode ~= nil and mode ~= "r" and mode ~= "w" then
      raise("%s: a file is opened with 'r' or 'w' (got %s)", what, describe(mode))
    end
    local f = { name = name, mode = mode or "r", at = 0 }
    if f.mode == "w" then
      f.id, f.pieces, f.held = ask(what, "file.begin", { name = name }).id, {}, 0
    else
      local said = ask(what, "file.stat", { name = name })
      if not said.size then return nil end
      f.size, f.revision = said.size, said.revision
    end
    local self = setmetatable({}, file_mt)
    inside[self] = f
    return self
  end

  ---The whole file, up to 10 MiB.
  ---@param name string
  ---@return string? bytes nil: there is none
  ---@usage local text = store.files.read "out.txt"
  function M.read(name)
    local file = M.open(name)
    return file and (file:read "a" or "")
  end

  ---Writes a whole file, in place of one that is there.
  ---@param name string
  ---@param bytes string
  ---@return {size: integer, revision: integer, written: integer}
  ---@usage store.files.write("out.txt", "Hello")
  function M.write(name, bytes)
    if type(bytes) ~= "string" then
      raise("store.files.write: bytes are needed (got %s)", describe(bytes))
    end
    return M.open(name, "w"):write(bytes):close()
  end

  ---@param name string
  ---@return {size: integer, revision: integer, written: integer}? stat written: seconds since 1970; nil: there is none
  function M.stat(name)
    check_name("store.files.stat", name)
    local said = ask("store.files.stat", "file.stat", { name = name })
    return said.size and said or nil
  end

  ---@param name string
  ---@return boolean removed false: there was none
  function M.remove(name)
    check_name("store.files.remove", name)
    return ask("store.files.remove", "file.remove", { name = name }).removed
  end

  ---@param options? {prefix?: string, after?: string, limit?: integer}
  ---@return {name: string, size: integer, revision: integer, written: integer}[] files in the order of their names
  ---@return boolean more go on with after = the last name
  ---@usage for _, file in ipairs(store.files.list()) do print(file.name, file.size) end
  function M.list(options)
    local said = ask("store.files.list", "file.list", options_of("store.files.list", options, LIST))
    return said.items, said.more
  end

  return M
end
