---Reading the free `metadata` mappings: keys in any case, values as people write them.
local components = require "gost.schema.components"
local duration = require "gost.duration"
local values = require "gost.schema.values"

local metadata = {}

---@param map table?
---@param key string
---@return any
function metadata.get(map, key)
  if not map or next(map) == nil then return nil end
  if map[key] ~= nil then return map[key] end
  local wanted = components.fold(key)
  for name, value in pairs(map) do
    if components.fold(tostring(name)) == wanted then return value end
  end
  return nil
end

---@return boolean?
function metadata.bool(map, key)
  local value = metadata.get(map, key)
  if value == nil then return nil end
  return values.bool(value) or false
end

---Bare numbers count seconds here.
---@return number? seconds
function metadata.duration(map, key)
  local value = metadata.get(map, key)
  if type(value) == "number" or value == nil then return value end
  return (duration.parse(value))
end

return metadata
