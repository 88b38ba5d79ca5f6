-- Several pages of one app, and the address of the one that is shown: ui.pages, the query, and how
-- both change. The browser shows and hides; nothing is built anew, and each page keeps its state.
local host, lua, import = ...
local parts = import "parts"
local state = import "state"
local type, ipairs, next, tostring = type, ipairs, next, tostring
local find = lua.string.find
local raise, describe = parts.raise, parts.describe
local SET = import("components").constants.PATCH_SET

local M = {
  containers = { pages = true, subpage = true },
  positional = { subpage = "label" },
  checks = {},
}

local QUERY_MAX, QUERY_KEYS_MAX = 2048, 64

local names = {} -- of the app's pages; nil: it has one

function M.checks.subpage(what, p)
  if (p.label or "") == "" then raise("%s: a page needs a label", what) end
  if p.name and not (find(p.name, "^[%w_-]+$") and #p.name <= 64) then
    raise("%s: 'name' is 1 to 64 letters, digits, _ or -, as it stands in the address (got %s)", what,
      describe(p.name))
  end
end

-- The first has the Space's own address, the others /p/NAME below it.
function M.checks.pages(what, _, rec, records)
  if next(names) then raise("%s: an app has one of them", what) end
  for i, handle in ipairs(rec.children) do
    local page = records[handle]
    if page.type ~= "subpage" then
      raise("%s: item %d is not a ui.subpage (got ui.%s)", what, i, page.type)
    end
    local name = page.props.name
    if i > 1 and not name then raise("%s: page %d needs a name for its address", what, i) end
    if i == 1 and name then raise("%s: the first page has the Space's address, and no name", what) end
    if names[name or ""] then raise("%s: two pages are called '%s'", what, name) end
    names[name or ""] = true
  end
  if #rec.children == 0 then raise("%s: there is no ui.subpage in it", what) end
end

---Has the app pages with addresses?
function M.several() return next(names) ~= nil end

-- --- where a visitor is ----------------------------------------------------------------------

-- As the browser or the app gives it; nil where it cannot be.
local function read_query(t, given)
  local query, n, size = {}, 0, 0
  for key, value in next, t do
    local kind = type(value)
    if type(key) ~= "string" or (kind ~= "string" and (not given or kind ~= "number" and kind ~= "boolean")) then
      return nil
    end
    query[key] = tostring(value)
    n, size = n + 1, size + #key + #query[key]
  end
  if n > QUERY_KEYS_MAX or size > QUERY_MAX then return nil end
  return query
end

-- Also of a page that is not there: its visitor reads that, and is not sent elsewhere.
local function is_name(page) return type(page) == "string" and #page <= 64 end

---The place that came with a gesture of the browser: {page, query}.
function M.take(S, payload)
  if type(payload) ~= "table" then return end
  local query = type(payload.query) == "table" and read_query(payload.query)
  if query then S.query = query end
  if is_name(payload.page) then S.page = payload.page end
  host.patch(0, SET, "location", { page = S.page or "", query = S.query })
end

---The one that was stored.
function M.restore(S, place)
  if type(place) ~= "table" then return end
  S.query = type(place.query) == "table" and read_query(place.query) or S.query
  S.page = is_name(place.page) and place.page or ""
end

local function state_of(what)
  return host.state() or raise("session:%s: there is no visitor yet", what)
end

local function go(S, page, query)
  S.page, S.query = page, query
  host.patch(0, SET, "location", { page = page, query = query })
end

---Puts parameters into the page's address: session:set_query { q = "x" }. Those not named go.
function state.methods.set_query(_, t)
  local S = state_of "set_query"
  local query = type(t) == "table" and read_query(t, true)
  if not query then
    raise("session:set_query: a table of at most %d texts, numbers or booleans by name, %d bytes together (got %s)",
      QUERY_KEYS_MAX, QUERY_MAX, describe(t))
  end
  go(S, S.page or "", query)
end

---Shows another page: session:open_page("about"), "" for the first.
function state.methods.open_page(_, name, t)
  local S = state_of "open_page"
  if not names[name] then
    raise("session:open_page: there is no page '%s'; there are: %s", tostring(name),
      lua.table.concat(parts.names(names), ", "))
  end
  local query = read_query(t or {}, true)
  if not query then raise("session:open_page: the query is too large, or no table of texts") end
  go(S, name, query)
end

---Name of the page that the visitor sees, "" for the first.
function state.methods.page_name() return state_of("page_name").page or "" end

return M
