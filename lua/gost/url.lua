---The URL-like values of -L and -F.
---
---  -L  [scheme://][user[:password]@][host[:port]][/target[,target…]][?key=value&…]
---  -F  [scheme://][user[:password]@]host[:port][,host[:port]…][?key=value&…]
local url = {}

---@class gost.URL
---@field scheme string          lower case
---@field user? string           decoded
---@field password? string       decoded; nil when there was no colon
---@field host string            as written, ports and all
---@field path string            as written, with its leading slash
---@field query {[1]: string, [2]: string}[]  decoded pairs in order

---@return string? text
---@return string? message
local function decode(text, plus)
  local bad = text:match "%%%x?$" or text:match "%%[^%x].?" or text:match "%%%x[^%x]"
  if bad then return nil, ("invalid escape %q"):format(bad) end
  if plus then text = text:gsub("%+", " ") end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function parse_query(text)
  local query = {}
  for pair in text:gmatch "[^&]+" do
    local key, value = pair:match "^([^=]*)=(.*)$"
    local message
    key, message = decode(key or pair, true)
    if not key then return nil, "query: " .. message end
    value, message = decode(value or "", true)
    if not value then return nil, ("query key %q: %s"):format(key, message) end
    if key ~= "" then query[#query + 1] = { key, value } end
  end
  return query
end

local function parse_user(found, text)
  local user, password = text:match "^([^:]*):(.*)$"
  local message
  found.user, message = decode(user or text)
  if not found.user then return nil, "user: " .. message end
  if password then
    found.password, message = decode(password)
    if not found.password then return nil, "password: " .. message end
  end
  return true
end

---@param text string
---@param literal_host? boolean  the host ends only at "/" or "?", not at "#" (-L)
---@return gost.URL?
---@return string? message
function url.parse(text, literal_host)
  text = text:match "^%s*(.-)%s*$"
  local scheme, rest = text:match "^(.-)://(.*)$"
  if not scheme or text:sub(1, 1) == ":" then scheme, rest = "auto", text end
  if not scheme:match "^%a[%w+.-]*$" then return nil, ("invalid scheme %q"):format(scheme) end
  local found = { scheme = scheme:lower() }
  local authority, after = rest:match(literal_host and "^([^/?]*)(.*)$" or "^([^/?#]*)(.*)$")
  local user, host = authority:match "^(.*)@([^@]*)$"
  found.host = host or authority
  local ok, message = true, nil
  if user then ok, message = parse_user(found, user) end
  if not ok then return nil, message end
  after = after:gsub("#.*$", "")
  local path, query = after:match "^([^?]*)%??(.*)$"
  found.path = path
  found.query, message = parse_query(query)
  if not found.query then return nil, message end
  return found
end

local SECRET = { auth = true }

---Does this key (of metadata, of a query) hold something that must not be shown?
---@param key string
function url.secret_key(key)
  local f = key:lower()
  return SECRET[f] or f:find "passw" ~= nil or f:find "passphrase" ~= nil or f:find "token" ~= nil
    or f:find "secret" ~= nil or f == "cipherkey" or f == "kcp.key" or false
end

---Why an address may not be what it looks like: "http://user:pa/ss@host:80".
---@param text string
---@return string hint  or the empty string
function url.unescaped(text)
  local authority, after = (text:match "://(.*)$" or text):match "^([^/?#]*)(.*)$"
  local port = authority:match "^[^:%[@]+:([^@]*)$"
  if not port or port:match "^%d[%d-]*$" or not after:find("@", 1, true) then return "" end
  return '; in a user or a password "/" is written %2F, "?" %3F, "#" %23'
end

---The text with its secrets covered, for messages.
---@param text string
---@return string
function url.mask(text)
  if url.unescaped(text) ~= "" then text = text:gsub("^(.-://[^:/?#]*:).*(@[^@]*)$", "%1***%2") end
  local scheme, rest = text:match "^(.-://)(.*)$"
  if not scheme then scheme, rest = "", text end
  local authority, after = rest:match "^([^/?]*)(.*)$"
  local user, host = authority:match "^(.*)@([^@]*)$"
  if user then
    user = user:match "^([^:]*):" or ""
    authority = (user == "" and "***" or user .. ":***") .. "@" .. host
  end
  after = after:gsub("([?&])([^=&]+)=([^&]*)", function(sep, key, value)
    return sep .. key .. "=" .. (url.secret_key(key) and "***" or value)
  end)
  return scheme .. authority .. after
end

---"host:port" in its two parts; brackets stay. nil port: there is none.
---@param text string
---@return string host
---@return string? port
function url.split_port(text)
  local host, port = text:match "^(%[[^%]]*%]):(.*)$"
  if host then return host, port end
  if text:match "^%[.*%]$" then return text, nil end
  host, port = text:match "^([^:]*):([^:]*)$"
  if host then return host, port end
  return text, nil
end

return url
