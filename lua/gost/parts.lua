---What the makers of objects (gost.objects, gost.services) share: checking, options of components, mistakes.
local components = require "gost.schema.components"

local parts = {}

---Loaded where something is checked: further workers run what was.
local function schema() return require "gost.schema" end

local OURS = debug.getinfo(1, "S").source:match "^(@.*/)[^/]*$"

---Where the script is: the first function that is not ours. nil: it has none.
local function position()
  local level = 3
  local info = debug.getinfo(level, "Sl")
  while info and (info.what == "C" or info.source:sub(1, #OURS) == OURS) do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return info and ("%s:%d"):format(info.short_src, info.currentline)
end

---Raise a mistake of the script, at its line.
function parts.raise(message)
  local where = position()
  error(where and ("%s: %s"):format(where, message) or message, 0)
end

---While a script is only checked (see gost.rehearsal): who is told of mistakes that the script can go on after.
---@type gost.Problems?
parts.collector = nil

---A mistake after which the maker of an object can go on, if only to find more.
function parts.mistake(message)
  if not parts.collector then parts.raise(message) end
  parts.collector:add("error", "", message, position() or "script")
end

---Raise what the schema found.
function parts.check(name, raw)
  local collector = parts.collector
  local source = collector and { name = position() or name, value = raw, kind = "lua" } or nil
  local found, problems = schema().object(name, raw, source)
  local wrong = problems:only("error", "missing", "strict")
  if #wrong > 0 and not (collector and found) then parts.raise(table.concat(wrong:lines(), "\n")) end
  for _, problem in ipairs(wrong) do collector:add(problem.level, problem.path, problem.message, problem.name) end
  return found
end

function parts.copy(t)
  local out = {}
  for key, value in pairs(t) do out[key] = value end
  return out
end

---Keys of the object itself, folded.
function parts.is_field(name, key)
  return schema().find_field(schema().objects[name], key) ~= nil
end

function parts.component_of(raw, key, default)
  local value = raw[key]
  if type(value) == "string" then value = { type = value } end
  value = value and parts.copy(value) or {}
  value.type = value.type or default
  value.metadata = value.metadata and parts.copy(value.metadata) or {}
  raw[key] = value
  return value
end

---Put an option of a component where it belongs: to each part that knows it.
---@return boolean known
function parts.place_option(among, key, value)
  local known = false
  for _, part in ipairs(among) do
    local index = part.index
    if index and components.find(index, key) then
      part.metadata[key] = value
      known = true
    end
  end
  return known
end

function parts.part(kind, component)
  return { index = components.index(kind, component.type), metadata = component.metadata }
end

---All keys that would have been right, for the message.
function parts.unknown_key(what, key, name, among)
  local nearest = require "gost.nearest"
  local candidates = {}
  for _, field in ipairs(schema().objects[name].fields) do candidates[#candidates + 1] = field.key end
  for _, one in ipairs(among) do
    for _, known in ipairs(one.index and components.keys(one.index) or {}) do
      candidates[#candidates + 1] = known
    end
  end
  parts.mistake(("%s: unknown key %q%s"):format(what, key, nearest.hint(tostring(key), candidates)))
end

return parts
