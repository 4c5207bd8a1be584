---Policies of a configuration as objects of the core: bypasses, admissions, authers, hosts, limiters, ingresses.
---Each function takes the builder, the definition (a table, a function, a list …) and its name.
local core = require "gost.core"
local inline = require "gost.inline"
local loader = require "gost.loader"
local plugin = require "gost.plugin"

local policies = {}

---One function that asks several in turn, until one says yes.
local function any_of(functions)
  if #functions < 2 then return functions[1] end
  return function(...)
    for _, fn in ipairs(functions) do
      if fn(...) then return true end
    end
    return false
  end
end

---The function of a definition: inline, or a plugin's.
local function function_of(kind, definition)
  return plugin.of(kind, definition) or inline.of(definition) or definition.fn
end

---A list of patterns, some of which may be functions; or a definition as in a file.
local function patterns(kind, definition)
  if type(definition) == "function" then return { fn = definition } end
  if type(definition) == "table" and definition.plugin then return { fn = plugin.of(kind, definition) } end
  if type(definition) == "string" then definition = { definition } end
  local list, functions = {}, { function_of(kind, definition) }
  for _, item in ipairs(definition.matchers or definition) do
    if type(item) == "function" then functions[#functions + 1] = item else list[#list + 1] = item end
  end
  local fn = any_of(functions)
  return { whitelist = definition.whitelist, network = definition.network, matchers = list, fn = fn }
end

local SCHEMA = { hosts = "hostMapper" }

---What a definition says of sources. Scripts may write it in any way that files may.
---@return table? definition  canonical
local function sources_of(kind, definition)
  if type(definition) ~= "table" or getmetatable(definition) or definition.plugin then return nil end
  local raw = {}
  for _, key in ipairs { "file", "redis", "http", "reload" } do raw[key] = definition[key] end
  if next(raw) == nil then return nil end
  local found = require("gost.parts").check(SCHEMA[kind] or kind, raw)
  return loader.has_sources(found) and found or nil
end

---An object and, where its definition has sources, what keeps it up to date.
---@param builder gost.Builder
---@param kind string
---@param definition any
---@param label string
---@param make fun(content: table): userdata
---@param content table
local function with_sources(builder, kind, definition, label, make, content)
  local object, found = make(content), sources_of(kind, definition)
  if found then
    local plain = {}
    for key, value in pairs(content) do
      if key ~= "fn" then plain[key] = value end
    end
    builder:keep(loader.policy(object, kind, found, label, function() return make(plain) end))
  end
  return object
end

local function label(kind, name) return name and ("%s %s"):format(kind, name) or kind end

function policies.bypass(builder, definition, name)
  return with_sources(builder, "bypass", definition, label("bypass", name), core.bypass, patterns("bypass", definition))
end

---Names among the patterns are looked up once, now.
---A function alone says who may come in; among patterns it is one of these.
function policies.admission(builder, definition, name)
  local one = patterns("admission", definition)
  if one.whitelist == nil and one.fn and #(one.matchers or {}) == 0 then one.whitelist = true end
  local found = {}
  for _, pattern in ipairs(one.matchers or {}) do
    if pattern:match "^[%x:%.%*/%-]+$" or pattern:find "[:/]" then
      found[#found + 1] = pattern
    else
      local addresses, message = core.lookup(pattern)
      if not addresses then core.log("warn", ("admission: %s"):format(message)) end
      table.move(addresses or {}, 1, addresses and #addresses or 0, #found + 1, found)
    end
  end
  one.matchers = found
  return with_sources(builder, "admission", definition, label("admission", name), core.admission, one)
end

---A user and a password: those of the file, if there is one (its first line that is no comment), else as they stand.
---@param auth? table
---@return table? auth
function policies.credentials(auth)
  local path = type(auth) == "table" and auth.file
  if type(path) ~= "string" or path == "" then return auth end
  local text, message = core.read_file(path)
  if not text then error("auth: " .. message, 0) end
  for line in text:gmatch "[^\r\n]+" do
    local user, password = line:match "^%s*([^%s#]%S*)%s*(.-)%s*$"
    if user then return { username = user, password = password } end
  end
  error(("auth: %s: expected a line with a user and a password"):format(path), 0)
end

function policies.auther(builder, definition, name)
  if type(definition) == "function" then return core.auther { fn = definition } end
  local list = {}
  local users = definition.auths or definition.username and { definition } or definition
  for i, user in ipairs(users) do list[i] = policies.credentials(user) end
  return with_sources(builder, "auther", definition, label("auther", name), core.auther, {
    users = list,
    fn = function_of("auther", definition),
  })
end

function policies.hosts(builder, definition, name)
  return with_sources(builder, "hosts", definition, label("hosts", name), core.hosts,
    { mappings = definition.mappings or definition })
end

function policies.ingress(builder, definition, name)
  if type(definition) == "function" then return core.ingress { fn = definition } end
  return with_sources(builder, "ingress", definition, label("ingress", name), core.ingress,
    { rules = definition.rules or definition, fn = function_of("ingress", definition) })
end

---Lines, or a function that is asked for a connection: see docs/scripting.md.
local function limiter(kind, make)
  return function(builder, definition, name)
    local fn = type(definition) == "function" and definition or function_of(kind, definition)
    if fn then return core[make] { name = name, fn = fn } end
    return with_sources(builder, "limiter", definition, label(kind, name), core[make],
      { name = name, limits = definition.limits or definition })
  end
end

policies.limiter = limiter("limiter", "traffic_limiter")
policies.climiter = limiter("climiter", "conn_limiter")
policies.rlimiter = limiter("rlimiter", "rate_limiter")

return policies
