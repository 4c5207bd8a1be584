---`gost-lua rules`: the commands that make the kernel send connections to a redirect service.
local commandline = require "gost.commandline"
local ip = require "gost.ip"
local metadata = require "gost.metadata"
local url = require "gost.url"

local rules = {}

---By protocol: the mark (and routing table) of packets that TPROXY keeps on this host, and what the rules stand in.
local KEEP = { tcp = 26479, udp = 26480 }
local TABLE = { tcp = "gost-lua", udp = "gost-lua-udp" }
local CHAIN = { tcp = "GOST_LUA", udp = "GOST_LUA_UDP" }
local KINDS = { redirect = "tcp", redir = "tcp", red = "tcp", redu = "udp" }

---@class gost.RedirectPlan
---@field name string          of the service
---@field protocol "tcp"|"udp"
---@field what string           "connections" or "datagrams", for messages
---@field host? string         where it listens; nil: everywhere
---@field port integer
---@field tproxy boolean
---@field families integer[]   4, 6
---@field marks integer[]      of our own connections, which pass untouched
---@field own boolean          redirect connections of this host, too
---@field routed boolean       redirect what comes from elsewhere
---@field except string[]      addresses and networks that are left alone
---@field nodes { addr: string, port: integer }[]  nodes without a mark: left alone by this host

local function is_true(value)
  return require("gost.schema.values").bool(value == nil and false or value)
end

---Redirect services of a configuration; `only` is a name.
local function services(configuration, only)
  local found = {}
  for _, service in ipairs(configuration.services or {}) do
    local listener = (service.listener or {}).type
    if KINDS[listener or ""] and (not only or service.name == only) then found[#found + 1] = service end
  end
  return found
end

local function entry(list, name)
  for _, one in ipairs(list or {}) do
    if one.name == name then return one end
  end
end

---Nodes that the service itself connects to: those of the first hop.
local function first_nodes(configuration, service)
  local chain = service.handler.chain and entry(configuration.chains, service.handler.chain)
  local hop = chain and (chain.hops or {})[1]
  if hop and not hop.nodes then hop = entry(configuration.hops, hop.name) end
  return hop and hop.nodes or {}, hop or {}
end

local function mark_of(...)
  for i = 1, select("#", ...) do
    local owner = select(i, ...)
    local mark = math.tointeger(tonumber(metadata.get(owner.metadata, "so_mark")))
    if mark and mark ~= 0 then return mark end
  end
end

local function add_mark(plan, mark)
  for _, known in ipairs(plan.marks) do
    if known == mark then return end
  end
  table.insert(plan.marks, mark)
end

---What this host's own connections need, so that those of gost-lua do not come back to it.
---@param warn fun(message: string)
local function plan_own(plan, configuration, service, warn)
  local mark = mark_of(service)
  if not mark then
    warn(("service %s has no so_mark, so its own connections cannot be told from others: %s of this host "
      .. "are left alone"):format(service.name, plan.what))
    return
  end
  add_mark(plan, mark)
  plan.own = true
  local nodes, hop = first_nodes(configuration, service)
  for _, node in ipairs(nodes) do
    local node_mark = mark_of(node, hop)
    local host, port = url.split_port(node.addr or "")
    host = host:gsub("^%[(.*)%]$", "%1")
    if node_mark then
      add_mark(plan, node_mark)
    elseif ip.version(host) and tonumber(port) then
      table.insert(plan.nodes, { addr = host, port = math.tointeger(tonumber(port)) })
    else
      warn(("node %s has no so_mark and no fixed address: %s of this host are left alone"):format(node.name, plan.what))
      plan.own = false
    end
  end
end

---The service that is meant for each protocol: one, unless it is named.
---@return table[]? services
---@return string? message
local function choose(configuration, only)
  local found, names, by_protocol = services(configuration, only), {}, {}
  if #found == 0 then
    return nil, only and ("there is no redirect service %q"):format(only)
      or "there is no redirect service in the configuration"
  end
  for i, service in ipairs(found) do
    local protocol = KINDS[service.listener.type]
    names[i] = service.name
    by_protocol[protocol] = (by_protocol[protocol] or 0) + 1
  end
  for _, protocol in ipairs { "tcp", "udp" } do
    if (by_protocol[protocol] or 0) > 1 then
      return nil, ("several redirect services (%s): name one with --service"):format(table.concat(names, ", "))
    end
  end
  return found
end

---@param warn fun(message: string)
---@return gost.RedirectPlan? plan
---@return string? message
function rules.plan(configuration, service, options, warn)
  local protocol = KINDS[service.listener.type]
  local host, port = url.split_port(service.addr or "")
  port = math.tointeger(tonumber(port))
  if not port or port == 0 then return nil, ("service %s needs a fixed port"):format(service.name) end
  host = host:gsub("^%[(.*)%]$", "%1")
  if host == "localhost" then host = "127.0.0.1" end
  local anywhere = host == "" or host == "::" or host == "0.0.0.0"
  local plan = {
    name = service.name, port = port, host = not anywhere and host or nil,
    protocol = protocol, what = protocol == "udp" and "datagrams" or "connections",
    tproxy = protocol == "udp" or is_true(metadata.get(service.listener.metadata, "tproxy")),
    families = (host == "" or host == "::") and { 4, 6 } or { ip.version(host) },
    marks = {}, own = false, routed = true, except = options.except or {}, nodes = {},
  }
  if protocol == "tcp" and is_true(metadata.get(service.handler.metadata, "tproxy")) ~= plan.tproxy then
    return nil, ("service %s: tproxy differs between handler and listener"):format(service.name)
  end
  for _, network in ipairs(plan.except) do
    if not ip.version((network:gsub("/%d+$", ""))) then
      return nil, ("--except %s: expected an address or a network"):format(network)
    end
  end
  if not plan.tproxy and (host:match "^127%." or host == "::1") then
    plan.routed = false
    warn(("service %s listens on loopback, which REDIRECT cannot reach from outside: connections that pass "
      .. "through this host are left alone"):format(service.name))
  end
  plan_own(plan, configuration, service, warn)
  if not plan.own and not plan.routed then return nil, "there is nothing left to redirect" end
  return plan
end

-- routes for TPROXY -----------------------------------------------------------------------------

---Marked packets are for this host, whatever their destination.
local function routes(plan, delete)
  local lines, keep = {}, KEEP[plan.protocol]
  if not plan.tproxy then return lines end
  for _, family in ipairs(plan.families) do
    local cmd = family == 4 and "ip" or "ip -6"
    lines[#lines + 1] = ("%s rule del fwmark %d lookup %d 2>/dev/null || :"):format(cmd, keep, keep)
    if delete then
      lines[#lines + 1] = ("%s route flush table %d 2>/dev/null || :"):format(cmd, keep)
    else
      lines[#lines + 1] = ("%s rule add fwmark %d lookup %d"):format(cmd, keep, keep)
      lines[#lines + 1] = ("%s route replace local default dev lo table %d"):format(cmd, keep)
    end
  end
  return lines
end

local function append(lines, more)
  table.move(more, 1, #more, #lines + 1, lines)
end

local function version_of(network)
  return ip.version((network:gsub("/%d+$", "")))
end

-- nftables --------------------------------------------------------------------------------------

local NFT_FAMILY = { [4] = "ip", [6] = "ip6" }

---What is left alone: this host, groups, the exceptions.
local function nft_left_alone(plan)
  local lines = {}
  if #plan.families == 1 then
    lines[1] = ("meta nfproto != ipv%d return"):format(plan.families[1])
  end
  lines[#lines + 1] = ("meta l4proto != %s return"):format(plan.protocol)
  if plan.tproxy then lines[#lines + 1] = "ct direction reply return" end
  lines[#lines + 1] = "fib daddr type { local, broadcast, multicast, anycast } return"
  for _, network in ipairs(plan.except) do
    lines[#lines + 1] = ("%s daddr %s return"):format(NFT_FAMILY[version_of(network)], network)
  end
  return lines
end

local function nft_ours(plan)
  local lines = {}
  for _, mark in ipairs(plan.marks) do lines[#lines + 1] = ("meta mark %d return"):format(mark) end
  for _, node in ipairs(plan.nodes) do
    lines[#lines + 1] = ("%s daddr %s %s dport %d return"):format(NFT_FAMILY[ip.version(node.addr)], node.addr,
      plan.protocol, node.port)
  end
  return lines
end

---@param take string[]  the last rules: what happens to the others
local function nft_chain(name, hook, before, plan, take)
  local lines = { ("  chain %s {"):format(name), "    " .. hook }
  local all = {}
  append(all, before)
  append(all, nft_left_alone(plan))
  append(all, take)
  for _, line in ipairs(all) do lines[#lines + 1] = "    " .. line end
  lines[#lines + 1] = "  }"
  return lines
end

---@return string[] routed  how to take what passes through
---@return string[] own     and what begins here
local function nft_take(plan)
  if not plan.tproxy then
    local line = { ("meta l4proto tcp redirect to :%d"):format(plan.port) }
    return line, line
  end
  local routed = {}
  for _, family in ipairs(plan.families) do
    local host = plan.host and (family == 6 and ("[%s]"):format(plan.host) or plan.host) or ""
    routed[#routed + 1] = ("meta nfproto ipv%d meta l4proto %s tproxy %s to %s:%d meta mark set %d accept"):format(
      family, plan.protocol, NFT_FAMILY[family], host, plan.port, KEEP[plan.protocol])
  end
  return routed, { ("meta mark set %d"):format(KEEP[plan.protocol]) }
end

---@param plan gost.RedirectPlan
---@return string[] lines
function rules.nft(plan, delete)
  local lines, name = routes(plan, delete), TABLE[plan.protocol]
  if delete then
    lines[#lines + 1] = ("nft delete table inet %s"):format(name)
    return lines
  end
  local routed, own = nft_take(plan)
  append(lines, { "nft -f - <<'END'", "table inet " .. name, "delete table inet " .. name,
    "table inet " .. name .. " {" })
  if plan.routed then
    append(lines, nft_chain("prerouting", plan.tproxy and "type filter hook prerouting priority mangle; policy accept;"
      or "type nat hook prerouting priority dstnat; policy accept;", {}, plan, routed))
  end
  if plan.own then
    append(lines, nft_chain("output", plan.tproxy and "type route hook output priority mangle; policy accept;"
      or "type nat hook output priority -100; policy accept;", nft_ours(plan), plan, own))
  end
  append(lines, { "}", "END" })
  return lines
end

-- iptables --------------------------------------------------------------------------------------

---Rules of one chain for one family, without their command.
local function iptables_chain(plan, family, ours)
  local list = {}
  local function add(fmt, ...) list[#list + 1] = fmt:format(...) end
  if ours then
    for _, mark in ipairs(plan.marks) do add("-m mark --mark %d -j RETURN", mark) end
    for _, node in ipairs(plan.nodes) do
      if ip.version(node.addr) == family then
        add("-p %s -d %s --dport %d -j RETURN", plan.protocol, node.addr, node.port)
      end
    end
  end
  if plan.tproxy then add "-m conntrack --ctdir REPLY -j RETURN" end
  for _, kind in ipairs { "LOCAL", "BROADCAST", "MULTICAST", "ANYCAST" } do
    if family == 4 or kind ~= "BROADCAST" then add("-m addrtype --dst-type %s -j RETURN", kind) end
  end
  for _, network in ipairs(plan.except) do
    if version_of(network) == family then add("-d %s -j RETURN", network) end
  end
  if not plan.tproxy then
    add("-p tcp -j REDIRECT --to-ports %d", plan.port)
  elseif ours then
    add("-p %s -j MARK --set-mark %d", plan.protocol, KEEP[plan.protocol])
  else
    add("-p %s -j TPROXY --on-port %d%s --tproxy-mark %d", plan.protocol, plan.port,
      plan.host and " --on-ip " .. plan.host or "", KEEP[plan.protocol])
  end
  return list
end

---A chain of our own, and the jump to it; first away with an older one.
local function iptables_hook(lines, cmd, protocol, chain, hook, list)
  append(lines, {
    ("%s -D %s -p %s -j %s 2>/dev/null || :"):format(cmd, hook, protocol, chain),
    ("%s -F %s 2>/dev/null || :"):format(cmd, chain),
    ("%s -X %s 2>/dev/null || :"):format(cmd, chain),
  })
  if not list then return end
  lines[#lines + 1] = ("%s -N %s"):format(cmd, chain)
  for _, rule in ipairs(list) do lines[#lines + 1] = ("%s -A %s %s"):format(cmd, chain, rule) end
  lines[#lines + 1] = ("%s -A %s -p %s -j %s"):format(cmd, hook, protocol, chain)
end

---@param plan gost.RedirectPlan
---@return string[] lines
function rules.iptables(plan, delete)
  local lines = routes(plan, delete)
  for _, family in ipairs(plan.families) do
    local cmd = ("%s -w -t %s"):format(family == 4 and "iptables" or "ip6tables", plan.tproxy and "mangle" or "nat")
    local protocol, chain = plan.protocol, CHAIN[plan.protocol]
    if plan.routed then
      iptables_hook(lines, cmd, protocol, chain, "PREROUTING",
        not delete and iptables_chain(plan, family, false) or nil)
    end
    if plan.own then
      iptables_hook(lines, cmd, protocol, chain .. "_OWN", "OUTPUT",
        not delete and iptables_chain(plan, family, true) or nil)
    end
  end
  return lines
end

-- the command -----------------------------------------------------------------------------------

local USAGE = "usage: gost-lua rules [-C source] [-L url] [-F url] [--iptables] [--delete] [--service name] "
  .. "[--except network]…"

---Take our own flags out of the arguments.
---@return table options
local function take(args)
  local options, i = { except = {} }, 1
  while i <= #args do
    local name, value = args[i]:match "^%-%-([%w]+)=?(.*)$"
    if name == "iptables" or name == "delete" then
      options[name] = true
      table.remove(args, i)
    elseif name == "service" or name == "except" then
      table.remove(args, i)
      if value == "" then value = table.remove(args, i) or "" end
      if name == "service" then options.service = value else table.insert(options.except, value) end
    else
      i = i + 1
    end
  end
  return options
end

---@param args string[]
---@return integer exit_code
function rules.main(args, env, out, err)
  local wanted = take(args)
  local options, message = commandline.parse(args)
  if not options or #options > 0 then
    err((message and message .. "\n" or "") .. USAGE)
    return 2
  end
  local configuration, found = require("gost.main").prepare(options, env)
  if not configuration then
    err(found)
    return 1
  end
  local wrong = found:only "error"
  for _, line in ipairs(wrong:lines()) do err(line) end
  if #wrong > 0 then return 1 end
  local plans = {}
  found, message = choose(configuration, wanted.service)
  for i, service in ipairs(found or {}) do
    plans[i], message = rules.plan(configuration, service, wanted, function(text) err("warning: " .. text) end)
    if not plans[i] then break end
  end
  if message then
    err(message)
    return 1
  end
  out "#!/bin/sh\n"
  for _, plan in ipairs(plans) do
    out(("# %s %s to service %s, port %d; run as root.\n"):format(
      wanted.delete and "No more" or "Redirect", plan.what, plan.name, plan.port))
  end
  out "set -e\n"
  for _, plan in ipairs(plans) do
    local lines = (wanted.iptables and rules.iptables or rules.nft)(plan, wanted.delete)
    for _, line in ipairs(lines) do out(line .. "\n") end
  end
  return 0
end

return rules
