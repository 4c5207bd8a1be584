---Services, chains, hops and nodes as scripts see them: tables that know what they are, checked when
---they are made, turned into objects of the core when they are first used.
local build = require "gost.build"
local complete = require "gost.complete"
local components = require "gost.schema.components"
local core = require "gost.core"
local schema = require "gost.schema"
local url = require "gost.node_url"

local objects = {}

local OURS = debug.getinfo(1, "S").source:match "^(@.*/)[^/]*$"

---Raise a mistake of the script, at its line: that of the first function that is not ours.
local function raise(message)
  local level = 2
  local info = debug.getinfo(level, "Sl")
  while info and (info.what == "C" or info.source:sub(1, #OURS) == OURS) do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  error(info and ("%s:%d: %s"):format(info.short_src, info.currentline, message) or message, 0)
end
objects.raise = raise

---Raise what the schema found.
local function check(name, raw)
  local found, problems = schema.object(name, raw)
  local wrong = problems:only("error", "missing", "strict")
  if #wrong > 0 then raise(table.concat(wrong:lines(), "\n")) end
  return found
end

local function copy(t)
  local out = {}
  for key, value in pairs(t) do out[key] = value end
  return out
end

---Keys of the object itself, folded.
local function is_field(name, key)
  return schema.find_field(schema.objects[name], key) ~= nil
end

local function component_of(raw, key, default)
  local value = raw[key]
  if type(value) == "string" then value = { type = value } end
  value = value and copy(value) or {}
  value.type = value.type or default
  value.metadata = value.metadata and copy(value.metadata) or {}
  raw[key] = value
  return value
end

---Put an option of a component where it belongs: to each part that knows it.
---@return boolean known
local function place_option(parts, key, value)
  local known = false
  for _, part in ipairs(parts) do
    local index = part.index
    if index and components.find(index, key) then
      part.metadata[key] = value
      known = true
    end
  end
  return known
end

local function part(kind, component)
  return { index = components.index(kind, component.type), metadata = component.metadata }
end

---All keys that would have been right, for the message.
local function unknown_key(what, key, name, parts)
  local nearest = require "gost.nearest"
  local candidates = {}
  for _, field in ipairs(schema.objects[name].fields) do candidates[#candidates + 1] = field.key end
  for _, one in ipairs(parts) do
    for _, known in ipairs(one.index and components.keys(one.index) or {}) do
      candidates[#candidates + 1] = known
    end
  end
  raise(("%s: unknown key %q%s"):format(what, key, nearest.hint(tostring(key), candidates)))
end

-- Node ------------------------------------------------------------------------------------------

---@class gost.Node
---@field name string
---@field addr string
---@field package definition table
local Node = {}

---@param self gost.Node
function Node:object(builder, scope)
  local built = rawget(self, "built")
  if not built then
    builder = builder or build.new({})
    built = builder:node(self.definition, {}, scope or "script")
    rawset(self, "built", built)
  end
  return built
end

---Open a stream to `addr` through this node. Suspends.
---@param addr string "host:port"
---@param timeout? number seconds for everything together
---@return gost.Stream? stream
---@return string? message
---@return string? code
function Node:dial(addr, timeout)
  return objects.chain({ { nodes = { self } } }):dial(addr, timeout)
end

local Node_meta = {
  __index = function(self, key)
    if Node[key] then return Node[key] end
    if key == "stats" then return self:object():state() end
    return rawget(self, "definition")[key]
  end,
  __tostring = function(self) return ("gost.Node %s (%s)"):format(self.definition.name, self.definition.addr) end,
  __name = "gost.Node",
}

local serial = 0

local function node_parts(raw, options)
  local connector, dialer = component_of(raw, "connector", "http"), component_of(raw, "dialer", "tcp")
  raw.metadata = raw.metadata and copy(raw.metadata) or {}
  local parts = {
    part("connector", connector), part("dialer", dialer),
    { index = components.fixed_index "node", metadata = raw.metadata },
  }
  for key, value in pairs(options) do
    if not place_option(parts, key, value) then unknown_key("node", key, "node", parts) end
  end
end

---@param definition string|table  a URL, or the fields of a node
---@return gost.Node
function objects.node(definition)
  if type(definition) == "string" then
    local parsed, message = url.node(definition)
    if not parsed then raise(message) end
    definition = parsed
  elseif type(definition) ~= "table" then
    raise(("expected a URL or a table, got a %s"):format(type(definition)))
  elseif getmetatable(definition) == Node_meta then
    return definition --[[@as gost.Node]]
  end
  local raw, options = {}, {}
  for key, value in pairs(definition) do
    if is_field("node", key) then raw[key] = value
    elseif key == "auth" then options.auth = value
    else options[key] = value end
  end
  local auth = options.auth
  options.auth = nil
  node_parts(raw, options)
  if auth then raw.connector.auth = auth end
  serial = serial + (raw.name and 0 or 1)
  raw.name = raw.name or ("node-%d"):format(serial - 1)
  local canonical = check("node", raw)
  complete.configuration { services = {}, hops = { { nodes = { canonical } } } }
  return setmetatable({ definition = canonical }, Node_meta)
end

-- Hop -------------------------------------------------------------------------------------------

---@class gost.Hop
---@field name string
---@field nodes gost.Node[]
local Hop = {}

function Hop:object(builder, scope)
  local built = rawget(self, "built")
  if not built then
    built = (builder or build.new({})):hop(self.definition, scope or self.definition.name or "hop")
    rawset(self, "built", built)
  end
  return built
end

local Hop_meta = {
  __index = function(self, key)
    return Hop[key] or rawget(self, "definition")[key]
  end,
  __tostring = function(self)
    return ("gost.Hop %s (%d nodes)"):format(self.definition.name or "-", #self.definition.nodes)
  end,
  __name = "gost.Hop",
}

---A selector may be a function, a name, or a table whose `strategy` is a function or a registered name.
local function selector_of(selector)
  if type(selector) == "function" then return { fn = selector } end
  if type(selector) == "string" then selector = { strategy = selector } end
  if type(selector) ~= "table" then return nil end
  local strategy = selector.strategy
  local fn = type(strategy) == "function" and strategy or objects.selectors[strategy]
  if not fn then return nil, selector end
  return { fn = fn, maxFails = selector.max_fails or selector.maxFails,
    failTimeout = selector.fail_timeout or selector.failTimeout }
end

---Selectors that scripts registered, by name.
objects.selectors = {}

---@param definition table  nodes in the list part, other fields by name
---@return gost.Hop
function objects.hop(definition)
  if type(definition) ~= "table" then raise(("expected a table, got a %s"):format(type(definition))) end
  if getmetatable(definition) == Hop_meta then return definition --[[@as gost.Hop]] end
  local raw, nodes = {}, {}
  for key, value in pairs(definition) do
    if type(key) ~= "number" and key ~= "nodes" then raw[key] = value end
  end
  for _, node in ipairs(definition.nodes or definition) do
    nodes[#nodes + 1] = objects.node(node)
  end
  local scripted, plain = selector_of(raw.selector)
  raw.selector = plain
  local canonical = check("hop", raw)
  canonical.nodes = nodes
  canonical.selector = scripted or canonical.selector
  return setmetatable({ definition = canonical }, Hop_meta)
end

-- Chain -----------------------------------------------------------------------------------------

---@class gost.Chain
---@field name string
---@field hops gost.Hop[]
local Chain = {}

function Chain:object(builder)
  local built = rawget(self, "built")
  if not built then
    built = (builder or build.new(rawget(self, "configuration") or {})):chain(self.definition)
    rawset(self, "built", built)
  end
  return built
end

---Open a stream to `addr` through this chain. Suspends.
---@param addr string "host:port"
---@param timeout? number seconds for everything together; nil: 15
---@return gost.Stream? stream
---@return string? message
---@return string? code
function Chain:dial(addr, timeout)
  return core.dial(addr, self:object(), timeout)
end

local Chain_meta = {
  __index = function(self, key)
    return Chain[key] or rawget(self, "definition")[key]
  end,
  __tostring = function(self)
    return ("gost.Chain %s (%d hops)"):format(self.definition.name or "-", #self.definition.hops)
  end,
  __name = "gost.Chain",
}

---A chain of a file, as scripts see it; its hops and nodes are objects as well.
local function wrap_chain(definition, configuration)
  local hops = {}
  for i, hop in ipairs(definition.hops or {}) do
    local full = hop
    if not hop.nodes then
      for _, one in ipairs(configuration.hops or {}) do
        if one.name == hop.name then full = one end
      end
    end
    local shown = copy(full)
    shown.nodes = {}
    for n, node in ipairs(full.nodes or {}) do shown.nodes[n] = setmetatable({ definition = node }, Node_meta) end
    hops[i] = setmetatable({ definition = shown }, Hop_meta)
  end
  local shown = copy(definition)
  shown.hops = hops
  local chain = setmetatable({ definition = shown }, Chain_meta)
  rawset(chain, "configuration", configuration)
  return chain
end

---Anything that can be a hop: a Hop, a Node, a URL, a table with nodes or with one address.
local function as_hop(value)
  if type(value) == "string" then return objects.hop({ value }) end
  if getmetatable(value) == Node_meta then return objects.hop({ value }) end
  if type(value) == "table" and getmetatable(value) == nil and value.addr then
    return objects.hop({ value })
  end
  return objects.hop(value)
end

---@param definition table  hops in the list part, or `hops`; `name`
---@return gost.Chain
function objects.chain(definition)
  if type(definition) == "string" and not definition:find("://", 1, true) then
    local found, configuration = objects.named_chain(definition)
    if not found then raise(("there is no chain %q, and it is no URL"):format(definition)) end
    return wrap_chain(found, configuration)
  end
  if type(definition) == "string" then definition = { definition } end
  if type(definition) ~= "table" then raise(("expected a table, got a %s"):format(type(definition))) end
  if getmetatable(definition) == Chain_meta then return definition --[[@as gost.Chain]] end
  if getmetatable(definition) == Hop_meta or getmetatable(definition) == Node_meta then
    definition = { definition }
  end
  local raw, hops = {}, {}
  for key, value in pairs(definition) do
    if type(key) ~= "number" and key ~= "hops" then raw[key] = value end
  end
  for i, hop in ipairs(definition.hops or definition) do
    hops[i] = as_hop(hop)
    hops[i].definition.name = hops[i].definition.name or ("hop-%d"):format(i - 1)
  end
  local canonical = check("chain", raw)
  canonical.hops = hops
  canonical.name = canonical.name or "chain"
  return setmetatable({ definition = canonical }, Chain_meta)
end

-- Service ---------------------------------------------------------------------------------------

---@class gost.Service
---@field name string
---@field addr string   where it listens, once it runs; before, where it will
local Service = {}

---Keys of a service that a file keeps with the handler.
local HANDLER_KEYS = { auther = true, authers = true, retries = true, chain_group = true, chainGroup = true }

local function take_auth(handler, auth)
  if type(auth) == "function" then handler.auther = auth
  elseif type(auth) == "string" then handler.auther = auth
  elseif auth ~= nil then handler.auth = auth end
end

local function take_forward(raw, targets)
  if type(targets) == "string" then targets = { targets } end
  local nodes = {}
  for i, target in ipairs(targets.nodes or targets) do
    nodes[i] = type(target) == "string" and { addr = target } or target
    nodes[i].name = nodes[i].name or ("target-%d"):format(i - 1)
  end
  raw.forwarder = { nodes = nodes, selector = targets.selector, hop = targets.hop }
end

local function service_parts(raw, options)
  local handler, listener = component_of(raw, "handler", "auto"), component_of(raw, "listener", "tcp")
  raw.metadata = raw.metadata and copy(raw.metadata) or {}
  local parts = {
    part("handler", handler), part("listener", listener),
    { index = components.fixed_index "service", metadata = raw.metadata },
  }
  for key, value in pairs(options) do
    if HANDLER_KEYS[key] then handler[key] = value
    elseif key == "chain" then handler.chain = value
    elseif key == "auth" then take_auth(handler, value)
    elseif key == "tls" then listener.tls = value
    elseif key == "forward" then take_forward(raw, value)
    elseif not place_option(parts, key, value) then
      unknown_key("service", key, "service", parts)
    end
  end
end

local HOOKS = {
  accept = true, preread = true, auth = true, route = true, resolve = true, select = true, connect = true,
  dial_error = true, stream = true, close = true,
}

function objects.check_hook(event, fn)
  if not HOOKS[event] then
    local nearest = require "gost.nearest"
    local names = {}
    for name in pairs(HOOKS) do names[#names + 1] = name end
    raise(("unknown hook %q%s"):format(tostring(event), nearest.hint(tostring(event), names)))
  end
  local fail = type(fn) == "table" and fn.fail
  if fail and fail ~= "open" and fail ~= "closed" then
    raise(("hook %s: fail: expected \"open\" or \"closed\", got %q"):format(event, tostring(fail)))
  end
  local callable = type(fn) == "table" and fn[1] or fn
  if type(callable) ~= "function" then
    raise(("hook %s: expected a function, got a %s"):format(event, type(fn)))
  end
end

---Attach a hook: before the service runs.
---@param event string
---@param fn function
---@param opts? { fail?: "open"|"closed", timeout?: number, instructions?: integer }
---@return gost.Service self
function Service:on(event, fn, opts)
  if type(fn) == "function" and opts then
    fn = { fn, fail = opts.fail, timeout = opts.timeout, instructions = opts.instructions }
  end
  objects.check_hook(event, fn)
  if rawget(self, "running") then raise("hooks are attached before the service runs") end
  local definition = rawget(self, "definition")
  definition.on = definition.on or {}
  definition.on[event] = fn
  return self
end

---Listen, if it does not yet.
---@return string? addr
---@return string? message
function Service:start()
  return objects.start(self)
end

---Stop listening; open connections go on.
function Service:stop()
  local running = rawget(self, "running")
  if running then running:stop() end
end

---Change a service, while it runs as well: what is not named stays as it is, open connections go on as they began,
---and clients that are about to connect notice nothing. In a program with several workers, call it in each.
---@param changes table  as for gost.service
---@return boolean? ok
---@return string? message  nothing has changed then
function Service:reload(changes)
  local before = rawget(self, "definition")
  rawset(self, "definition", objects.amended(before, changes or {}))
  local ok, message = objects.reload(self)
  if not ok then
    rawset(self, "definition", before)
    return nil, message
  end
  return true
end

---@return table counters total, current, errors, bytes_in, bytes_out
function Service:stats()
  local running = rawget(self, "running")
  return running and running:stats() or { total = 0, current = 0, errors = 0, bytes_in = 0, bytes_out = 0 }
end

local Service_meta = {
  __index = function(self, key)
    if Service[key] then return Service[key] end
    local running = rawget(self, "running")
    if key == "addr" and running then return running:addr() end
    return rawget(self, "definition")[key]
  end,
  __tostring = function(self) return ("gost.Service %s on %s"):format(self.name, self.addr) end,
  __newindex = function(self, key, value)
    if rawget(self, "running") then raise("this service runs: use service:reload{} to change it") end
    rawset(self, "definition", objects.amended(rawget(self, "definition"), { [key] = value }))
  end,
  __close = function(self) self:stop() end,
  __name = "gost.Service",
}

---@param definition table  canonical, from a file
---@return gost.Service
function objects.from_definition(definition)
  return setmetatable({ definition = definition }, Service_meta)
end

---@param definition table  the fields of a service in a file, and options of its parts
---@return gost.Service
function objects.service(definition)
  if type(definition) ~= "table" then raise(("expected a table, got a %s"):format(type(definition))) end
  local raw, options, on = {}, {}, nil
  for key, value in pairs(definition) do
    if key == "on" then on = copy(value)
    elseif key ~= "chain" and key ~= "auth" and is_field("service", key) then raw[key] = value
    else options[key] = value end
  end
  for event, fn in pairs(on or {}) do objects.check_hook(event, fn) end
  service_parts(raw, options)
  local chain = raw.handler.chain
  raw.handler.chain = nil
  if type(chain) == "table" then chain = objects.chain(chain) end
  local canonical = check("service", raw)
  canonical.handler.chain = chain
  canonical.on = on
  return setmetatable({ definition = canonical }, Service_meta)
end

---A copy of a definition with the fields of `changes` in place of its own.
---@param definition table
---@param changes table  as for gost.service
---@return table
function objects.amended(definition, changes)
  local new, options = copy(definition), {}
  for _, key in ipairs { "handler", "listener" } do
    new[key] = copy(definition[key] or {})
    new[key].metadata = copy(new[key].metadata or {})
  end
  for key, value in pairs(changes) do
    if key == "on" then
      for event, fn in pairs(value) do objects.check_hook(event, fn) end
      new.on = copy(definition.on or {})
      for event, fn in pairs(value) do new.on[event] = fn end
    elseif key == "chain" then
      new.handler.chain = type(value) == "table" and objects.chain(value) or value
    elseif key == "auth" then
      new.handler.auther, new.handler.authers, new.handler.auth = nil, nil, nil
      take_auth(new.handler, value)
    elseif key == "forward" then take_forward(new, value)
    elseif key == "tls" then new.listener.tls = value
    elseif HANDLER_KEYS[key] then new.handler[key] = value
    elseif (key == "handler" or key == "listener") and type(value) == "string" then
      new[key].type = check("service", { [key] = value })[key].type -- all else about it stays
    elseif is_field("service", key) then
      local checked = check("service", { [key] = value })
      for name, found in pairs(checked) do new[name] = found end
    else options[key] = value end
  end
  local parts = {
    part("handler", new.handler), part("listener", new.listener),
    { index = components.fixed_index "service", metadata = copy(new.metadata or {}) },
  }
  new.metadata = parts[3].metadata
  for key, value in pairs(options) do
    if not place_option(parts, key, value) then unknown_key("service", key, "service", parts) end
  end
  return new
end

return objects
