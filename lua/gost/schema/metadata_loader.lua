---The free `metadata` mappings: keys are checked against the options of the component that they
---are for, and kept as the user wrote them.
---
---A key that a command line gives is copied to every part that might know it, and GOST prints it
---that way. So in a file, too, a key is not called unknown where another part of the same service
---or hop has it with the same value and knows it.
local components = require "gost.schema.components"
local gost_keys = require "gost.schema.gost_keys"
local nearest = require "gost.nearest"
local option = require "gost.schema.option"
local places = require "gost.places"

local loader = {}

local fold = components.fold

local function copy(c, value)
  if type(value) ~= "table" or getmetatable(value) then return value end
  local out = {}
  places.note(out, value, c.source)
  for key, item in next, value do out[key] = copy(c, item) end
  return out
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return tostring(a) == tostring(b) end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  return #a == #b
end

---Keys that a command line turns into something else and leaves behind in the metadata, with
---where to look for what they became.
local LEFTOVERS = {
  admission = "admission", bypass = "bypass", resolver = "resolver", prefer = "resolver", hosts = "hosts",
  ["limiter.in"] = "limiter", ["limiter.out"] = "limiter", ["limiter.conn.in"] = "limiter",
  ["limiter.conn.out"] = "limiter", climiter = "climiter", rlimiter = "rlimiter", retries = "handler",
  certfile = "nodes", keyfile = "nodes", cafile = "nodes", cert = "nodes", key = "nodes", ca = "nodes",
  secure = "nodes", servername = "nodes", ["tls.certfile"] = "nodes", ["tls.keyfile"] = "nodes",
  ["tls.cafile"] = "nodes", ["tls.secure"] = "nodes", ["tls.servername"] = "nodes",
}

---A service or a hop begins.
function loader.open(c)
  c.groups = c.groups + 1
  if c.groups == 1 then c.pending, c.claimed = nil, nil end
end

local function forgiven(c, out, pending)
  for _, value in ipairs(c.claimed and c.claimed[pending.folded] or {}) do
    if same(value, pending.value) then return true end
  end
  local made = LEFTOVERS[pending.folded]
  return made and out[made] ~= nil
end

---A service or a hop ends: `out` is what became of it.
function loader.close(c, out)
  c.groups = c.groups - 1
  if c.groups > 0 or not c.pending then return end
  for _, pending in ipairs(c.pending) do
    if not forgiven(c, out, pending) then
      c.problems:add(pending.level, pending.path, pending.message, pending.name, pending.line, pending.column)
    end
  end
  c.pending = nil
end

local function claim(c, key, value)
  c.claimed = c.claimed or {}
  local folded = fold(key)
  c.claimed[folded] = c.claimed[folded] or {}
  table.insert(c.claimed[folded], value)
end

---An option of GOST's that this build does not have is refused; it may matter.
local function judge(index, key, kind, type_, value)
  if kind and gost_keys.known(kind, type_, key) then
    if gost_keys.idle(value) then return nil end
    return "missing", "not implemented yet"
  end
  return "strict", "unknown key" .. nearest.hint(key, components.keys(index))
end

local function unknown(c, index, raw, key, kind, type_)
  local level, message = judge(index, key, kind, type_, raw[key])
  if not level then return end
  local name, line, column = places.raw(c.source, raw, key)
  if c.groups == 0 then
    c.problems:add(level, c:path(), message, name, line, column)
    return
  end
  c.pending = c.pending or {}
  table.insert(c.pending, {
    folded = fold(key), value = raw[key], path = c:path(), level = level, message = message,
    name = name, line = line, column = column,
  })
end

local function check_key(c, index, raw, key, seen, kind, type_)
  local found = components.find(index, key)
  if not found then
    if not c.commandline then unknown(c, index, raw, key, kind, type_) end
    return
  end
  if found.missing and not gost_keys.idle(raw[key]) then c:problem("missing", "not implemented yet") end
  local folded = fold(key)
  if seen[folded] then
    c:problem("strict", ("the same key as %q"):format(seen[folded]))
  end
  seen[folded] = key
  claim(c, key, raw[key])
  local ok, message = option.check(found, raw[key])
  if not ok then c:problem("error", message) end
end

---What a script may put in the place of a name: a function, or an object such as gost.sd{…}.
local function is_object(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or meta and tostring(meta.__name):find "^gost%." ~= nil
end

local function load(c, raw, index, kind, type_)
  if type(raw) ~= "table" or raw[1] ~= nil then
    c:problem("error", "expected a mapping")
    return nil
  end
  local out, seen = {}, {}
  places.note(out, raw, c.source)
  for key, value in next, raw do
    key = tostring(key)
    out[key] = copy(c, value)
    if index then
      c:push(raw, key, key)
      if not (c.lua and is_object(value)) then check_key(c, index, raw, key, seen, kind, type_) end
      c:pop()
    end
  end
  return out
end

local DEFAULT_TYPE = { handler = "auto", listener = "tcp", connector = "http", dialer = "tcp" }

---@param kind string  "handler" … "dialer", or one of gost.schema.metadata
---@return fun(c: gost.Context, raw: any): table?
function loader.loader(kind)
  local default = DEFAULT_TYPE[kind]
  if not default then
    return function(c, raw) return load(c, raw, components.fixed_index(kind)) end
  end
  return function(c, raw)
    local type_ = c.component or default
    return load(c, raw, components.index(kind, type_), kind, type_)
  end
end

return loader
