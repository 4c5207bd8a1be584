---What a scheme stands for: "socks5+tls" is the protocol socks5 over the transport tls; a single
---word is both, as far as there are such kinds.
local components = require "gost.schema.components"
local nearest = require "gost.nearest"

local scheme = {}

---What people write that GOST takes for something else without a word.
local MEANT = {
  socks5h = "socks5", socks4h = "socks4a", https2 = "http2", shadowsocks = "ss", wireguard = "tun",
}

local function all_names(kinds)
  local list, seen = { "https" }, {}
  for _, kind in ipairs(kinds) do
    for _, source in ipairs { components.names(kind), require("gost.schema.registered")[kind] } do
      for _, name in ipairs(source) do
        if not seen[name] then list[#list + 1] = name end
        seen[name] = true
      end
    end
  end
  return list
end

local function hint(word, kinds)
  if MEANT[word] then return (', did you mean "%s"?'):format(MEANT[word]) end
  return nearest.hint(word, all_names(kinds))
end

---@param text string
---@param kinds string[]     kind of the protocol, kind of the transport
---@param defaults string[]  of both
---@param wrong string       where the word would be right instead
---@return string? protocol
---@return string? transport_or_message
local function resolve(text, kinds, defaults, wrong)
  if text == "https" then return "http", "tls" end
  local parts = {}
  for part in (text .. "+"):gmatch "(.-)%+" do parts[#parts + 1] = part end
  if #parts > 2 then return nil, ("scheme %q has more than two parts"):format(text) end
  local single = #parts == 1
  local protocol, transport = parts[1], parts[2] or parts[1]
  local has_protocol = components.known(kinds[1], protocol)
  local has_transport = components.known(kinds[2], transport)
  if single and not has_protocol and not has_transport then
    return nil, ("unknown scheme %q%s"):format(text, wrong ~= "" and wrong or hint(text, kinds))
  elseif not single and not has_protocol then
    return nil, ("scheme %q: unknown %s %q%s"):format(text, kinds[1], protocol, hint(protocol, { kinds[1] }))
  elseif not single and not has_transport then
    return nil, ("scheme %q: unknown %s %q%s"):format(text, kinds[2], transport, hint(transport, { kinds[2] }))
  end
  protocol = has_protocol and protocol or defaults[1]
  if not has_transport then transport = protocol == "ssu" and "udp" or defaults[2] end
  return protocol, transport
end

local function other_side(text, kinds, word)
  for _, kind in ipairs(kinds) do
    if components.known(kind, text) then return (" (it is a %s, %s)"):format(kind, word) end
  end
  return ""
end

---@return string? handler
---@return string listener_or_message
function scheme.service(text)
  return resolve(text, { "handler", "listener" }, { "auto", "tcp" },
    other_side(text, { "connector", "dialer" }, "for -F"))
end

---@return string? connector
---@return string dialer_or_message
function scheme.node(text)
  if text == "auto" then return "http", "tcp" end
  return resolve(text, { "connector", "dialer" }, { "http", "tcp" },
    other_side(text, { "handler", "listener" }, "for -L"))
end

---A URL that lacks a character or two: "http:/:8080", "socks5//:1080".
---@param text string
---@return string? message
function scheme.slip(text)
  local word, rest = text:match "^(%a[%w+.-]*):?//?(.*)$"
  if not word or text:find("://", 1, true) or rest:find "^/" then return nil end
  if scheme.service(word:lower()) or scheme.node(word:lower()) then
    return ('did you mean "%s://%s"?'):format(word, rest)
  end
end

return scheme
