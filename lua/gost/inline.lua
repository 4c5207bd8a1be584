---Lua inside of configurations: `lua: auth.lua`, or `lua: "return function(conn, …) … end"`, wherever a plugin
---can stand.
---
---`resolve` reads the files once, in the first worker, and leaves the text in the definition, so that all workers
---run the same, and a reload notices when a file has changed. `compile` makes the function.
local places = require "gost.places"

local inline = {}

---@class gost.InlineLua
---@field text string
---@field chunk string   what error messages call it
---@field line integer   of the configuration on which the text begins; 1 for files

local function directory_of(path)
  return path and path:match "^(.*/)[^/]*$" or ""
end

---@return gost.InlineLua? found
---@return string? message
local function read(text, name, line)
  if not text:match "^[^%c]+%.lua$" or text:find "[%s;]" then
    -- the lines of a block follow the one with the key
    return { text = text, chunk = name or "configuration", line = (line or 1) + (text:find "\n" and 1 or 0) }
  end
  local path = text:sub(1, 1) == "/" and text or directory_of(name) .. text
  local content, message = require("gost.source").system.read(path)
  if not content then return nil, message end
  return { text = content, chunk = path, line = 1 }
end

---Globals of such a function: those of Lua, and gost.
local environment = setmetatable({}, {
  __index = function(_, key)
    if key == "gost" then return require "gost" end
    return _G[key]
  end,
  __newindex = _G,
})

---@param source gost.InlineLua
---@return function? fn
---@return string? message
function inline.compile(source)
  local text = ("\n"):rep(source.line - 1) .. source.text
  local chunk, message = load(text, "@" .. source.chunk, "t", environment)
  if not chunk then return nil, message end
  local ok, fn = pcall(chunk)
  if not ok then return nil, tostring(fn) end
  if type(fn) ~= "function" then
    return nil, ("%s:%d: expected \"return function(…) … end\", but it returned a %s"):format(source.chunk,
      source.line, type(fn))
  end
  return fn
end

---The function of a definition, nil when it has none; raises on a mistake.
---@param definition table
---@return function?
function inline.of(definition)
  if type(definition) ~= "table" then return nil end
  local source = definition.luaSource
  if not source then
    if type(definition.lua) == "function" or definition.lua == nil then return definition.lua end
    local message
    source, message = read(definition.lua)
    if not source then error(message, 0) end
  end
  local fn, message = inline.compile(source)
  if not fn then error(message, 0) end
  return fn
end

local function resolve_one(definition, path, found)
  local name, line = places.of(definition, "lua")
  local source, message = read(definition.lua, name, line)
  if source then
    local fn
    fn, message = inline.compile(source)
    definition.luaSource = fn and source
  end
  if message then found:at(definition, "lua", "error", path .. ".lua", message) end
end

---@param keys (string|integer)[]  that lead to `value`
local function walk(value, keys, depth, found)
  if type(value.lua) == "string" then resolve_one(value, places.path(keys, depth), found) end
  for key, item in next, value do
    if type(item) == "table" and key ~= "metadata" then
      keys[depth + 1] = key
      walk(item, keys, depth + 1, found)
    end
  end
end

---Read and try all functions of a configuration.
---@param configuration table  from gost.load
---@param found gost.Problems
function inline.resolve(configuration, found)
  local schema = require "gost.schema" -- further workers have no need of it
  for _, field in ipairs(schema.objects.configuration.fields) do
    if field.list and type(configuration[field.key]) == "table" then
      walk(configuration[field.key], { field.key }, 1, found)
    end
  end
end

return inline
