---JSON Schema (2020-12) of configuration files, for editors: from the same tables that check them.
local components = require "gost.schema.components"
local help = require "gost.help"
local metadata = require "gost.schema.metadata"
local schema = require "gost.schema"
local words = require "gost.schema.words"

local jsonschema = {}

local SCALAR = { type = { "string", "number", "boolean" } }

local function array(t) return require("gost.json").array(t) end

local TYPES = {
  int = { type = { "integer", "string" } },
  float = { type = { "number", "string" } },
  bool = { type = { "boolean", "string", "integer" } },
  duration = { type = { "string", "number" }, examples = { "30s", "1m30s", "250ms" } },
  size = { type = { "string", "integer" }, examples = { "100KB", "1.5MB" } },
  time = { type = "string", format = "date-time" },
  map = { type = "object", additionalProperties = SCALAR },
  list = { type = { "array", "string" } },
  ignored = {},
}

local function copy(t)
  local out = {}
  for key, value in pairs(t) do out[key] = value end
  return out
end

---@param option gost.Option
local function option_schema(option)
  local out = copy(TYPES[option.type] or SCALAR)
  if option.type == "enum" then out.enum = array(copy(option.choices or {})) end
  out.description = option.help
  out.default = option.default
  if option.type == "int" and option.min ~= option.max then out.minimum, out.maximum = option.min, option.max end
  return out
end

local function options_schema(options)
  local properties = {}
  for _, option in ipairs(options) do
    if not option.key:find("*", 1, true) then
      properties[option.key] = option_schema(option)
      for _, alias in ipairs(option.aliases or {}) do
        properties[alias] = option_schema(option)
        properties[alias].description = ("same as %s"):format(option.key)
      end
    end
  end
  return { type = "object", properties = properties }
end

---Options by the type of the component: one condition for each kind.
local function component_conditions(kind)
  local list = array {}
  for _, name in ipairs(components.names(kind)) do
    local component = components.get(kind, name)
    local all = {}
    for _, option in ipairs(component and component.options or {}) do all[#all + 1] = option end
    for _, delegate in ipairs(component and component.delegates or {}) do
      local other = components.get(kind, delegate)
      for _, option in ipairs(other and other.options or {}) do all[#all + 1] = option end
    end
    for _, option in ipairs(kind == "handler" and metadata.anyHandler or {}) do all[#all + 1] = option end
    if #all > 0 then
      list[#list + 1] = {
        ["if"] = { properties = { type = { const = name } }, required = { "type" } },
        ["then"] = { properties = { metadata = options_schema(all) } },
      }
    end
  end
  return list
end

---The name of an entry of a list; or a function on the spot, where the list takes functions.
local function reference_schema(list)
  local object = schema.objects.configuration.by_key[list].object
  if not object.by_key.lua then return copy(SCALAR) end
  local function_of = { allOf = array { { ["$ref"] = "#/$defs/" .. object.name } }, required = array { "lua" } }
  return { anyOf = { SCALAR, function_of } }
end

---@param field gost.Field
local function item_schema(field)
  if field.object then return { ["$ref"] = "#/$defs/" .. field.object.name } end
  if field.kind == "metadata" then
    local fixed = metadata[field.of]
    return fixed and options_schema(fixed) or { type = "object" }
  end
  if field.kind == "ref" then return reference_schema(field.of) end
  if field.kind == "component" then
    return { type = "string", examples = array(copy(components.names(field.of))) }
  end
  if field.choices then return { type = "string", examples = array(copy(words[field.choices])) } end
  return copy(TYPES[field.kind] or SCALAR)
end

local function field_schema(field)
  local out = item_schema(field)
  local shorthand = field.shorthand or field.object and field.object.shorthand
  if shorthand and shorthand ~= "matchers" then out = { anyOf = { out, { type = "string" } } } end
  if field.list then out = { anyOf = { { type = "array", items = out }, out } } end
  out.description = field.help .. (field.missing and " (not implemented yet)" or "")
  if field.default ~= nil then out.default = field.default end
  if field.deprecated then out.deprecated = true end
  return out
end

local function object_schema(object)
  local properties = {}
  for _, field in ipairs(object.fields) do properties[field.key] = field_schema(field) end
  local out = { type = "object", description = object.help, properties = properties, additionalProperties = false }
  for _, kind in ipairs(help.kinds) do
    if object.name == kind then
      local conditions = component_conditions(kind)
      if #conditions > 0 then out.allOf = conditions end
    end
  end
  return out
end

---@return table
function jsonschema.document()
  local definitions = {}
  for name, object in pairs(schema.objects) do
    if name ~= "configuration" then definitions[name] = object_schema(object) end
  end
  local root = object_schema(schema.objects.configuration)
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
  root.title = "gost-lua configuration"
  root["$defs"] = definitions
  return root
end

---@return string
function jsonschema.text()
  return assert(require("gost.json").encode(jsonschema.document(), 2)) .. "\n"
end

return jsonschema
