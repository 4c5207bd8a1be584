---Ports that two services want.
local base = require "gost.check.base"
local metadata = require "gost.metadata"
local places = require "gost.places"
local url = require "gost.url"

local ports = {}

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
local function claim_port(c, used, network, addr, owner, path, reuse, netns)
  local host, port = url.split_port(addr or "")
  if not network or not port or not port:match "^%d+$" or tonumber(port) == 0 then return end
  local key = network .. "/" .. tonumber(port) .. (netns and "@" .. netns or "")
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

---@param c gost.Check
---@param configuration table
function ports.check(c, configuration)
  local used = {}
  for i, service in ipairs(configuration.services or {}) do
    claim_port(c, used, network_of(service), service.addr, service, ("services[%d].addr"):format(i - 1),
      base.truthy((service.listener or {}).metadata, "reuseport"), metadata.get(service.metadata, "netns"))
  end
  for _, section in ipairs { "api", "metrics", "profiling" } do
    if configuration[section] then
      claim_port(c, used, "tcp", configuration[section].addr, configuration[section], section .. ".addr", false)
    end
  end
end

return ports
