---Single values: text, numbers, switches, spans of time. Each function takes what the user wrote
---and gives what it means, or nil and a message.
local duration = require "gost.duration"
local size = require "gost.size"
local nearest = require "gost.nearest"
local words = require "gost.schema.words"

local values = {}

values.MASK = "******"

---What to call a value in a message.
local function what(value)
  local kind = type(value)
  if kind == "table" then return value[1] ~= nil and "a list" or "a mapping" end
  if kind == "string" then return ("%q"):format(#value > 60 and value:sub(1, 57) .. "..." or value) end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  return "a " .. kind
end
values.what = what

---Shortest decimal text, as Go prints it.
local function decimal(number)
  if math.type(number) == "integer" then return tostring(number) end
  if number ~= number or number == math.huge or number == -math.huge then return tostring(number) end
  if number == math.floor(number) and math.abs(number) < 1e21 then return ("%.0f"):format(number) end
  for digits = 1, 17 do
    local text = ("%." .. digits .. "g"):format(number)
    if tonumber(text) == number then
      if not text:find "e" then return text end
      text = ("%.20f"):format(number):gsub("0+$", "")
      return text
    end
  end
end

function values.string(value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" then return decimal(value) end
  if kind == "boolean" then return tostring(value) end
  return nil, ("expected text, not %s"):format(what(value))
end

local BASES = { ["0x"] = 16, ["0X"] = 16, ["0b"] = 2, ["0B"] = 2, ["0o"] = 8, ["0O"] = 8 }

local function whole(text)
  local sign, prefix, digits = text:match "^([+-]?)(0[xXbBoO])(%x+)$"
  if not sign then
    sign, digits = text:match "^([+-]?)(%d+)$"
    if not sign then return nil end
  end
  local base = prefix and BASES[prefix] or (#digits > 1 and digits:sub(1, 1) == "0" and 8) or 10
  if base == 10 and #digits > 18 then return nil end
  local number = tonumber(digits, base)
  return number and (sign == "-" and -number or number)
end

function values.int(value)
  if type(value) == "number" then
    local number = math.tointeger(value)
    if number then return number end
  elseif type(value) == "boolean" then
    return value and 1 or 0
  elseif value == "" then
    return 0
  elseif type(value) == "string" then
    local number = whole(value)
    if number then return number end
  end
  return nil, ("expected a whole number, not %s"):format(what(value))
end

function values.float(value)
  if type(value) == "number" then return value end
  local number = type(value) == "string" and value:match "^[+-]?[%d.]+[eE]?[+-]?%d*$" and tonumber(value)
  if number then return number end
  return nil, ("expected a number, not %s"):format(what(value))
end

local SWITCH = {
  ["1"] = true, t = true, ["true"] = true, yes = true, y = true, on = true,
  ["0"] = false, f = false, ["false"] = false, no = false, n = false, off = false, [""] = false,
}

function values.bool(value)
  if type(value) == "boolean" then return value end
  if type(value) == "number" then return value ~= 0 end
  if type(value) == "string" then
    local switch = SWITCH[value:lower()]
    if switch ~= nil then return switch end
  end
  return nil, ("expected true or false, not %s"):format(what(value))
end

function values.duration(value)
  if type(value) == "number" then
    if value ~= value or math.abs(value) > 9.2e18 then return nil, "this number is out of range" end
    return duration.from_number(value)
  end
  if type(value) == "string" then return duration.parse(value) end
  return nil, ("expected a duration such as \"30s\", not %s"):format(what(value))
end

---Text that is a size; stays text, so that it can be printed as it was written.
function values.size(value)
  local text, message = values.string(value)
  if not text then return nil, message end
  local bytes
  bytes, message = size.parse(text)
  return bytes and text, message
end

function values.time(value)
  local text, message = values.string(value)
  if not text then return nil, message end
  if text == "" or text:match "^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d%.?%d*[Zz]$"
    or text:match "^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d%.?%d*[+-]%d%d:%d%d$" then
    return text
  end
  return nil, ("%q is not a time, write for example \"2026-01-31T00:00:00Z\""):format(text)
end

function values.secret(value)
  if value == values.MASK then
    return nil, "this is only a mask: the configuration was printed without --show-secrets"
  end
  return values.string(value)
end

---One of a list of words, in any case.
---@param list string|string[]  name of a list in gost.schema.words, or the list
function values.choice(text, list)
  if type(list) == "string" then list = words[list] end
  local lower = text:lower()
  for _, word in ipairs(list) do
    if word:lower() == lower then return word end
  end
  local hint = nearest.hint(text, list)
  if hint == "" then hint = ", expected " .. table.concat(list, ", ") end
  return nil, ("unknown value %q%s"):format(text, hint)
end

return values
