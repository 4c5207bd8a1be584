---Lines of limiters: "<key> <in> [<out> [<burst>]]", "<key> <count>", "<key> <rate>".
local size = require "gost.size"

local limits = {}

local function split(line)
  local words = {}
  for word in line:gmatch "%S+" do words[#words + 1] = word end
  return words
end

---"$", "$$", an address or a network.
local function check_key(key)
  if key == "$" or key == "$$" then return true end
  local host, prefix = key:match "^(.-)/(%d+)$"
  host = host or key
  if host:match "^%d+%.%d+%.%d+%.%d+$" then
    for byte in host:gmatch "%d+" do
      if tonumber(byte) > 255 then return nil, ("%q is not an address"):format(key) end
    end
    if prefix and tonumber(prefix) > 32 then return nil, ("%q is not a network"):format(key) end
    return true
  end
  if host:find ":" and host:match "^[%x:.]+$" and (not prefix or tonumber(prefix) <= 128) then return true end
  return nil, ("%q is neither $, $$, an address nor a network"):format(key)
end

---@param line string
---@return boolean? ok
---@return string? message
function limits.traffic(line)
  local words = split(line)
  if #words < 2 or #words > 4 then
    return nil, ("%q is not a limit, write \"<key> <in> [<out> [<burst>]]\", for example \"$ 1MB 512KB\""):format(line)
  end
  local ok, message = check_key(words[1])
  for i = 2, #words do
    if not ok then break end
    ok, message = size.parse(words[i])
  end
  return ok and true, message
end

---@param line string
function limits.conn(line)
  local words = split(line)
  if #words ~= 2 then
    return nil, ("%q is not a limit, write \"<key> <count>\", for example \"$ 1000\""):format(line)
  end
  local ok, message = check_key(words[1])
  if ok and not words[2]:match "^%d+$" then
    ok, message = nil, ("%q is not a whole number"):format(words[2])
  end
  return ok, message
end

---@param line string
function limits.rate(line)
  local words = split(line)
  if #words ~= 2 then
    return nil, ("%q is not a limit, write \"<key> <rate>\", for example \"$ 10\""):format(line)
  end
  local ok, message = check_key(words[1])
  if ok and not words[2]:match "^%d*%.?%d+$" and not words[2]:match "^%d+%.?$" then
    ok, message = nil, ("%q is not a number"):format(words[2])
  end
  return ok, message
end

return limits
