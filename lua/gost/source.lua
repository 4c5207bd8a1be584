---Where a configuration comes from: files, directories, standard input, web servers, inline JSON.
local source = {}

local INLINE_MAX = 64 * 1024 * 1024
local stdin_text

---At most one byte more than is allowed: enough to see that there is more, also of what never ends.
local function read_bounded(file)
  return file:read(INLINE_MAX + 1)
end

---What touches the outside, so that specs and the runtime can put their own in place.
source.system = {
  ---@return string? text
  ---@return string? message
  read = function(path)
    local file, message = io.open(path, "rb")
    if not file then return nil, "open " .. message end
    local text
    text, message = read_bounded(file)
    file:close()
    if not text and message then return nil, ("read %s: %s"):format(path, message) end
    return text or ""
  end,
  read_stdin = function() -- once only: a reload takes what came then
    stdin_text = stdin_text or read_bounded(io.stdin)
    return stdin_text
  end,
  ---@return string[]? names  of the files in a directory; nil when it is none
  list = function(path)
    local file = io.open(path, "rb")
    if not file then return nil end
    local _, _, code = file:read(0)
    file:close()
    if code ~= 21 then return nil end -- EISDIR
    return require("gost.core").list_directory(path)
  end,
  ---@type fun(url: string): string?, string?  body and content type, or nil and a message
  fetch = function(address) return require "gost.fetch"(address) end,
}

---How to read a file, by its extension.
local FORMAT = { json = "json", yaml = "yaml", yml = "yaml" }
local FOREIGN = {
  toml = true, properties = true, props = true, prop = true, hcl = true, tfvars = true, dotenv = true,
  env = true, ini = true,
}

local function decode(text, format, name)
  if #text > INLINE_MAX then return nil, name .. ": too large (limit 64 MiB)" end
  local value, positions
  if format == "json" then
    value, positions = require("gost.json").decode(text, { name = name, positions = true })
  else
    value, positions = require("gost.yaml").decode(text, { name = name })
  end
  if value == nil and type(positions) == "string" then
    local line = positions:find("cannot start any token", 1, true) and positions:match ":(%d+):%d+: "
    local at = line and text:match(("[^\n]*\n"):rep(tonumber(line) - 1) .. "([^\n]*)")
    return nil, at and at:find "^ *\t" and positions .. "; YAML is indented with blanks, not with tabs" or positions
  end
  return { name = name, kind = "file", value = value, positions = positions }
end

---@return string? format
---@return string? message
local function format_of(path)
  local extension = (path:match "%.([%w]+)$" or ""):lower()
  if FOREIGN[extension] then
    return nil, ("%s: configurations in %s form are not implemented yet, use yaml or json"):format(path, extension)
  end
  return FORMAT[extension] or "yaml"
end

local function read_file(path)
  local format, message = format_of(path)
  if not format then return nil, message end
  local text
  text, message = source.system.read(path)
  if not text then return nil, message end
  return decode(text, format, path)
end

local function read_directory(path, names)
  local list = {}
  table.sort(names)
  for _, name in ipairs(names) do
    if FORMAT[(name:match "%.(%w+)$" or ""):lower()] and name:sub(1, 1) ~= "." then
      local found, message = read_file(path:gsub("/+$", "") .. "/" .. name)
      if not found then return nil, message end
      list[#list + 1] = found
    end
  end
  if #list == 0 then return nil, path .. ": no .yml, .yaml or .json file in this directory" end
  return list
end

local function read_url(address)
  local shown = require("gost.url").mask((address:gsub("//[^/?#]*@", "//")))
  local text, kind = source.system.fetch(address)
  if not text then
    kind = tostring(kind)
    local at, to = kind:find(address, 1, true) -- what went wrong may name the address, secrets and all
    if at then kind = kind:sub(1, at - 1) .. shown .. kind:sub(to + 1) end
    return nil, ("fetch config from %s: %s"):format(shown, kind)
  end
  kind = (kind or ""):lower()
  local path = address:match "^[^?#]*"
  local format = kind:find("json", 1, true) and "json" or kind:find("yaml", 1, true) and "yaml"
    or FORMAT[(path:match "%.(%w+)$" or ""):lower()] or "yaml"
  return decode(text, format, shown)
end

---Read one -C value.
---@param text string
---@return gost.Source[]? sources  none when `text` is blank
---@return string? message
function source.read(text)
  text = text:match "^%s*(.-)%s*$"
  if text == "" then return {} end
  local found, message
  if text == "-" then
    local input = source.system.read_stdin()
    if not input or input == "" then return nil, "stdin: it is empty" end
    found, message = decode(input, input:sub(1, 1) == "{" and "json" or "yaml", "stdin")
  elseif text:match "^{.*}$" then
    found, message = decode(text, "json", "-C {…}")
  elseif text:match "^https?://" then
    found, message = read_url(text)
  else
    local names = source.system.list(text)
    if names then return read_directory(text, names) end
    found, message = read_file(text)
  end
  if not found then return nil, message end
  return { found }
end

local PLACES = { "/etc/gost", "$HOME/.gost", "." }

---The default file: gost.json, gost.yaml or gost.yml in the usual places.
---@param home? string
---@return string? path
---@return string? message
function source.default(home)
  local searched = {}
  for _, place in ipairs(PLACES) do
    place = place:gsub("%$HOME", function() return home or "" end)
    searched[#searched + 1] = place
    for _, extension in ipairs { "json", "yaml", "yml" } do
      local path = (place == "." and "" or place .. "/") .. "gost." .. extension
      local file = io.open(path, "rb")
      if file then
        file:close()
        return path
      end
    end
  end
  return nil, ("nothing to do: no -L, no -C, and no gost.yml in %s"):format(table.concat(searched, ", "))
end

---Sections that a later source replaces as a whole.
local SECTIONS = { "tls", "log", "profiling", "api", "metrics" }

---Add what `from` says to `into`: lists are appended, sections replaced.
---@param into table
---@param from table
function source.merge(into, from)
  for key, value in pairs(from) do
    local list = into[key]
    if type(value) == "table" and value[1] ~= nil and list then
      table.move(value, 1, #value, #list + 1, list)
    elseif not list or #value == 0 then
      into[key] = (list == nil or next(value) ~= nil) and value or list
    end
  end
  for _, key in ipairs(SECTIONS) do
    if from[key] then into[key] = from[key] end
  end
end

return source
