---@meta vitrine.secrets
-- The secrets of the Space, each by its name; nil where there is none. Nothing lists them, and
-- their values are left out of logs.
---@type table<string, string|nil>
---@usage local key = secrets.API_KEY or ""
local _, _, import = ...
return import "settings".table("secrets", "secret", false)
