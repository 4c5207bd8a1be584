---What can be wrong with one object: files, addresses, settings that contradict each other.
---Each function is named after an object of the schema: (check, object, path).
local base = require "gost.check.base"
local components = require "gost.schema.components"
local ip = require "gost.ip"
local metadata = require "gost.metadata"
local nearest = require "gost.nearest"
local url = require "gost.url"
local values = require "gost.schema.values"

---@type table<string, fun(c: gost.Check, value: table, path: string)>
local objects = {}

---What the core is asked to try.
local function tls_settings(tls, path)
  local settings = { certFile = tls.certFile, keyFile = tls.keyFile, caFile = tls.caFile }
  for key, value in pairs(tls.options or {}) do settings["options." .. key] = value end
  settings.server = path == "tls" or path:find("%.listener%.tls$") ~= nil or path:find("%.handler%.tls$") ~= nil
  return settings
end

---What the fields of `tls` are for, apart from the three files.
local TLS_FIELDS = {
  secure = "client", serverName = "client", rejectUnknownSNI = "server", serverNames = "server",
  options = "both", validity = "program", commonName = "program", organization = "program",
}
local TLS_USERS = { client = "of clients", server = "of a listener", both = "of a listener or a client",
  program = "of the program (tls, at the top)" }

---Fields that mean nothing where they stand.
local function misplaced_tls(c, tls, path)
  local role = path == "tls" and "program" or "client"
  if path:find("%.listener%.tls$") or path:find("%.handler%.tls$") then role = "server" end
  for key, user in pairs(TLS_FIELDS) do
    if tls[key] and tls[key] ~= "" and user ~= role and (user ~= "both" or role == "program") then
      c.found:at(tls, key, "strict", ("%s.%s"):format(path, key),
        ("is of no use here: it belongs to the TLS %s"):format(TLS_USERS[user]))
    end
  end
end

function objects.tls(c, tls, path)
  local before = #c.found
  misplaced_tls(c, tls, path)
  if tls.certFile and not tls.keyFile then
    c.found:at(tls, "certFile", "error", path, "certFile needs keyFile beside it")
  elseif tls.keyFile and not tls.certFile then
    c.found:at(tls, "keyFile", "error", path, "keyFile needs certFile beside it")
  end
  for _, key in ipairs { "certFile", "keyFile", "caFile" } do
    base.file(c, tls, key, ("%s.%s"):format(path, key), "error")
  end
  if #c.found == before and c.options.tls_check and (tls.certFile or tls.caFile or tls.options) then
    local ok, message = c.options.tls_check(tls_settings(tls, path))
    if not ok then c.found:at(tls, tls.certFile and "certFile" or "caFile", "error", path, message) end
  end
end

function objects.tlsOptions(c, options, path)
  local low, high = options.minVersion, options.maxVersion
  if low and high and low > high then
    c.found:at(options, "minVersion", "error", path, ("minVersion %s is above maxVersion %s"):format(low, high))
  end
end

function objects.matcher(c, matcher, path)
  if not c.options.rule_check or not matcher.rule or matcher.rule == "" then return end
  local ok, message = c.options.rule_check(matcher.rule)
  if not ok then c.found:at(matcher, "rule", "error", path .. ".rule", message) end
end

---The older filter says nothing beside a rule.
function objects.filtered(c, node, path)
  if not node.matcher or (node.matcher.rule or "") == "" then return end
  for _, key in ipairs { "filter", "host", "protocol", "path" } do
    if node[key] ~= nil then
      c.found:at(node, key, "strict", ("%s.%s"):format(path, key), "is ignored where a matcher has a rule")
    end
  end
end

objects.forwardNode = objects.filtered

---Objects whose plugins are asked over HTTP; the others' are refused altogether.
local PLUGGED = { authers = true, admissions = true, bypasses = true, hosts = true, resolvers = true, ingresses = true,
  limiters = true, sds = true }

function objects.plugin(c, plugin, path)
  if not PLUGGED[path:match "^%a+" or ""] then return end
  if (plugin.type or "grpc") ~= "http" then
    c.found:at(plugin, "type", "missing", path .. ".type", "not implemented yet: gRPC; http is")
  elseif not (plugin.addr or ""):find "^https?://" then
    c.found:at(plugin, "addr", "error", path .. ".addr", "a plugin of type http needs a URL: http:// or https://")
  end
end

---A source that does not say where is none.
local function needs(c, source, key, path)
  if (source[key] or "") ~= "" then return true end
  c.found:at(source, nil, "strict", path, ("has no %s, so nothing is read"):format(key))
end

function objects.sourceFile(c, source, path)
  if needs(c, source, "path", path) then base.file(c, source, "path", path .. ".path", "strict") end
end

local REDIS_TYPES = { set = true, list = true, hash = true, string = true, sset = true }

function objects.sourceRedis(c, source, path)
  needs(c, source, "addr", path)
  if source.type and source.type ~= "" and not REDIS_TYPES[source.type:lower()] then
    c.found:at(source, "type", "strict", path .. ".type",
      ("%q is no type of value, expected set, list, hash or string"):format(source.type))
  end
end

function objects.sourceHTTP(c, source, path)
  if needs(c, source, "url", path) and not source.url:lower():find "^https?://" then
    c.found:at(source, "url", "strict", path .. ".url", "expected a URL, http:// or https://")
  end
end

local function whitelist(c, entry, path)
  if entry.reverse ~= nil and entry.whitelist ~= nil and entry.reverse ~= entry.whitelist then
    c.found:at(entry, "reverse", "error", path, "reverse and whitelist contradict each other (they mean the same)")
  end
end

function objects.admission(c, entry, path)
  whitelist(c, entry, path)
end

function objects.sd(c, sd, path)
  if not sd.redis and not sd.lua and not sd.plugin then
    c.found:at(sd, nil, "error", path, "says nothing: expected redis or lua")
  end
end

local function check_pattern(pattern)
  local port = pattern:find(":", 1, true) and pattern:match ":([^:%]]+)$"
  if ip.network(pattern) or port and ip.version(pattern) then return true end
  if not port then
    if pattern:match "^[%d.]+/%d+$" then return nil, ("%q is not a network"):format(pattern) end
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

function objects.bypass(c, entry, path)
  whitelist(c, entry, path)
  local matchers = type(entry.matchers) == "table" and entry.matchers or {}
  for i, pattern in ipairs(matchers) do
    if type(pattern) == "string" and pattern:find("[:/]") and not pattern:find "[*?]" then
      local ok, message = check_pattern(pattern)
      if not ok then c.found:at(matchers, i, "error", ("%s.matchers[%d]"):format(path, i - 1), message) end
    end
  end
end

function objects.mapping(c, mapping, path)
  if not mapping.ip or not ip.version(mapping.ip) then
    c.found:at(mapping, "ip", "error", path, ("%s is not an IP address"):format(values.what(mapping.ip or "")))
  elseif not mapping.hostname then
    c.found:at(mapping, nil, "error", path, "a mapping needs a hostname")
  end
end

function objects.nameserver(c, server, path)
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

function objects.auth(c, auth, path)
  if auth.file and auth.file ~= "" and not path:find "%.connector%.auth$" and not path:find "%.dialer%.auth$" then
    c.found:at(auth, "file", "error", path .. ".file", "is for nodes; clients are let in by an auther with a file")
  end
  if auth.password and not auth.username and not auth.file then
    c.found:at(auth, "password", "strict", path, "a password without username means no authentication at all")
  end
end

function objects.quota(c, quota, path)
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

function objects.node(c, node, path)
  objects.filtered(c, node, path)
  local connector, dialer = (node.connector or {}).type, (node.dialer or {}).type
  if PORTLESS[dialer or ""] or PORTLESS[connector or ""] then return end
  if not node.addr then
    c.found:at(node, nil, "error", path, "a node needs an addr")
  else
    local message = bad_address(node.addr)
    if message then c.found:at(node, "addr", "error", path .. ".addr", message) end
  end
end

---A dialer that encrypts nothing, given what only TLS has a use for.
function objects.dialer(c, dialer, path)
  local tls, component = dialer.tls, components.get("dialer", dialer.type or "tcp")
  if not tls or not component or component.tls ~= false then return end
  for _, key in ipairs { "certFile", "keyFile", "caFile", "secure" } do
    if tls[key] and tls[key] ~= "" then
      c.found:at(tls, key, "strict", ("%s.tls.%s"):format(path, key),
        ("dialer %q does no TLS, so this is of no use"):format(dialer.type or "tcp"))
    end
  end
end

function objects.hop(c, hop, path)
  if base.is_reference(hop) and not path:match "^hops%[" then
    if not hop.name then
      c.found:at(hop, nil, "error", path, "a hop needs nodes, or the name of an entry of hops")
    else
      base.refer(c, hop, "name", "hops", hop.name, path .. ".name")
    end
  elseif #(hop.nodes or {}) == 0 and not (hop.plugin or hop.file or hop.redis or hop.http) then
    c.found:at(hop, nil, "strict", path, "has no nodes, so nothing can be reached through it")
  end
end

function objects.chain(c, chain, path)
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

local function check_forwarder(c, service, path)
  local handler = service.handler or {}
  local forwarder = service.forwarder
  local may_lead = handler.chain or handler.chainGroup -- to a relay node that forwards
  if FORWARDERS[handler.type or ""] and not forwarder and not may_lead
    and not base.truthy(handler.metadata, "sniffing") then
    c.found:at(handler, "type", "strict", path .. ".handler",
      ("handler %q has no forwarder, so it has no target"):format(handler.type))
  elseif forwarder and (forwarder.hop or forwarder.name) and #(forwarder.nodes or {}) > 0 then
    c.found:at(forwarder, "nodes", "strict", path .. ".forwarder", "nodes are ignored where a hop is named")
  end
end

---Only nodes of chains are tried side by side.
local function refuse_parallel(c, selector, path)
  if selector and selector.strategy == "parallel" then
    c.found:at(selector, "strategy", "missing", path .. ".strategy",
      'not implemented yet: "parallel" outside of chains')
  end
end

function objects.chainGroup(c, group, path) refuse_parallel(c, group.selector, path .. ".selector") end
objects.hopGroup = objects.chainGroup

function objects.forwarder(c, forwarder, path)
  refuse_parallel(c, forwarder.selector, path .. ".selector")
  local name = forwarder.hop or forwarder.name
  local hop = type(name) == "string" and c.names.hops[name]
  if hop then refuse_parallel(c, hop.selector, ("hops %q selector"):format(name)) end
end

---Targets that no connection can be made to.
local function check_targets(c, service, path)
  if not FORWARDERS[(service.handler or {}).type or ""] then return end
  for i, target in ipairs((service.forwarder or {}).nodes or {}) do
    local addr = target.addr or ""
    local message = addr ~= "" and addr:sub(1, 1) ~= "/" and not addr:find("://", 1, true)
      and (target.network or ""):sub(1, 4) ~= "unix" and bad_address(addr)
    if message then
      c.found:at(target, "addr", "strict", ("%s.forwarder.nodes[%d].addr"):format(path, i - 1), message)
    end
  end
end

function objects.service(c, service, path)
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
  if handler.auth and (handler.auther or (handler.authers or {})[1]) then
    c.found:at(handler, "auth", "strict", path .. ".handler.auth", "is ignored where an auther is named")
  end
  if handler.chain and base.truthy(service.metadata, "ignorechain") then
    c.found:at(handler, "chain", "strict", path .. ".handler.chain", "is ignored because of ignoreChain")
  end
  if metadata.get(handler.metadata, "skipauth") and not handler.auth and not handler.auther
    and not (handler.authers or {})[1] then
    c.found:at(handler, "metadata", "strict", path .. ".handler.metadata.skipauth",
      "is of no use: nobody is asked for credentials here")
  end
  check_forwarder(c, service, path)
  check_targets(c, service, path)
end

return objects
