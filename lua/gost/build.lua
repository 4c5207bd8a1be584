---From a checked configuration (canonical tables, see gost.schema) to objects of the core.
---
---A reference in a configuration is a name of another list; scripts may put the thing itself there:
---a table, a function, or an object that was built already.
local commands = require "gost.commands"
local components = require "gost.schema.components"
local core = require "gost.core"
local duration = require "gost.duration"
local inline = require "gost.inline"
local ip = require "gost.ip"
local loader = require "gost.loader"
local metadata = require "gost.metadata"
local plugin = require "gost.plugin"
local policies = require "gost.policies"
local shape = require "gost.fingerprint"
local flat_tls = require("gost.tls").flat
local tunnels = require "gost.tunnels"
local url = require "gost.url"

---@class gost.Builder
---@field configuration table
---@field scope string                  prefix of names that workers share
---@field shared boolean                listeners share their ports with other workers
---@field claim boolean                 but with nobody who has them already
---@field made table<string, table<any, userdata>>   by list, then by name or definition
---@field anchors table[]                what keeps the objects' lists up to date, as long as the builder is there
---@field later boolean                  lists are read by settle(), not one by one
local Builder = {}
Builder.__index = Builder

local build = {}

local NOTHING = {}

local function milliseconds(seconds)
  return seconds and math.floor(seconds * 1000 + 0.5) or nil
end

---@param configuration table
---@param options? { shared?: boolean, claim?: boolean, later?: boolean }
---@return gost.Builder
function build.new(configuration, options)
  return setmetatable({
    configuration = configuration,
    shared = options and options.shared or false, claim = options and options.claim or false,
    made = {}, probes = (core.worker()) == 0, -- one of all workers probes
    anchors = {}, later = options and options.later or false,
  }, Builder)
end

---Keep what keeps an object up to date. It is filled now, or with all others by settle().
---@param anchor { loader: gost.Loader }
function Builder:keep(anchor)
  self.anchors[#self.anchors + 1] = anchor
  if not self.later then anchor.loader:settle() end
end

---Wait until the lists of all objects were read, a bounded time. Suspends.
---@param seconds number
function Builder:settle(seconds)
  local deadline = core.now() + seconds
  for _, anchor in ipairs(self.anchors) do anchor.loader:settle(deadline) end
end

local function by_name(list, name)
  for _, entry in ipairs(list or {}) do
    if entry.name == name then return entry end
  end
end

---The object for a reference; made once for each name or definition.
---@param list string           "bypasses", "chains" …
---@param ref any               name, definition, function or object
---@param make fun(self: gost.Builder, definition: any, name: string?): userdata
---@param own? string          the name of one that stands on the spot
function Builder:get(list, ref, make, own)
  if type(ref) == "userdata" then return ref end
  if type(ref) == "table" and type(ref.object) == "function" then return ref:object(self) end
  local made = self.made[list] or {}
  self.made[list] = made
  if made[ref] then return made[ref] end
  local definition, name = ref, own
  if type(ref) == "string" then
    definition, name = by_name(self.configuration[list], ref), ref
    if not definition then error(("there is no %q in %s"):format(ref, list), 0) end
  end
  made[ref] = make(self, definition, name)
  return made[ref]
end

---A single reference and a list of them, as objects.
function Builder:all(list, one, more, make)
  if one == nil and more == nil then return nil end
  local objects = {}
  if one ~= nil then objects[1] = self:get(list, one, make) end
  for _, ref in ipairs(more or {}) do objects[#objects + 1] = self:get(list, ref, make) end
  return #objects > 0 and objects or nil
end

-- policies --------------------------------------------------------------------------------------

local function refuse_function(what, definition)
  local plugged = type(definition) == "table" and definition.plugin
  if type(definition) == "function" or plugged or definition.lua then
    error(("%s: a %s can stand in a service, not in a node or a hop"):format(what,
      plugged and "plugin" or "function"), 0)
  end
end

local function make_hosts(self, definition, name)
  refuse_function("hosts", definition)
  return policies.hosts(self, definition, name)
end

local function make_resolver(_, definition)
  refuse_function("resolver", definition)
  local servers = {}
  for i, server in ipairs(definition.nameservers or definition) do
    if type(server) == "string" then server = { addr = server } end
    servers[i] = {
      addr = server.addr, prefer = server.prefer, only = server.only, async = server.async,
      ttl_ms = milliseconds(server.ttl), timeout_ms = milliseconds(server.timeout),
    }
  end
  return core.resolver(servers)
end

function Builder:bypasses(owner)
  return self:all("bypasses", owner.bypass, owner.bypasses, policies.bypass)
end

-- nodes, hops, chains ---------------------------------------------------------------------------

---Options that a node has itself or takes over from its hop.
local function socket_options(node, hop)
  if not node.metadata and not (hop and hop.metadata) then return nil end
  local function value(key)
    local found = metadata.get(node.metadata, key)
    if found == nil and hop then found = metadata.get(hop.metadata, key) end
    return found
  end
  return value "interface", math.tointeger(tonumber(value "so_mark")), value "proxyProtocol", value "netns"
end

local function refuse(what, value)
  if value ~= nil and value ~= 0 and value ~= "0" and value ~= "" then
    error(("not implemented yet: %s"):format(what), 0)
  end
end

---Which requests a node is for: its rule, else the older filter.
local function set_conditions(made, node)
  local matcher, filter = node.matcher or NOTHING, node.filter or NOTHING
  made.rule, made.priority = matcher.rule, matcher.priority
  made.filter_host = filter.host or node.host
  made.filter_protocol = filter.protocol or node.protocol
  made.filter_path = filter.path or node.path
  return made
end

---What a target does to HTTP, in the core's words. Older names count where the newer ones are absent.
local function treatment(node)
  local http = node.http
  local auth = policies.credentials(http and http.auth or node.auth)
  if not http and not auth then return nil end
  http = http or {}
  local rewrite = {}
  for _, rule in ipairs(http.rewriteURL or http.rewrite or {}) do
    rewrite[#rewrite + 1] = rule.match or ""
    rewrite[#rewrite + 1] = rule.replacement or ""
  end
  return {
    host = http.host, requestHeader = http.requestHeader or http.header, responseHeader = http.responseHeader,
    rewrite = rewrite, failCodes = http.failCodes, username = auth and auth.username, password = auth and auth.password,
  }
end

---How a node is looked after.
---@param probe? table
---@param selector? any
---@param via? userdata  the way to it
function Builder:probe(probe, selector, via)
  if not probe or not self.probes then return nil end
  local command = (probe.type or "tcp"):lower() == "cmd"
  if (probe[command and "command" or "addr"] or "") == "" then return nil end
  local made = { max_fails = type(selector) == "table" and selector.maxFails or nil, via = via }
  for key, value in pairs(probe) do made[key] = value end
  return made
end

---A component whose credentials may lie in a file.
local function with_credentials(component)
  local auth = component and component.auth
  local found = policies.credentials(auth)
  return found == auth and component or setmetatable({ auth = found }, { __index = component })
end

---@param node table
---@param hop table      the definition it stands in
---@param scope string
function Builder:node(node, hop, scope)
  if type(node) == "table" and type(node.object) == "function" then return node:object(self, scope) end
  local interface, mark, proxy, netns = socket_options(node, hop)
  local hosts, resolver = node.hosts or hop.hosts, node.resolver or hop.resolver
  return core.node(set_conditions({
    name = node.name, scope = scope, addr = node.addr or "", network = node.network,
    connector = with_credentials(node.connector), dialer = node.dialer and self:dialer(node.dialer) or nil,
    interface = interface, mark = mark, netns = netns, proxy_protocol = tonumber(proxy),
    weight = tonumber(metadata.get(node.metadata, "weight")),
    backup = metadata.bool(node.metadata, "backup"),
    max_fails = tonumber(metadata.get(node.metadata, "maxFails")),
    fail_timeout_ms = milliseconds(metadata.duration(node.metadata, "failTimeout")),
    bypasses = self:bypasses(node),
    hosts = hosts and self:get("hosts", hosts, make_hosts),
    resolver = resolver and self:get("resolvers", resolver, make_resolver),
    http = treatment(node), tls = flat_tls(node.tls), probe = self:probe(node.probe, hop.selector, hop.via),
  }, node))
end

function Builder.dialer(_, dialer)
  return { type = dialer.type, metadata = dialer.metadata, tls = flat_tls(dialer.tls) }
end

---@param hop table
---@param scope string
function Builder:hop(hop, scope)
  if type(hop) == "userdata" then return hop end
  if type(hop.object) == "function" then return hop:object(self, scope) end
  local selector, nodes = hop.selector or {}, {}
  for i, node in ipairs(hop.nodes or {}) do nodes[i] = self:node(node, hop, scope) end
  local select = type(selector) == "function" and selector or selector.fn or inline.of(hop)
  if select then selector = {} end
  local object = core.hop {
    name = hop.name or scope, scope = scope, nodes = nodes, strategy = selector.strategy,
    max_fails = selector.maxFails, fail_timeout_ms = milliseconds(selector.failTimeout),
    max_latency_ms = milliseconds(selector.maxLatency), bypasses = self:bypasses(hop), select = select,
  }
  if loader.has_sources(hop) then
    self:keep(loader.hop(object, hop, "hop " .. (hop.name or scope), nodes, function(node)
      return self:node(node, hop, scope)
    end))
  end
  return object
end

local function make_hop(self, definition, name)
  return self:hop(definition, name or "hop")
end

---An inline hop has nodes of its own; one with a name alone means that of the list.
local function has_nodes(hop)
  return type(hop) == "userdata" or hop.nodes ~= nil or hop.object ~= nil or not hop.name or loader.has_sources(hop)
end

local function make_chain(self, chain, name)
  local hops = {}
  for i, hop in ipairs(chain.hops or {}) do
    local scope = ("%s/%s"):format(name or chain.name or "chain", hop.name or i)
    hops[i] = has_nodes(hop) and self:hop(hop, scope) or self:get("hops", hop.name, make_hop)
  end
  return core.chain { name = name or chain.name, hops = hops }
end

---@param ref any
---@return userdata chain
function Builder:chain(ref)
  return self:get("chains", ref, make_chain)
end

-- groups ----------------------------------------------------------------------------------------

---A hop whose nodes stand for chains or hops: the same rules and strategies choose among them.
---@param what "chain"|"hop"
---@param entries table[]     of the group
---@param selector? table
---@param scope string
---@param make fun(ref: any): userdata
function Builder:group(what, entries, selector, scope, make)
  local members = {}
  selector = selector or {}
  for i, entry in ipairs(entries) do
    local ref = entry[what]
    local definition = type(ref) == "string" and by_name(self.configuration[what .. "s"], ref) or ref
    local options = type(definition) == "table" and definition.metadata or nil
    local matcher = entry.matcher or {}
    members[i] = core.node {
      name = type(ref) == "string" and ref or ("%s-%d"):format(what, i - 1), scope = scope, [what] = make(ref),
      rule = matcher.rule, weight = tonumber(metadata.get(options, "weight")),
      backup = metadata.bool(options, "backup"), max_fails = tonumber(metadata.get(options, "maxFails")),
      fail_timeout_ms = milliseconds(metadata.duration(options, "failTimeout")), same_priority = true,
      probe = self:probe(entry.probe, selector),
    }
  end
  return core.hop {
    name = scope, scope = "group", group = true, nodes = members, strategy = selector.strategy,
    max_fails = selector.maxFails, fail_timeout_ms = milliseconds(selector.failTimeout),
    max_latency_ms = milliseconds(selector.maxLatency),
  }
end

---The way of a handler or listener: its chain, or its chain and those of its group.
---@param owner table
---@param scope string
---@return userdata?
function Builder:way(owner, scope)
  local group = owner.chainGroup
  local entries = {}
  if owner.chain then entries[1] = { chain = owner.chain } end
  for _, entry in ipairs(group and group.chains or {}) do
    if entry.chain then entries[#entries + 1] = entry end
  end
  if #entries == 0 then return nil end
  if #entries == 1 and not entries[1].matcher then return self:chain(entries[1].chain) end
  return core.chain {
    name = scope,
    group = self:group("chain", entries, group.selector, scope, function(ref) return self:chain(ref) end),
  }
end

-- services --------------------------------------------------------------------------------------

---@param via? userdata  the service's way out
function Builder:forwarder(service, via)
  local forwarder = service.forwarder
  if not forwarder then return nil end
  local group = forwarder.hopGroup
  if group and #(group.hops or {}) > 0 then
    return self:group("hop", group.hops, group.selector, "forwarder/" .. service.name,
      function(ref) return self:get("hops", ref, make_hop) end)
  end
  if forwarder.hop then return self:get("hops", forwarder.hop, make_hop) end
  return self:hop({
    name = service.name, nodes = forwarder.nodes, selector = forwarder.selector, via = via,
  }, "forwarder/" .. service.name)
end

---Loggers that a service names, as one: each passes its lines on to the next.
function Builder:logger(service)
  if not service.logger and not service.loggers then return nil end
  local names, last = {}, nil
  if service.logger then names[1] = service.logger end
  table.move(service.loggers or {}, 1, #(service.loggers or {}), #names + 1, names)
  for _, name in ipairs(names) do
    local entry = by_name(self.configuration.loggers, name)
    if not entry then error(("there is no %q in loggers"):format(name), 0) end
    local log = entry.log or {}
    local made, message = core.logger {
      name = name, level = log.level, format = log.format, output = log.output, also = last,
    }
    if not made then error(message, 0) end
    last = made
  end
  return last
end

---@return userdata[]? authers
---@return boolean wants_auth
function Builder:authers(handler)
  local authers = self:all("authers", handler.auther, handler.authers, policies.auther)
  if not authers and handler.auth and (handler.auth.username or handler.auth.file) then
    authers = { policies.auther(self, { auths = { handler.auth } }) }
  end
  return authers, authers ~= nil
end

---Clients that need no credentials: a list, or text with commas.
---@return string[]?
local function trusted(handler)
  local given = metadata.get(handler.metadata, "skipauth")
  if given == nil then return nil end
  if type(given) ~= "table" then given = { given } end
  local list = {}
  for _, item in ipairs(given) do
    for one in tostring(item):gmatch "[^,%s]+" do list[#list + 1] = one end
  end
  return #list > 0 and list or nil
end

local function check_service(service)
  for _, event in ipairs { "preUp", "postUp", "preDown", "postDown" } do
    for _, text in ipairs(metadata.get(service.metadata, event) or NOTHING) do
      local words, message = commands.split(text)
      if not words then error(("%s of service %s: %s: %s"):format(event, service.name, text, message), 0) end
    end
  end
  if service.handler.tls then refuse(("tls of the handler of service %s"):format(service.name), "tls") end
end

---The function behind a reference, if there is one.
function Builder:function_of(list, ref)
  if type(ref) == "function" then return ref end
  if type(ref) == "string" then ref = by_name(self.configuration[list], ref) end
  if type(ref) ~= "table" or getmetatable(ref) then return nil end
  return plugin.of(list == "hosts" and "hosts" or "resolver", ref) or inline.of(ref)
end

---Hosts and resolvers that are functions are asked where the resolve hook is: after that hook, hosts first. What
---none of them knows goes on as configured.
---@return table? on
function Builder:resolving(service, on)
  local hosts = self:function_of("hosts", service.hosts)
  local resolver = self:function_of("resolvers", service.resolver)
  if not hosts and not resolver then return on end
  local table_of_names = resolver and not hosts and service.hosts and self:get("hosts", service.hosts, make_hosts)
  local before = on and on.resolve
  local hook = type(before) == "table" and before[1] or before
  local function resolve(conn, name, family)
    local found = hook and hook(conn, name, family)
    if found == nil and hosts then found = hosts(conn, name, family) end
    if found == nil and table_of_names then
      found = table_of_names:find(name)
      if #found == 0 then found = nil end
    end
    if found == nil and resolver then found = resolver(conn, name, family) end
    return found
  end
  local all = {}
  for event, fn in pairs(on or {}) do all[event] = fn end
  all.resolve = { resolve }
  if type(before) == "table" then
    all.resolve.fail, all.resolve.timeout, all.resolve.instructions = before.fail, before.timeout, before.instructions
  end
  return all
end

---Listeners whose address is a path, or a place at the far end of a chain.
local NAMELESS = { unix = true, runix = true, rtcp = true, rudp = true, stdio = true, serial = true }

---Where to listen, with the IPv4 address of a host that is given by name.
local function listen_address(service)
  local host, port = url.split_port(service.addr or "")
  if host == "" or host == "localhost" or not port or ip.version(host:match "^%[(.*)%]$" or host)
    or NAMELESS[service.listener.type] then
    return service.addr
  end
  local found, message = core.lookup(host, "ipv4")
  if not found then
    error(("service %s: listen address %q: %s"):format(service.name, service.addr, message), 0)
  end
  return ("%s:%s"):format(found[1], port)
end

---One that stands on the spot has a name, too: by it workers share what they count.
---@param kind "limiter"|"climiter"|"rlimiter"
function Builder:limiter(service, kind)
  local ref = service[kind]
  return ref and self:get(kind .. "s", ref, policies[kind], ("%s/%s"):format(service.name, kind))
end

---@param service table   canonical
---@param on? table       hooks
---@return userdata
function Builder:service(service, on)
  check_service(service)
  local handler, listener = service.handler, service.listener
  local ignored = metadata.bool(service.metadata, "ignoreChain")
  local chain = not ignored and self:way(handler, service.name .. "/handler") or nil
  local there = not ignored and self:way(listener, service.name .. "/listener") or nil
  local authers, wants_auth = self:authers(handler)
  local component = components.get("handler", handler.type)
  if wants_auth and component and component.no_auth and not handler.generated then
    error(("handler %s of service %s cannot ask for credentials"):format(handler.type, service.name), 0)
  end
  return core.service {
    name = service.name, addr = listen_address(service), shared = self.shared, claim = self.claim,
    logger = self:logger(service),
    handler = { type = handler.type, metadata = tunnels.metadata(service) },
    ingress = tunnels.ingress(self, handler), sd = tunnels.sd(self, handler),
    listener = { type = listener.type, metadata = listener.metadata, tls = flat_tls(listener.tls) },
    chain = chain, listener_chain = there,
    listener_way = there and shape.of(self.configuration, { chain = listener.chain, group = listener.chainGroup }),
    forwarder = self:forwarder(service, chain),
    hosts = service.hosts and not self:function_of("hosts", service.hosts)
      and self:get("hosts", service.hosts, make_hosts) or nil,
    resolver = service.resolver and not self:function_of("resolvers", service.resolver)
      and self:get("resolvers", service.resolver, make_resolver) or nil,
    retries = handler.retries,
    dial_timeout_ms = milliseconds(metadata.duration(service.metadata, "dialTimeout")),
    interface = metadata.get(service.metadata, "interface"), netns = metadata.get(service.metadata, "netns.out"),
    listener_netns = metadata.get(service.metadata, "netns"),
    proxy_protocol = tonumber(metadata.get(service.metadata, "proxyProtocol")),
    mark = math.tointeger(tonumber(metadata.get(service.metadata, "so_mark"))),
    admissions = self:all("admissions", service.admission, service.admissions, policies.admission),
    bypasses = self:bypasses(service), authers = authers, wants_auth = wants_auth, trusted = trusted(handler),
    limiter = self:limiter(service, "limiter"),
    limiter_scope = metadata.get(service.metadata, "limiter.scope"),
    climiter = self:limiter(service, "climiter"),
    rlimiter = self:limiter(service, "rlimiter"),
    on = self:resolving(service, on),
  }
end

build.milliseconds = milliseconds
build.parse_duration = duration.parse

return build
