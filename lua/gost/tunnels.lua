---Services that serve reverse tunnels: their rules, and the services of their public entries.
local core = require "gost.core"
local metadata = require "gost.metadata"
local policies = require "gost.policies"
local sd = require "gost.sd"

local tunnels = {}

---Services whose tunnels are the same have the same word.
local function pool_of(service)
  local pool = metadata.get(service.handler.metadata, "pool")
  return pool and pool ~= "" and pool or service.name
end

---@param text string  "host:UUID"
local function rule_of(text)
  local host, endpoint = tostring(text):match "^%s*([^:]*):%s*(.-)%s*$"
  if not host then error(("tunnel: %q: expected host:UUID"):format(tostring(text)), 0) end
  return { hostname = host, endpoint = endpoint }
end

---Rules of the option `tunnel`: a list, or a text with commas.
local function inline_rules(value)
  if type(value) == "string" then
    local list = {}
    for item in value:gmatch "[^,]+" do list[#list + 1] = item end
    value = list
  end
  local rules = {}
  for i, item in ipairs(value) do rules[i] = rule_of(item) end
  return rules
end

---@param builder gost.Builder
---@param handler table
---@return userdata? ingress
function tunnels.ingress(builder, handler)
  if handler.type ~= "tunnel" and handler.type ~= "entrypoint" then return nil end
  local named = metadata.get(handler.metadata, "ingress")
  if named ~= nil and named ~= "" then return builder:get("ingresses", named, policies.ingress) end
  local rules = metadata.get(handler.metadata, "tunnel")
  if rules == nil or rules == "" then return nil end
  return core.ingress { rules = inline_rules(rules) }
end

---@param builder gost.Builder
---@param handler table
---@return userdata?
function tunnels.sd(builder, handler)
  if handler.type ~= "tunnel" and handler.type ~= "entrypoint" then return nil end
  local named = metadata.get(handler.metadata, "sd")
  if named == nil or named == "" then return nil end
  return builder:get("sds", named, sd.make)
end

---What only the control plane reads.
local OURS = { ingress = true, tunnel = true, entrypoints = true, sd = true }

---The addresses of a tunnel service's public entries.
---@return (string|{addr: string?, ingress: any})[]
local function entries_of(options)
  local items = { metadata.get(options, "entrypoint") }
  local more = metadata.get(options, "entrypoints")
  if type(more) == "string" then
    for item in more:gmatch "[^,]+" do items[#items + 1] = item end
  end
  table.move(type(more) == "table" and more or {}, 1, type(more) == "table" and #more or 0, #items + 1, items)
  return items
end

---What other hosts are to know this one's entry by.
local function address_for_hosts(options)
  local own = metadata.get(options, "sd.addr")
  if own and own ~= "" then return own end
  for _, item in ipairs(entries_of(options)) do
    local addr = type(item) == "table" and item.addr or item
    if addr and addr ~= "" then return addr end
  end
end

---The options as the core is to see them.
---@param service table
---@return table? metadata
function tunnels.metadata(service)
  local handler = service.handler
  if handler.type ~= "tunnel" then
    local found = handler.metadata
    if handler.type ~= "entrypoint" then return found end
  end
  local out = { pool = pool_of(service) }
  for key, value in pairs(handler.metadata or {}) do
    if not OURS[key:lower()] then out[key] = value end
  end
  local hosts = metadata.get(handler.metadata, "sd")
  if hosts and hosts ~= "" then
    out.sd = type(hosts) == "string" and hosts or "script"
    if handler.type == "tunnel" then out["sd.addr"] = address_for_hosts(handler.metadata) end
  end
  return out
end

---@param service table
---@param item string|{addr: string?, ingress: any}
local function entry(service, item, number)
  local options = service.handler.metadata
  local function option(key) return metadata.get(options, key) end
  if type(item) ~= "table" then item = { addr = item } end
  if not item.addr or item.addr == "" then return nil end
  local own = item.ingress ~= nil and item.ingress ~= "" and item.ingress
  return {
    name = ("%s-entrypoint%s"):format(service.name, number > 1 and "-" .. number or ""),
    addr = item.addr,
    handler = {
      type = "entrypoint", -- credentials are for visitors that another host passes on
      auther = service.handler.auther, authers = service.handler.authers, auth = service.handler.auth, generated = true,
      metadata = {
        pool = pool_of(service), ingress = own or option "ingress", tunnel = not own and option "tunnel" or nil,
        readTimeout = option "entrypoint.readTimeout", idleTimeout = option "idleTimeout",
        keepalive = option "entrypoint.keepalive", sd = option "sd", ["entrypoint.id"] = option "entrypoint.id",
        ["tunnel.direct"] = option "tunnel.direct", ["sd.proxyProtocol"] = option "sd.proxyProtocol",
      },
    },
    listener = { type = "tcp", metadata = {} },
    metadata = { proxyProtocol = option "entrypoint.ProxyProtocol" },
    logger = service.logger, loggers = service.loggers,
  }
end

---All services with those of entries behind their own.
---@param services table[]
---@return table[]
function tunnels.expand(services)
  local list = {}
  for _, service in ipairs(services) do
    list[#list + 1] = service
    local options = service.handler and service.handler.type == "tunnel" and service.handler.metadata or nil
    local number = 0
    for _, item in ipairs(entries_of(options)) do
      local made = entry(service, item, number + 1)
      if made then
        number = number + 1
        list[#list + 1] = made
      end
    end
  end
  return list
end

return tunnels
