-- Conversations: what a message may hold, how one grows while the visitor reads, and ui.chat, which
-- makes a page of one function.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local values = import "values"
local message_room = import "message"
local component = import "component"
local page_room = import "page"
local data = import "components"
local type, ipairs, next, select, setmetatable = type, ipairs, next, select, setmetatable
local format, find = lua.string.format, lua.string.find
local remove, unpack = lua.table.remove, lua.table.unpack
local tointeger, mathtype = lua.math.tointeger, lua.math.type
local raise, describe, refuse = parts.raise, parts.describe, parts.refuse
local constants, records = data.constants, component.records
local make, add_handler, handle_list = component.make, component.add_handler, component.handle_list
local SET, APPEND, REMOVE = constants.PATCH_SET, constants.PATCH_APPEND, constants.PATCH_REMOVE

local as_section, as_part, as_content, as_message =
  message_room.as_section, message_room.as_part, message_room.as_content, message_room.as_message
local text_of, check_text = message_room.text_of, message_room.check_text
local PARTS_MAX, SECTION = message_room.PARTS_MAX, message_room.SECTION

local M = {}

-- --- a message that grows ------------------------------------------------------------------

---@class vitrine.ChatItem One message of a chatbot, growing.
---@field content string|table
---@field role string
local Item = {}
local items = setmetatable({}, { __mode = "k" })
local item_mt = { __metatable = false, __name = "message" }

---@class vitrine.ChatSection A part of a message that is folded below its title.
local Section = {}
local sections = setmetatable({}, { __mode = "k" })
local section_mt = { __index = Section, __metatable = false, __name = "section" }

local function turn_of(self, what)
  local item = items[self]
  if not item then raise("chatbot message%s: call it with ':' on a message", what or "") end
  return item, state.own_table(item.S, item.rec, "value")[item.at]
end

local function growing(self, what)
  local item, turn = turn_of(self, what)
  if not turn then raise("this message is not in the chat any more") end
  if host.state() ~= item.S then raise("this message belongs to another visitor") end
  return item, turn
end

local function add_part(item, turn, part)
  if type(turn.content) == "string" then
    turn.content = turn.content ~= "" and { { text = turn.content } } or {}
    turn.content[#turn.content + 1] = part
    host.patch(item.rec.node, SET, item.path, turn.content)
    return #turn.content
  end
  local n = #turn.content
  if n >= PARTS_MAX then raise("chatbot message: more than %d parts", PARTS_MAX) end
  host.patch(item.rec.node, SET, item.path .. "/" .. n, part)
  turn.content[n + 1] = part
  return n + 1
end

---Adds text to the end of the message.
function Item:add(text)
  local item, turn = growing(self, ":add")
  text = check_text("chatbot message:add: the text", text)
  if text == "" then return end
  if type(turn.content) == "string" then
    host.patch(item.rec.node, APPEND, item.path, text)
    turn.content = turn.content .. text
    return
  end
  local n = #turn.content
  local last = turn.content[n]
  if not last or not last.text or last.title then
    add_part(item, turn, { text = text })
    return
  end
  host.patch(item.rec.node, APPEND, format("%s/%d/text", item.path, n - 1), text)
  last.text = last.text .. text
end

---Replaces what the message says: a text, or a list of texts, files and sections.
function Item:set(content)
  local item, turn = growing(self, ":set")
  content = as_content("chatbot message:set", item.S, content)
  host.patch(item.rec.node, SET, item.path, content)
  turn.content = content
end

---Adds a file, or a section that is folded below its title: what a model thought, what a tool did.
---@param part string|table a file's handle, ui.bytes, or { title = …, text = …, status = "running" }
---@return vitrine.ChatSection? of a section: it grows by :add(text), and ends with :done()
---@usage local look = reply:part { title = "Searching", status = "running" }
function Item:part(part)
  local item, turn = growing(self, ":part")
  part = as_part("chatbot message:part", item.S, part)
  local at = add_part(item, turn, part)
  if not part.title then return nil end
  local section = setmetatable({}, section_mt)
  sections[section] = { message = self, at = at }
  return section
end

local function section_of(self, what)
  local section = sections[self]
  if not section then raise("chatbot section%s: call it with ':' on a section", what) end
  local item, turn = growing(section.message, what)
  local part = type(turn.content) == "table" and turn.content[section.at]
  if not part or not part.title then raise("this section is not in its message any more") end
  return part, item.rec.node, format("%s/%d/", item.path, section.at - 1)
end

---Adds text to the section.
function Section:add(text)
  local part, node, path = section_of(self, ":add")
  text = check_text("chatbot section:add: the text", text)
  if text == "" then return end
  host.patch(node, APPEND, path .. "text", text)
  part.text = part.text .. text
end

---Changes title, text, status, open or seconds.
function Section:update(changes)
  local part, node, path = section_of(self, ":update")
  if type(changes) ~= "table" then raise("chatbot section:update: a table is needed") end
  parts.check_fields("chatbot section:update", changes, SECTION)
  local new = {}
  for key in next, SECTION do
    new[key] = part[key]
    if changes[key] ~= nil then new[key] = changes[key] end
  end
  new = as_section("chatbot section:update", new)
  for key in next, changes do
    host.patch(node, SET, path .. key, new[key])
    part[key] = new[key]
  end
end

---What was going on has ended well; with words, it failed.
function Section:done(failure)
  self:update { status = failure and "failed" or "done", text = failure }
end

function item_mt.__index(self, key)
  if Item[key] then return Item[key] end
  local _, turn = turn_of(self)
  if key == "content" or key == "role" then return turn and parts.copy(turn[key]) end
  parts.unknown("chatbot message", key,
    { add = true, set = true, part = true, content = true, role = true })
end

function item_mt.__newindex() raise("chatbot message: change it with :add(text) or :set(text)") end

local CHAT = { chatbot = true }

local function append(self, m)
  local rec, S = component.placed(self, "append", CHAT)
  m = as_message("ui.chatbot:append", S, m)
  local turns = state.own_table(S, rec, "value")
  local at = #turns
  host.patch(rec.node, SET, "value/" .. at, m)
  turns[at + 1] = m
  local item = setmetatable({}, item_mt)
  items[item] = { S = S, rec = rec, at = at + 1, path = "value/" .. at .. "/content" }
  return item
end

local function cut(self, n)
  local rec, S = component.placed(self, "cut", CHAT)
  n = mathtype(n) and tointeger(n)
  if not n or n < 0 then raise("ui.chatbot:cut: how many messages stay") end
  local turns = state.own_table(S, rec, "value")
  if n >= #turns then return end
  host.patch(rec.node, REMOVE, "value/" .. n)
  for i = #turns, n + 1, -1 do turns[i] = nil end
end

local function like(self, n, liked)
  local rec, S = component.placed(self, "like", CHAT)
  local turn = state.own_table(S, rec, "value")[n]
  if not turn then raise("ui.chatbot:like: there is no message %s", describe(n)) end
  liked = parts.as_kind("ui.chatbot:like", "boolean", liked)
  host.patch(rec.node, SET, format("value/%d/liked", n - 1), liked)
  turn.liked = liked
end

local chatbot = component.type_methods.chatbot
---Adds a message; the returned one takes more text with :add(text).
chatbot.append = append
---Keeps the first n messages.
chatbot.cut = cut
---Shows message n as liked (true), disliked (false) or neither (nil).
chatbot.like = like

-- --- ui.chat -------------------------------------------------------------------------------

local CHAT_FIELDS = {
  fn = true, title = true, description = true, placeholder = true, examples = true, value = true,
  multimodal = true, types = true, max_size = true, inputs = true, height = true, avatars = true,
  api_name = true, concurrency = true, retry = true, upgrade = true, message = true,
  on_like = true, inputs_label = true, edit = true, undo = true, clear = true, theme = true,
}

-- The conversation so far as fn gets it: texts, and the files that came with them.
local function history_of(S, rec)
  local list = {}
  for _, turn in ipairs(state.get(S, rec, "value") or {}) do
    local text, files = text_of(turn.content), nil
    if type(turn.content) == "table" then
      for _, part in ipairs(turn.content) do
        if part.file then
          files = files or {}
          files[#files + 1] = values.as_file(part)
        end
      end
    end
    if not turn.error and (text ~= "" or files) then
      list[#list + 1] = { role = turn.role, content = text, files = files }
    end
  end
  return list
end

-- Where an answer goes: nothing is there before its first word.
local function answer_to(chat)
  local reply
  local A = {}
  function A.show(content)
    if content == nil then return end
    if reply then reply:set(content)
    else reply = chat:append { role = "assistant", content = content } end
  end
  function A.add(piece)
    if type(piece) == "string" and reply then reply:add(piece)
    elseif reply then reply:part(piece)
    else A.show(piece) end
  end
  return A
end

-- Pieces of an iterator: texts are added, files and sections stand as parts of their own.
local function drain(answer, f, s, control, closer)
  local closing <close> = closer
  while true do
    local piece = f(s, control)
    if piece == nil then return end
    control = piece
    answer.add(piece)
  end
end

local function is_blank(message)
  local text = type(message) == "table" and message.text or message
  local files = type(message) == "table" and message.files or {}
  return not find(text or "", "%S") and #files == 0
end

-- The visitor's message as it stands in the chat.
local function shown(message)
  if type(message) == "string" or #message.files == 0 then
    return type(message) == "string" and message or message.text
  end
  local content = {}
  for i, file in ipairs(message.files) do content[i] = file end
  if message.text ~= "" then content[#content + 1] = message.text end
  return content
end

-- Runs fn on the message that the conversation ends with.
local function answerer(t, chat, extras)
  local n = #extras
  return function(message, session, ...)
    local answer = answer_to(chat)
    local args = { ... }
    for i = 1, n do
      if args[i] == nil then args[i] = extras[i].value end
    end
    host.emit(answer.show)
    args[n + 1] = session
    local function take(f, ...)
      if type(f) == "function" then return drain(answer, f, ...) end
      answer.show(f)
    end
    take(t.fn(message, history_of(host.state(), records[chat]), unpack(args, 1, n + 1)))
  end
end

local function message_at(S, rec, n)
  local turns = state.get(S, rec, "value") or {}
  while n > 0 and turns[n].role ~= "user" do n = n - 1 end
  return n, turns[n]
end

-- A message of the chat as the composer gives it.
local function as_message_of(t, turn)
  local text = text_of(turn.content)
  if not t.multimodal then return text end
  local files = {}
  for _, part in ipairs(type(turn.content) == "table" and turn.content or {}) do
    if part.file then files[#files + 1] = values.as_file(part) end
  end
  return { text = text, files = files }
end

local function chat_gestures(t, chat, composer, answer)
  local rec = records[chat]
  local shows = { chat }
  local function again(n, text, session)
    local at, turn = message_at(host.state(), rec, n)
    if at == 0 then refuse("There is nothing to answer.") end
    local message = as_message_of(t, turn)
    if text then
      if t.multimodal then message.text = text else message = text end
    end
    chat:cut(at - 1)
    chat:append { role = "user", content = shown(message) }
    answer(message, session)
  end
  add_handler(chat, "retry", { show_progress = shows, fn = function(session, g)
    again(g.index, nil, session)
  end })
  add_handler(chat, "example", { show_progress = shows, fn = function(session, g)
    local message = t.multimodal and { text = g.text, files = {} } or g.text
    chat:append { role = "user", content = g.text }
    answer(message, session)
  end })
  if t.edit ~= false then
    add_handler(chat, "edit", { show_progress = shows, fn = function(session, g)
      again(g.index, g.text, session)
    end })
  end
  if t.undo ~= false then
    add_handler(chat, "undo", { show_progress = shows, fn = function(_, g)
      local at, turn = message_at(host.state(), rec, g.index)
      if at == 0 then return end
      composer:set(as_message_of(t, turn))
      chat:cut(at - 1)
    end })
  end
  if t.clear ~= false then
    add_handler(chat, "clear", { cancels = { composer, chat }, fn = function() chat:clear() end })
  end
  if t.on_like then
    add_handler(chat, "like", { parallel = true, fn = function(session, g)
      chat:like(g.index, g.liked)
      t.on_like(g, session)
    end })
  end
end

local HISTORY_MAX = 100 -- messages that are kept for programs

local function plain_text(content)
  if type(content) ~= "table" then return content end
  return text_of(as_content("ui.chat: what 'fn' gives", host.state(), content))
end

-- Where the answer goes on, its end is known to whoever keeps the conversation.
local function and_then(done, f, s, control, closer)
  if type(f) ~= "function" then
    f = plain_text(f)
    done(f)
    if f ~= nil then return f end
    return
  end
  return function()
    local piece = f(s, control)
    control = piece
    if piece == nil then done() end
    return plain_text(piece)
  end, nil, nil, closer
end

-- The same for programs: a message in, an answer out; the conversation is the session's.
local function chat_function(t, page, inputs)
  local answer = make("markdown", { id = "answer" })
  local n = #inputs - 1
  local h = component.read_handler("ui.chat", {
    api_name = t.api_name or "chat", inputs = inputs, outputs = { answer }, stream = true,
    concurrency = t.concurrency, description = t.description,
    fn = function(message, ...)
      if is_blank(message) then refuse("Write a message first.") end
      local session = (select(n + 1, ...))
      local turns = parts.copy(session.chat_history or {})
      turns[#turns + 1] = { role = "user", content = plain_text(shown(message)) }
      local function done(text)
        turns[#turns + 1] = { role = "assistant", content = text or answer.value or "" }
        while #turns > HISTORY_MAX do remove(turns, 1) end
        session.chat_history = turns
      end
      return and_then(done, t.fn(message, parts.copy(turns), unpack({ ... }, 1, n + 1)))
    end,
  })
  h.shape = plain_text
  page.functions[#page.functions + 1] = h
end

local function make_composer(t)
  local fields = {
    id = "message", placeholder = t.message or "Message…", max_length = 100000,
  }
  if not t.multimodal then
    fields.submit = true
    return make("textbox", fields)
  end
  fields.types, fields.max_size = t.types, t.max_size
  return make("multimodal", fields)
end

local function check_chat(what, t)
  if type(t) ~= "table" then
    raise("%s: one table of fields is needed (got %s)", what, describe(t))
  end
  parts.check_fields(what, t, CHAT_FIELDS)
  if type(t.fn) ~= "function" then
    raise("%s: 'fn' must be a function (got %s)", what, describe(t.fn))
  end
  if t.on_like ~= nil and type(t.on_like) ~= "function" then
    raise("%s: 'on_like' must be a function (got %s)", what, describe(t.on_like))
  end
  return handle_list(what .. ": 'inputs'", t.inputs) or {}
end

---A conversation as a page. fn gets the message, the conversation up to and with it, the values of
---inputs, and the session; what it returns is the answer: a text, a list of texts, files and
---sections, or an iterator over pieces of it. coroutine.yield shows an answer on the way.
---@class vitrine.ChatPage
---@field fn function
---@field title? string
---@field description? string Markdown above the conversation
---@field theme? string|table as in ui.page
---@field placeholder? string Markdown shown while nothing was said
---@field message? string what the empty message box says
---@field examples? any[] messages to begin with: strings, or {label, value}
---@field value? table[] messages that are there from the beginning
---@field multimodal? boolean messages may have files; fn gets {text, files}
---@field types? string which files
---@field max_size? integer bytes of one
---@field inputs? table more inputs, folded below the message
---@field inputs_label? string what is said over them
---@field height? integer CSS pixels
---@field avatars? table { user = …, assistant = … }
---@field api_name? string|false for programs, "chat" unless told; session.chat_history is theirs
---@field on_like? fun(what: table, session: table) makes answers likeable
---@field edit? boolean
---@field undo? boolean
---@field clear? boolean
---@field concurrency? integer
---@field retry? boolean
---@field upgrade? fun(old: table): table?

---@param t vitrine.ChatPage
---@usage return ui.chat { fn = function(message) return "You said: " .. message end }
function M.chat(t)
  local what = "ui.chat"
  local extras = check_chat(what, t)
  local app, page = page_room.new(what, t)
  local chat = make("chatbot", {
    id = "chat", value = t.value, height = t.height, placeholder = t.placeholder,
    avatars = t.avatars, examples = t.examples,
  })
  local composer = make_composer(t)
  local answer = answerer(t, chat, extras)
  local inputs = { composer }
  for i, extra in ipairs(extras) do inputs[i + 1] = extra end
  add_handler(composer, "submit", {
    inputs = inputs, show_progress = { chat }, concurrency = t.concurrency, retry = t.retry,
    fn = function(message, ...)
      if is_blank(message) then refuse("Write a message first.") end
      local session = (select(#extras + 1, ...))
      composer:clear()
      chat:append { role = "user", content = shown(message) }
      answer(message, session, unpack({ ... }, 1, #extras))
    end,
  })
  chat_gestures(t, chat, composer, answer)
  if t.api_name ~= false then chat_function(t, page, inputs) end
  local body = { chat, composer }
  if t.description ~= nil then body = { make("markdown", { t.description }), chat, composer } end
  if #extras > 0 then
    local more = { label = t.inputs_label or "More", value = false }
    for i, extra in ipairs(extras) do more[i] = extra end
    body[#body + 1] = component.constructors.accordion(more)
  end
  page.root = make("column", body)
  return app
end

return M
