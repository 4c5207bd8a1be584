---What is wrong with a configuration beyond single values: names that nothing has, files that
---cannot be read, ports used twice, settings that contradict each other.
local base = require "gost.check.base"
local components = require "gost.schema.components"
local object_checks = require "gost.check.objects"
local places = require "gost.places"
local ports = require "gost.check.ports"
local schema = require "gost.schema"

local check = {}

---@class gost.CheckOptions
---@field tls_check? fun(settings: table): boolean?, string?  certFile, keyFile, caFile, options.*, server
---@field rule_check? fun(rule: string): boolean?, string?
---@field readable? fun(path: string): boolean?, string?

local function readable(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local ok, why, code = file:read(0)
  file:close()
  if not ok and code == 21 then return nil, ("%s: %s"):format(path, why) end
  return true
end

---A function of the core that tries something; none where the core is not at hand.
local function of_core(name)
  local ok, core = pcall(require, "gost.core")
  return ok and type(core) == "table" and core[name] or nil
end

-- names ------------------------------------------------------------------------

---Lists whose entries are found by name.
local function named_lists()
  local list = {}
  for _, field in ipairs(schema.objects.configuration.fields) do
    if field.list then list[#list + 1] = field.key end
  end
  return list
end

---@return table<string, table<string, table>> names  list -> name -> entry
local function collect_names(configuration, found)
  local names = {}
  for _, list in ipairs(named_lists()) do
    names[list] = {}
    for i, entry in ipairs(configuration[list] or {}) do
      local name = entry.name
      local first = name and names[list][name]
      if first then
        local where = places.text(places.of(first, "name"))
        found:at(entry, "name", "error", ("%s[%d].name"):format(list, i - 1),
          ("%q is the name of another one already (%s)"):format(name, where))
      elseif name then
        names[list][name] = entry
      elseif list ~= "services" then
        found:at(entry, nil, "strict", ("%s[%d]"):format(list, i - 1), "has no name, so nothing can refer to it")
      end
    end
  end
  return names
end

---References inside of metadata.
local METADATA_REFERENCES = {
  ["mitm.bypass"] = "bypasses", ingress = "ingresses", sd = "sds", router = "routers", ["tun.router"] = "routers",
}

local DEFAULT_TYPE = { handler = "auto", listener = "tcp", connector = "http", dialer = "tcp" }

---Files and references that options of components name.
local function check_metadata(c, field, owner, map, path)
  local kind = field.of
  local index = DEFAULT_TYPE[kind] and components.index(kind, owner.type or DEFAULT_TYPE[kind])
  for key, value in pairs(map) do
    local list = METADATA_REFERENCES[key:lower()]
    if list and kind == "handler" then
      if value ~= "" then base.refer(c, map, key, list, value, ("%s.%s"):format(path, key)) end
    elseif index then
      local option = components.find(index, key)
      if option and option.type == "path" then base.file(c, map, key, ("%s.%s"):format(path, key), "error") end
    end
  end
end

-- the walk ------------------------------------------------------------------------

local walk

local function walk_value(c, field, owner, key, value, path)
  if field.kind == "ref" then
    base.refer(c, owner, key, field.of, value, path)
  elseif field.kind == "metadata" then
    check_metadata(c, field, owner, value, path)
  elseif field.object and type(value) == "table" then
    walk(c, field.object, value, path)
  end
end

---Only these kinds of fields have anything to check here.
local function interesting(field)
  return field.kind == "ref" or field.kind == "metadata" or field.object ~= nil
end

local interesting_fields = {}

local function fields_of(object)
  local list = interesting_fields[object]
  if not list then
    list = {}
    for _, field in ipairs(object.fields) do
      if interesting(field) then list[#list + 1] = field end
    end
    interesting_fields[object] = list
  end
  return list
end

function walk(c, object, value, path)
  for _, field in ipairs(fields_of(object)) do
    local item = value[field.key]
    if item ~= nil then
      local here = path == "" and field.key or path .. "." .. field.key
      if field.list and type(item) == "table" then
        for i, one in ipairs(item) do walk_value(c, field, item, i, one, ("%s[%d]"):format(here, i - 1)) end
      else
        walk_value(c, field, value, field.key, item, here)
      end
    end
  end
  local extra = object_checks[object.name]
  if extra then extra(c, value, path) end
end

-- loops ------------------------------------------------------------------------

---What a chain needs before it can be dialled: resolvers of its hops and nodes, and their chains.
local function needs(c, chain)
  local list = {}
  local function resolver(name)
    local found = type(name) == "string" and c.names.resolvers[name]
    for _, server in ipairs(found and found.nameservers or {}) do
      if server.chain then list[#list + 1] = { server.chain, name } end
    end
  end
  for _, hop in ipairs(chain.hops or {}) do
    if base.is_reference(hop) then hop = c.names.hops[hop.name or ""] or hop end
    resolver(hop.resolver)
    for _, node in ipairs(hop.nodes or {}) do resolver(node.resolver) end
  end
  return list
end

local function check_loops(c, configuration)
  local state = {}
  local function visit(name, trail)
    local chain = c.names.chains[name]
    if not chain or state[name] == "done" then return end
    if state[name] == "open" then
      c.found:at(chain, "name", "error", ("chain %q"):format(name), "needs itself: " .. trail)
      return
    end
    state[name] = "open"
    for _, need in ipairs(needs(c, chain)) do
      visit(need[1], ("%s > resolver %s > chain %s"):format(trail, need[2], need[1]))
    end
    state[name] = "done"
  end
  for _, chain in ipairs(configuration.chains or {}) do
    if chain.name then visit(chain.name, "chain " .. chain.name) end
  end
end

---Look at a whole configuration (from gost.load, before gost.complete).
---@param configuration table
---@param found gost.Problems   to add to
---@param options? gost.CheckOptions
function check.configuration(configuration, found, options)
  options = options or {}
  local c = {
    found = found,
    options = {
      readable = options.readable or readable,
      tls_check = options.tls_check or of_core "tls_check",
      rule_check = options.rule_check or of_core "rule_check",
    },
  }
  c.names = collect_names(configuration, found)
  walk(c, schema.objects.configuration, configuration, "")
  ports.check(c, configuration)
  check_loops(c, configuration)
end

return check
