---Building services.
local Builder = require "gost.build.builder"
local commands = require "gost.commands"
local components = require "gost.schema.components"
local core = require "gost.core"
local inline = require "gost.inline"
local ip = require "gost.ip"
local metadata = require "gost.metadata"
local plugin = require "gost.plugin"
local policies = require "gost.policies"
local shape = require "gost.fingerprint"
local flat_tls = require("gost.tls").flat
local tunnels = require "gost.tunnels"
local url = require "gost.url"

local NOTHING = {}

---@param via? userdata  the service's way out
function Builder:forwarder(service, via)
  local forwarder = service.forwarder
  if not forwarder then return nil end
  local group = forwarder.hopGroup
  if group and #(group.hops or {}) > 0 then
    return self:group("hop", group.hops, group.selector, "forwarder/" .. service.name,
      function(ref) return self:listed_hop(ref) end)
  end
  if forwarder.hop then return self:listed_hop(forwarder.hop) end
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
    local entry = Builder.by_name(self.configuration.loggers, name)
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
  if service.handler.tls then
    error(("not implemented yet: tls of the handler of service %s"):format(service.name), 0)
  end
end

---The function behind a reference, if there is one.
function Builder:function_of(list, ref)
  if type(ref) == "function" then return ref end
  if type(ref) == "string" then ref = Builder.by_name(self.configuration[list], ref) end
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
  local table_of_names = resolver and not hosts and service.hosts and self:hosts(service.hosts)
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
      and self:hosts(service.hosts) or nil,
    resolver = service.resolver and not self:function_of("resolvers", service.resolver)
      and self:resolver(service.resolver) or nil,
    retries = handler.retries,
    dial_timeout_ms = Builder.milliseconds(metadata.duration(service.metadata, "dialTimeout")),
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

return Builder
