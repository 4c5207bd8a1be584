---Configurations as text: YAML, JSON and (gost.print_lua) Lua.
---
---All three walk the schema, so keys come in one order, empty fields are left out and secrets are
---covered unless they are asked for.
local duration = require "gost.duration"
local schema = require "gost.schema"
local url = require "gost.url"
local values = require "gost.schema.values"

local print_ = {}

local function is_list(value)
  return value[1] ~= nil
end

local function empty(value)
  return value == nil or value == "" or value == false or value == 0
    or type(value) == "table" and next(value) == nil
end

---A reference to a variable or a file is no secret itself.
local function masked(text, show)
  text = tostring(text)
  if show or text == "" or text:match "^%${[%w_]+}$" or text:match "^file:" then return text end
  return values.MASK
end

-- a tree of {key, value} pairs in printing order ------------------------------

local tree_value

---Free mappings: metadata, headers, labels. Sorted by key.
local function tree_map(map, o)
  local keys, out = {}, {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do
    local value = map[key]
    if url.secret_key(key) and (type(value) ~= "table" or not o.show_secrets) then
      value = masked(type(value) == "table" and "?" or value, o.show_secrets)
    elseif type(value) == "table" then
      value = is_list(value) and value or tree_map(value, o)
    end
    out[i] = { key, value }
  end
  out.map = true
  return out
end

local function tree_object(object, value, o)
  local out = { map = true }
  for _, field in ipairs(object.fields) do
    local item = value[field.key]
    if not empty(item) or field.always then
      out[#out + 1] = { field.key, tree_value(field, item, o) }
    end
  end
  return out
end

local function tree_item(field, item, o)
  if field.object and type(item) == "table" then return tree_object(field.object, item, o) end
  if field.kind == "secret" then return masked(item, o.show_secrets) end
  if field.kind == "url" and not o.show_secrets then return url.mask(item) end
  if field.kind == "duration" and type(item) == "number" then return o.duration(item) end
  if (field.kind == "map" or field.kind == "metadata") and type(item) == "table" then return tree_map(item, o) end
  return item
end

---What stands for a missing value of a field that is always printed.
local function blank(field, o)
  if field.list then return { list = true } end
  if field.kind == "duration" then return o.duration(0) end
  if field.kind == "int" then return 0 end
  return ""
end

function tree_value(field, item, o)
  if item == nil then return blank(field, o) end
  if not field.list then return tree_item(field, item, o) end
  local out = { list = true }
  for i, one in ipairs(item) do out[i] = tree_item(field, one, o) end
  return out
end

-- YAML -----------------------------------------------------------------------

local WORDS = {}
for word in ([[y Y yes Yes YES on On ON n N no No NO off Off OFF true True TRUE false False FALSE
  null Null NULL ~ << = .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF .nan .NaN .NAN]]):gmatch "%S+" do
  WORDS[word] = true
end

local NUMBERS = {
  "^[-+]?[0-9][0-9_]*$", "^[-+]?0b[01_]+$", "^[-+]?0o?[0-7_]+$", "^[-+]?0x[%x_]+$",
  "^[-+]?%.%d+$", "^[-+]?%d[%d_]*%.?%d*$", "^[-+]?%.?%d[%d_]*%.?%d*[eE][-+]?%d+$",
  "^[-+]?%d[%d_]*:[0-5]?%d[:%d]*%.?[%d_]*$", -- base 60 of YAML 1.1
  "^%d%d%d%d%-%d%d?%-%d%d?$", "^%d%d%d%d%-%d%d?%-%d%d?[Tt ]",
}

---Would a reader take this plain text for something other than text?
local function ambiguous(text)
  if text == "" or WORDS[text] then return true end
  if not text:match "^[-+.%d]" then return false end
  for _, pattern in ipairs(NUMBERS) do
    if text:match(pattern) then return true end
  end
  return false
end

---May this text stand without quotes?
local function plain(text)
  if text:match "^%s" or text:match "%s$" or text:match "^%-%-%-" or text:match "^%.%.%." then return false end
  if text:match "^[#,%[%]{}&*!|>'\"%%@`]" or text:match "^[%-?:]%s" or text:match "^[%-?:]$" then return false end
  return not (text:find(": ", 1, true) or text:find(" #", 1, true) or text:match ":$" or text:find "[%c\127]")
end

local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\", ["\0"] = "\\0" }

local function double_quoted(text)
  return '"' .. text:gsub('[%c"\\\127]', function(c)
    return ESCAPES[c] or ("\\x%02X"):format(c:byte())
  end) .. '"'
end

local function yaml_scalar(value)
  if type(value) == "boolean" then return tostring(value) end
  if math.type(value) == "integer" then return tostring(value) end
  if type(value) == "number" then return (values.string(value)) end
  if type(value) ~= "string" then return double_quoted(tostring(value)) end
  if ambiguous(value) or value:find "[%c\127]" or not utf8.len(value) then return double_quoted(value) end
  if plain(value) then return value end
  return "'" .. value:gsub("'", "''") .. "'"
end

local yaml_lines

---@param lines string[]
---@param indent string
---@param key string      "name:" or "-"
---@param value any
local function yaml_entry(lines, indent, key, value)
  if type(value) ~= "table" then
    lines[#lines + 1] = indent .. key .. " " .. yaml_scalar(value)
  elseif next(value) == nil or (#value == 0) then
    lines[#lines + 1] = indent .. key .. (value.map and " {}" or " []")
  elseif key == "-" then
    local first = #lines + 1
    yaml_lines(lines, indent .. "  ", value)
    lines[first] = indent .. "- " .. lines[first]:sub(#indent + 3)
  else
    lines[#lines + 1] = indent .. key
    yaml_lines(lines, indent .. "  ", value)
  end
end

function yaml_lines(lines, indent, value)
  for _, item in ipairs(value) do
    if value.map then
      yaml_entry(lines, indent, yaml_scalar(item[1]) .. ":", item[2])
    else
      yaml_entry(lines, indent, "-", item)
    end
  end
end

-- JSON -----------------------------------------------------------------------

local function json_scalar(value)
  return assert(require("gost.json").encode(value))
end

local function json_value(parts, indent, value)
  if type(value) ~= "table" then
    parts[#parts + 1] = json_scalar(value)
    return
  end
  local open, close = "[", "]"
  if value.map then open, close = "{", "}" end
  if #value == 0 then
    parts[#parts + 1] = open .. close
    return
  end
  parts[#parts + 1] = open
  for i, item in ipairs(value) do
    parts[#parts + 1] = (i > 1 and ",\n" or "\n") .. indent .. "  "
    if value.map then
      parts[#parts + 1] = json_scalar(item[1]) .. ": "
      item = item[2]
    end
    json_value(parts, indent .. "  ", item)
  end
  parts[#parts + 1] = "\n" .. indent .. close
end

-- use ------------------------------------------------------------------------

---@class gost.PrintOptions
---@field show_secrets? boolean

---@param configuration table
---@param options? gost.PrintOptions
---@return string
function print_.yaml(configuration, options)
  local o = { show_secrets = options and options.show_secrets, duration = duration.format }
  local lines = {}
  yaml_lines(lines, "", tree_object(schema.objects.configuration, configuration, o))
  return table.concat(lines, "\n") .. "\n"
end

---Durations are whole nanoseconds in JSON, as GOST's are.
---@param configuration table
---@param options? gost.PrintOptions
---@return string
function print_.json(configuration, options)
  local o = { show_secrets = options and options.show_secrets, duration = duration.nanoseconds }
  local parts = {}
  json_value(parts, "", tree_object(schema.objects.configuration, configuration, o))
  return table.concat(parts) .. "\n"
end

---Only one object, for the Web API: `format` is "yaml" or "json".
---@param name string  of the object in the schema
function print_.object(name, value, format, options)
  local o = { show_secrets = options and options.show_secrets,
    duration = format == "yaml" and duration.format or duration.nanoseconds }
  local tree = tree_object(schema.objects[name], value, o)
  local parts = {}
  if format == "yaml" then
    yaml_lines(parts, "", tree)
    return table.concat(parts, "\n") .. "\n"
  end
  json_value(parts, "", tree)
  return table.concat(parts)
end

return print_
