---One -F value: one hop of the chain, with a node for each of its hosts.
local address = require "gost.commandline.address"
local components = require "gost.schema.components"
local query = require "gost.commandline.query"
local scheme = require "gost.scheme"
local service = require "gost.commandline.service"
local url = require "gost.url"
local values = require "gost.schema.values"

local node = {}

local PORTLESS = { direct = true, virtual = true, icmp = true, icmp6 = true, unix = true, serial = true }

---The TLS of a dialer, and the same keys as they stay in the metadata of the hop.
local function take_tls(q, say)
  local left = {}
  local function take(...)
    local before = {}
    for _, pair in ipairs(q.pairs) do before[pair] = true end
    local value = q:take(...)
    for _, pair in ipairs(q.pairs) do before[pair] = nil end
    for pair in pairs(before) do left[pair[1]] = pair[2] end
    return value
  end
  local tls = {
    certFile = take("tls.certFile", "certFile", "cert"),
    keyFile = take("tls.keyFile", "keyFile", "key"),
    caFile = take("tls.caFile", "caFile", "ca"),
    serverName = take("tls.serverName", "serverName"),
  }
  local secure = take("tls.secure", "secure")
  if secure then
    local on, message = values.bool(secure)
    if on == nil then say.error("secure: " .. message) end
    tls.secure = on or nil
  end
  return tls, left
end

local function place(u, connector, dialer)
  local by_path = u.scheme:find "unix" or u.scheme:find "serial"
  if by_path and u.host == "" then return { u.path } end
  return address.nodes(u.host, PORTLESS[connector] or PORTLESS[dialer] or false)
end

---Keys that become objects of their own, referenced by the hop.
local function consume(hop, q, make, warn)
  local bypass, resolver, hosts = q:take "bypass", q:take "resolver", q:take "hosts"
  if bypass then
    hop.bypass = make("bypasses", "bypass", function(name) return query.matchers(name, bypass) end)
  end
  if resolver then
    hop.resolver = make("resolvers", "resolver", function(name) return query.resolver(name, resolver) end)
  end
  if hosts then
    hop.hosts = make("hosts", "hosts", function(name) return query.mappings(name, hosts, warn) end)
  end
end

local function server_name(addr)
  local host = url.split_port(addr)
  return host ~= "" and (host:match "^%[(.*)%]$" or host) or nil
end

---@return table node
local function build(i, addr, made)
  local tls = {}
  for key, value in pairs(made.tls) do tls[key] = value end
  if not tls.serverName and not made.by_path then tls.serverName = server_name(addr) end
  local one = {
    name = ("node-%d"):format(i - 1),
    addr = addr,
    connector = { type = made.connector, metadata = query.unless_empty(query.join(made.parts.connector, made.rest)) },
    dialer = {
      type = made.dialer,
      tls = query.unless_empty(tls),
      metadata = query.unless_empty(query.join(made.parts.dialer, made.rest)),
    },
    metadata = query.unless_empty(query.join(made.parts.node, made.rest)),
  }
  local for_ssh = made.dialer == "ssh" or made.dialer == "sshd"
  one[for_ssh and "dialer" or "connector"].auth = made.auth
  return one
end

---@param text string   the value of -F
---@param names gost.Names
---@param say table<"error"|"missing"|"warn", fun(message: string)>
---@return table? configuration  in the shape of a file, with one chain of one hop
function node.parse(text, names, say)
  if text:match "^%s*$" then say.error "empty" return nil end
  local u, message = url.parse(text)
  if not u then say.error(message) return nil end
  local slip = scheme.slip(text)
  if slip then say.error(slip) return nil end
  local connector, dialer = scheme.node(u.scheme)
  if not connector then say.error(dialer) return nil end
  local addresses
  addresses, message = place(u, connector, dialer)
  if not addresses then say.error(message .. url.unescaped(text)) return nil end
  if #addresses == 0 and PORTLESS[connector] then addresses = { "" } end
  if #addresses == 0 then say.error "an address is missing" return nil end

  local out = {}
  local function make(list, prefix, fill)
    local name = names:next(prefix)
    out[list] = out[list] or {}
    table.insert(out[list], fill(name))
    return name
  end
  local q = query.new(u, say.error)
  local made = { connector = connector, dialer = dialer, by_path = u.host == "" }
  made.auth = service.credentials(u) or q:take_auth(u)
  q:take "auth"
  local left
  made.tls, left = take_tls(q, say)
  local hop = { name = names:next "hop", selector = q:take_selector(), nodes = {} }
  consume(hop, q, make, say.warn)
  local socket = {
    interface = q:take "interface",
    so_mark = q:take_count "so_mark",
    proxyProtocol = q:take_count "proxyProtocol",
  }
  made.parts, made.rest = q:split { "hop", "node", "connector", "dialer" }
  query.check_keys(made.rest, made.parts, {
    hop = components.fixed_index "hop",
    node = components.fixed_index "node",
    connector = components.index("connector", connector) or false,
    dialer = components.index("dialer", dialer) or false,
  }, { connector = connector, dialer = dialer }, say)
  for i, addr in ipairs(addresses) do hop.nodes[i] = build(i, addr, made) end
  hop.metadata = query.unless_empty(query.join(made.parts.hop, query.join(socket, query.join(left, made.rest))))
  out.chains = { { name = "chain-0", hops = { hop } } }
  return out
end

return node
