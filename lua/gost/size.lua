---Amounts of bytes in text: "100KB", "1.5MiB", "1MB512KB"; every unit is a power of 1024.
local size = {}

local FACTOR = { B = 1 }
for power, letter in ipairs { "K", "M", "G", "T", "P", "E" } do
  FACTOR[letter .. "B"] = 1024 ^ power
  FACTOR[letter .. "iB"] = 1024 ^ power
end

---@param text string
---@return number? bytes
---@return string? message  with what would be right
function size.parse(text)
  if text == "" or text == "0" then return 0 end
  if text:match "^%d+%.?%d*$" then
    return nil, ("%s needs a unit, such as %sKB or %sB"):format(text, text, text)
  end
  local total, at = 0, 1
  while at <= #text do
    local number, unit, after = text:match("^(%d*%.?%d*)(%a+)()", at)
    if not number or not number:match "%d" then
      return nil, ("%q is not a size, write for example \"100KB\" or \"1.5MB\""):format(text)
    end
    if not FACTOR[unit] then
      local letter = unit:sub(1, 1):upper()
      local meant = FACTOR[letter .. "B"] and letter .. "B" or "B"
      return nil, ("unknown unit %q in size %q, did you mean %q?"):format(unit, text, number .. meant)
    end
    total = total + tonumber(number) * FACTOR[unit]
    at = after
  end
  return math.tointeger(total) or total
end

return size
