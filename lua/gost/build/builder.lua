---What turns definitions into objects of the core: each is made once, and references lead to it.
---
---A reference in a configuration is a name of another list; scripts may put the thing itself there:
---a table, a function, or an object that was built already.
local core = require "gost.core"
local policies = require "gost.policies"

---@class gost.Builder
---@field configuration table
---@field scope string                  prefix of names that workers share
---@field shared boolean                listeners share their ports with other workers
---@field claim boolean                 but with nobody who has them already
---@field made table<string, table<any, userdata>>   by list, then by name or definition
---@field anchors table[]                what keeps the objects' lists up to date, as long as the builder is there
---@field later boolean                  lists are read by settle(), not one by one
local Builder = {}
Builder.__index = Builder

---@param seconds? number
---@return integer?
function Builder.milliseconds(seconds)
  return seconds and math.floor(seconds * 1000 + 0.5) or nil
end

---@param configuration table
---@param options? { shared?: boolean, claim?: boolean, later?: boolean }
---@return gost.Builder
function Builder.new(configuration, options)
  return setmetatable({
    configuration = configuration,
    shared = options and options.shared or false, claim = options and options.claim or false,
    made = {}, probes = (core.worker()) == 0, -- one of all workers probes
    anchors = {}, later = options and options.later or false,
  }, Builder)
end

---Keep what keeps an object up to date. It is filled now, or with all others by settle().
---@param anchor { loader: gost.Loader }
function Builder:keep(anchor)
  self.anchors[#self.anchors + 1] = anchor
  if not self.later then anchor.loader:settle() end
end

---Wait until the lists of all objects were read, a bounded time. Suspends.
---@param seconds number
function Builder:settle(seconds)
  local deadline = core.now() + seconds
  for _, anchor in ipairs(self.anchors) do anchor.loader:settle(deadline) end
end

---@param list? table[]
---@param name string
---@return table? entry
function Builder.by_name(list, name)
  for _, entry in ipairs(list or {}) do
    if entry.name == name then return entry end
  end
end

---The object for a reference; made once for each name or definition.
---@param list string           "bypasses", "chains" …
---@param ref any               name, definition, function or object
---@param make fun(self: gost.Builder, definition: any, name: string?): userdata
---@param own? string          the name of one that stands on the spot
function Builder:get(list, ref, make, own)
  if type(ref) == "userdata" then return ref end
  if type(ref) == "table" and type(ref.object) == "function" then return ref:object(self) end
  local made = self.made[list] or {}
  self.made[list] = made
  if made[ref] then return made[ref] end
  local definition, name = ref, own
  if type(ref) == "string" then
    definition, name = Builder.by_name(self.configuration[list], ref), ref
    if not definition then error(("there is no %q in %s"):format(ref, list), 0) end
  end
  made[ref] = make(self, definition, name)
  return made[ref]
end

---A single reference and a list of them, as objects.
function Builder:all(list, one, more, make)
  if one == nil and more == nil then return nil end
  local objects = {}
  if one ~= nil then objects[1] = self:get(list, one, make) end
  for _, ref in ipairs(more or {}) do objects[#objects + 1] = self:get(list, ref, make) end
  return #objects > 0 and objects or nil
end

local function refuse_function(what, definition)
  local plugged = type(definition) == "table" and definition.plugin
  if type(definition) == "function" or plugged or definition.lua then
    error(("%s: a %s can stand in a service, not in a node or a hop"):format(what,
      plugged and "plugin" or "function"), 0)
  end
end

local function make_hosts(self, definition, name)
  refuse_function("hosts", definition)
  return policies.hosts(self, definition, name)
end

local function make_resolver(_, definition)
  refuse_function("resolver", definition)
  local servers = {}
  for i, server in ipairs(definition.nameservers or definition) do
    if type(server) == "string" then server = { addr = server } end
    servers[i] = {
      addr = server.addr, prefer = server.prefer, only = server.only, async = server.async,
      ttl_ms = Builder.milliseconds(server.ttl), timeout_ms = Builder.milliseconds(server.timeout),
    }
  end
  return core.resolver(servers)
end

---@param ref any
---@return userdata hosts
function Builder:hosts(ref)
  return self:get("hosts", ref, make_hosts)
end

---@param ref any
---@return userdata resolver
function Builder:resolver(ref)
  return self:get("resolvers", ref, make_resolver)
end

---@param owner table  a service, hop or node
---@return userdata[]?
function Builder:bypasses(owner)
  return self:all("bypasses", owner.bypass, owner.bypasses, policies.bypass)
end

return Builder
