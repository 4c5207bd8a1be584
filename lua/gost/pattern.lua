---Patterns of admissions and bypasses, for explaining what they say. (Connections are judged by the
---core; its rules are the same.)
local ip = require "gost.ip"
local url = require "gost.url"

local pattern = {}

---Host in the form that is compared: lower case, no final dot, no brackets.
---@param host string
function pattern.host(host)
  host = host:lower():gsub("%.$", "")
  return host:match "^%[(.*)%]$" or host
end

local function port_fits(ports, port)
  local from, to = ports:match "^(%d+)%-?(%d*)$"
  if not from then return true end
  to = to ~= "" and to or from
  return port >= tonumber(from) and port <= tonumber(to)
end

---Wildcards as a Lua pattern: * any run, ? one character, [abc] and [!abc] as they are.
local function glob(text)
  local out = text:gsub("[%^%$%(%)%%%.%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", "."):gsub("%[!", "[^")
  return "^" .. out .. "$"
end

---{a,b} written out.
local function alternatives(text)
  local before, list, after = text:match "^(.-){([^{}]*)}(.*)$"
  if not before then return { text } end
  local out = {}
  for item in (list .. ","):gmatch "(.-)," do
    for _, rest in ipairs(alternatives(after)) do out[#out + 1] = before .. item .. rest end
  end
  return out
end

local function glob_matches(text, host, port)
  local name, ports = url.split_port(text)
  if ports and not port_fits(ports, port) then return false end
  for _, one in ipairs(alternatives(pattern.host(name))) do
    local ok, found = pcall(string.match, host, glob(one))
    if ok and found then return true end
  end
  return false
end

local function range_matches(text, bytes)
  local from, to = text:match "^([^-]+)%-([^-]+)$"
  from, to = ip.bytes(from or text), ip.bytes(to or text)
  if not from or not to then return nil end
  return bytes ~= nil and #from == #bytes and #to == #bytes and from <= bytes and bytes <= to
end

---Does a pattern of a bypass match a destination?
---@param text string
---@param host string  from `pattern.host`
---@param port integer
---@return boolean
function pattern.destination(text, host, port)
  local bytes = ip.bytes(host)
  if ip.network(text) then return bytes ~= nil and ip.inside(bytes, text) end
  if text:find "[*?]" then return glob_matches(text, host, port) end
  local inside = range_matches(text, bytes)
  if inside ~= nil then return inside end
  local name, ports = url.split_port(text)
  name = pattern.host(name)
  if ports and not port_fits(ports, port) then return false end
  if name:sub(1, 1) == "." then
    return host == name:sub(2) or host:sub(-#name) == name
  end
  local other = ip.bytes(name)
  return host == name or other ~= nil and other == bytes
end

---Does a pattern of an admission match an address? nil: it is a name, whose address is not known here.
---@param text string
---@param address string
---@return boolean?
function pattern.client(text, address)
  local bytes = ip.bytes(address)
  if ip.network(text) then return bytes ~= nil and ip.inside(bytes, text) end
  local other = ip.bytes(text)
  if other then return other == bytes end
  return nil
end

return pattern
