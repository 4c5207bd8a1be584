---IP addresses and networks in text: are they well formed?
local ip = {}

local function v4(text)
  local a, b, c, d = text:match "^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$"
  return a ~= nil and tonumber(a) < 256 and tonumber(b) < 256 and tonumber(c) < 256 and tonumber(d) < 256
end

---Groups of one side of "::"; nil when they are malformed.
local function groups(text, last)
  if text == "" then return 0 end
  local n = 0
  for part in (text .. ":"):gmatch "(.-):" do
    if last and part:find "%." and v4(part) then n = n + 2
    elseif not part:match "^%x%x?%x?%x?$" then return nil
    else n = n + 1 end
  end
  return n
end

local function v6(text)
  text = text:gsub("%%[%w._-]+$", "")
  local left, right = text:match "^(.-)::(.*)$"
  if left then
    local a, b = groups(left), groups(right, true)
    return a ~= nil and b ~= nil and a + b < 8
  end
  return groups(text, true) == 8
end

---@param text string
---@return 4|6|nil
function ip.version(text)
  if v4(text) then return 4 end
  if text:find(":", 1, true) and v6(text) then return 6 end
end

---@param text string  "10.0.0.0/8"
---@return 4|6|nil
function ip.network(text)
  local address, bits = text:match "^(.+)/(%d%d?%d?)$"
  local version = address and ip.version(address)
  if version and tonumber(bits) <= (version == 4 and 32 or 128) then return version end
end

return ip
