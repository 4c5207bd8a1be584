---The one schema: every object of a configuration, every field of it, what a value may be.
---
---`schema.load` turns what a user wrote (plain tables, any spelling of the keys) into canonical
---tables: camelCase keys, numbers as numbers, durations as seconds; and tells everything that is
---wrong. Help, JSON Schema, printing and the reference pages read the same tables.
local components = require "gost.schema.components"
local context = require "gost.schema.context"
local limits = require "gost.schema.limits"
local metadata = require "gost.schema.metadata_loader"
local nearest = require "gost.nearest"
local places = require "gost.places"
local problems = require "gost.problems"
local values = require "gost.schema.values"

local schema = {}

---@class gost.Field
---@field key string
---@field type string        as written in the tables: "list ref bypasses"
---@field help string
---@field default? any
---@field choices? string    a list of gost.schema.words
---@field always? boolean    printed even when empty
---@field deprecated? boolean
---@field shorthand? string  a single value is taken for this field of the object
---@field section? boolean   a part of the program that an empty mapping leaves out
---@field missing? boolean   not implemented yet (gost.capabilities)
---@field load fun(c: gost.Context, value: any): any
---@field kind string        first word of the type
---@field of? string         the rest of it
---@field object? gost.Object  the object that the value or its items are
---@field list? boolean
---@field plain? boolean    any text will do

---@class gost.Object
---@field name string
---@field help string
---@field fields gost.Field[]   in printing order
---@field by_key table<string, gost.Field>  by canonical and by folded key
---@field group? boolean        holds metadata of several parts, which may be copies of each other
---@field shorthand? string

local objects = {} ---@type table<string, gost.Object>
schema.objects = objects

local fold = components.fold
local what = values.what

-- loading of single values ---------------------------------------------------

---From a value function of gost.schema.values.
local function scalar(convert)
  return function(field)
    local choices = field.choices
    field.plain = convert == values.string and not choices
    field.missing_words = {} -- not implemented yet (gost.capabilities)
    return function(c, value)
      if c.lua and type(value) == "function" then return value end
      local found, message = convert(value)
      if found == "" then return nil end
      if found and choices then found, message = values.choice(found, choices) end
      if found and field.missing_words[found] then c:problem("missing", ("not implemented yet: %q"):format(found)) end
      if found == nil then c:problem("error", message) end
      return found
    end
  end
end

---A line of a limiter.
local function line(check)
  return function()
    return function(c, value)
      local text, message = values.string(value)
      local ok = text and check(text)
      if text and not ok then ok, message = check(text) end
      if not ok then c:problem("error", message) return nil end
      return text
    end
  end
end

local function load_map()
  return function(c, value)
    if type(value) ~= "table" or value[1] ~= nil then
      c:problem("error", ("expected a mapping of names to values, not %s"):format(what(value)))
      return nil
    end
    local map = {}
    places.note(map, value, c.source)
    for key, item in next, value do
      c:push(value, key, tostring(key))
      local text, message = values.string(item)
      if not text then c:problem("error", message) end
      map[tostring(key)] = text
      c:pop()
    end
    return map
  end
end

---A name of an entry of another list; scripts may also give the thing itself.
local load_object

local function load_ref(field)
  return function(c, value)
    if type(value) == "table" and type(value.lua) == "string" and not getmetatable(value) then
      return load_object(c, objects.configuration.by_key[field.of].object, value) -- a function on the spot
    end
    if c.lua and (type(value) == "function" or type(value) == "userdata" or type(value) == "table") then
      return value
    end
    local text, message = values.string(value)
    if not text then c:problem("error", message) end
    return text ~= "" and text or nil
  end
end

local function load_component(field)
  local kind = field.of
  return function(c, value)
    local text, message = values.string(value)
    if not text then c:problem("error", message) return nil end
    text = text:match "^%s*(.-)%s*$"
    if text == "" then return nil end
    local state
    state, message = components.state(kind, text)
    if state == "missing" then
      c:problem("missing", message)
    elseif state == "unknown" then
      c:problem("error", message)
    end
    return text
  end
end

local makers = {
  string = scalar(values.string),
  name = scalar(values.string),
  path = scalar(values.string),
  regexp = scalar(values.string),
  rule = scalar(values.string),
  secret = scalar(values.secret),
  url = scalar(values.string),
  int = scalar(values.int),
  float = scalar(values.float),
  bool = scalar(values.bool),
  duration = scalar(values.duration),
  size = scalar(values.size),
  time = scalar(values.time),
  trafficLimit = line(limits.traffic),
  connLimit = line(limits.conn),
  rateLimit = line(limits.rate),
  map = load_map,
  ref = load_ref,
  component = load_component,
  ignored = function() return function() return nil end end,
}

-- objects --------------------------------------------------------------------

---@param object gost.Object
---@param key any
---@return gost.Field?
local function find_field(object, key)
  return object.by_key[key] or type(key) == "string" and object.by_key[fold(key)] or nil
end

local function field_keys(object)
  if not object.keys then
    object.keys = {}
    for i, field in ipairs(object.fields) do object.keys[i] = field.key end
  end
  return object.keys
end

local function empty(value)
  return value == nil or value == "" or value == false or type(value) == "table" and next(value) == nil
end

local function unknown_field(c, object, raw, key)
  c:push(raw, key, tostring(key))
  c:problem("strict", "unknown key" .. nearest.hint(tostring(key), field_keys(object)))
  c:pop()
end

---@param c gost.Context
---@param raw table
---@param out table
---@param field gost.Field
local function load_field(c, raw, key, out, field)
  local value = raw[key]
  c:push(raw, key, field.key)
  if out[field.key] ~= nil then
    c:problem("error", ("given twice, as %q and in another spelling"):format(tostring(key)))
  elseif field.missing and not empty(value) then
    c:problem("missing", "not implemented yet")
  end
  if not (field.section and empty(value)) then out[field.key] = field.load(c, value) end
  c:pop()
end

---@param c gost.Context
---@param object gost.Object
---@param raw table
---@return table
function load_object(c, object, raw)
  local out = {}
  places.note(out, raw, c.source)
  if object.group then metadata.open(c) end
  local later
  for key in next, raw do
    local field = find_field(object, key)
    if not field then
      unknown_field(c, object, raw, key)
    elseif field.kind == "metadata" then
      later = later or {}
      later[#later + 1] = key
    else
      load_field(c, raw, key, out, field)
    end
  end
  for _, key in ipairs(later or {}) do -- these need the type of the component
    local field = find_field(object, key)
    c.component = out.type
    load_field(c, raw, key, out, field)
  end
  if object.group then metadata.close(c, out) end
  return out
end

---`{[key] = value}` in place of a single value, standing where that stands.
local function wrap(c, key, value)
  local out = { [key] = value }
  local positions = c.source.positions
  local above = positions and c.depth > 0 and positions[c.owners[c.depth]]
  local mark = above and above[c.keys[c.depth]]
  if mark then positions[out] = { [0] = mark, [key] = mark } end
  return out
end

---What stands in the place of an object: shown unless it may be its password.
local function instead(object, value)
  for _, field in ipairs(object.fields) do
    if field.kind == "secret" then return (" (%s, %s …)"):format(object.fields[1].key, field.key) end
  end
  return ", not " .. what(value)
end

---@param object gost.Object
local function object_loader(object, shorthand)
  return function(c, value)
    shorthand = shorthand or object.shorthand
    if c.lua and (type(value) == "function" or type(value) == "userdata") then return value end
    if type(value) ~= "table" then
      if shorthand then value = wrap(c, shorthand, value)
      else
        c:problem("error", ("expected a mapping%s"):format(instead(object, value)))
        return nil
      end
    elseif value[1] ~= nil and not (c.lua and getmetatable(value)) then
      if not shorthand or object.by_key[shorthand].list ~= true then
        c:problem("error", "expected a mapping, not a list")
        return nil
      end
      value = wrap(c, shorthand, value)
    end
    return load_object(c, object, value)
  end
end

---A list; a single value counts as a list of one.
---@param plain? boolean  items that are text need no further look
local function list_loader(load_item, plain)
  return function(c, value)
    local out = {}
    if type(value) == "table" and (value[1] ~= nil or next(value) == nil) then
      places.note(out, value, c.source)
      local n = 0
      for i, item in ipairs(value) do
        local found = item
        if not plain or type(item) ~= "string" or item == "" then
          c:push(value, i, i)
          found = load_item(c, item)
          c:pop()
        end
        if found ~= nil then
          n = n + 1
          out[n] = found
        end
      end
    else
      out[1] = load_item(c, value)
    end
    return out
  end
end

-- definitions ----------------------------------------------------------------

local function make_loader(field, words)
  local first = table.remove(words, 1)
  if first == "list" then
    field.list = true
    local load_item = make_loader(field, words)
    return list_loader(load_item, field.plain)
  end
  field.kind, field.of = first, words[1]
  if first == "metadata" then return metadata.loader(words[1]) end
  local maker = makers[first]
  if maker then return maker(field) end
  field.object = objects[first] or error("no such type: " .. first)
  return object_loader(field.object, field.shorthand)
end

local function finish_field(field)
  local words = {}
  for word in field.type:gmatch "%S+" do words[#words + 1] = word end
  field.load = make_loader(field, words)
end

local function define(name, help, fields, more)
  local object = { name = name, help = help, fields = fields, by_key = {} }
  for key, value in pairs(more or {}) do object[key] = value end
  for _, field in ipairs(fields) do
    field.key, field.type, field.help = field[1], field[2], field[3]
    object.by_key[field.key] = field
    object.by_key[fold(field.key)] = field
  end
  objects[name] = object
end

for _, part in ipairs { "common", "route", "policy", "program" } do
  require("gost.schema." .. part)(define)
end
for _, object in pairs(objects) do
  for _, field in ipairs(object.fields) do finish_field(field) end
end
---What a line of gost.capabilities names: a list, a field, an option.
local function named_by(text)
  local kind, option = text:match "^metadata%.(%w+)%.(.+)$"
  for _, one in ipairs(kind and require("gost.schema.metadata")[kind] or {}) do
    if one.key == option then return one end
  end
  local object, key = text:match "^(%w+)%.(%w+)$"
  object = objects[object or "configuration"]
  return object and object.by_key[key or text]
end

for _, name in ipairs(require "gost.capabilities") do
  local plain, word = name:match "^(.-)=(.+)$"
  local field = named_by(plain or name) or error("gost.capabilities: there is no " .. name)
  if word then field.missing_words[word] = true else field.missing = true end
end

-- use ------------------------------------------------------------------------

---Keys with a dot at the top: `log.level: debug`.
local SECTIONS = { tls = true, log = true, profiling = true, api = true, metrics = true }

local function undot(source)
  local raw = source.value
  local plain
  for key in pairs(raw) do
    local section, rest = tostring(key):match "^(%a+)%.(.+)$"
    if section and SECTIONS[section:lower()] then
      plain = plain or {}
      plain[key] = { section:lower(), rest }
    end
  end
  if not plain then return raw end
  local positions = source.positions or {}
  local top, top_places = {}, positions[raw] or {}
  for key, value in pairs(raw) do
    if not plain[key] then top[key] = value end
  end
  for key, parts in pairs(plain) do
    local section = top[parts[1]]
    if type(section) ~= "table" then section = {} end
    section[parts[2]] = raw[key]
    top[parts[1]] = section
    positions[section] = positions[section] or {}
    positions[section][parts[2]] = top_places[key]
  end
  positions[top] = top_places
  return top
end

---Check and canonicalise what one source says.
---@param source gost.Source
---@param found? gost.Problems  to add to
---@return table configuration  what could be understood
---@return gost.Problems problems
function schema.load(source, found)
  found = found or problems.new()
  local c = context.new(source, found)
  if source.value == nil then return {}, found end
  if type(source.value) ~= "table" or source.value[1] ~= nil then
    c:problem("error", ("a configuration is a mapping, not %s"):format(what(source.value)))
    return {}, found
  end
  return load_object(c, objects.configuration, undot(source)), found
end

---Check and canonicalise one object: for scripts and for the Web API.
---@param name string   of an object: "service", "node" …
---@param value any
---@param source? gost.Source
---@return table? object
---@return gost.Problems problems
function schema.object(name, value, source)
  local found = problems.new()
  source = source or { name = name, value = value, kind = "lua" }
  local c = context.new(source, found)
  local object = objects[name] or error("no such object: " .. tostring(name))
  c:push({}, 1, name)
  local out = object_loader(object)(c, value)
  c:pop()
  return out, found
end

---@param name string
---@return any
function schema.default(name, key)
  return objects[name].by_key[key].default
end

---@param provider table|function|nil  see gost.schema.components
function schema.use(provider) components.use(provider) end

schema.find_field = find_field

return schema
