---`gost-lua explain`: what a request would meet on its way, and why, without dialing.
local commandline = require "gost.commandline"
local fit = require "gost.fit"
local pattern = require "gost.pattern"
local url = require "gost.url"
local values = require "gost.schema.values"

local explain = {}

local PORTS = { http = 80, https = 443, ws = 80, wss = 443, ftp = 21, ssh = 22, dns = 53, socks5 = 1080 }

local PROTOCOLS = { http = "http", ws = "http", https = "tls", wss = "tls", ssh = "ssh" }

---@class gost.Request
---@field network "tcp"|"udp"
---@field host string
---@field port integer
---@field client string   address of the client
---@field user? string    its id
---@field protocol? "http"|"tls"|"ssh"   as the URL's scheme has it
---@field path? string    of an http URL

---"http://host:port/" or "host:port".
---@return gost.Request?
---@return string? message
function explain.request(text)
  local scheme, rest = text:match "^(%a[%w+.-]*)://(.*)$"
  local path = (rest or text):match "^[^/?#]*(/[^?#]*)" or "/"
  rest = (rest or text):match "^([^/?#]*)"
  rest = rest:match "@([^@]*)$" or rest
  local host, port = url.split_port(rest)
  if host == "" then return nil, ("%q has no host"):format(text) end
  local number = port and tonumber(port:match "^%d+$") or not port and PORTS[(scheme or ""):lower()]
  if not number or number > 65535 then return nil, ("%q has no port"):format(text) end
  local network = scheme == "udp" and "udp" or "tcp"
  local protocol = PROTOCOLS[(scheme or ""):lower()]
  return {
    network = network, host = host, port = math.tointeger(number), client = "127.0.0.1",
    protocol = protocol, path = protocol == "http" and path or nil,
  }
end

-- the walk ---------------------------------------------------------------------------

---@class gost.Explanation
---@field lines string[]
---@field configuration table
---@field request gost.Request
local Explanation = {}
Explanation.__index = Explanation

function Explanation:say(depth, fmt, ...)
  self.lines[#self.lines + 1] = ("  "):rep(depth) .. fmt:format(...)
end

function Explanation:find(list, name)
  for _, entry in ipairs(self.configuration[list] or {}) do
    if entry.name == name then return entry end
  end
end

local function references(owner, one, many)
  local list = {}
  if owner[one] then list[1] = owner[one] end
  for _, name in ipairs(owner[many] or {}) do list[#list + 1] = name end
  return list
end

---Content that is neither in the configuration nor in a file.
local function elsewhere(entry)
  return entry.redis or entry.http or entry.plugin
end

---First pattern that matches.
local function first_match(matchers, matches)
  for _, one in ipairs(matchers or {}) do
    if type(one) == "string" and matches(one) then return one end
  end
end

---@return boolean admitted
function Explanation:admission(name)
  local entry = self:find("admissions", name)
  local client = self.request.client
  local hit = first_match(entry.matchers, function(text) return pattern.client(text, client) end)
  local admitted = (hit ~= nil) == (entry.whitelist or false)
  self:say(1, "admission %s: %s is %s (%s, %s)%s", name, client, admitted and "admitted" or "refused",
    entry.whitelist and "whitelist" or "blacklist", hit and ("matches %s"):format(hit) or "no match",
    elsewhere(entry) and "; more is known only while running" or "")
  return admitted
end

---One bypass: is the destination bypassed?
---@return boolean hit
---@return string why
function Explanation:contains(name, hosts)
  local entry = self:find("bypasses", name)
  if entry.network and entry.network ~= self.request.network then
    return false, ("is for %s only"):format(entry.network)
  end
  local matched
  for _, host in ipairs(hosts) do
    matched = matched or first_match(entry.matchers, function(text)
      return pattern.destination(text, pattern.host(host), self.request.port)
    end)
  end
  local none = #(entry.matchers or {}) == 0
  local hit
  if entry.whitelist then
    hit = not matched and not none
  else
    hit = matched ~= nil or none and entry.network ~= nil
  end
  local why = matched and ("matches %s"):format(matched) or none and "has no patterns" or "no match"
  if elsewhere(entry) then why = why .. "; more is known only while running" end
  return hit, entry.whitelist and "whitelist, " .. why or why
end

---Several bypasses: any blacklist, or all whitelists.
---@return boolean bypassed
---@return string why
function Explanation:bypassed(owner, hosts)
  local whitelists, all, any, reasons = 0, true, false, {}
  for _, name in ipairs(references(owner, "bypass", "bypasses")) do
    local hit, why = self:contains(name, hosts)
    reasons[#reasons + 1] = ("bypass %s: %s"):format(name, why)
    if self:find("bypasses", name).whitelist then
      whitelists, all = whitelists + 1, all and hit
    else
      any = any or hit
    end
  end
  return any or whitelists > 0 and all, table.concat(reasons, "; ")
end

---Names known beforehand: exact, .name, .parent …, "."
---@return string? address
---@return string? entry  the hostname that matched
function Explanation:mapped(name, host)
  local entry = self:find("hosts", name)
  local known = {}
  for _, mapping in ipairs(entry.mappings or {}) do
    local names = { mapping.hostname }
    for _, alias in ipairs(mapping.aliases or {}) do names[#names + 1] = alias end
    for _, one in ipairs(names) do known[one:lower()] = known[one:lower()] or mapping.ip end
  end
  host = pattern.host(host)
  local try = { host, "." .. host }
  for parent in host:gmatch "()%." do try[#try + 1] = host:sub(parent) end
  try[#try + 1] = "."
  for _, one in ipairs(try) do
    if known[one] then return known[one], one end
  end
end

---@return string host  the host to go on with
function Explanation:resolve(service)
  local request = self.request
  if service.hosts then
    local address, entry = self:mapped(service.hosts, request.host)
    if address then
      self:say(1, "hosts %s: %s is %s (entry %s)", service.hosts, request.host, address, entry)
      return address
    end
    self:say(1, "hosts %s: does not know %s", service.hosts, request.host)
  end
  if service.resolver and not require("gost.ip").version(pattern.host(request.host)) then
    local servers = {}
    for _, server in ipairs(self:find("resolvers", service.resolver).nameservers or {}) do
      servers[#servers + 1] = server.addr
    end
    self:say(1, "resolver %s: would ask %s", service.resolver, table.concat(servers, ", then "))
  end
  return request.host
end

-- nodes ---------------------------------------------------------------------------

local function metadata_value(map, name)
  for key, value in pairs(map or {}) do
    if key:lower() == name then return value end
  end
end

local function truthy(value)
  return values.bool(value or false)
end

local function describe(node)
  local connector, dialer = (node.connector or {}).type, (node.dialer or {}).type
  if not connector then return ("%s (%s)"):format(node.name, node.addr or "the requested host") end
  return ("%s (%s, %s over %s)"):format(node.name, node.addr or "", connector, dialer)
end

local CRC = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ (c >> 1) or c >> 1 end
  CRC[i] = c
end

local function crc32(text)
  local c = 0xFFFFFFFF
  for i = 1, #text do c = CRC[(c ~ text:byte(i)) & 0xFF] ~ (c >> 8) end
  return c ~ 0xFFFFFFFF
end

local function names_of(nodes)
  local list = {}
  for i, node in ipairs(nodes) do list[i] = node.name end
  return table.concat(list, ", ")
end

local LATENCY = { lowestlatency = true, lowest = true, ll = true }

---@return table? node
---@return string why
function Explanation:choose(candidates, selector)
  local strategy = selector and selector.strategy or "round"
  if #candidates == 0 then return nil, "no node is left" end
  if #candidates == 1 then return candidates[1], "the only candidate" end
  local primary = {}
  for _, node in ipairs(candidates) do
    if not fit.is_backup(node) then primary[#primary + 1] = node end
  end
  if #primary > 0 and #primary < #candidates then
    candidates = primary
    if #candidates == 1 then return candidates[1], "the others are backups" end
  end
  if strategy == "fifo" or strategy == "ha" then return candidates[1], "first of the list (fifo)" end
  if strategy == "hash" then
    local source = self.request.user or self.request.client
    local i = crc32(source) % #candidates + 1
    return candidates[i], ("hash of %s among %s"):format(source, names_of(candidates))
  end
  if strategy == "random" or strategy == "rand" then
    return candidates[1], ("any of %s, at random by weight"):format(names_of(candidates))
  end
  if strategy == "parallel" then
    return candidates[1], ("all of %s at once, the first to answer"):format(names_of(candidates))
  end
  if LATENCY[strategy] then
    return candidates[1], ("the fastest of %s by their probes"):format(names_of(candidates))
  end
  return candidates[1], ("%s in turn"):format(names_of(candidates))
end

---@param known table  what the rules and filters of the nodes can see of the request
---@return table? node
function Explanation:select(nodes, selector, hosts, depth, known)
  local candidates = {}
  for _, node in ipairs(nodes or {}) do
    local out, why = self:bypassed(node, hosts)
    if not out then
      why = fit.unfit(node, known)
      out = why ~= nil
    end
    if out then
      self:say(depth, "node %s: left out (%s)", describe(node), why)
    else
      local rule = node.matcher and node.matcher.rule
      self:say(depth, "node %s: candidate%s", describe(node), rule and (" if " .. rule) or "")
      candidates[#candidates + 1] = node
    end
  end
  local chosen, why = self:choose(fit.foremost(candidates), selector)
  if chosen and why == "the only candidate" and #candidates > 1 then why = "the highest priority" end
  self:say(depth, chosen and "takes %s: %s" or "takes none: %s%s", chosen and chosen.name or why, chosen and why or "")
  return chosen
end

---@return string[]? route  nodes in order; nil: the request is refused
function Explanation:chain(name, hosts)
  local chain = self:find("chains", name)
  self:say(1, "chain %s", name)
  local route = {}
  for i, hop in ipairs(chain.hops or {}) do
    if not hop.nodes and not elsewhere(hop) then hop = self:find("hops", hop.name) end
    local title = hop.name or ("hop-%d"):format(i - 1)
    local out, why = self:bypassed(hop, hosts)
    if out then
      self:say(2, "hop %s: the chain ends here (%s)", title, why)
      return route
    end
    self:say(2, "hop %s%s", title, elsewhere(hop) and " (more nodes are known only while running)" or "")
    local node = self:select(hop.nodes, hop.selector, hosts, 3, self.request)
    if not node then
      self:say(2, "refused: hop %s has no node for this request", title)
      return nil
    end
    route[#route + 1] = ("%s@%s"):format(node.name, node.addr or "")
  end
  if #route == 0 then
    self:say(2, "refused: the chain has no hops")
    return nil
  end
  return route
end

-- services ---------------------------------------------------------------------------

---The target: of the forwarder, or what the client asks for.
---@return string? target  nil: refused
function Explanation:target(service, host)
  local forwarder = service.forwarder
  local asked = ("%s:%d"):format(host, self.request.port)
  if not forwarder then return asked end
  local hop = forwarder.hop and self:find("hops", forwarder.hop) or forwarder
  self:say(1, "forwarder%s: the request's own destination does not count",
    forwarder.hop and (" (hop %s)"):format(forwarder.hop) or "")
  local known = self.request
  if not truthy(metadata_value(service.handler.metadata, "sniffing")) then
    known = { network = known.network, client = known.client }
  end
  local node = self:select(hop.nodes, hop.selector, { self.request.host }, 2, known)
  return node and (node.addr or asked)
end

function Explanation:authentication(handler)
  local names = references(handler, "auther", "authers")
  if #names > 0 then
    self:say(1, "auther %s: asks for user and password", table.concat(names, ", "))
  elseif handler.auth and handler.auth.username then
    self:say(1, "auth: only user %s", handler.auth.username)
  end
end

---@param service table
---@return boolean reached
function Explanation:service(service)
  local request = self.request
  local handler, listener = service.handler, service.listener
  self:say(0, "service %s (%s, %s over %s)", service.name, service.addr ~= "" and service.addr or ":0",
    handler.type, listener.type)
  for _, name in ipairs(references(service, "admission", "admissions")) do
    if not self:admission(name) then
      self:say(1, "result: the connection is closed")
      return false
    end
  end
  self:authentication(handler)
  if service.bypass or service.bypasses then
    local out, why = self:bypassed(service, { request.host })
    self:say(1, "%s: %s:%d is %s", why, request.host, request.port, out and "refused" or "let through")
    if out then
      self:say(1, "result: the request is refused")
      return false
    end
  end
  for _, kind in ipairs { "limiter", "climiter", "rlimiter" } do
    if service[kind] then
      self:say(1, "%s %s: %s", kind, service[kind],
        table.concat(self:find(kind .. "s", service[kind]).limits or {}, "; "))
    end
  end
  local host = self:resolve(service)
  local target = self:target(service, host)
  if not target then
    self:say(1, "result: refused, no target")
    return false
  end
  local chain = handler.chain
  if chain and truthy(metadata_value(service.metadata, "ignorechain")) then
    self:say(1, "chain %s: not used (ignoreChain)", chain)
    chain = nil
  end
  local route = {}
  if chain then
    route = self:chain(chain, host == request.host and { host } or { host, request.host })
    if not route then
      self:say(1, "result: refused")
      return false
    end
  elseif handler.chainGroup then
    self:say(1, "chain group: one of its chains is chosen while running")
  end
  if #route == 0 then
    self:say(1, "result: directly to %s", target)
  else
    self:say(1, "result: %s > %s", table.concat(route, " > "), target)
  end
  return true
end

---@param configuration table  complete and without errors
---@param request gost.Request
---@param only? string         name of a service; nil: all
---@return string[] lines
function explain.lines(configuration, request, only)
  local e = setmetatable({ lines = {}, configuration = configuration, request = request }, Explanation)
  for _, service in ipairs(configuration.services) do
    if not only or service.name == only then e:service(service) end
  end
  if #e.lines == 0 then e:say(0, only and "there is no service %q" or "there are no services", only) end
  return e.lines
end

-- the command -------------------------------------------------------------------------

local USAGE = "usage: gost-lua explain [-C source] [-L url] [-F url] [--client address] [--user id] "
  .. "[--service name] URL"

---Take `--name value` out of the arguments.
local function take(args, name)
  for i, arg in ipairs(args) do
    local value = arg:match("^%-%-?" .. name .. "=(.*)$")
    if value then
      table.remove(args, i)
      return value
    elseif arg:match("^%-%-?" .. name .. "$") then
      table.remove(args, i)
      return table.remove(args, i)
    end
  end
end

---@param args string[]
---@return integer exit_code
function explain.main(args, env, out, err)
  local client, user, only = take(args, "client"), take(args, "user"), take(args, "service")
  local options, message = commandline.parse(args)
  if not options or #options ~= 1 then
    err((message and message .. "\n" or "") .. USAGE)
    return 2
  end
  local request
  request, message = explain.request(options[1])
  if not request then
    err(message)
    return 2
  end
  request.client, request.user = client or request.client, user
  local configuration, found = require("gost.main").prepare(options, env)
  if not configuration then
    err(found)
    return 1
  end
  local wrong = found:only "error"
  for _, line in ipairs(wrong:lines()) do err(line) end
  if #wrong > 0 then return 1 end
  require("gost.list_files").take(configuration)
  for _, line in ipairs(explain.lines(configuration, request, only)) do out(line .. "\n") end
  return 0
end

return explain
