---Handlers, listeners, connectors and dialers: which there are and what they can be told.
---
---The tables come from the C core (`require("gost.core").components()`) or from whatever `use` was
---given; without either, every registered name counts as present and its options are not checked.
local registered = require "gost.schema.registered"
local fixed = require "gost.schema.metadata"
local nearest = require "gost.nearest"

local components = {}

---@class gost.Option
---@field key string
---@field aliases? string[]
---@field type "bool"|"int"|"float"|"duration"|"size"|"string"|"path"|"enum"|"list"|"map"
---@field default? string
---@field choices? string[]
---@field min? number
---@field max? number
---@field help? string
---@field missing? boolean  not implemented yet (gost.capabilities)

---@class gost.Component
---@field aliases? string[]
---@field options gost.Option[]
---@field free? boolean          takes any options (a script's own kind)
---@field delegates? string[]  handlers that get its metadata as well
---@field help? string

local provided ---@type table<string, table<string, gost.Component>>|false|nil
local indexes = {} ---@type table<string, table<string, table>>
local by_name = {} ---@type table<string, table<string, gost.Component>>
local fixed_indexes = {}

---Keys are compared without case and without underscores.
local fold_cache, fold_count = {}, 0
function components.fold(key)
  local found = fold_cache[key]
  if found then return found end
  if fold_count > 10000 then fold_cache, fold_count = {}, 0 end
  found = key:lower():gsub("_", "")
  fold_cache[key], fold_count = found, fold_count + 1
  return found
end
local fold = components.fold

local added = {} ---@type table<string, table<string, gost.Component>>

---A kind that a script has registered; its options are its own business.
---@param kind "handler"|"listener"|"connector"|"dialer"
---@param name string
function components.add(kind, name)
  added[kind] = added[kind] or {}
  added[kind][name] = { options = {}, free = true }
  by_name[kind] = nil
end

---Take the tables from `provider` (nil: from the C core).
---@param provider? table|fun(): table
function components.use(provider)
  if type(provider) == "function" then provider = provider() end
  provided, indexes, by_name = provider, {}, {}
end

local function tables()
  if provided == nil then
    local ok, core = pcall(require, "gost.core")
    provided = ok and type(core) == "table" and core.components and core.components() or false
  end
  return provided
end

---Name or alias -> component, of one kind.
local function names_of(kind)
  local names = by_name[kind]
  if names then return names end
  names = {}
  for name, component in pairs(tables() and tables()[kind] or {}) do
    names[name] = component
    for _, alias in ipairs(component.aliases or {}) do names[alias] = component end
  end
  for name, component in pairs(added[kind] or {}) do names[name] = component end
  by_name[kind] = names
  return names
end

---Whether the program was built with component tables at all.
function components.available()
  return tables() and true or false
end

---@param kind "handler"|"listener"|"connector"|"dialer"
---@param name string
---@return gost.Component?
function components.get(kind, name)
  return names_of(kind)[name]
end

local registered_set = {}
for kind, list in pairs(registered) do
  registered_set[kind] = {}
  for _, name in ipairs(list) do registered_set[kind][name] = true end
end

---Is this a name of that kind, be it implemented or not?
function components.known(kind, name)
  return registered_set[kind][name] or names_of(kind)[name] ~= nil
end

---All names of a kind, sorted; those that are implemented, if that is known.
---@return string[]
function components.names(kind)
  local list = {}
  if not tables() then return registered[kind] end
  for name in pairs(names_of(kind)) do list[#list + 1] = name end
  table.sort(list)
  return list
end

---@return "present"|"missing"|"unknown" state
---@return string? message
function components.state(kind, name)
  if names_of(kind)[name] then return "present" end
  if registered_set[kind][name] then
    if not tables() then return "present" end
    return "missing", ("not implemented yet: %s %q"):format(kind, name)
  end
  local candidates = {}
  for known in pairs(registered_set[kind]) do candidates[#candidates + 1] = known end
  for known in pairs(names_of(kind)) do candidates[#candidates + 1] = known end
  return "unknown", ("unknown %s %q%s"):format(kind, name, nearest.hint(name, candidates))
end

local function add_options(index, options)
  for _, option in ipairs(options or {}) do
    index[fold(option.key)] = index[fold(option.key)] or option
    for _, alias in ipairs(option.aliases or {}) do
      index[fold(alias)] = index[fold(alias)] or option
    end
    if option.key:find("*", 1, true) then
      index["*"] = index["*"] or {}
      table.insert(index["*"], { prefix = fold(option.key:match "^[^*]*"), option = option })
    end
  end
end

---Kinds of handler that a handler may pass connections on to, with its own metadata.
local DELEGATES = { auto = { "http", "socks4", "socks5" } }

---@param index table
---@param key string
---@return gost.Option?
function components.find(index, key)
  local f = fold(key)
  if f == "*" then return nil end
  local option = index[f]
  if option or not index["*"] then return option end
  for _, pattern in ipairs(index["*"]) do
    if f:sub(1, #pattern.prefix) == pattern.prefix and #f > #pattern.prefix then return pattern.option end
  end
end

---The options of a component by key; nil when they are not known.
---@param kind "handler"|"listener"|"connector"|"dialer"
---@param name string
function components.index(kind, name)
  local component = names_of(kind)[name]
  if not component or component.free then return nil end
  indexes[kind] = indexes[kind] or {}
  local index = indexes[kind][name]
  if index then return index end
  index = {}
  add_options(index, component.options)
  if kind == "handler" then
    for _, other in ipairs(component.delegates or DELEGATES[name] or {}) do
      add_options(index, (names_of(kind)[other] or {}).options)
    end
    add_options(index, fixed.anyHandler)
  end
  indexes[kind][name] = index
  return index
end

---The options of services, hops, nodes, chains and recorder references.
function components.fixed_index(kind)
  if not fixed_indexes[kind] then
    fixed_indexes[kind] = {}
    add_options(fixed_indexes[kind], fixed[kind])
  end
  return fixed_indexes[kind]
end

---All keys of an index, for suggestions.
---@return string[]
function components.keys(index)
  local keys, seen = {}, {}
  for key, option in pairs(index) do
    if key ~= "*" and not seen[option] then
      seen[option] = true
      keys[#keys + 1] = option.key
      for _, alias in ipairs(option.aliases or {}) do keys[#keys + 1] = alias end
    end
  end
  table.sort(keys)
  return keys
end

return components
