---What is wrong with a configuration beyond single values: names that nothing has, files that
---cannot be read, ports used twice, settings that contradict each other.
local components = require "gost.schema.components"
local ip = require "gost.ip"
local nearest = require "gost.nearest"
local places = require "gost.places"
local schema = require "gost.schema"
local url = require "gost.url"
local values = require "gost.schema.values"

local check = {}

---@class gost.CheckOptions
---@field tls_check? fun(settings: table): boolean?, string?  certFile, keyFile, caFile, options.*, server
---@field readable? fun(path: string): boolean?, string?

local function readable(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local ok, why, code = file:read(0)
  file:close()
  if not ok and code == 21 then return nil, ("%s: %s"):format(path, why) end
  return true
end

local function tls_check()
  local ok, core = pcall(require, "gost.core")
  return ok and type(core) == "table" and core.tls_check or nil
end

-- names ------------------------------------------------------------------------

---Lists whose entries are found by name.
local function named_lists()
  local list = {}
  for _, field in ipairs(schema.objects.configuration.fields) do
    if field.list then list[#list + 1] = field.key end
  end
  return list
end

---@return table<string, table<string, table>> names  list -> name -> entry
local function collect_names(configuration, found)
  local names = {}
  for _, list in ipairs(named_lists()) do
    names[list] = {}
    for i, entry in ipairs(configuration[list] or {}) do
      local name = entry.name
      local first = name and names[list][name]
      if first then
        local where = places.text(places.of(first, "name"))
        found:at(entry, "name", "error", ("%s[%d].name"):format(list, i - 1),
          ("%q is the name of another one already (%s)"):format(name, where))
      elseif name then
        names[list][name] = entry
      elseif list ~= "services" then
        found:at(entry, nil, "strict", ("%s[%d]"):format(list, i - 1), "has no name, so nothing can refer to it")
      end
    end
  end
  return names
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local SINGULAR = {
  admissions = "admission", authers = "auther", bypasses = "bypass", caches = "cache", chains = "chain",
  climiters = "climiter", hops = "hop", hosts = "hosts", ingresses = "ingress", limiters = "limiter",
  loggers = "logger", observers = "observer", quotas = "quota", recorders = "recorder", resolvers = "resolver",
  rewriters = "rewriter", rlimiters = "rlimiter", routers = "router", sds = "sd", services = "service",
}

---@class gost.Check
---@field found gost.Problems
---@field names table
---@field options gost.CheckOptions

local function refer(c, owner, key, list, name, path)
  if type(name) ~= "string" or c.names[list][name] then return end
  c.found:at(owner, key, "error", path, ("there is no %s %q%s"):format(SINGULAR[list], name,
    nearest.hint(name, sorted_keys(c.names[list]))))
end

---References inside of metadata.
local METADATA_REFERENCES = {
  ["mitm.bypass"] = "bypasses", ingress = "ingresses", sd = "sds", router = "routers", ["tun.router"] = "routers",
}

local function check_file(c, owner, key, path, level)
  local name = owner[key]
  if type(name) ~= "string" or name == "" then return end
  local ok, message = c.options.readable(name)
  if not ok then c.found:at(owner, key, level, path, "cannot be read: " .. message) end
end

local DEFAULT_TYPE = { handler = "auto", listener = "tcp", connector = "http", dialer = "tcp" }

---Files and references that options of components name.
local function check_metadata(c, field, owner, map, path)
  local kind = field.of
  local index = DEFAULT_TYPE[kind] and components.index(kind, owner.type or DEFAULT_TYPE[kind])
  for key, value in pairs(map) do
    local list = METADATA_REFERENCES[key:lower()]
    if list and kind == "handler" then
      if value ~= "" then refer(c, map, key, list, value, ("%s.%s"):format(path, key)) end
    elseif index then
      local option = components.find(index, key)
      if option and option.type == "path" then check_file(c, map, key, ("%s.%s"):format(path, key), "error") end
    end
  end
end

-- objects ------------------------------------------------------------------------

local object_checks = {}

---What the core is asked to try.
local function tls_settings(tls, path)
  local settings = { certFile = tls.certFile, keyFile = tls.keyFile, caFile = tls.caFile }
  for key, value in pairs(tls.options or {}) do settings["options." .. key] = value end
  settings.server = path == "tls" or path:find("%.listener%.tls$") ~= nil or path:find("%.handler%.tls$") ~= nil
  return settings
end

function object_checks.tls(c, tls, path)
  local before = #c.found
  if tls.certFile and not tls.keyFile then
    c.found:at(tls, "certFile", "error", path, "certFile needs keyFile beside it")
  elseif tls.keyFile and not tls.certFile then
    c.found:at(tls, "keyFile", "error", path, "keyFile needs certFile beside it")
  end
  for _, key in ipairs { "certFile", "keyFile", "caFile" } do
    check_file(c, tls, key, ("%s.%s"):format(path, key), "error")
  end
  if #c.found == before and c.options.tls_check and (tls.certFile or tls.caFile or tls.options) then
    local ok, message = c.options.tls_check(tls_settings(tls, path))
    if not ok then c.found:at(tls, tls.certFile and "certFile" or "caFile", "error", path, message) end
  end
end

function object_checks.tlsOptions(c, options, path)
  local low, high = options.minVersion, options.maxVersion
  if low and high and low > high then
    c.found:at(options, "minVersion", "error", path, ("minVersion %s is above maxVersion %s"):format(low, high))
  end
end

function object_checks.sourceFile(c, source, path)
  check_file(c, source, "path", path .. ".path", "strict")
end

local function whitelist(c, entry, path)
  if entry.reverse ~= nil and entry.whitelist ~= nil and entry.reverse ~= entry.whitelist then
    c.found:at(entry, "reverse", "error", path, "reverse and whitelist contradict each other (they mean the same)")
  end
end

function object_checks.admission(c, entry, path)
  whitelist(c, entry, path)
end

local function check_pattern(pattern)
  local port = pattern:match ":([^:%]]+)$"
  if ip.network(pattern) or ip.version(pattern) or not port then
    if pattern:match "^[%d.]+/%d+$" then
      if not ip.network(pattern) then return nil, ("%q is not a network"):format(pattern) end
    end
    return true
  end
  local from, to = port:match "^(%d+)%-?(%d*)$"
  if not from then return nil, ("%q: %q is not a port"):format(pattern, port) end
  to = to ~= "" and to or from
  if tonumber(from) > 65535 or tonumber(to) > 65535 then return nil, ("%q: a port is at most 65535"):format(pattern) end
  if tonumber(from) > tonumber(to) then
    return nil, ("%q: the range of ports runs backwards"):format(pattern)
  end
  return true
end

function object_checks.bypass(c, entry, path)
  whitelist(c, entry, path)
  local matchers = type(entry.matchers) == "table" and entry.matchers or {}
  for i, pattern in ipairs(matchers) do
    if type(pattern) == "string" and pattern:find("[:/]") and not pattern:find "[*?]" then
      local ok, message = check_pattern(pattern)
      if not ok then c.found:at(matchers, i, "error", ("%s.matchers[%d]"):format(path, i - 1), message) end
    end
  end
end

function object_checks.mapping(c, mapping, path)
  if not mapping.ip or not ip.version(mapping.ip) then
    c.found:at(mapping, "ip", "error", path, ("%s is not an IP address"):format(values.what(mapping.ip or "")))
  elseif not mapping.hostname then
    c.found:at(mapping, nil, "error", path, "a mapping needs a hostname")
  end
end

function object_checks.nameserver(c, server, path)
  if not server.addr then
    c.found:at(server, nil, "error", path, "a name server needs an addr")
    return
  end
  local scheme, rest = server.addr:match "^(.-)://(.*)$"
  local known = { udp = true, tcp = true, tls = true, dot = true, https = true }
  if scheme and not known[scheme:lower()] then
    c.found:at(server, "addr", "error", path .. ".addr", ("unknown scheme %q%s"):format(scheme,
      nearest.hint(scheme, { "udp", "tcp", "tls", "dot", "https" })))
  elseif (scheme or "") ~= "https" then
    local _, port = url.split_port((rest or server.addr):gsub("/$", ""))
    if port and not (port:match "^%d+$" and tonumber(port) <= 65535) then
      c.found:at(server, "addr", "error", path .. ".addr", ("%q is not a port"):format(port))
    end
  end
  if server.clientIP and not ip.version(server.clientIP) then
    c.found:at(server, "clientIP", "error", path .. ".clientIP", ("%q is not an IP address"):format(server.clientIP))
  end
end

function object_checks.auth(c, auth, path)
  if auth.password and not auth.username and not auth.file then
    c.found:at(auth, "password", "strict", path, "a password without username means no authentication at all")
  end
end

function object_checks.quota(c, quota, path)
  if quota.startsAt and quota.expiresAt and quota.startsAt >= quota.expiresAt then
    c.found:at(quota, "expiresAt", "error", path, "expiresAt is not after startsAt")
  end
end

---Dialers and connectors whose address has no port.
local PORTLESS = {
  unix = true, runix = true, serial = true, icmp = true, icmp6 = true, direct = true, virtual = true,
  tun = true, tungo = true, tap = true, stdio = true,
}

---@return string? message
local function bad_address(addr)
  local host, port = url.split_port(addr)
  if not port then
    if host:find ":" and not host:find "^%[" then
      return ("%q: an IPv6 address needs brackets, as in [::1]:8080"):format(addr)
    elseif host:match "^%d+$" and tonumber(host) <= 65535 then
      return ("%q has no host, did you mean \":%s\"?"):format(addr, addr)
    end
    return ("%q has no port"):format(addr)
  end
  if port:match "^%d+-%d+$" then return ("%q: a range of ports works only with -L"):format(addr) end
  if port ~= "" and not (port:match "^%d+$" and tonumber(port) <= 65535) then
    return ("%q: %q is not a port (a number up to 65535)"):format(addr, port)
  end
end

function object_checks.node(c, node, path)
  local connector, dialer = (node.connector or {}).type, (node.dialer or {}).type
  if PORTLESS[dialer or ""] or PORTLESS[connector or ""] then return end
  if not node.addr then
    c.found:at(node, nil, "error", path, "a node needs an addr")
  else
    local message = bad_address(node.addr)
    if message then c.found:at(node, "addr", "error", path .. ".addr", message) end
  end
end

local function is_reference(hop)
  return hop.nodes == nil and not (hop.plugin or hop.file or hop.redis or hop.http)
end

function object_checks.hop(c, hop, path)
  if is_reference(hop) and not path:match "^hops%[" then
    if not hop.name then
      c.found:at(hop, nil, "error", path, "a hop needs nodes, or the name of an entry of hops")
    else
      refer(c, hop, "name", "hops", hop.name, path .. ".name")
    end
  elseif #(hop.nodes or {}) == 0 and not (hop.plugin or hop.file or hop.redis or hop.http) then
    c.found:at(hop, nil, "strict", path, "has no nodes, so nothing can be reached through it")
  end
end

function object_checks.chain(c, chain, path)
  if #(chain.hops or {}) == 0 then
    c.found:at(chain, nil, "strict", path, "has no hops, so nothing can be reached through it")
  end
end

---Listeners that never do TLS.
local PLAINTEXT = {
  tcp = true, udp = true, ws = true, mws = true, redirect = true, redir = true, red = true, redu = true,
  rtcp = true, rudp = true, unix = true, runix = true, serial = true, stdio = true, mtcp = true, ohttp = true,
  h2c = true, pht = true, kcp = true, dns = false,
}

---Handlers that are of no use without a target.
local FORWARDERS = { tcp = true, udp = true, forward = true, rtcp = true, rudp = true, runix = true }

local function truthy(map, name)
  for key, value in pairs(map or {}) do
    if key:lower() == name then return values.bool(value) end
  end
end

local function check_forwarder(c, service, path)
  local handler = service.handler or {}
  local forwarder = service.forwarder
  if FORWARDERS[handler.type or ""] and not forwarder and not truthy(handler.metadata, "sniffing") then
    c.found:at(handler, "type", "strict", path .. ".handler",
      ("handler %q has no forwarder, so it has no target"):format(handler.type))
  elseif forwarder and (forwarder.hop or forwarder.name) and #(forwarder.nodes or {}) > 0 then
    c.found:at(forwarder, "nodes", "strict", path .. ".forwarder", "nodes are ignored where a hop is named")
  end
end

function object_checks.service(c, service, path)
  local listener, handler = service.listener or {}, service.handler or {}
  if service.addr and not PORTLESS[listener.type or "tcp"] and not PORTLESS[handler.type or "auto"] then
    local message = bad_address(service.addr)
    if message then c.found:at(service, "addr", "error", path .. ".addr", message) end
  end
  local tls = listener.tls
  local component = components.get("listener", listener.type or "tcp")
  local plaintext = PLAINTEXT[listener.type or "tcp"]
  if component and component.tls ~= nil then plaintext = not component.tls end
  if tls and plaintext and (tls.certFile or tls.keyFile or tls.caFile) then
    c.found:at(listener, "tls", "strict", path .. ".listener.tls",
      ("listener %q does no TLS, so the certificate is of no use"):format(listener.type or "tcp"))
  end
  if handler.auth and (handler.auther or handler.authers) then
    c.found:at(handler, "auth", "strict", path .. ".handler.auth", "is ignored where an auther is named")
  end
  if handler.chain and truthy(service.metadata, "ignorechain") then
    c.found:at(handler, "chain", "strict", path .. ".handler.chain", "is ignored because of ignoreChain")
  end
  check_forwarder(c, service, path)
end

-- the walk ------------------------------------------------------------------------

local walk

local function walk_value(c, field, owner, key, value, path)
  if field.kind == "ref" then
    refer(c, owner, key, field.of, value, path)
  elseif field.kind == "metadata" then
    check_metadata(c, field, owner, value, path)
  elseif field.object and type(value) == "table" then
    walk(c, field.object, value, path)
  end
end

---Only these kinds of fields have anything to check here.
local function interesting(field)
  return field.kind == "ref" or field.kind == "metadata" or field.object ~= nil
end

local interesting_fields = {}

local function fields_of(object)
  local list = interesting_fields[object]
  if not list then
    list = {}
    for _, field in ipairs(object.fields) do
      if interesting(field) then list[#list + 1] = field end
    end
    interesting_fields[object] = list
  end
  return list
end

function walk(c, object, value, path)
  for _, field in ipairs(fields_of(object)) do
    local item = value[field.key]
    if item ~= nil then
      local here = path == "" and field.key or path .. "." .. field.key
      if field.list and type(item) == "table" then
        for i, one in ipairs(item) do walk_value(c, field, item, i, one, ("%s[%d]"):format(here, i - 1)) end
      else
        walk_value(c, field, value, field.key, item, here)
      end
    end
  end
  local extra = object_checks[object.name]
  if extra then extra(c, value, path) end
end

-- ports ------------------------------------------------------------------------

local DATAGRAM = {
  udp = true, dtls = true, kcp = true, quic = true, http3 = true, h3 = true, wt = true, redu = true, rudp = true,
}
local NO_SOCKET = {
  unix = true, runix = true, serial = true, stdio = true, tun = true, tungo = true, tap = true, icmp = true,
  icmp6 = true, ftcp = true,
}

---Which network a listener binds, nil for none.
local function network_of(service)
  local listener = service.listener or {}
  local kind = listener.type or "tcp"
  if NO_SOCKET[kind] or listener.chain or listener.chainGroup then return nil end
  if kind == "dns" then
    local mode = "udp"
    for key, value in pairs(listener.metadata or {}) do
      if key:lower() == "mode" then mode = tostring(value):lower() end
    end
    return mode == "tcp" and "tcp" or (mode == "tls" or mode == "https") and "tcp" or "udp"
  end
  return DATAGRAM[kind] and "udp" or "tcp"
end

local function wildcard(host)
  return host == "" or host == "0.0.0.0" or host == "[::]"
end

---@param used table<string, table[]>  "tcp/8080" -> who
local function claim_port(c, used, network, addr, owner, path, reuse)
  local host, port = url.split_port(addr or "")
  if not network or not port or not port:match "^%d+$" or tonumber(port) == 0 then return end
  local key = network .. "/" .. tonumber(port)
  for _, other in ipairs(used[key] or {}) do
    local clash = other.host == host or wildcard(other.host) or wildcard(host)
    if clash and not (reuse and other.reuse) then
      c.found:at(owner, "addr", "error", path, ("%s port %s is taken by %s already (%s)"):format(network, port,
        other.path, places.text(places.of(other.owner, "addr"))))
      return
    end
  end
  used[key] = used[key] or {}
  table.insert(used[key], { host = host, owner = owner, path = path:match "^(.-)%.addr$", reuse = reuse })
end

local function check_ports(c, configuration)
  local used = {}
  for i, service in ipairs(configuration.services or {}) do
    claim_port(c, used, network_of(service), service.addr, service, ("services[%d].addr"):format(i - 1),
      truthy((service.listener or {}).metadata, "reuseport"))
  end
  for _, section in ipairs { "api", "metrics", "profiling" } do
    if configuration[section] then
      claim_port(c, used, "tcp", configuration[section].addr, configuration[section], section .. ".addr", false)
    end
  end
end

-- loops ------------------------------------------------------------------------

---What a chain needs before it can be dialled: resolvers of its hops and nodes, and their chains.
local function needs(c, chain)
  local list = {}
  local function resolver(name)
    local found = type(name) == "string" and c.names.resolvers[name]
    for _, server in ipairs(found and found.nameservers or {}) do
      if server.chain then list[#list + 1] = { server.chain, name } end
    end
  end
  for _, hop in ipairs(chain.hops or {}) do
    if is_reference(hop) then hop = c.names.hops[hop.name or ""] or hop end
    resolver(hop.resolver)
    for _, node in ipairs(hop.nodes or {}) do resolver(node.resolver) end
  end
  return list
end

local function check_loops(c, configuration)
  local state = {}
  local function visit(name, trail)
    local chain = c.names.chains[name]
    if not chain or state[name] == "done" then return end
    if state[name] == "open" then
      c.found:at(chain, "name", "error", ("chain %q"):format(name), "needs itself: " .. trail)
      return
    end
    state[name] = "open"
    for _, need in ipairs(needs(c, chain)) do
      visit(need[1], ("%s > resolver %s > chain %s"):format(trail, need[2], need[1]))
    end
    state[name] = "done"
  end
  for _, chain in ipairs(configuration.chains or {}) do
    if chain.name then visit(chain.name, "chain " .. chain.name) end
  end
end

---Look at a whole configuration (from gost.load, before gost.complete).
---@param configuration table
---@param found gost.Problems   to add to
---@param options? gost.CheckOptions
function check.configuration(configuration, found, options)
  options = options or {}
  local c = {
    found = found,
    options = {
      readable = options.readable or readable,
      tls_check = options.tls_check or tls_check(),
    },
  }
  c.names = collect_names(configuration, found)
  walk(c, schema.objects.configuration, configuration, "")
  check_ports(c, configuration)
  check_loops(c, configuration)
end

return check
