---A configuration as a script that a person would be glad to have written.
---
---Chains, hops and policies that something refers to become locals; what has its default is left
---out; nodes that are nothing but a URL are written as one.
local duration = require "gost.duration"
local components = require "gost.schema.components"
local schema = require "gost.schema"
local scheme = require "gost.scheme"
local url = require "gost.url"
local values = require "gost.schema.values"

local print_lua = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while gost]]):gmatch "%S+" do
  KEYWORDS[word] = true
end

---A function has room for 200 locals.
local LOCALS_MAX = 150
local WIDTH = 100

---@param key string  camelCase
local function snake(key)
  return (key:gsub("(%l)(%u)", "%1_%2"):lower())
end

local function string_literal(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("\0", "\\0"))
end

---@class gost.LuaPrinter
---@field locals table<string, table<string, string>>  list -> name -> identifier, once it is declared
---@field lines string[]
local Printer = {}
Printer.__index = Printer

local function key_literal(key)
  if key:match "^[%a_][%w_]*$" and not KEYWORDS[key] then return key end
  return "[" .. string_literal(key) .. "]"
end

-- a tree of what to write: strings are code, tables are { key = …, value = … } items ----

local function code(value)
  if type(value) == "string" then return string_literal(value) end
  if math.type(value) == "float" and value == math.floor(value) and math.abs(value) < 1e15 then
    return ("%d"):format(math.tointeger(value))
  end
  return tostring(value)
end

local function add(items, key, value)
  if value == nil then return end
  items[#items + 1] = { key = key, value = value }
end

---One line if it fits.
local function render(tree, indent)
  if type(tree) == "string" then return tree end
  local open, close = (tree.open or "") .. "{", "}"
  if #tree == 0 then return open .. close end
  local parts, width, flat = {}, #indent, true
  for i, item in ipairs(tree) do
    local text = render(item.value, indent .. "  ")
    if item.key then text = key_literal(item.key) .. " = " .. text end
    parts[i] = text
    width = width + #text + 2
    flat = flat and not text:find("\n", 1, true)
  end
  if flat and width < WIDTH and not tree.tall then return open .. " " .. table.concat(parts, ", ") .. " " .. close end
  for i, text in ipairs(parts) do parts[i] = indent .. "  " .. text .. ",\n" end
  return open .. "\n" .. table.concat(parts) .. indent .. close
end

-- values ------------------------------------------------------------------------------

local function masked(text, o)
  if o.show_secrets or text:match "^%${[%w_]+}$" or text:match "^file:" then return text end
  return values.MASK
end

local function map_tree(map, o, open)
  local tree, keys = { open = open }, {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = map[key]
    if type(value) == "table" then
      if value[1] ~= nil then
        local list = {}
        for i, one in ipairs(value) do
          list[i] = { value = type(one) == "table" and map_tree(one, o) or code(one) }
        end
        add(tree, key, list)
      else
        add(tree, key, map_tree(value, o))
      end
    else
      if url.secret_key(key) then value = masked(tostring(value), o) end
      add(tree, key, code(value))
    end
  end
  return tree
end

---Options of a component that it knows, ready to stand beside its fields.
local function add_options(tree, kind, type_, metadata, o)
  local index = components.index(kind, type_)
  local known, seen = {}, {}
  for key, value in pairs(metadata or {}) do
    local option = not index or components.find(index, key)
    if option then known[key] = value end
  end
  for _, item in ipairs(map_tree(known, o)) do
    local key = item.key:match "^%a[%w_]*$" and snake(item.key) or item.key
    if not seen[key] and not schema.find_field(schema.objects[kind], key) then add(tree, key, item.value) end
    seen[key] = true
  end
end

local function same_default(field, value)
  if field.default == nil then return false end
  if field.kind == "duration" then return duration.parse(field.default) == value end
  return field.default == value
end

function Printer:reference(list, name)
  local known = self.locals[list] and self.locals[list][name]
  return known or string_literal(name)
end

function Printer:item(field, value)
  if field.kind == "ref" then return self:reference(field.of, value) end
  if field.kind == "secret" then return string_literal(masked(value, self.options)) end
  if field.kind == "duration" then return string_literal(duration.format(value)) end
  if field.kind == "map" or field.kind == "metadata" then return map_tree(value, self.options) end
  if field.object and type(value) == "table" then return self:fields(field.object, value) end
  return code(value)
end

function Printer:value(field, value)
  if not field.list then return self:item(field, value) end
  local list = {}
  for i, one in ipairs(value) do list[i] = { value = self:item(field, one) } end
  return list
end

---All fields that say something, but for those in `skip`.
---@param skip? table<string, boolean>
function Printer:fields(object, value, skip)
  local tree = {}
  for _, field in ipairs(object.fields) do
    local one = value[field.key]
    local nothing = one == nil or type(one) == "table" and next(one) == nil
    if not nothing and not same_default(field, one) and not (skip and skip[field.key]) then
      add(tree, snake(field.key), self:value(field, one))
    end
  end
  return tree
end

---"http" or { "http", read_timeout = "5s" }; nil when it is the default and says nothing else.
function Printer:component(kind, value, default, skip)
  value = value or {}
  local type_ = value.type or default
  local tree = { { value = code(type_) } }
  skip = skip or {}
  skip.type, skip.metadata = true, true
  for _, item in ipairs(self:fields(schema.objects[kind], value, skip)) do tree[#tree + 1] = item end
  add_options(tree, kind, type_, value.metadata, self.options)
  if #tree > 1 then return tree end
  if type_ ~= default then return code(type_) end
end

-- nodes and hops ------------------------------------------------------------------------

local function only(t, ...)
  local allowed = {}
  for _, key in ipairs { ... } do allowed[key] = true end
  for key, value in pairs(t or {}) do
    if not allowed[key] and not (type(value) == "table" and next(value) == nil) then return false end
  end
  return true
end

local function encode(text)
  return (text:gsub("[^%w._~*-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

---The scheme that means these two kinds.
local function scheme_of(connector, dialer)
  for _, text in ipairs { connector, dialer, connector .. "+" .. dialer } do
    local c, d = scheme.node(text)
    if c == connector and d == dialer then return text end
  end
end

---A node as a URL, if that says everything.
function Printer:node_url(node)
  local connector, dialer = node.connector or {}, node.dialer or {}
  local host = url.split_port(node.addr or "")
  local tls = dialer.tls or {}
  if not only(node, "name", "addr", "connector", "dialer") or not only(connector, "type", "auth")
    or not only(dialer, "type", "tls", "auth") or not only(tls, "serverName")
    or (node.name and not node.name:match "^node%-%d+$") then
    return nil
  end
  local auth = connector.auth or {}
  if dialer.auth or auth.file or not (node.addr or ""):match "^[%w._%[%]:-]+:%d+$" then return nil end
  if (tls.serverName or host) ~= (host:match "^%[(.*)%]$" or host) then return nil end
  local text = scheme_of(connector.type or "http", dialer.type or "tcp")
  if not text then return nil end
  local user = ""
  if auth.username then
    user = encode(auth.username)
    if auth.password then user = user .. ":" .. encode(masked(auth.password, self.options)) end
    user = user .. "@"
  end
  return ("%s://%s%s"):format(text, user, node.addr)
end

function Printer:node(node)
  local text = self:node_url(node)
  if text then return "gost.node " .. string_literal(text) end
  local tree = { open = "gost.node " }
  local skip = { connector = true, dialer = true, metadata = true, tls = true,
    name = node.name and node.name:match "^node%-%d+$" ~= nil }
  for _, item in ipairs(self:fields(schema.objects.node, node, skip)) do tree[#tree + 1] = item end
  add(tree, "connector", self:component("connector", node.connector, "http"))
  add(tree, "dialer", self:component("dialer", node.dialer, "tcp"))
  for _, item in ipairs(self:known_metadata("node", node.metadata)) do tree[#tree + 1] = item end
  return tree
end

---Options of services, hops, nodes and chains, as far as these know them.
function Printer:known_metadata(kind, metadata)
  local index, known = components.fixed_index(kind), {}
  for key, value in pairs(metadata or {}) do
    if components.find(index, key) then known[key] = value end
  end
  local tree = map_tree(known, self.options)
  for _, item in ipairs(tree) do
    if item.key:match "^%a[%w_]*$" then item.key = snake(item.key) end
  end
  return tree
end

function Printer:hop(hop, named)
  local tree = { open = "gost.hop " }
  local skip = { nodes = true, metadata = true, name = not named or (hop.name or ""):match "^hop%-%d+$" ~= nil }
  for _, item in ipairs(self:fields(schema.objects.hop, hop, skip)) do tree[#tree + 1] = item end
  for _, item in ipairs(self:known_metadata("hop", hop.metadata)) do tree[#tree + 1] = item end
  for _, node in ipairs(hop.nodes or {}) do tree[#tree + 1] = { value = self:node(node) } end
  return tree
end

local function is_reference(hop)
  return hop.nodes == nil and not (hop.plugin or hop.file or hop.redis or hop.http)
end

function Printer:chain(chain)
  local tree = { open = "gost.chain " }
  local auto = (chain.name or ""):match "^chain%-%d+$" and not self.by_string[chain.name]
  if chain.name and not auto then add(tree, "name", code(chain.name)) end
  for _, item in ipairs(self:known_metadata("chain", chain.metadata)) do tree[#tree + 1] = item end
  for _, hop in ipairs(chain.hops or {}) do
    local value
    if is_reference(hop) then
      value = self:reference("hops", hop.name)
    else
      value = self:hop(hop, true)
      if #value == 1 and not value[1].key then value = value[1].value end
    end
    tree[#tree + 1] = { value = value }
  end
  return tree
end

function Printer:service(service)
  local tree = { open = "gost.service " }
  local handler, listener = service.handler or {}, service.listener or {}
  local auto = (service.name or ""):match "^service%-%d+$"
  local skip = { handler = true, listener = true, forwarder = true, metadata = true, name = auto ~= nil }
  for _, item in ipairs(self:fields(schema.objects.service, service, skip)) do tree[#tree + 1] = item end
  local beside = { chain = true, auth = true, auther = true, retries = true } -- printed beside the handler
  add(tree, "handler", self:component("handler", handler, "auto", beside))
  add(tree, "listener", self:component("listener", listener, "tcp", { chain = true, auth = true }))
  local chain = handler.chain or listener.chain
  if chain then add(tree, "chain", self:reference("chains", chain)) end
  if handler.auther then add(tree, "auther", self:reference("authers", handler.auther)) end
  local auth = handler.auth or listener.auth
  if auth then add(tree, "auth", self:fields(schema.objects.auth, auth)) end
  if handler.retries and handler.retries ~= 0 then add(tree, "retries", code(handler.retries)) end
  add(tree, "forwarder", self:forwarder(service.forwarder))
  for _, item in ipairs(self:known_metadata("service", service.metadata)) do tree[#tree + 1] = item end
  return tree
end

---"host:port" or a list of them, when that says everything.
function Printer:forwarder(forwarder)
  if not forwarder then return nil end
  local list, simple = {}, only(forwarder, "nodes")
  for i, node in ipairs(forwarder.nodes or {}) do
    simple = simple and only(node, "name", "addr") and node.addr
      and (not node.name or node.name == ("target-%d"):format(i - 1))
    list[i] = { value = code(node.addr or "") }
  end
  if simple and #list == 1 then return list[1].value end
  if simple and #list > 1 then return list end
  return self:fields(schema.objects.forwarder, forwarder)
end

-- the script ------------------------------------------------------------------------------

---Names that are referred to, list -> set.
local function references(configuration)
  local used, by_string = {}, {}
  local function walk(object, value)
    for _, field in ipairs(object.fields) do
      local item = value[field.key]
      if item ~= nil and field.kind == "ref" then
        used[field.of] = used[field.of] or {}
        for _, name in ipairs(field.list and item or { item }) do used[field.of][name] = true end
        if object.name == "nameserver" then by_string[item] = true end
      elseif item ~= nil and field.object then
        for _, one in ipairs(field.list and item or { item }) do walk(field.object, one) end
      end
    end
    if object.name == "hop" and is_reference(value) and value.name then
      used.hops = used.hops or {}
      used.hops[value.name] = true
    end
  end
  walk(schema.objects.configuration, configuration)
  return used, by_string
end

---A name for a local variable.
function Printer:identifier(name, list)
  local text = name:gsub("[^%w_]", "_")
  if text:match "^%d" or KEYWORDS[text] then text = list:gsub("s$", "") .. "_" .. text end
  local base, n = text, 1
  while self.identifiers[text] do
    n = n + 1
    text = ("%s_%d"):format(base, n)
  end
  self.identifiers[text] = true
  return text
end

function Printer:declare(list, name, tree)
  local identifier = self:identifier(name, list)
  self.lines[#self.lines + 1] = ("local %s = %s"):format(identifier, render(tree, ""))
  self.locals[list] = self.locals[list] or {}
  self.locals[list][name] = identifier
end

local POLICIES = {
  "authers", "admissions", "bypasses", "resolvers", "hosts", "ingresses", "routers", "sds", "observers",
  "recorders", "rewriters", "caches", "limiters", "quotas", "climiters", "rlimiters",
}

---A policy as a table: its shorthand field is the list part.
function Printer:policy(object, entry)
  local short = object.shorthand
  local tree = {}
  for _, item in ipairs(self:fields(object, entry, { [short or ""] = true })) do tree[#tree + 1] = item end
  if short and entry[short] then
    for _, item in ipairs(self:value(object.by_key[short], entry[short])) do tree[#tree + 1] = item end
  end
  return tree
end

---What nothing refers to, and the sections, in the shape of a file.
function Printer:rest(configuration, left)
  local tree = { open = "gost.configure ", tall = true }
  for _, field in ipairs(schema.objects.configuration.fields) do
    if field.section and configuration[field.key] then
      add(tree, field.key, self:fields(field.object, configuration[field.key]))
    elseif left[field.key] then
      local list = { tall = true }
      for i, entry in ipairs(left[field.key]) do list[i] = { value = self:fields(field.object, entry) } end
      add(tree, field.key, list)
    end
  end
  if #tree > 0 then self.lines[#self.lines + 1] = render(tree, "") end
end

local function count_entries(configuration)
  local n = 0
  for _, list in ipairs(POLICIES) do n = n + #(configuration[list] or {}) end
  return n + #(configuration.hops or {}) + #(configuration.chains or {})
end

---@param configuration table  from gost.load
---@param options? gost.PrintOptions
---@return string
function print_lua.script(configuration, options)
  local used, by_string = references(configuration)
  local printer = setmetatable({
    options = options or {}, locals = {}, identifiers = {}, lines = {}, by_string = by_string,
  }, Printer)
  local with_locals = count_entries(configuration) <= LOCALS_MAX
  local left = {}
  for _, list in ipairs(POLICIES) do
    local object = schema.objects.configuration.by_key[list].object
    for _, entry in ipairs(configuration[list] or {}) do
      if with_locals and entry.name and used[list] and used[list][entry.name] then
        printer:declare(list, entry.name, printer:policy(object, entry))
      else
        left[list] = left[list] or {}
        table.insert(left[list], entry)
      end
    end
  end
  left.loggers = configuration.loggers
  for _, hop in ipairs(configuration.hops or {}) do
    if with_locals and hop.name and used.hops and used.hops[hop.name] and hop.nodes then
      printer:declare("hops", hop.name, printer:hop(hop, true))
    else
      left.hops = left.hops or {}
      table.insert(left.hops, hop)
    end
  end
  local declared = #printer.lines
  printer:rest(configuration, left)
  if #printer.lines > declared then -- settings of the program come first
    table.insert(printer.lines, 1, table.remove(printer.lines))
  end
  for _, chain in ipairs(configuration.chains or {}) do
    local tree = printer:chain(chain)
    if with_locals and chain.name then
      printer:declare("chains", chain.name, tree)
    else
      printer.lines[#printer.lines + 1] = render(tree, "")
    end
  end
  for _, service in ipairs(configuration.services or {}) do
    printer.lines[#printer.lines + 1] = render(printer:service(service), "")
  end
  return ('local gost = require "gost"\n\n%s\n\ngost.run()\n'):format(table.concat(printer.lines, "\n\n"))
end

return print_lua
