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

local NETWORK4 = "^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)/(%d%d?)$"

---@param text string
---@return 4|6|nil
function ip.version(text)
  if v4(text) then return 4 end
  if text:find(":", 1, true) and v6(text) then return 6 end
end

---@param text string  "10.0.0.0/8"
---@return 4|6|nil
function ip.network(text)
  local a, b, c, d, n = text:match(NETWORK4) -- long lists are made of these
  if a then
    local fine = a + 0 < 256 and b + 0 < 256 and c + 0 < 256 and d + 0 < 256 and n + 0 <= 32
    return fine and 4 or nil
  end
  local address, bits = text:match "^(.+)/(%d%d?%d?)$"
  local version = address and ip.version(address)
  if version and tonumber(bits) <= (version == 4 and 32 or 128) then return version end
end

local function bytes4(text)
  return string.char(text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
end

---Groups of one side of "::" as bytes.
local function side(text)
  local out = {}
  if text == "" then return "" end
  for part in (text .. ":"):gmatch "(.-):" do
    out[#out + 1] = part:find "%." and bytes4(part) or string.pack(">I2", tonumber(part, 16))
  end
  return table.concat(out)
end

local MAPPED = ("\0"):rep(10) .. "\255\255"

---The address as 4 or 16 bytes; an IPv4 address written as IPv6 counts as IPv4.
---@param text string
---@return string?
function ip.bytes(text)
  local version = ip.version(text)
  if not version then return nil end
  if version == 4 then return bytes4(text) end
  text = text:gsub("%%.*$", "")
  local left, right = text:match "^(.-)::(.*)$"
  local out
  if left then
    left, right = side(left), side(right)
    out = left .. ("\0"):rep(16 - #left - #right) .. right
  else
    out = side(text)
  end
  return out:sub(1, 12) == MAPPED and out:sub(13) or out
end

---Is the address (of `bytes`) inside of "10.0.0.0/8"?
---@param bytes string
---@param network string
function ip.inside(bytes, network)
  local address, bits = network:match "^(.+)/(%d+)$"
  local base = address and ip.bytes(address)
  if not base or #base ~= #bytes then return false end
  local whole, rest = tonumber(bits) // 8, tonumber(bits) % 8
  if bytes:sub(1, whole) ~= base:sub(1, whole) then return false end
  if rest == 0 then return true end
  return bytes:byte(whole + 1) >> (8 - rest) == base:byte(whole + 1) >> (8 - rest)
end

return ip
