---What a script made, in the shape of a file: objects and inline tables become entries of lists, and references to
---them names. Functions cannot be written down; in their place stands a name that nothing has.
local schema = require "gost.schema"

local plain = {}

---@class gost.Plainer
---@field out table
---@field notes string[]
---@field names table<any, string>      what was made an entry already
---@field taken table<string, boolean>  "list\0name"
local Plainer = {}
Plainer.__index = Plainer

local SINGULAR = { bypasses = "bypass", hosts = "hosts", ingresses = "ingress" }

local function place_of(fn)
  local info = debug.getinfo(fn, "S")
  return info.what == "C" and "function" or ("function at %s:%d"):format(info.short_src, info.linedefined)
end

function Plainer:note(path, text)
  self.notes[#self.notes + 1] = ("%s: %s cannot be printed"):format(path, text)
end

---@return string
function Plainer:scripted(fn, path)
  local text = place_of(fn)
  self:note(path, text)
  return text
end

local function unwrapped(value)
  return getmetatable(value) and rawget(value, "definition") or value
end

---Things that may stand in a file as they are.
function Plainer:copy(value, path)
  if type(value) == "function" then return self:scripted(value, path) end
  if type(value) ~= "table" then return value end
  local new = {}
  for key, item in pairs(unwrapped(value)) do new[key] = self:copy(item, ("%s.%s"):format(path, key)) end
  return new
end

local function is_array(value) return value[1] ~= nil end

---The items of the list part under a name of their own, beside what has a name already.
local function spread(definition, shorthand)
  local new, items = {}, {}
  for key, value in pairs(definition) do
    if math.type(key) == "integer" then items[key] = value else new[key] = value end
  end
  new[shorthand] = new[shorthand] or items
  return new
end

---A table in the place of a name: an entry of the list.
function Plainer:entry(list, value, path)
  if self.names[value] then return self.names[value] end
  if type(value) == "function" then
    self.names[value] = self:scripted(value, path)
    return self.names[value]
  end
  local object = schema.objects.configuration.by_key[list].object
  local definition = unwrapped(value)
  if is_array(definition) and object.shorthand then definition = spread(definition, object.shorthand) end
  local base = definition.name or SINGULAR[list] or list:sub(1, -2)
  local name, n = base, 0
  while self.taken[list .. "\0" .. name] do
    n = n + 1
    name = ("%s-%d"):format(base, n)
  end
  self.taken[list .. "\0" .. name] = true
  self.names[value] = name
  local new = self:object(object, definition, ("%s %s"):format(SINGULAR[list] or list:sub(1, -2), name))
  new.name = name
  self.out[list] = self.out[list] or {}
  table.insert(self.out[list], new)
  return name
end

---gost.sd{…}: Redis can be written down, functions cannot.
function Plainer:discovery(sd, path)
  if sd.redis then return self:entry("sds", sd, path) end
  return self:scripted(sd.get, path)
end

function Plainer:item(field, value, path)
  if field.kind == "ref" and type(value) ~= "string" then return self:entry(field.of, value, path) end
  if field.object and type(value) == "table" then return self:object(field.object, unwrapped(value), path) end
  local new = self:copy(value, path)
  if field.kind == "metadata" and type(value.sd) == "table" then new.sd = self:discovery(value.sd, path .. ".sd") end
  return new
end

function Plainer:object(object, value, path)
  local new = {}
  for _, field in ipairs(object.fields) do
    local item = value[field.key]
    if item ~= nil then
      local here = ("%s.%s"):format(path, field.key)
      if field.list and type(item) == "table" and not getmetatable(item) then
        new[field.key] = {}
        for i, one in ipairs(item) do new[field.key][i] = self:item(field, one, here) end
      else
        new[field.key] = self:item(field, item, here)
      end
    end
  end
  if object.name == "selector" and value.fn then new.strategy = self:scripted(value.fn, path) end
  return new
end

---@param configuration table  what a script made, see gost.rehearsal
---@return table configuration  as from a file
---@return string[] notes       what could not be written down
function plain.configuration(configuration)
  local self = setmetatable({ out = {}, notes = {}, names = {}, taken = {} }, Plainer)
  local fields = schema.objects.configuration.fields
  for _, field in ipairs(fields) do
    for _, entry in ipairs(field.list and configuration[field.key] or {}) do
      if entry.name then self.taken[field.key .. "\0" .. entry.name] = true end
    end
  end
  for _, field in ipairs(fields) do
    local value = configuration[field.key]
    if field.list and value then
      local made = self.out[field.key] or {}
      self.out[field.key] = made
      for _, entry in ipairs(value) do
        local path = ("%s %s"):format(SINGULAR[field.key] or field.key:sub(1, -2), entry.name or "?")
        made[#made + 1] = self:object(field.object, unwrapped(entry), path)
        for event in pairs(entry.on or {}) do self:note(path, "hook " .. event) end
      end
    elseif value ~= nil then
      self.out[field.key] = self:item(field, value, field.key)
    end
  end
  return self.out, self.notes
end

return plain
