---What scripts write (`gost.service { handler = "http", chain = { exits } }`) in the shape of a file.
---
---A collector takes what the constructors are given and makes one configuration of it: chains, hops
---and policies that are written in place get names and go to their lists, and options that belong
---to a component's metadata may stand beside its other fields. The schema then checks the result;
---a mistake raises, naming the key and the nearest known one.
---
---  service   handler = "http" or { "http", read_timeout = "5s" }; listener likewise;
---            chain, auth, auther(s), retries, tls go where they belong (auth may be a function)
---  chain     hops, nodes or URLs in its list part
---  hop       nodes or URLs in its list part
---  node      a URL, or addr, connector, dialer, auth, tls and any of their options
---  policies  a name, a table (matchers and the like in its list part), or a function
local components = require "gost.schema.components"
local nearest = require "gost.nearest"
local node_url = require "gost.commandline.node"
local schema = require "gost.schema"
local service_url = require "gost.commandline.service"

local shape = {}

---Made by a constructor: knows what it is.
local Object = {}
Object.__index = Object

local function kind_of(value)
  local meta = getmetatable(value)
  return meta == Object and rawget(value, "__kind") or nil
end

---Shallow copy without the mark of the constructor.
local function plain(t)
  local out = {}
  for key, value in pairs(t) do
    if key ~= "__kind" then out[key] = value end
  end
  return out
end

local function mark(value, kind)
  value.__kind = kind
  return setmetatable(value, Object)
end

---List part and named part of a table.
local function split(t)
  local list, named = {}, {}
  for i, value in ipairs(t) do list[i] = value end
  for key, value in pairs(t) do
    if math.type(key) ~= "integer" then named[key] = value end
  end
  return list, named
end

local function raise(message)
  error(message, 0)
end

-- one URL ------------------------------------------------------------------------

---@class gost.NoNames
local NoNames = {}
NoNames.__index = NoNames
function NoNames:next(prefix)
  self[prefix] = (self[prefix] or -1) + 1
  return ("%s-%d"):format(prefix, self[prefix])
end

local function from_url(parse, text)
  local message
  local function say(why) message = message or why end
  local value = parse(text, setmetatable({}, NoNames), { error = say, warn = say })
  if message then raise(("%s: %s"):format(require("gost.url").mask(text), message)) end
  return value
end

-- components ---------------------------------------------------------------------

local DEFAULT_TYPE = { handler = "auto", listener = "tcp", connector = "http", dialer = "tcp" }

---Keys that are no fields of `object` go to its metadata.
local function fold_metadata(object, value)
  local out, metadata = {}, nil
  for key, item in pairs(value) do
    if schema.find_field(schema.objects[object], key) then
      out[key] = item
    else
      metadata = metadata or {}
      metadata[key] = item
    end
  end
  if metadata then
    for key, item in pairs(out.metadata or {}) do metadata[key] = item end
    out.metadata = metadata
  end
  return out
end

---"http", { "http", read_timeout = "5s" } or { type = "http", … } as a component.
local function component(kind, value)
  if type(value) == "string" then return { type = value } end
  if value == nil then return { type = DEFAULT_TYPE[kind] } end
  if type(value) ~= "table" then
    raise(("%s: expected a name or a table, not a %s"):format(kind, type(value)))
  end
  local list, named = split(value)
  if list[1] ~= nil and named.type == nil then named.type = list[1] end
  named.type = named.type or DEFAULT_TYPE[kind]
  return fold_metadata(kind, named)
end

---Complain of a key that no part of an object knows.
local function refuse_key(object, key, indexes)
  local known = {}
  for _, field in ipairs(schema.objects[object].fields) do known[#known + 1] = field.key end
  for _, index in ipairs(indexes) do
    for _, name in ipairs(components.keys(index)) do known[#known + 1] = name end
  end
  raise(("%s: unknown key %q%s"):format(object, tostring(key), nearest.hint(tostring(key), known)))
end

---Give each key to the first part that knows it: a component, or the object's own metadata.
---@param object string         "service", "node" …
---@param owner table           in file shape
---@param rest table<string, any>
---@param parts {[1]: string, [2]: table}[]  kind and component
local function distribute(object, owner, rest, parts)
  local indexes, complete = { components.fixed_index(object) }, true
  for i, part in ipairs(parts) do
    indexes[i + 1] = components.index(part[1], part[2].type)
    complete = complete and indexes[i + 1] ~= nil
  end
  for key, value in pairs(rest) do
    local taker = owner
    local known = false
    for i, part in ipairs(parts) do
      if complete and not known and type(key) == "string" and components.find(indexes[i + 1], key) then
        taker, known = part[2], true
      end
    end
    known = known or type(key) == "string" and components.find(indexes[1], key) ~= nil
    if complete and not known then refuse_key(object, key, indexes) end
    taker.metadata = taker.metadata or {}
    taker.metadata[key] = value
  end
end

---Fields of `object` and everything else.
local function sort_keys(object, named)
  local fields, rest = {}, {}
  for key, value in pairs(named) do
    local field = schema.find_field(schema.objects[object], key)
    if field then fields[field.key] = value else rest[key] = value end
  end
  return fields, rest
end

-- collector ------------------------------------------------------------------------

---@class gost.Collector
---@field parts table<string, table[]>  lists of the configuration, in file shape
local Collector = {}
Collector.__index = Collector

---@return gost.Collector
function shape.collector()
  return setmetatable({
    parts = { services = {} }, entries = {}, taken = {}, counters = {}, sections = {}, hop_places = {},
  }, Collector)
end

---Check one object; raises when something is wrong.
local function checked(object, value)
  local out, found = schema.object(object, value, { name = object, value = value, kind = "lua" })
  local wrong = found:only("error", "missing", "strict")
  if #wrong > 0 then
    local lines = {}
    for i, problem in ipairs(wrong) do
      local path = problem.path:gsub("^" .. object .. "%.?", "")
      lines[i] = path == "" and problem.message or ("%s: %s"):format(path, problem.message)
    end
    raise(("%s: %s"):format(object, table.concat(lines, "; ")))
  end
  return out
end

---A name in a list that nothing has yet.
function Collector:name(list, prefix)
  self.taken[list] = self.taken[list] or {}
  local n = self.counters[list] or 0
  while self.taken[list][("%s-%d"):format(prefix, n)] do n = n + 1 end
  self.counters[list] = n + 1
  return ("%s-%d"):format(prefix, n)
end

---Put `value` (file shape, checked) into a list, once. @return string name
function Collector:enter(list, prefix, object, key, value)
  if self.entries[key] then return self.entries[key] end
  value.name = value.name or self:name(list, prefix)
  self.taken[list] = self.taken[list] or {}
  if self.taken[list][value.name] then
    raise(("%s: there is another one called %q"):format(object, value.name))
  end
  self.taken[list][value.name] = true
  self.entries[key] = value.name
  self.parts[list] = self.parts[list] or {}
  table.insert(self.parts[list], value)
  return value.name
end

local PREFIX = {
  admissions = "admission", authers = "auther", bypasses = "bypass", caches = "cache", chains = "chain",
  climiters = "climiter", hops = "hop", hosts = "hosts", ingresses = "ingress", limiters = "limiter",
  loggers = "logger", observers = "observer", quotas = "quota", recorders = "recorder", resolvers = "resolver",
  rewriters = "rewriter", rlimiters = "rlimiter", routers = "router", sds = "sd",
}

local function list_field(list)
  return schema.objects.configuration.by_key[list].object
end

---A policy written in place: "name", { …matchers… }, function.
---@return string|function|userdata|nil
function Collector:policy(list, value)
  if type(value) ~= "table" then return value end
  if list == "chains" then return self:chain_name(value) end
  if list == "hops" then return self:hop_name(value) end
  local object = list_field(list)
  local items, named = split(value)
  if #items > 0 then
    if not object.shorthand then raise(("%s: expected a mapping, not a list"):format(object.name)) end
    named[object.shorthand] = items
  end
  if self.entries[value] then return self.entries[value] end
  return self:enter(list, PREFIX[list], object.name, value, checked(object.name, self:refs(object, named)))
end

---Resolve the references in the fields of an object: in place things become names.
function Collector:refs(object, value)
  local out = {}
  for key, item in pairs(value) do
    local field = schema.find_field(object, key)
    if field and field.kind == "ref" and type(item) == "table" then
      if field.list then
        local names = {}
        for i, one in ipairs(item) do names[i] = self:policy(field.of, one) end
        item = names
      else
        item = self:policy(field.of, item)
      end
    elseif field and field.object and type(item) == "table" and not kind_of(item) then
      if field.list and item[1] ~= nil then
        local list = {}
        for i, one in ipairs(item) do
          list[i] = type(one) == "table" and self:refs(field.object, one) or one
        end
        item = list
      elseif item[1] == nil then
        item = self:refs(field.object, item)
      end
    end
    out[key] = item
  end
  return out
end

-- nodes, hops, chains ----------------------------------------------------------------

---@param value string|table
---@return table node  in file shape, marked
function Collector:node(value)
  if type(value) == "string" then
    local hop = from_url(node_url.parse, value).chains[1].hops[1]
    if #hop.nodes ~= 1 then raise "a node has one address; several make a gost.hop" end
    hop.nodes[1].name = nil
    local out = self:node(hop.nodes[1])
    for key in pairs(out.metadata or {}) do -- the URL gave it to every part
      if not components.find(components.fixed_index "node", key) then out.metadata[key] = nil end
    end
    return out
  end
  if kind_of(value) == "node" then return value end
  local fields, rest = sort_keys("node", value)
  local connector, dialer = component("connector", fields.connector), component("dialer", fields.dialer)
  local auth = rest.auth
  rest.auth = nil
  if auth then
    local for_ssh = dialer.type == "ssh" or dialer.type == "sshd"
    local owner = for_ssh and dialer or connector
    owner.auth = owner.auth or auth
  end
  if fields.tls then -- a node's tls is for targets of a forwarder; a proxy's belongs to the dialer
    dialer.tls, fields.tls = dialer.tls or fields.tls, nil
  end
  fields.connector, fields.dialer = connector, dialer
  distribute("node", fields, rest, { { "dialer", dialer }, { "connector", connector } })
  return mark(checked("node", self:refs(schema.objects.node, fields)), "node")
end

---@param value table|string
---@return table hop
function Collector:hop(value)
  if type(value) == "string" then value = { value } end
  if kind_of(value) == "hop" then return value end
  if kind_of(value) == "node" then value = { value } end
  local list, named = split(value)
  local fields, rest = sort_keys("hop", named)
  fields.nodes = fields.nodes or (#list > 0 and list or nil)
  local nodes = {}
  for i, one in ipairs(fields.nodes or {}) do nodes[i] = plain(self:node(one)) end
  if fields.nodes then fields.nodes = nodes end
  distribute("hop", fields, rest, {})
  return mark(checked("hop", self:refs(schema.objects.hop, fields)), "hop")
end

---@param value table|string
---@return table chain
function Collector:chain(value)
  if type(value) == "string" then value = { value } end
  if kind_of(value) == "chain" then return value end
  if kind_of(value) then value = { value } end
  local list, named = split(value)
  local fields, rest = sort_keys("chain", named)
  fields.hops = fields.hops or list
  local hops = {}
  for i, one in ipairs(fields.hops) do
    if type(one) == "string" and not one:find("[:/]") then
      hops[i] = { name = one }
    else
      hops[i] = plain(self:hop(one))
      hops[i].nodes = hops[i].nodes or {}
    end
  end
  local written = fields.hops
  fields.hops = hops
  distribute("chain", fields, rest, {})
  local out = mark(checked("chain", fields), "chain")
  for i, one in ipairs(written) do
    if kind_of(one) == "hop" then self:share_hop(one, out.hops, i) end
  end
  if out.name then self:chain_name(out) end
  return out
end

---A hop object stands in `hops[i]`. The second time it goes to the list of hops, so that both chains
---use the same one, with the same marks of failure.
function Collector:share_hop(hop, hops, i)
  local places = self.hop_places[hop] or {}
  self.hop_places[hop] = places
  places[#places + 1] = { hops, i }
  if #places < 2 then return end
  local name = self:hop_name(hop)
  for _, place_ in ipairs(places) do place_[1][place_[2]] = { name = name } end
end

function Collector:chain_name(value)
  local chain = self:chain(value)
  if self.entries[chain] then return self.entries[chain] end
  local name = self:enter("chains", "chain", "chain", chain, plain(chain))
  chain.name = name
  if chain ~= value then self.entries[value] = name end
  return name
end

function Collector:hop_name(value)
  local hop = self:hop(value)
  if self.entries[hop] then return self.entries[hop] end
  local name = self:enter("hops", "hop", "hop", hop, plain(hop))
  hop.name = name
  if hop ~= value then self.entries[value] = name end
  return name
end

-- services ---------------------------------------------------------------------------

---Fields of the handler that may stand in the service.
local HANDLER = {
  retries = true, chain = true, chainGroup = true, auther = true, authers = true, auth = true,
}
local REMOTE = { rtcp = true, rudp = true, runix = true }

---"host:port", { "a:1", "b:2" } or the mapping of a file.
local function forwarder(value)
  if type(value) == "string" then value = { value } end
  local list, named = split(value)
  if #list > 0 then named.nodes = list end
  return named
end

local function place(service, key, value)
  if key == "chain" or key == "chainGroup" then
    service[REMOTE[service.listener.type] and "listener" or "handler"][key] = value
  elseif key == "auth" and type(value) == "function" then
    service.handler.auther = value
  elseif key == "auth" or key == "auther" or key == "authers" then
    local for_ssh = service.listener.type == "ssh" or service.listener.type == "sshd"
    service[for_ssh and "listener" or "handler"][key] = value
  else
    service.handler[key] = value
  end
end

---{ user = "password" } as a list of users.
local function users(auth)
  if type(auth) ~= "table" or auth.username or auth.file or auth.password or kind_of(auth) then return nil end
  local list = {}
  for user, password in pairs(auth) do
    if type(user) ~= "string" then return nil end
    list[#list + 1] = { username = user, password = password }
  end
  table.sort(list, function(a, b) return a.username < b.username end)
  return { auths = list }
end

---@param value table|string
---@return table service  its entry in the configuration
function Collector:service(value)
  if type(value) == "string" then
    local made = from_url(service_url.parse, value)
    local last
    for list, entries in pairs(made) do
      if list ~= "services" then
        for _, entry in ipairs(entries) do self:enter(list, PREFIX[list], PREFIX[list], entry, entry) end
      end
    end
    for _, one in ipairs(made.services) do
      one.name = nil
      last = self:service(one)
    end
    return last
  end
  local _, named = split(value)
  local fields, rest = sort_keys("service", named)
  fields.handler = component("handler", fields.handler)
  fields.listener = component("listener", fields.listener)
  if fields.forwarder then fields.forwarder = forwarder(fields.forwarder) end
  local hooks = rest.on
  rest.on = nil
  if rest.tls then
    fields.listener.tls = fields.listener.tls or rest.tls
    rest.tls = nil
  end
  for key, item in pairs(rest) do
    local field = schema.find_field(schema.objects.handler, key)
    if field and HANDLER[field.key] then
      local many = field.key == "auth" and users(item)
      place(fields, many and "auther" or field.key, many or item)
      rest[key] = nil
    end
  end
  distribute("service", fields, rest, { { "handler", fields.handler }, { "listener", fields.listener } })
  local out = checked("service", self:refs(schema.objects.service, fields))
  if not out.name then
    out.name = self:name("services", "service")
    self.taken.services[out.name] = true
  else
    self.taken.services = self.taken.services or {}
    if self.taken.services[out.name] then raise(("service: there is another one called %q"):format(out.name)) end
    self.taken.services[out.name] = true
  end
  out.on = hooks
  table.insert(self.parts.services, out)
  return out
end

---Parts of a configuration in the shape of a file: lists are added to, sections replaced.
---@param value table
function Collector:configure(value)
  local found = checked("configuration", value)
  for key, part in pairs(found) do
    if schema.objects.configuration.by_key[key].list then
      self.parts[key] = self.parts[key] or {}
      self.taken[key] = self.taken[key] or {}
      for _, entry in ipairs(part) do
        if entry.name then self.taken[key][entry.name] = true end
        table.insert(self.parts[key], entry)
      end
    else
      self.sections[key] = part
    end
  end
end

---Everything so far, as gost.load gives it for files. Entries may hold functions and objects; a
---service's hooks are in its `on`.
---@return table
function Collector:configuration()
  local out = {}
  for key, list in pairs(self.parts) do out[key] = table.move(list, 1, #list, 1, {}) end
  for key, section in pairs(self.sections) do out[key] = section end
  return out
end

return shape
