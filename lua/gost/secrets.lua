---Secrets that a configuration only points at: "${VARIABLE}" and "file:/path".
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

local function replace(owner, key, path, found, env)
  local text = owner[key]
  if type(text) ~= "string" or text:sub(1, 1) ~= "$" and text:sub(1, 5) ~= "file:" then return end
  local value, message = secrets.resolve(text, env)
  if value then
    owner[key] = value
  else
    found:at(owner, key, "error", ("%s.%s"):format(path, key), message)
  end
end

local walk

local function walk_item(field, owner, key, path, found, env)
  local value = owner[key]
  if field.object then
    if type(value) == "table" then walk(field.object, value, path(), found, env) end
  elseif field.kind == "secret" then
    replace(owner, key, path():match "^(.*)%.[^.]*$" or path(), found, env)
  elseif field.kind == "metadata" and type(value) == "table" then
    for name, item in pairs(value) do
      if type(item) == "string" and url.secret_key(name) then replace(value, name, path(), found, env) end
    end
  end
end

function walk(object, value, path, found, env)
  for _, field in ipairs(object.fields) do
    local item = value[field.key]
    if item ~= nil and (field.object or field.kind == "secret" or field.kind == "metadata") then
      local here = path == "" and field.key or path .. "." .. field.key
      if field.list then
        for i = 1, type(item) == "table" and #item or 0 do
          walk_item(field, item, i, function() return ("%s[%d]"):format(here, i - 1) end, found, env)
        end
      else
        walk_item(field, value, field.key, function() return here end, found, env)
      end
    end
  end
end

---Put the real secrets into `configuration`, in place.
---@param configuration table
---@param env fun(name: string): string?
---@param found gost.Problems  told of variables and files that are not there
function secrets.expand(configuration, env, found)
  walk(schema.objects.configuration, configuration, "", found, env)
end

return secrets
