---Objects whose lists come from files, Redis and web servers: read before a service starts, and again every `reload`,
---in place: sockets, counters, fail marks and open connections stay.
local core = require "gost.core"
local sources = require "gost.sources"

local loader = {}

---Nothing is read: objects are made only to see whether they can be.
loader.dry = false

local FIRST = 5          -- seconds that a start waits for sources
local NAMES_AT_ONCE = 16 -- names of admissions that are looked up side by side

---How Redis keeps the lists of a kind, by `type`; the entry under "" is the default.
local FORMS = {
  bypass = { text = "lines", [""] = "set" },
  admission = { text = "lines", [""] = "set" },
  auther = { text = "lines", [""] = "pairs" },
  hosts = { text = "lines", [""] = "set", list = "list" },
  ingress = { text = "lines", [""] = "hash", set = "set" },
  limiter = { text = "lines", [""] = "set", list = "list" },
  hop = { text = "nodes", [""] = "string" },
}

---@param definition any
---@return boolean
function loader.has_sources(definition)
  if type(definition) ~= "table" then return false end
  local file, redis, http = definition.file, definition.redis, definition.http
  return type(file) == "table" and (file.path or "") ~= "" or type(redis) == "table" and (redis.addr or "") ~= ""
    or type(http) == "table" and (http.url or "") ~= ""
end

---@class gost.Loader
---@field label string        "bypass ads"
---@field sources gost.Source[]
---@field fill fun(self: gost.Loader)  give the object what the sources say. Suspends
---@field has_names boolean    its lists hold names, whose addresses may have changed
---@field package busy boolean
---@field package again boolean
local Loader = {}
Loader.__index = Loader

---Say what is wrong with a source, once in the process.
---@param source gost.Source
---@param message string
function Loader:complain(source, message)
  if source:owner() then core.log("error", ("%s: %s"):format(self.label, message)) end
end

---Have all sources been read at least once?
function Loader:is_read()
  for _, source in ipairs(self.sources) do
    if not source.text then return false end
  end
  return true
end

---Fill the object anew; a change that comes meanwhile is not lost.
function Loader:refill()
  if self.busy then
    self.again = true
    return
  end
  self.busy = true
  repeat
    self.again = false
    local ok, message = xpcall(self.fill, debug.traceback, self)
    if not ok then core.log("error", ("%s: %s"):format(self.label, tostring(message))) end
  until not self.again or self.closed
  self.busy = false
end

---A source has something new.
function Loader:changed()
  if self.filled and not self.closed then core.spawn(self.refill, self) end
end

---The first time: wait for the sources, but not for ever, and fill. Suspends.
---@param deadline? number
function Loader:settle(deadline)
  if self.filled then return end
  deadline = deadline or core.now() + FIRST
  for _, source in ipairs(self.sources) do
    if not source:wait(math.max(deadline - core.now(), 0)) then
      self:complain(source, ("%s: no answer yet, going on without it"):format(source.label))
    end
  end
  self.filled = true
  self:refill()
end

function Loader:close()
  if self.closed then return end
  self.closed = true
  for _, source in ipairs(self.sources) do source:leave(self) end
end

---Held by the object's owner; when that is collected nobody needs the sources any more.
local Anchor = { __name = "gost.Loader" }

function Anchor:__gc()
  pcall(self.loader.close, self.loader) -- when the state ends, what it needs may be gone already
end

---@param kind string     a key of FORMS
---@param definition table
---@param label string
---@param fill fun(self: gost.Loader)
---@return { loader: gost.Loader } anchor  to be kept as long as the object is in use
local function new(kind, definition, label, fill, check)
  local self = setmetatable({ label = label, fill = fill }, Loader)
  self.sources = loader.dry and {} or sources.of(definition, FORMS[kind], self, check)
  return setmetatable({ loader = self }, Anchor)
end

-- policies: lists of lines ---------------------------------------------------------------------------

---Addresses of a name; those it had last while it cannot be looked up, which is told once.
---@param self gost.Loader
local function addresses_of(self, name)
  self.looked_up = self.looked_up or {}
  local before = self.looked_up[name]
  local found, message = core.lookup(name)
  if not found and (not before or not before.failed) then
    core.log("warn", ("%s: %s"):format(self.label, message))
  end
  self.looked_up[name] = { list = found or before and before.list or {}, failed = not found }
  return self.looked_up[name].list
end

---Addresses of names among the patterns of an admission, a line each. Suspends.
local function look_up(self, names)
  local found, jobs = {}, {}
  local slots = require("gost.sync").semaphore(NAMES_AT_ONCE)
  for name in names:gmatch "[^\n]+" do
    jobs[#jobs + 1] = function()
      slots:acquire()
      local list = addresses_of(self, name)
      slots:release()
      table.move(list, 1, #list, #found + 1, found)
      return true
    end
  end
  if #jobs > 0 then require("gost.sync").all(jobs) end
  return table.concat(found, "\n")
end

---@param self gost.Loader
local function add_source(self, fresh, source)
  local bad, names = core.policy_load(fresh, source.text, source.form == "pairs")
  if not bad then error(names, 0) end
  local unit = source.form == "lines" and ":" or ": item "
  for _, one in ipairs(bad) do
    self:complain(source, ("%s%s%d: %s"):format(source.label, unit, one.line, one.message))
  end
  if bad.count > #bad then self:complain(source, ("%s: and %d more"):format(source.label, bad.count - #bad)) end
  if names ~= "" then
    self.has_names = true
    core.policy_load(fresh, look_up(self, names))
  end
end

---Give a policy the lists of its definition's sources, behind what stands in the definition itself.
---@param object userdata
---@param kind string
---@param definition table
---@param label string
---@param make fun(): userdata  the same policy, with what stands in the definition, and without functions
---@return table anchor
function loader.policy(object, kind, definition, label, make)
  core.policy_unread(object)
  return new(kind, definition, label, function(self)
    local fresh = make()
    self.has_names = false
    for _, source in ipairs(self.sources) do
      if source.text then add_source(self, fresh, source) end
    end
    core.policy_swap(object, fresh, not self:is_read())
  end)
end

-- hops: nodes -----------------------------------------------------------------------------------------

---What is wrong with the text of a list of nodes as a whole.
function loader.check_nodes(text, name)
  if not text:find "%S" then return nil end
  local list, message = require("gost.json").decode(text, { name = name, positions = true })
  if list == nil then return tostring(message) end
  if type(list) ~= "table" or next(list) ~= nil and list[1] == nil then return "expected a list of nodes" end
end

---@param raw any
---@return table? node  canonical
---@return gost.Problems wrong
function loader.canonical_node(raw, name, positions)
  local source = { name = name, value = raw, kind = "file", positions = positions }
  local node, found = require("gost.schema").object("node", raw, source)
  local wrong = found:only("error", "missing")
  if #wrong > 0 then return nil, wrong end
  require("gost.complete").configuration { services = {}, hops = { { nodes = { node } } } }
  return node, wrong
end

---The items of a text that loader.check_nodes has nothing against.
function loader.decode_nodes(text, name)
  if not text:find "%S" then return {}, {} end
  return require("gost.json").decode(text, { name = name, positions = true })
end

---The nodes of a text. `make` makes the object of one; those that are as before stay.
---@param self gost.Loader
local function nodes_of(self, source, made, make)
  local list = {}
  local raw, positions = loader.decode_nodes(source.text, source.label)
  for i, one in ipairs(raw) do
    local mark = require("gost.json").encode(one)
    local object = self.made[mark]
    if not object then
      local node, wrong = loader.canonical_node(one, source.label, positions)
      local ok, message = node ~= nil, wrong:lines()[1]
      if node then
        if not one.name then node.name = ("node-%d"):format(i - 1) end
        ok, object = pcall(make, node)
        message = not ok and ("%s: node %d: %s"):format(source.label, i, tostring(object)) or nil
      end
      if not ok then self:complain(source, message) object = nil end
      core.yield()
    end
    made[mark] = object
    list[#list + 1] = object
  end
  return list
end

---@param object userdata
---@param definition table
---@param label string
---@param inline userdata[]                  the nodes that stand in the definition
---@param make fun(node: table): userdata
---@return table anchor
function loader.hop(object, definition, label, inline, make)
  local anchor = new("hop", definition, label, function(self)
    local all, made = table.move(inline, 1, #inline, 1, {}), {}
    for _, source in ipairs(self.sources) do
      local found = source.text and nodes_of(self, source, made, make) or {}
      table.move(found, 1, #found, #all + 1, all)
    end
    self.made = made
    object:set_nodes { nodes = all }
  end, loader.check_nodes)
  anchor.loader.made = {}
  return anchor
end

return loader
