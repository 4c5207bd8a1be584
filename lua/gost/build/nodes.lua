---Building nodes, hops and chains.
local Builder = require "gost.build.builder"
local core = require "gost.core"
local inline = require "gost.inline"
local loader = require "gost.loader"
local metadata = require "gost.metadata"
local policies = require "gost.policies"
local flat_tls = require("gost.tls").flat

local NOTHING = {}

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
    fail_timeout_ms = Builder.milliseconds(metadata.duration(node.metadata, "failTimeout")),
    bypasses = self:bypasses(node),
    hosts = hosts and self:hosts(hosts),
    resolver = resolver and self:resolver(resolver),
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
    max_fails = selector.maxFails, fail_timeout_ms = Builder.milliseconds(selector.failTimeout),
    max_latency_ms = Builder.milliseconds(selector.maxLatency), bypasses = self:bypasses(hop), select = select,
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

---A hop of the list, or one that stands on the spot.
---@param ref any
---@return userdata hop
function Builder:listed_hop(ref)
  return self:get("hops", ref, make_hop)
end

---An inline hop has nodes of its own; one with a name alone means that of the list.
local function has_nodes(hop)
  return type(hop) == "userdata" or hop.nodes ~= nil or hop.object ~= nil or not hop.name or loader.has_sources(hop)
end

local function make_chain(self, chain, name)
  local hops = {}
  for i, hop in ipairs(chain.hops or {}) do
    local scope = ("%s/%s"):format(name or chain.name or "chain", hop.name or i)
    hops[i] = has_nodes(hop) and self:hop(hop, scope) or self:listed_hop(hop.name)
  end
  return core.chain { name = name or chain.name, hops = hops }
end

---@param ref any
---@return userdata chain
function Builder:chain(ref)
  return self:get("chains", ref, make_chain)
end

return Builder
