---Secrets that a configuration only points at: "${VARIABLE}" and "file:/path".
local places = require "gost.places"
local schema = require "gost.schema"
local url = require "gost.url"

local secrets = {}

---What a text stands for.
---@param text string
---@param env fun(name: string): string?
---@param read? fun(path: string): string?, string?
---@return string? value
---@return string? message
function secrets.resolve(text, env, read)
  local name = text:match "^%${([%w_]+)}$"
  if name then
    local value = env(name)
    if not value then return nil, ("environment variable %s is not set"):format(name) end
    return value
  end
  local path = text:match "^file:(/.*)$"
  if not path then return text end
  read = read or require("gost.source").system.read
  local value, message = read(path)
  if not value then return nil, message end
  return (value:gsub("[\r\n]+$", ""))
end

---@class gost.SecretsWalk
---@field keys (string|integer)[]  that lead to where it is
---@field found gost.Problems
---@field env fun(name: string): string?

---@param w gost.SecretsWalk
---@param depth integer  of `owner`
local function replace(w, owner, key, depth)
  local text = owner[key]
  if type(text) ~= "string" or text:sub(1, 1) ~= "$" and text:sub(1, 5) ~= "file:" then return end
  local value, message = secrets.resolve(text, w.env)
  if value then
    owner[key] = value
  else
    w.keys[depth + 1] = key
    w.found:at(owner, key, "error", places.path(w.keys, depth + 1), message)
  end
end

local walk

---What stands under a key, or one item of the list there.
local function walk_item(w, field, owner, key, depth)
  local value = owner[key]
  w.keys[depth] = key
  if field.kind == "secret" then
    replace(w, owner, key, depth - 1)
  elseif type(value) ~= "table" then
    return
  elseif field.object then
    walk(w, field.object, value, depth)
  else
    for name, item in pairs(value) do
      if type(item) == "string" and url.secret_key(name) then replace(w, value, name, depth) end
    end
  end
end

local fields_of = setmetatable({}, { __mode = "k", __index = function(self, object)
  local list = {}
  for _, field in ipairs(object.fields) do
    if field.object or field.kind == "secret" or field.kind == "metadata" then list[#list + 1] = field end
  end
  self[object] = list
  return list
end })

function walk(w, object, value, depth)
  for _, field in ipairs(fields_of[object]) do
    local item = value[field.key]
    if item ~= nil and not field.list then
      walk_item(w, field, value, field.key, depth + 1)
    elseif type(item) == "table" then
      w.keys[depth + 1] = field.key
      for i = 1, #item do walk_item(w, field, item, i, depth + 2) end
    end
  end
end

---Put the real secrets into `configuration`, in place.
---@param configuration table
---@param env fun(name: string): string?
---@param found gost.Problems  told of variables and files that are not there
function secrets.expand(configuration, env, found)
  walk({ keys = {}, found = found, env = env }, schema.objects.configuration, configuration, 0)
end

return secrets
