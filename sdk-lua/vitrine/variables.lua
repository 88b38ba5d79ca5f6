---@meta vitrine.variables
-- The variables of the Space, and those that the platform sets: SPACE_ID, SPACE_AUTHOR_NAME,
-- SPACE_REPO_NAME, SPACE_TITLE, SPACE_HOST, ACCELERATOR, CPU_CORES, MEMORY. pairs lists them.
---@type table<string, string|nil>
---@usage local name = variables.SPACE_ID
local _, _, import = ...
return import "settings".table("variables", "variable", true)
