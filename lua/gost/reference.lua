---Reference pages in Markdown, from the tables of the schema and of the components.
local components = require "gost.schema.components"
local help = require "gost.help"
local metadata = require "gost.schema.metadata"
local schema = require "gost.schema"
local words = require "gost.schema.words"

local reference = {}

local function cell(text)
  return (tostring(text):gsub("|", "\\|"):gsub("\n", " "))
end

local function code(text)
  return text ~= "" and ("`%s`"):format(cell(text)) or ""
end

local function row(...)
  return "| " .. table.concat({ ... }, " | ") .. " |"
end

local function option_rows(options)
  local lines = { row("key", "type", "default", "meaning"), row("---", "---", "---", "---") }
  for _, option in ipairs(options) do
    local names = { code(option.key) }
    for _, alias in ipairs(option.aliases or {}) do names[#names + 1] = code(alias) end
    local kind = option.type
    if option.type == "enum" then
      local choices = {}
      for _, choice in ipairs(option.choices or {}) do choices[#choices + 1] = choice ~= "" and code(choice) or nil end
      kind = table.concat(choices, " ")
    end
    lines[#lines + 1] = row(table.concat(names, ", "), kind, code(option.default or ""), cell(option.help or ""))
  end
  return table.concat(lines, "\n")
end

---One page for all components of a kind.
---@param kind "handler"|"listener"|"connector"|"dialer"
---@return string
function reference.components(kind)
  local parts = { ("# %s%ss\n"):format(kind:sub(1, 1):upper(), kind:sub(2)) }
  local seen = {}
  for _, name in ipairs(components.names(kind)) do
    local component = components.get(kind, name)
    if component and not seen[component] then
      seen[component] = true
      local title = { code(name) }
      for _, alias in ipairs(component.aliases or {}) do
        if alias ~= name then title[#title + 1] = code(alias) end
      end
      local text = { ("## %s\n"):format(table.concat(title, ", ")) }
      if component.help then text[#text + 1] = component.help .. ".\n" end
      for i, delegate in ipairs(component.delegates or {}) do
        text[#text + 1] = (i == 1 and "Also takes the options of " or "and ") .. code(delegate) .. ".\n"
      end
      local options = help.sorted_options(component)
      text[#text + 1] = #options > 0 and option_rows(options) .. "\n" or "No options.\n"
      parts[#parts + 1] = table.concat(text, "\n")
    end
  end
  return table.concat(parts, "\n")
end

local function field_type(field)
  local text = field.kind
  if field.object then text = ("[%s](#%s)"):format(field.object.name, field.object.name:lower())
  elseif field.kind == "ref" then text = "name in " .. code(field.of)
  elseif field.kind == "component" or field.kind == "name" then text = "string"
  elseif field.choices then text = cell(table.concat(words[field.choices], " ")) end
  return field.list and "list of " .. text or text
end

local function object_page(object)
  local lines = { ("## %s\n"):format(object.name), object.help .. ".\n",
    row("key", "type", "default", "meaning"), row("---", "---", "---", "---") }
  for _, field in ipairs(object.fields) do
    if field.kind ~= "ignored" then
      local about = field.help
      if field.deprecated then about = about .. " (deprecated)" end
      if field.missing then about = about .. " (**not implemented yet**)" end
      local default = field.default ~= nil and code(tostring(field.default)) or ""
      lines[#lines + 1] = row(code(field.key), field_type(field), default, cell(about))
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

---The page of all objects, beginning with the whole file.
---@return string
function reference.objects()
  local names = {}
  for name in pairs(schema.objects) do
    if name ~= "configuration" then names[#names + 1] = name end
  end
  table.sort(names)
  local parts = { "# Objects of a configuration\n", object_page(schema.objects.configuration) }
  for _, name in ipairs(names) do parts[#parts + 1] = object_page(schema.objects[name]) end
  parts[#parts + 1] = "# Metadata\n"
  for _, kind in ipairs { "service", "hop", "node", "chain", "recorder" } do
    parts[#parts + 1] = ("## metadata of a %s\n\n%s\n"):format(kind, option_rows(metadata[kind]))
  end
  return table.concat(parts, "\n")
end

---The page of the command line.
---@return string
function reference.commandline()
  return ("# Command line\n\n```\n%s\n```\n"):format(help.usage())
end

---All pages: file name -> text.
---@return table<string, string>
function reference.pages()
  local pages = { ["objects.md"] = reference.objects(), ["commandline.md"] = reference.commandline() }
  for _, kind in ipairs(help.kinds) do pages[kind .. "s.md"] = reference.components(kind) end
  return pages
end

return reference
