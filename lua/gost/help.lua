---`gost-lua help`: the flags, and what each component can be told.
local commandline = require "gost.commandline"
local components = require "gost.schema.components"
local nearest = require "gost.nearest"
local schema = require "gost.schema"

local help = {}

local SUBCOMMANDS = {
  { "config.lua [argument…]", "run a Lua script" },
  { "help [name]", "what a handler, listener, connector, dialer or object can be told" },
  { "explain [flags] URL", "say what would happen to a request, without dialing" },
  { "rules [flags]", "print the firewall commands that a redirect service needs" },
  { "schema", "print the JSON Schema of configuration files" },
  { "completions bash|zsh|fish", "print completions for a shell" },
}
help.subcommands = SUBCOMMANDS

---@param rows string[][]
local function columns(rows, indent)
  local width, lines = 0, {}
  for _, row in ipairs(rows) do width = math.max(width, utf8.len(row[1]) or #row[1]) end
  for _, row in ipairs(rows) do
    local pad = (" "):rep(width - (utf8.len(row[1]) or #row[1]))
    lines[#lines + 1] = ((indent .. row[1] .. pad .. "  " .. row[2]):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n")
end

---Flags that GOST has as well, with one dash there.
local ONE_DASH = { api = true, metrics = true, help = true }

---A flag with its value: "-L URL".
---@param flag gost.Flag
function help.flag(flag)
  local dash = (#flag.name <= 2 or ONE_DASH[flag.name]) and "-" or "--"
  return dash .. flag.name .. (flag.value and " " .. flag.value or "")
end

---@return string
function help.usage()
  local flags = {}
  for _, flag in ipairs(commandline.flags) do
    flags[#flags + 1] = { help.flag(flag), flag.help .. (flag.many and " (repeatable)" or "") }
  end
  return table.concat({
    "usage: gost-lua [flags] [-- flags…]",
    "       gost-lua [--workers N | -t | -O yaml|json|lua] script.lua [arguments]",
    "       gost-lua <command> [arguments]",
    "", "flags:", columns(flags, "  "), "", "commands:", columns(SUBCOMMANDS, "  "),
  }, "\n")
end

local KINDS = { "handler", "listener", "connector", "dialer" }
help.kinds = KINDS

---@param option gost.Option
local function option_row(option)
  local about = option.type
  if option.type == "enum" then about = table.concat(option.choices or {}, "|") end
  local extra = {}
  if option.default and option.default ~= "" then extra[#extra + 1] = "default " .. tostring(option.default) end
  if #(option.aliases or {}) > 0 then extra[#extra + 1] = "also " .. table.concat(option.aliases, ", ") end
  local text = option.help or ""
  if #extra > 0 then text = ("%s (%s)"):format(text, table.concat(extra, "; ")) end
  return { ("%s  %s"):format(option.key, about), text }
end

local function sorted_options(component)
  local list = table.move(component.options or {}, 1, #(component.options or {}), 1, {})
  table.sort(list, function(a, b) return a.key:lower() < b.key:lower() end)
  return list
end
help.sorted_options = sorted_options

---@return string
function help.component(kind, name)
  local component = components.get(kind, name)
  local lines = { ("%s %s%s"):format(kind, name, component.help and ": " .. component.help or "") }
  local others = {}
  for _, other in ipairs { component.name or name, table.unpack(component.aliases or {}) } do
    if other ~= name then others[#others + 1] = other end
  end
  if #others > 0 then lines[#lines + 1] = "  also called " .. table.concat(others, ", ") end
  local rows = {}
  for _, option in ipairs(sorted_options(component)) do rows[#rows + 1] = option_row(option) end
  for i, delegate in ipairs(component.delegates or {}) do
    lines[#lines + 1] = (i == 1 and "  and everything that these know: " or "  ") .. delegate
  end
  lines[#lines + 1] = #rows > 0 and columns(rows, "  ") or "  no options"
  return table.concat(lines, "\n")
end

---@return string
function help.object(name)
  local object = schema.objects[name]
  local rows = {}
  for _, field in ipairs(object.fields) do
    if field.kind ~= "ignored" then
      local text = field.help
      if field.default ~= nil then text = ("%s (default %s)"):format(text, tostring(field.default)) end
      if field.missing then text = text .. " [not implemented yet]" end
      if field.deprecated then text = text .. " [deprecated]" end
      rows[#rows + 1] = { ("%s  %s"):format(field.key, field.type), text }
    end
  end
  return ("%s: %s\n%s"):format(name, object.help, columns(rows, "  "))
end

local function everything()
  local rows = {}
  for _, kind in ipairs(KINDS) do
    rows[#rows + 1] = { kind .. "s", table.concat(components.names(kind), " ") }
  end
  local objects = {}
  for name in pairs(schema.objects) do objects[#objects + 1] = name end
  table.sort(objects)
  rows[#rows + 1] = { "objects", table.concat(objects, " ") }
  return help.usage() .. "\n\ngost-lua help knows these names:\n" .. columns(rows, "  ")
end

---@param args string[]
---@return integer exit_code
function help.main(args, out, err)
  local name = args[#args]
  if not name then
    out(everything() .. "\n")
    return 0
  end
  local found, candidates = {}, {}
  for _, kind in ipairs(KINDS) do
    if components.get(kind, name) and (#args == 1 or args[1] == kind) then
      found[#found + 1] = help.component(kind, name)
    end
    for _, other in ipairs(components.names(kind)) do candidates[#candidates + 1] = other end
  end
  if schema.objects[name] and #args == 1 then found[#found + 1] = help.object(name) end
  for other in pairs(schema.objects) do candidates[#candidates + 1] = other end
  if #found == 0 then
    err(("nothing is called %q%s"):format(name, nearest.hint(name, candidates)))
    return 1
  end
  out(table.concat(found, "\n\n") .. "\n")
  return 0
end

return help
