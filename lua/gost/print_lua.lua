---A configuration as a script that a person would be glad to have written.
---
---Chains, hops and policies become locals; what has its default is left out; options stand beside
---the fields of their service or node where that is clear; nodes that are nothing but a URL are
---written as one.
local duration = require "gost.duration"
local components = require "gost.schema.components"
local lua_tree = require "gost.lua_tree"
local schema = require "gost.schema"
local scheme = require "gost.scheme"
local url = require "gost.url"
local values = require "gost.schema.values"

local add, code, render = lua_tree.add, lua_tree.code, lua_tree.render
local KEYWORDS, string_literal = lua_tree.KEYWORDS, lua_tree.string_literal

local print_lua = {}

---A function has room for 200 locals.
local LOCALS_MAX = 150

---@param key string  camelCase
local function snake(key)
  return (key:gsub("(%l)(%u)", "%1_%2"):lower())
end

---@class gost.LuaPrinter
---@field locals table<string, table<string, string>>  list -> name -> identifier, once it is declared
---@field lines string[]
local Printer = {}
Printer.__index = Printer

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
    if type(value) == "table" and url.secret_key(key) and not o.show_secrets then
      add(tree, key, code(values.MASK))
    elseif type(value) == "table" then
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
  if field.kind == "url" and not self.options.show_secrets then value = url.mask(value) end
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
      local item = self:value(field, one)
      local default = field.key == "selector" and #item == 0 -- one that says what holds without it
      if not default then add(tree, snake(field.key), item) end
    end
  end
  return tree
end

---What each part knows of its metadata; nil where nothing is known of the part.
---@return {index: table?, metadata: table<string, any>}[]
local function known_parts(parts)
  local out = {}
  for i, part in ipairs(parts) do
    local known = {}
    for key, value in pairs(part.metadata or {}) do
      if not part.index or components.find(part.index, key) then known[components.fold(key)] = { key, value } end
    end
    out[i] = { index = part.index, known = known }
  end
  return out
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  return #a == #b
end

---May `folded` stand beside the fields of `object`? Every part that knows it takes it from there, so
---all of these must have it, with one value.
local function stands_alone(object, parts, folded, entry)
  if schema.find_field(schema.objects[object], entry[1]) then return false end
  for _, part in ipairs(parts) do
    if not part.index then return false end
    local mine = part.known[folded]
    if mine and not same(mine[2], entry[2]) then return false end
    if not mine and components.find(part.index, entry[1]) then return false end
  end
  return true
end

---Split the options of several parts into those that stand beside the fields of the object and the
---metadata that each part keeps.
---@return table<string, any> beside
---@return table[] kept  a mapping for each part
local function share_options(object, parts)
  parts = known_parts(parts)
  local beside, kept, taken = {}, {}, {}
  for i, part in ipairs(parts) do
    kept[i] = {}
    for folded, entry in pairs(part.known) do
      if taken[folded] == nil then taken[folded] = stands_alone(object, parts, folded, entry) and entry[1] end
      if taken[folded] then
        beside[taken[folded]] = entry[2]
      else
        kept[i][entry[1]] = entry[2]
      end
    end
  end
  return beside, kept
end

---Options as items, names in the way of scripts.
local function option_items(options, o)
  local tree = map_tree(options, o)
  for _, item in ipairs(tree) do
    if item.key:match "^%a[%w_]*$" then item.key = snake(item.key) end
  end
  return tree
end

---"http" or { type = "http", metadata = { … } }; nil when it is the default and says nothing else.
---@param skip table<string, boolean>  fields printed elsewhere
---@param metadata table               what is to be kept inside
function Printer:component(kind, value, default, skip, metadata)
  value = value or {}
  local type_ = value.type or default
  local tree = {}
  skip.type, skip.metadata = true, true
  for _, item in ipairs(self:fields(schema.objects[kind], value, skip)) do tree[#tree + 1] = item end
  if next(metadata) then add(tree, "metadata", map_tree(metadata, self.options)) end
  if #tree > 0 then
    if type_ ~= default then table.insert(tree, 1, { key = "type", value = code(type_) }) end
    return tree
  end
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

---A dialer without the server name that it would have anyway.
local function without_default_name(dialer, addr)
  local host = url.split_port(addr or "")
  if not dialer.tls or dialer.tls.serverName ~= (host:match "^%[(.*)%]$" or host) then return dialer end
  local out, tls = {}, {}
  for key, value in pairs(dialer) do out[key] = value end
  for key, value in pairs(dialer.tls) do tls[key] = key ~= "serverName" and value or nil end
  out.tls = next(tls) and tls or nil
  return out
end

function Printer:node(node)
  local text = self:node_url(node)
  if text then return "gost.node " .. string_literal(text) end
  local tree = { open = "gost.node " }
  local connector, dialer = node.connector or {}, without_default_name(node.dialer or {}, node.addr)
  local beside, kept = share_options("node", {
    { index = components.index("connector", connector.type or "http"), metadata = connector.metadata },
    { index = components.index("dialer", dialer.type or "tcp"), metadata = dialer.metadata },
    { index = components.fixed_index "node", metadata = node.metadata },
  })
  local skip = { connector = true, dialer = true, metadata = true,
    name = node.name and node.name:match "^node%-%d+$" ~= nil }
  for _, item in ipairs(self:fields(schema.objects.node, node, skip)) do tree[#tree + 1] = item end
  add(tree, "connector", self:component("connector", connector, "http", { auth = true }, kept[1]))
  add(tree, "dialer", self:component("dialer", dialer, "tcp", {}, kept[2]))
  if connector.auth then add(tree, "auth", self:fields(schema.objects.auth, connector.auth)) end
  if next(kept[3]) then add(tree, "metadata", map_tree(kept[3], self.options)) end
  for _, item in ipairs(option_items(beside, self.options)) do tree[#tree + 1] = item end
  return tree
end

---Options of hops and chains, as far as these know them.
function Printer:add_metadata(tree, kind, metadata)
  local index, known = components.fixed_index(kind), {}
  for key, value in pairs(metadata or {}) do
    if components.find(index, key) then known[key] = value end
  end
  if next(known) then add(tree, "metadata", map_tree(known, self.options)) end
end

function Printer:hop(hop)
  local tree = { open = "gost.hop " }
  local skip = { nodes = true, metadata = true, name = (hop.name or ""):match "^hop%-%d+$" ~= nil }
  for _, item in ipairs(self:fields(schema.objects.hop, hop, skip)) do tree[#tree + 1] = item end
  self:add_metadata(tree, "hop", hop.metadata)
  for _, node in ipairs(hop.nodes or {}) do tree[#tree + 1] = { value = self:node(node) } end
  return tree
end

local function is_reference(hop)
  return hop.nodes == nil and not (hop.plugin or hop.file or hop.redis or hop.http)
end

function Printer:chain(chain)
  local tree = { open = "gost.chain " }
  local needless = (chain.name or ""):match "^chain%-%d+$" and self.one_chain
  if chain.name and not needless then add(tree, "name", code(chain.name)) end
  self:add_metadata(tree, "chain", chain.metadata)
  for _, hop in ipairs(chain.hops or {}) do
    local value
    if is_reference(hop) then
      value = self:reference("hops", hop.name)
    else
      value = self:hop(hop)
      if #value == 1 and not value[1].key then value = value[1].value end
    end
    tree[#tree + 1] = { value = value }
  end
  return tree
end

function Printer:service(service)
  local tree = { open = "gost.service " }
  local handler, listener = service.handler or {}, service.listener or {}
  local beside, kept = share_options("service", {
    { index = components.index("handler", handler.type or "auto"), metadata = handler.metadata },
    { index = components.index("listener", listener.type or "tcp"), metadata = listener.metadata },
    { index = components.fixed_index "service", metadata = service.metadata },
  })
  local auto = (service.name or ""):match "^service%-%d+$"
  local skip = { handler = true, listener = true, forwarder = true, metadata = true, name = auto ~= nil }
  for _, item in ipairs(self:fields(schema.objects.service, service, skip)) do tree[#tree + 1] = item end
  local apart = { chain = true, auth = true, auther = true, retries = true } -- printed beside the handler
  add(tree, "handler", self:component("handler", handler, "auto", apart, kept[1]))
  add(tree, "listener", self:component("listener", listener, "tcp", { tls = true }, kept[2]))
  if listener.tls then add(tree, "tls", self:fields(schema.objects.tls, listener.tls)) end
  if handler.chain then add(tree, "chain", self:reference("chains", handler.chain)) end
  if handler.auther then add(tree, "auther", self:reference("authers", handler.auther)) end
  if handler.auth then add(tree, "auth", self:fields(schema.objects.auth, handler.auth)) end
  if handler.retries and handler.retries ~= 0 then add(tree, "retries", code(handler.retries)) end
  self:add_forwarder(tree, service.forwarder)
  if next(kept[3]) then add(tree, "metadata", map_tree(kept[3], self.options)) end
  for _, item in ipairs(option_items(beside, self.options)) do tree[#tree + 1] = item end
  return tree
end

---"host:port" or a list of them, when that says everything.
function Printer:add_forwarder(tree, forwarder)
  if not forwarder then return end
  local list, simple = {}, only(forwarder, "nodes")
  for i, node in ipairs(forwarder.nodes or {}) do
    simple = simple and only(node, "name", "addr") and node.addr
      and (not node.name or node.name == ("target-%d"):format(i - 1))
    list[i] = { value = code(node.addr or "") }
  end
  if simple and #list == 1 then
    add(tree, "forward", list[1].value)
  elseif simple and #list > 1 then
    add(tree, "forward", list)
  else
    add(tree, "forwarder", self:fields(schema.objects.forwarder, forwarder))
  end
end

-- the script ------------------------------------------------------------------------------

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

---Declare an entry of a list: a local of its own, or a field of one when there are very many.
function Printer:declare(list, name, tree)
  self.locals[list] = self.locals[list] or {}
  local text = render(tree, "")
  if self.many then
    if next(self.locals[list]) == nil then self.lines[#self.lines + 1] = ("local %s = {}"):format(list) end
    local place = ("%s[%s]"):format(list, string_literal(name))
    self.lines[#self.lines + 1] = ("%s = %s"):format(place, text)
    self.locals[list][name] = place
    return
  end
  local identifier = self:identifier(name, list)
  self.lines[#self.lines + 1] = ("local %s = %s"):format(identifier, text)
  self.locals[list][name] = identifier
end

local POLICIES = {
  "authers", "admissions", "bypasses", "resolvers", "hosts", "ingresses", "routers", "sds", "observers",
  "recorders", "rewriters", "caches", "limiters", "quotas", "climiters", "rlimiters",
}

---Policies whose main part is a list of texts, which then is the list part of the table.
local SHORT = { matchers = true, limits = true }

---@param object gost.Object
function Printer:policy(object, entry)
  local short = SHORT[object.shorthand or ""] and object.shorthand or ""
  local tree = {}
  for _, item in ipairs(self:fields(object, entry, { [short] = true })) do tree[#tree + 1] = item end
  for _, item in ipairs(entry[short] and self:value(object.by_key[short], entry[short]) or {}) do
    tree[#tree + 1] = item
  end
  return tree
end

---Settings of the program, in the shape of a file.
function Printer:sections(configuration)
  local tree = { open = "gost.configure ", tall = true }
  for _, field in ipairs(schema.objects.configuration.fields) do
    local value = configuration[field.key]
    if value and (field.section or field.key == "loggers" and #value > 0) then
      add(tree, field.key, self:value(field, value))
    end
  end
  if #tree > 0 then self.lines[#self.lines + 1] = render(tree, "") end
end

local function count_entries(configuration)
  local n = #(configuration.hops or {}) + #(configuration.chains or {})
  for _, list in ipairs(POLICIES) do n = n + #(configuration[list] or {}) end
  return n
end

---@param configuration table  from gost.load
---@param options? gost.PrintOptions
---@return string
function print_lua.script(configuration, options)
  local printer = setmetatable({
    options = options or {}, locals = {}, identifiers = {}, lines = {},
    one_chain = #(configuration.chains or {}) == 1,
    many = count_entries(configuration) > LOCALS_MAX,
  }, Printer)
  printer:sections(configuration)
  for _, list in ipairs(POLICIES) do
    local object = schema.objects.configuration.by_key[list].object
    for i, entry in ipairs(configuration[list] or {}) do
      printer:declare(list, entry.name or ("%s-%d"):format(object.name, i), printer:policy(object, entry))
    end
  end
  for i, hop in ipairs(configuration.hops or {}) do
    printer:declare("hops", hop.name or ("hop-%d"):format(i), printer:hop(hop))
  end
  for i, chain in ipairs(configuration.chains or {}) do
    printer:declare("chains", chain.name or ("chain-%d"):format(i), printer:chain(chain))
  end
  for _, service in ipairs(configuration.services or {}) do
    printer.lines[#printer.lines + 1] = render(printer:service(service), "")
  end
  return ('local gost = require "gost"\n\n%s\n\ngost.run()\n'):format(table.concat(printer.lines, "\n\n"))
end

return print_lua
