---What the parts of gost.check share.
local nearest = require "gost.nearest"
local values = require "gost.schema.values"

local base = {}

---@class gost.Check
---@field found gost.Problems
---@field names table
---@field options gost.CheckOptions

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local SINGULAR = {
  admissions = "admission", authers = "auther", bypasses = "bypass", caches = "cache", chains = "chain",
  climiters = "climiter", hops = "hop", hosts = "hosts", ingresses = "ingress", limiters = "limiter",
  loggers = "logger", observers = "observer", quotas = "quota", recorders = "recorder", resolvers = "resolver",
  rewriters = "rewriter", rlimiters = "rlimiter", routers = "router", sds = "sd", services = "service",
}

---Complain of a name that no entry of `list` has.
function base.refer(c, owner, key, list, name, path)
  if type(name) ~= "string" or c.names[list][name] then return end
  c.found:at(owner, key, "error", path, ("there is no %s %q%s"):format(SINGULAR[list], name,
    nearest.hint(name, sorted_keys(c.names[list]))))
end

---Complain of a file that cannot be read.
function base.file(c, owner, key, path, level)
  local name = owner[key]
  if type(name) ~= "string" or name == "" then return end
  local ok, message = c.options.readable(name)
  if not ok then c.found:at(owner, key, level, path, "cannot be read: " .. message) end
end

---A hop that is only the name of an entry of `hops`.
function base.is_reference(hop)
  return hop.nodes == nil and not (hop.plugin or hop.file or hop.redis or hop.http)
end

---Is an option of a metadata mapping switched on?
---@param name string  in lower case
function base.truthy(map, name)
  for key, value in pairs(map or {}) do
    if key:lower() == name then return values.bool(value) end
  end
end

return base
