---Where in the user's text a table or a key of it came from.
local places = {}

---@class gost.Source
---@field name string       what to call it in messages: a file name, "-L http://…", "stdin"
---@field value any         what was read
---@field positions? table  table -> key -> line << 16 | column, as gost.yaml and gost.json give it
---@field kind "file"|"commandline"|"lua"|"environment"

local raw_of = setmetatable({}, { __mode = "k" })    ---@type table<table, table>
local source_of = setmetatable({}, { __mode = "k" }) ---@type table<table, gost.Source>

---Remember that `new` was made from `raw`, a table of `source`.
function places.note(new, raw, source)
  raw_of[new] = raw
  source_of[new] = source
end

---@param source gost.Source
---@param raw table
---@param key any  nil: the table itself
---@return string name
---@return integer? line
---@return integer? column
function places.raw(source, raw, key)
  local keys = source.positions and source.positions[raw]
  local packed = keys and (key ~= nil and keys[key] or keys[0])
  if not packed then return source.name end
  return source.name, packed >> 16, packed & 0xffff
end

---The spelling that the user gave to a key.
local function spelling(raw, key)
  if raw[key] ~= nil or type(key) ~= "string" then return key end
  local folded = key:lower():gsub("_", "")
  for other in next, raw do
    if type(other) == "string" and other:lower():gsub("_", "") == folded then return other end
  end
  return key
end

---The place of a key of a table that the schema has made.
---@param new table
---@param key any  nil: the table itself
---@return string? name
---@return integer? line
---@return integer? column
function places.of(new, key)
  local raw, source = raw_of[new], source_of[new]
  if not raw then return nil end
  return places.raw(source, raw, key ~= nil and spelling(raw, key) or nil)
end

---"gost.yml:3:5", "gost.yml" or "configuration".
function places.text(name, line, column)
  if line then return ("%s:%d:%d"):format(name, line, column) end
  return name or "configuration"
end

---"services[3].handler": from the keys that lead there.
---@param keys (string|integer)[]
---@param depth integer  how many of them
function places.path(keys, depth)
  local parts = {}
  for i = 1, depth do
    local key = keys[i]
    parts[i] = type(key) == "number" and ("[%d]"):format(key - 1) or i == 1 and key or "." .. key
  end
  return table.concat(parts)
end

return places
