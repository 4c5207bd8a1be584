---Fill in what a configuration leaves to the program: names, and the kinds of components; and spell
---the options of components as the components do.
local components = require "gost.schema.components"
local option = require "gost.schema.option"

local complete = {}

---Does the component itself find this spelling (it ignores case, but no underscores)?
local function spelt(found, key)
  local lower = key:lower()
  if found.key:lower() == lower or found.key:find("*", 1, true) then return true end
  for _, alias in ipairs(found.aliases or {}) do
    if alias:lower() == lower then return true end
  end
  return false
end

---`read_timeout: "5s"` becomes `readTimeout`; "yes" becomes true.
local function spell_options(metadata, index)
  if type(metadata) ~= "table" or not index then return end
  local renamed = {}
  for key, value in pairs(metadata) do
    local found = components.find(index, key)
    if found then
      if found.type == "bool" or found.type == "int" then
        local meant = option.value(found, value)
        if meant ~= nil then metadata[key] = meant end
      end
      if not spelt(found, key) then renamed[key] = found.key end
    end
  end
  for key, name in pairs(renamed) do
    if metadata[name] == nil then metadata[name] = metadata[key] end
    metadata[key] = nil
  end
end

local DEFAULT_TYPE = { handler = "auto", listener = "tcp", connector = "http", dialer = "tcp" }

local function complete_component(owner, kind)
  owner[kind] = owner[kind] or {}
  local component = owner[kind]
  if type(component) ~= "table" then return end
  component.type = component.type or DEFAULT_TYPE[kind]
  spell_options(component.metadata, components.index(kind, component.type))
end

local function complete_nodes(nodes)
  for i, node in ipairs(nodes or {}) do
    if type(node) == "table" then
      node.name = node.name or ("node-%d"):format(i - 1)
      complete_component(node, "connector")
      complete_component(node, "dialer")
      spell_options(node.metadata, components.fixed_index "node")
    end
  end
end

local function complete_hops(hops)
  for _, hop in ipairs(hops or {}) do
    spell_options(hop.metadata, components.fixed_index "hop")
    complete_nodes(hop.nodes)
  end
end

---Names that no other service has: service-0, service-1 …
local function name_services(services)
  local taken = {}
  for _, service in ipairs(services) do
    if service.name then taken[service.name] = true end
  end
  for i, service in ipairs(services) do
    if not service.name then
      local n = i - 1
      while taken[("service-%d"):format(n)] do n = n + #services end
      service.name = ("service-%d"):format(n)
      taken[service.name] = true
    end
  end
end

---Older names of fields, put where their new names are.
local function rename(owner, old, new)
  if owner[old] ~= nil and owner[new] == nil then owner[new] = owner[old] end
  owner[old] = nil
end

local function into_metadata(owner, key, value)
  if value == nil then return end
  owner.metadata = owner.metadata or {}
  for known in pairs(owner.metadata) do
    if known:lower() == key then return end
  end
  owner.metadata[key] = value
end

local function socket_fields(owner)
  into_metadata(owner, "interface", owner.interface)
  into_metadata(owner, "so_mark", owner.sockopts and owner.sockopts.mark)
  into_metadata(owner, "netns", owner.netns)
  owner.interface, owner.sockopts, owner.netns = nil, nil, nil
end

local function modernise(configuration)
  for _, service in ipairs(configuration.services or {}) do
    socket_fields(service)
    if service.forwarder then rename(service.forwarder, "name", "hop") end
  end
  local function hops(list)
    for _, hop in ipairs(list or {}) do
      socket_fields(hop)
      for _, node in ipairs(hop.nodes or {}) do socket_fields(node) end
    end
  end
  hops(configuration.hops)
  for _, chain in ipairs(configuration.chains or {}) do hops(chain.hops) end
  for _, list in ipairs { "admissions", "bypasses" } do
    for _, one in ipairs(configuration[list] or {}) do rename(one, "reverse", "whitelist") end
  end
  for _, router in ipairs(configuration.routers or {}) do
    for _, route in ipairs(router.routes or {}) do rename(route, "net", "dst") end
  end
end

---Change `configuration` (from gost.load) in place.
---@param configuration table
---@return table configuration
function complete.configuration(configuration)
  configuration.services = configuration.services or {}
  modernise(configuration)
  name_services(configuration.services)
  for _, service in ipairs(configuration.services) do
    service.addr = service.addr or ""
    complete_component(service, "handler")
    complete_component(service, "listener")
    spell_options(service.metadata, components.fixed_index "service")
    for i, node in ipairs(service.forwarder and service.forwarder.nodes or {}) do
      node.name = node.name or ("target-%d"):format(i - 1)
      spell_options(node.metadata, components.fixed_index "node")
    end
  end
  complete_hops(configuration.hops)
  for _, chain in ipairs(configuration.chains or {}) do complete_hops(chain.hops) end
  return configuration
end

return complete
