---Plugins: programs that decide instead of a list, asked over HTTP with JSON, as functions of the same form as those
---that stand inline (`lua:`).
local core = require "gost.core"

local plugin = {}

local TIMEOUT, BODY = 5, 1024 * 1024

---@class gost.Plugin
---@field definition table
---@field headers table<string, string>
---@field kept gost.Stream[]
local Plugin = {}
Plugin.__index = Plugin

local function encode_query(fields)
  local words = {}
  local function escape(c) return ("%%%02X"):format(c:byte()) end
  for key, value in pairs(fields) do
    words[#words + 1] = key .. "=" .. value:gsub("[^%w%-._~]", escape)
  end
  table.sort(words)
  return table.concat(words, "&")
end

---Ask. Suspends; raises when there is no answer of the form that is due.
---@param fields table<string, string>
---@param method? "GET"|"PUT"|"DELETE"  GET: the fields go into the query
---@param any? boolean    what the body of the answer says does not matter
---@return table reply
function Plugin:ask(fields, method, any)
  local json, own = require "gost.json", self.definition
  local query = method == "GET" and (own.addr:find("?", 1, true) and "&" or "?") .. encode_query(fields) or ""
  local ok, response, message = pcall(require("gost.http").request, {
    url = own.addr .. query, method = method or "POST", body = method ~= "GET" and json.encode(fields) or nil,
    headers = self.headers, timeout = own.timeout and own.timeout > 0 and own.timeout or TIMEOUT,
    max_body = BODY, keep = self.kept, tls = self.tls,
  })
  if not ok then response, message = nil, response end
  if response and response.status ~= 200 then
    response, message = nil, ("status %d"):format(response.status)
  end
  local reply = response and (any and {} or json.decode(response.body))
  if response and type(reply) ~= "table" then message = "the answer is no JSON object" end
  if type(reply) ~= "table" then error(("plugin %s: %s"):format(require("gost.url").mask(own.addr), message), 0) end
  return reply
end

local function client_of(conn) return conn and conn.client or "" end
local function id_of(conn) return conn and conn.client_id or "" end
local function service_of(conn) return conn and conn.service or "" end

---Addresses of an answer; nil when it has none.
local function addresses_of(reply)
  local ips = type(reply.ips) == "table" and reply.ips or {}
  return #ips > 0 and ips or nil
end

local NETWORK = { any = "ip", ipv4 = "ip4", ipv6 = "ip6" }

---@type table<string, fun(self: gost.Plugin): function>
local kinds = {}

function kinds.auther(self)
  return function(conn, user, password)
    local reply = self:ask {
      service = service_of(conn), username = user, password = password, client = client_of(conn),
    }
    return reply.ok == true and (type(reply.id) == "string" and reply.id ~= "" and reply.id or true)
  end
end

function kinds.admission(self)
  return function(conn, addr)
    return self:ask({ service = service_of(conn), network = "tcp", addr = addr }).ok == true
  end
end

function kinds.bypass(self)
  return function(conn, addr, network)
    return self:ask({ service = service_of(conn), network = network, addr = addr, client = id_of(conn), host = addr,
      path = "" }).ok == true
  end
end

---What a table of names does not know goes on as configured; so does everything while the plugin is away.
function kinds.hosts(self)
  return function(conn, name, family)
    local ok, reply = pcall(self.ask, self, { network = NETWORK[family] or "ip", host = name, client = id_of(conn) })
    if not ok then core.log("warn", "hosts: " .. tostring(reply)) end
    return ok and addresses_of(reply) or nil
  end
end

function kinds.resolver(self)
  return function(conn, name, family)
    local reply = self:ask { network = NETWORK[family] or "ip", host = name, client = id_of(conn) }
    return reply.ok == true and addresses_of(reply) or false
  end
end

function kinds.ingress(self)
  return function(conn, host)
    local reply = self:ask({ host = host, service = service_of(conn) }, "GET")
    return type(reply.endpoint) == "string" and reply.endpoint ~= "" and reply.endpoint or nil
  end
end

local SD_METHODS = { register = "POST", renew = "PUT", deregister = "DELETE" }

function kinds.sd(self)
  return function(word, what)
    local ok, reply
    if word == "get" then
      ok, reply = pcall(self.ask, self, { name = what }, "GET")
      if ok then return type(reply.services) == "table" and reply.services or {} end
      return nil, tostring(reply)
    end
    ok, reply = pcall(self.ask, self, { id = what.id, name = what.name, node = what.node,
      network = what.network or "", address = what.address or "" }, SD_METHODS[word], true)
    return ok or nil, not ok and tostring(reply) or nil
  end
end

local KEYS, FRESH = 10000, 30 -- answers that are kept, and for how many seconds they are good

---What was answered for a key; while the plugin is away, also when that is long ago. Without any, nothing is limited.
function kinds.limiter(self)
  local known, count = {}, 0
  return function(conn, scope)
    local key = scope == "service" and service_of(conn) or scope == "client" and id_of(conn) or client_of(conn)
    local id, now = scope .. "\0" .. key, core.now()
    local before = scope ~= "conn" and known[id] or nil
    if before and now - before.at < FRESH then return before[1], before[2] end
    local ok, reply = pcall(self.ask, self, {
      service = service_of(conn), scope = scope, network = "tcp", addr = conn and tostring(conn.target or "") or "",
      client = scope == "client" and key or "", src = scope ~= "service" and client_of(conn) or "",
    })
    if not ok then
      core.log("warn", "limiter: " .. tostring(reply))
      return before and before[1], before and before[2]
    end
    local answer = { tonumber(reply["in"]) or 0, tonumber(reply.out) or 0, at = now }
    if scope ~= "conn" then
      if not before then count = count + 1 end
      if count > KEYS then known, count = {}, 1 end
      known[id] = answer
    end
    return answer[1], answer[2]
  end
end

local made = setmetatable({}, { __mode = "k" }) ---@type table<table, function>

---The function of a definition's plugin; nil when it has none. Raises for what cannot be done.
---@param kind string  a key of kinds
---@param definition any
---@return function?
function plugin.of(kind, definition)
  local own = type(definition) == "table" and getmetatable(definition) == nil and definition.plugin
  if not own then return nil end
  own = require("gost.parts").check("plugin", own)
  if not kinds[kind] then error(("plugin: a %s cannot be one"):format(kind), 0) end
  if (own.type or "grpc") ~= "http" then error("plugin: gRPC is not implemented yet; type http is", 0) end
  if not tostring(own.addr):find "^https?://" then
    error(("plugin: %q is no URL, expected http:// or https://"):format(tostring(own.addr)), 0)
  end
  made[definition] = made[definition] or kinds[kind](setmetatable({
    definition = own, kept = {},
    tls = own.tls and { secure = own.tls.secure or false, serverName = own.tls.serverName, caFile = own.tls.caFile,
      certFile = own.tls.certFile, keyFile = own.tls.keyFile } or nil,
    headers = { ["Content-Type"] = "application/json",
      Authorization = own.token and own.token ~= "" and "Bearer " .. own.token or nil },
  }, Plugin))
  return made[definition]
end

return plugin
