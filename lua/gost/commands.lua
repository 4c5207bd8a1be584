---Commands that a service runs when it comes and goes: preUp, postUp, preDown and postDown in its metadata.
local core = require "gost.core"
local metadata = require "gost.metadata"

local commands = {}

---What one command may take before it is killed, in seconds.
local LIMIT = 10

local ESCAPED = '([\\"$`\n])'

---One word, as a shell reads it, without expanding anything.
---@return string? word
---@return integer|string next_or_message
local function word_at(text, at)
  local parts = {}
  while at <= #text and not text:find("^%s", at) do
    local char = text:sub(at, at)
    if char == "'" or char == '"' then
      local stop = at
      repeat
        stop = text:find(char, stop + 1, true)
      until not stop or char == "'" or #text:sub(at, stop - 1):match "\\*$" % 2 == 0
      if not stop then return nil, ("a %s without its end"):format(char) end
      local inner = text:sub(at + 1, stop - 1)
      parts[#parts + 1] = char == "'" and inner or (inner:gsub("\\" .. ESCAPED, "%1"))
      at = stop + 1
    elseif char == "\\" then
      parts[#parts + 1] = text:sub(at + 1, at + 1)
      at = at + 2
    else
      parts[#parts + 1] = char
      at = at + 1
    end
  end
  return table.concat(parts), at
end

---The words of a command.
---@param text string
---@return string[]? words
---@return string? message
function commands.split(text)
  local words, at = {}, 1
  while true do
    at = text:match("^%s*()", at)
    if at > #text then break end
    local word, next_at = word_at(text, at)
    if not word then return nil, next_at --[[@as string]] end
    words[#words + 1], at = word, next_at
  end
  if #words == 0 then return nil, "there is no command" end
  return words
end

local function list_of(service, event)
  local value = metadata.get(service.metadata, event)
  if type(value) == "string" then value = { value } end
  return type(value) == "table" and value or {}
end

---Are there any for one of these events?
---@param service table
function commands.has(service, ...)
  if not service.metadata or next(service.metadata) == nil then return false end
  for _, event in ipairs { ... } do
    if #list_of(service, event) > 0 then return true end
  end
  return false
end

---Run those of an event, one after the other. Suspends. What fails is logged, nothing more.
---@param service table  its definition
---@param event "preUp"|"postUp"|"preDown"|"postDown"
function commands.run(service, event)
  for _, text in ipairs(list_of(service, event)) do
    local fields = { kind = "service", service = service.name, cmd = text }
    core.log("info", event .. ": " .. text, fields)
    local words, message = commands.split(text)
    local status
    if words then status, message = core.command(words, LIMIT) end
    if status ~= 0 then
      core.log("warn", ("%s: %s: %s"):format(event, text, message or "status " .. tostring(status)), fields)
    end
  end
end

return commands
