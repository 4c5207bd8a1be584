---One -L value: one service, or one for each port of a range.
local address = require "gost.commandline.address"
local base64 = require "gost.base64"
local components = require "gost.schema.components"
local query = require "gost.commandline.query"
local scheme = require "gost.scheme"
local url = require "gost.url"

local service = {}

---Protocols whose address is a path.
service.PATH = { unix = true, runix = true, serial = true }
---Transports that have no ports.
local PORTLESS = { tun = true, tungo = true, tap = true, icmp = true, icmp6 = true, stdio = true }
---With a target the handler is called like these listeners, else "forward".
local NAMES_HANDLER = {
  tcp = true, udp = true, rtcp = true, rudp = true, tun = true, tap = true, dns = true, unix = true,
  runix = true, serial = true,
}

---User info of a URL; for ss and its like a lone user may be base64 of "method:password".
---@param u gost.URL
---@return table?
function service.credentials(u)
  if not u.user or (u.user == "" and not u.password) then return nil end
  if u.scheme:sub(1, 2) == "ss" and not u.password then
    local text = base64.decode(u.user)
    local user, password = (text or ""):match "^([^:]*):(.*)$"
    if user then return { username = user, password = password } end
  end
  return { username = u.user, password = u.password }
end

local function take_tls(q)
  local tls = {
    certFile = q:take("tls.certFile", "certFile", "cert"),
    keyFile = q:take("tls.keyFile", "keyFile", "key"),
    caFile = q:take("tls.caFile", "caFile", "ca"),
  }
  return query.unless_empty(tls)
end

local function take_socket(q)
  return {
    interface = q:take "interface",
    so_mark = q:take_count "so_mark",
    proxyProtocol = q:take_count "proxyProtocol",
    netns = q:take "netns",
    ["netns.out"] = q:take "netns.out",
  }
end

---Keys of the handler's metadata that become objects of their own.
---@param s table        the service
---@param meta table     the handler's metadata, which loses them
---@param make fun(list: string, prefix: string, fill: fun(name: string): table): string
local function consume(s, meta, make, fail, warn)
  local function take(wanted)
    for key, value in pairs(meta) do
      if key:lower() == wanted then
        meta[key] = nil
        return value
      end
    end
  end
  local function positive(wanted)
    local text = take(wanted)
    if not text then return nil end
    local n = text:match "^%d*%.?%d*$" and tonumber(text)
    if not n then fail(("%s: expected a number, not %q"):format(wanted, text)) end
    if n == 0 then meta[wanted] = text end
    return n and n > 0 and text or nil
  end

  local retries = positive "retries"
  s.handler.retries = retries and math.tointeger(tonumber(retries))
  local admission = take "admission"
  if admission then
    s.admission = make("admissions", "admission", function(name) return query.matchers(name, admission) end)
  end
  local bypass = take "bypass"
  if bypass then
    s.bypass = make("bypasses", "bypass", function(name) return query.matchers(name, bypass) end)
  end
  local resolver = take "resolver"
  if resolver then
    local prefer = meta.prefer
    s.resolver = make("resolvers", "resolver", function(name) return query.resolver(name, resolver, prefer) end)
  end
  local hosts = take "hosts"
  if hosts then
    s.hosts = make("hosts", "hosts", function(name) return query.mappings(name, hosts, warn) end)
  end
  local in_, out = take "limiter.in", take "limiter.out"
  local conn_in, conn_out = take "limiter.conn.in", take "limiter.conn.out"
  if in_ or out or conn_in or conn_out then
    s.limiter = make("limiters", "limiter", function(name)
      local limits = {}
      if in_ or out then limits[1] = query.limit_line("$", in_, out, fail) end
      if conn_in or conn_out then limits[#limits + 1] = query.limit_line("$$", conn_in, conn_out, fail) end
      return { name = name, limits = limits }
    end)
  end
  local conns, rate = positive "climiter", positive "rlimiter"
  if conns then
    s.climiter = make("climiters", "climiter", function(name)
      return { name = name, limits = { "$ " .. conns } }
    end)
  end
  if rate then
    s.rlimiter = make("rlimiters", "rlimiter", function(name)
      return { name = name, limits = { "$ " .. rate } }
    end)
  end
end

---Where it listens and what it forwards to.
---@return string[]? addresses
---@return string[] targets_or_message
local function places(u, handler, listener)
  if service.PATH[handler] or service.PATH[listener] then
    if u.host == "" then return { u.path }, {} end
    local target = u.path:gsub("^/+", ""):gsub("/+$", "")
    return { u.host }, { target ~= "" and target or nil }
  end
  local targets, message = address.targets(u.path)
  if not targets then return nil, message end
  if listener == "stdio" and #targets == 0 and u.host ~= "" then
    targets, message = address.expand(u.host)
    if not targets then return nil, message end
    return { u.host }, targets
  end
  local addresses
  addresses, message = address.listen(u.host, PORTLESS[listener] or false)
  if not addresses then return nil, message end
  return addresses, targets
end

---The forwarder of service `i` of `n`: everything, or one target each.
---@param prefix string  of the names of nodes
local function forwarder(targets, i, n, selector, prefix)
  if #targets == 0 then return nil end
  local nodes = {}
  for t, addr in ipairs(targets) do
    if n == 1 or #targets == 1 or t == i then
      nodes[#nodes + 1] = { name = ("%starget-%d"):format(prefix, t - 1), addr = addr }
    end
  end
  return #nodes > 0 and { selector = selector, nodes = nodes } or nil
end

local function copy(t)
  if type(t) ~= "table" then return t end
  local out = {}
  for key, value in pairs(t) do out[key] = copy(value) end
  return out
end

---@param text string   the value of -L
---@param names gost.Names
---@param say table<"error"|"missing"|"warn", fun(message: string)>
---@return table? configuration  in the shape of a file
function service.parse(text, names, say)
  local u, message = url.parse(text, true)
  if not u then say.error(message) return nil end
  local slip = scheme.slip(text)
  if slip then say.error(slip) return nil end
  local handler, listener = scheme.service(u.scheme)
  if not handler then say.error(listener) return nil end
  local addresses, targets = places(u, handler, listener)
  if not addresses then say.error(targets .. url.unescaped(text)) return nil end

  local q = query.new(u, say.error)
  local auth = service.credentials(u) or q:take_auth(u)
  q:take "auth"
  local tls = take_tls(q)
  local selector = q:take_selector()
  local socket = take_socket(q)
  local parts, rest = q:split { "service", "handler", "listener" }

  if #targets > 0 and handler ~= "relay" then
    handler = NAMES_HANDLER[listener] and listener or "forward"
    if listener == "stdio" and u.path == "" then handler = "tcp" end
  elseif listener == "stdio" and handler == "auto" then
    handler = "tcp"
  end

  local out = { services = {} }
  local function make(list, prefix, fill)
    local name = names:next(prefix)
    out[list] = out[list] or {}
    table.insert(out[list], fill(name))
    return name
  end
  local for_ssh = listener == "ssh" or listener == "sshd"
  local handler_meta = query.join(parts.handler, rest)
  local s = { handler = { type = handler }, listener = { type = listener, tls = tls } }
  s[for_ssh and "listener" or "handler"].auth = auth
  consume(s, handler_meta, make, say.error, say.warn)
  query.check_keys(service.unconsumed(rest), service.unconsumed_parts(parts), {
    service = components.fixed_index "service",
    handler = components.index("handler", handler) or false,
    listener = components.index("listener", listener) or false,
  }, { handler = handler, listener = listener }, say)
  s.handler.metadata = query.unless_empty(handler_meta)
  s.listener.metadata = query.unless_empty(query.join(parts.listener, rest))
  s.metadata = query.unless_empty(query.join(parts.service, query.join(socket, rest)))
  for i, addr in ipairs(addresses) do
    local one = copy(s)
    one.name = names:next "service"
    one.addr = addr
    one.forwarder = forwarder(targets, i, #addresses, selector, names.process)
    out.services[i] = one
  end
  return out
end

local CONSUMED = {
  retries = true, admission = true, bypass = true, resolver = true, prefer = true, hosts = true,
  ["limiter.in"] = true, ["limiter.out"] = true, ["limiter.conn.in"] = true, ["limiter.conn.out"] = true,
  climiter = true, rlimiter = true,
}

---Without the keys that `consume` gives a meaning.
function service.unconsumed(map)
  local out = {}
  for key, value in pairs(map) do
    if not CONSUMED[key:lower()] then out[key] = value end
  end
  return out
end

function service.unconsumed_parts(parts)
  local out = {}
  for part, map in pairs(parts) do
    out[part] = part == "handler" and service.unconsumed(map) or map
  end
  return out
end

return service
