---Services, chains, hops and nodes as scripts see them: tables that know what they are, checked when
---they are made, turned into objects of the core when they are first used.
local build = require "gost.build"
local complete = require "gost.complete"
local components = require "gost.schema.components"
local core = require "gost.core"
local url = require "gost.node_url"

local objects = {}

local parts_of = require "gost.parts"
local raise, check, copy, is_field = parts_of.raise, parts_of.check, parts_of.copy, parts_of.is_field
local component_of, part, place_option = parts_of.component_of, parts_of.part, parts_of.place_option
local unknown_key = parts_of.unknown_key

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
    rawset(self, "builder", builder) -- keeps its lists up to date
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
    if not parsed then parts_of.mistake(message) end
    definition = parsed or { addr = "mistake.invalid:1" }
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
    builder = builder or build.new({})
    built = builder:hop(self.definition, scope or self.definition.name or "hop")
    rawset(self, "built", built)
    rawset(self, "builder", builder)
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
    builder = builder or build.new(rawget(self, "configuration") or {})
    built = builder:chain(self.definition)
    rawset(self, "built", built)
    rawset(self, "builder", builder)
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

return objects
