---Writes the reference pages: `lua5.4 reference.lua DIRECTORY`. Called by scripts/docs.

require "gost.core" -- the components that are really there
local commandline = require "gost.commandline"
local components = require "gost.schema.components"
local help = require "gost.help"
local schema = require "gost.schema"

local NOTE = "<!-- Written by scripts/docs; change the tables in lua/gost or core, not this page. -->\n"

---A cell of a table.
local function cell(text)
  return (tostring(text):gsub("|", "\\|"):gsub("\n", " "))
end

---@param heads string[]
---@param rows string[][]
local function markdown_table(heads, rows)
  local lines = { "| " .. table.concat(heads, " | ") .. " |", "|" .. (" --- |"):rep(#heads) }
  for _, row in ipairs(rows) do
    local cells = {}
    for i = 1, #heads do
      cells[i] = cell(row[i] or "")
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  return table.concat(lines, "\n") .. "\n"
end

local function code(text)
  return "`" .. text .. "`"
end

---@param option gost.Option
local function option_row(option)
  local kind = option.type
  if option.type == "enum" then
    kind = table.concat(option.choices or {}, ", ")
  end
  local also = {}
  for i, alias in ipairs(option.aliases or {}) do
    also[i] = code(alias)
  end
  local default = option.default and option.default ~= "" and code(tostring(option.default)) or ""
  return { code(option.key), kind, default, option.help or "", table.concat(also, ", ") }
end

local function component_section(kind, name)
  local component = components.get(kind, name)
  local about = component.help and component.help .. ".\n" or ""
  local aliases, delegates = component.aliases or {}, component.delegates or {}
  if #aliases > 0 then
    about = about .. "\nAlso called " .. table.concat(aliases, ", ") .. ".\n"
  end
  if #delegates > 0 then
    about = about .. "\nKnows the options of these as well: " .. table.concat(delegates, ", ") .. ".\n"
  end
  local rows = {}
  for _, option in ipairs(help.sorted_options(component)) do
    rows[#rows + 1] = option_row(option)
  end
  local options = #rows > 0 and markdown_table({ "option", "type", "default", "meaning", "also" }, rows)
    or "No options.\n"
  return ("### %s\n\n%s\n%s"):format(name, about, options)
end

local pages = {}

pages["components.md"] = function()
  local parts = { "# Handlers, listeners, connectors and dialers\n", NOTE,
    "What each can be told in its `metadata`, or behind `?` in a URL. Case and underscores in names do not matter.\n" }
  for _, kind in ipairs(help.kinds) do
    parts[#parts + 1] = ("## %ss\n"):format(kind:gsub("^%l", string.upper))
    for _, name in ipairs(components.names(kind)) do
      parts[#parts + 1] = component_section(kind, name)
    end
  end
  return table.concat(parts, "\n")
end

local function field_row(field)
  local notes = field.help
  if field.missing then
    notes = notes .. " (not implemented yet)"
  elseif field.deprecated then
    notes = notes .. " (deprecated)"
  end
  return { code(field.key), field.type, field.default ~= nil and code(tostring(field.default)) or "", notes }
end

pages["configuration.md"] = function()
  local parts = { "# Objects of a configuration\n", NOTE,
    "The fields of every object in a YAML, JSON or Lua configuration. Lua also takes them in snake_case.\n" }
  local names = {}
  for name in pairs(schema.objects) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local rows = {}
    for _, field in ipairs(schema.objects[name].fields) do
      if field.kind ~= "ignored" then
        rows[#rows + 1] = field_row(field)
      end
    end
    parts[#parts + 1] = ("## %s\n\n%s.\n\n%s"):format(name, schema.objects[name].help,
      markdown_table({ "field", "type", "default", "meaning" }, rows))
  end
  return table.concat(parts, "\n")
end

pages["command-line.md"] = function()
  local flags, commands = {}, {}
  for _, flag in ipairs(commandline.flags) do
    local dash = flag.name:match "^%l%l" and not flag.name:match "^api$" and not flag.name:match "^metrics$"
      and not flag.name:match "^help$" and "--" or "-"
    flags[#flags + 1] = { code(dash .. flag.name .. (flag.value and " " .. flag.value or "")),
      flag.help .. (flag.many and " (repeatable)" or "") }
  end
  for _, command in ipairs(help.subcommands) do
    commands[#commands + 1] = { code("gost-lua " .. command[1]), command[2] }
  end
  return table.concat({ "# The command line\n", NOTE, markdown_table({ "flag", "meaning" }, flags),
    markdown_table({ "command", "meaning" }, commands) }, "\n")
end

local directory = assert(arg[1], "a directory to write to")
for name, write in pairs(pages) do
  local file <close> = assert(io.open(directory .. "/" .. name, "w"))
  file:write(write())
end
