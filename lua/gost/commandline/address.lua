---Addresses in -L and -F values: ports, ranges of ports, lists of hosts.
local url = require "gost.url"

local address = {}

local function number(text)
  return text:match "^%d+$" and #text <= 5 and tonumber(text) <= 65535 and tonumber(text) or nil
end

---"host:8000-8002" as three addresses, "host:80" as one.
---@param text string
---@return string[]? list
---@return string? message
function address.expand(text)
  local host, port = url.split_port(text)
  if not port or port == "" or number(port) then return { text } end
  local from, to = port:match "^(%d+)-(%d+)$"
  if not from then
    return nil, ("%q: %q is not a port (a number up to 65535, or a range such as 8000-8010)"):format(text, port)
  end
  local first, last = number(from), number(to)
  if not first or not last then return nil, ("%q: a port is at most 65535"):format(text) end
  if first > last then
    return nil, ("%q: the range runs backwards, did you mean %d-%d?"):format(text, last, first)
  end
  local list = {}
  for p = first, last do list[#list + 1] = ("%s:%d"):format(host, p) end
  return list
end

---Where to listen. A bare number is a port.
---@param text string
---@param portless boolean  the listener has no ports
---@return string[]? list
---@return string? message
function address.listen(text, portless)
  if text == "" or portless then return { text } end
  if number(text) then return { ":" .. text } end
  if text:find(",", 1, true) then
    return nil, ("%q: one address for each -L"):format(text)
  end
  local _, port = url.split_port(text)
  if not port then
    if text:find(":.*:") and not text:find("[", 1, true) then
      return nil, ("%q: an IPv6 address needs brackets, as in [::1]:8080"):format(text)
    end
    return nil, ("%q has no port"):format(text)
  end
  return address.expand(text)
end

---The targets of a path: "/h:1,h:2-3".
---@param path string
---@return string[]? list
---@return string? message
function address.targets(path)
  local list = {}
  path = path:gsub("^/+", ""):gsub("/+$", "")
  for item in path:gmatch "[^,]+" do
    local found, message = { item }, nil
    if not item:find("://", 1, true) then found, message = address.expand(item) end
    if not found then return nil, "target " .. message end
    table.move(found, 1, #found, #list + 1, list)
  end
  return list
end

---The hosts of a node: "h1:80,h2:80". A host without port takes that of the last one.
---@param text string
---@param portless boolean  addresses of this kind have no port
---@return string[]? list
---@return string? message
function address.nodes(text, portless)
  local list = {}
  for item in text:gmatch "[^,]+" do list[#list + 1] = item end
  if portless then return list end
  local _, last_port = url.split_port(list[#list] or "")
  for i, item in ipairs(list) do
    local host, port = url.split_port(item)
    if not port and (host:find ":" and not host:find "^%[") then
      return nil, ("%q: an IPv6 address needs brackets, as in [::1]:8080"):format(item)
    elseif not port and last_port then
      list[i] = ("%s:%s"):format(host, last_port)
    elseif not port then
      return nil, ("%q has no port"):format(item)
    elseif not number(port) then
      return nil, ("%q: %q is not a port (a number up to 65535)"):format(item, port)
    end
  end
  return list
end

return address
