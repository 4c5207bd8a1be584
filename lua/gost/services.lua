---Services as scripts see them.
local components = require "gost.schema.components"
local objects = require "gost.objects"
local parts_of = require "gost.parts"

local raise, check, copy, is_field = parts_of.raise, parts_of.check, parts_of.copy, parts_of.is_field
local component_of, part, place_option = parts_of.component_of, parts_of.part, parts_of.place_option
local unknown_key = parts_of.unknown_key

local services = {}

---@class gost.Service
---@field name string
---@field addr string   where it listens, once it runs; before, where it will
local Service = {}

---Keys of a service that a file keeps with the handler.
local HANDLER_KEYS = { auther = true, authers = true, retries = true, chain_group = true, chainGroup = true }

local function take_auth(handler, auth)
  if type(auth) == "function" then handler.auther = auth
  elseif type(auth) == "string" then handler.auther = auth
  elseif auth ~= nil then handler.auth = auth end
end

local function take_forward(raw, targets)
  if type(targets) == "string" then targets = { targets } end
  local nodes = {}
  for i, target in ipairs(targets.nodes or targets) do
    nodes[i] = type(target) == "string" and { addr = target } or target
    nodes[i].name = nodes[i].name or ("target-%d"):format(i - 1)
  end
  raw.forwarder = { nodes = nodes, selector = targets.selector, hop = targets.hop }
end

local function service_parts(raw, options)
  local handler, listener = component_of(raw, "handler", "auto"), component_of(raw, "listener", "tcp")
  raw.metadata = raw.metadata and copy(raw.metadata) or {}
  local parts = {
    part("handler", handler), part("listener", listener),
    { index = components.fixed_index "service", metadata = raw.metadata },
  }
  for key, value in pairs(options) do
    if HANDLER_KEYS[key] then handler[key] = value
    elseif key == "chain" then handler.chain = value
    elseif key == "auth" then take_auth(handler, value)
    elseif key == "tls" then listener.tls = value
    elseif key == "forward" then take_forward(raw, value)
    elseif not place_option(parts, key, value) then
      unknown_key("service", key, "service", parts)
    end
  end
end

local HOOKS = {
  accept = true, preread = true, auth = true, route = true, resolve = true, select = true, connect = true,
  dial_error = true, stream = true, close = true,
}

function services.check_hook(event, fn)
  if not HOOKS[event] then
    local nearest = require "gost.nearest"
    local names = {}
    for name in pairs(HOOKS) do names[#names + 1] = name end
    raise(("unknown hook %q%s"):format(tostring(event), nearest.hint(tostring(event), names)))
  end
  local fail = type(fn) == "table" and fn.fail
  if fail and fail ~= "open" and fail ~= "closed" then
    raise(("hook %s: fail: expected \"open\" or \"closed\", got %q"):format(event, tostring(fail)))
  end
  local callable = type(fn) == "table" and fn[1] or fn
  if type(callable) ~= "function" then
    raise(("hook %s: expected a function, got a %s"):format(event, type(fn)))
  end
end

---Attach a hook: before the service runs.
---@param event string
---@param fn function
---@param opts? { fail?: "open"|"closed", timeout?: number, instructions?: integer }
---@return gost.Service self
function Service:on(event, fn, opts)
  if type(fn) == "function" and opts then
    fn = { fn, fail = opts.fail, timeout = opts.timeout, instructions = opts.instructions }
  end
  services.check_hook(event, fn)
  if rawget(self, "running") then raise("hooks are attached before the service runs") end
  local definition = rawget(self, "definition")
  definition.on = definition.on or {}
  definition.on[event] = fn
  return self
end

---Listen, if it does not yet.
---@return string? addr
---@return string? message
function Service:start()
  return services.start(self)
end

---Stop listening; open connections go on.
function Service:stop()
  local running = rawget(self, "running")
  if running then running:stop() end
end

---Change a service, while it runs as well: what is not named stays as it is, open connections go on as they began,
---and clients that are about to connect notice nothing. In a program with several workers, call it in each.
---@param changes table  as for gost.service
---@return boolean? ok
---@return string? message  nothing has changed then
function Service:reload(changes)
  local before = rawget(self, "definition")
  rawset(self, "definition", services.amended(before, changes or {}))
  local ok, message = services.reload(self)
  if not ok then
    rawset(self, "definition", before)
    return nil, message
  end
  return true
end

---@return table counters total, current, errors, bytes_in, bytes_out
function Service:stats()
  local running = rawget(self, "running")
  return running and running:stats() or { total = 0, current = 0, errors = 0, bytes_in = 0, bytes_out = 0 }
end

local Service_meta = {
  __index = function(self, key)
    if Service[key] then return Service[key] end
    local running = rawget(self, "running")
    if key == "addr" and running then return running:addr() end
    return rawget(self, "definition")[key]
  end,
  __tostring = function(self) return ("gost.Service %s on %s"):format(self.name, self.addr) end,
  __newindex = function(self, key, value)
    if rawget(self, "running") then raise("this service runs: use service:reload{} to change it") end
    rawset(self, "definition", services.amended(rawget(self, "definition"), { [key] = value }))
  end,
  __close = function(self) self:stop() end,
  __name = "gost.Service",
}

---Is it a chain itself, or a URL that makes one, and not a name?
local function is_way(chain)
  return type(chain) == "table" or type(chain) == "string" and chain:find("://", 1, true) ~= nil
end

---@param definition table  canonical, from a file
---@return gost.Service
function services.from_definition(definition)
  return setmetatable({ definition = definition }, Service_meta)
end

---@param definition table  the fields of a service in a file, and options of its parts
---@return gost.Service
function services.new(definition)
  if type(definition) ~= "table" then raise(("expected a table, got a %s"):format(type(definition))) end
  local raw, options, on = {}, {}, nil
  for key, value in pairs(definition) do
    if key == "on" then on = copy(value)
    elseif key ~= "chain" and key ~= "auth" and is_field("service", key) then raw[key] = value
    else options[key] = value end
  end
  for event, fn in pairs(on or {}) do services.check_hook(event, fn) end
  service_parts(raw, options)
  local chain = raw.handler.chain
  raw.handler.chain = nil
  if is_way(chain) then chain = objects.chain(chain) end
  local canonical = check("service", raw)
  canonical.handler.chain = chain
  canonical.on = on
  return setmetatable({ definition = canonical }, Service_meta)
end

---A copy of a definition with the fields of `changes` in place of its own.
---@param definition table
---@param changes table  as for gost.service
---@return table
function services.amended(definition, changes)
  local new, options = copy(definition), {}
  for _, key in ipairs { "handler", "listener" } do
    new[key] = copy(definition[key] or {})
    new[key].metadata = copy(new[key].metadata or {})
  end
  for key, value in pairs(changes) do
    if key == "on" then
      for event, fn in pairs(value) do services.check_hook(event, fn) end
      new.on = copy(definition.on or {})
      for event, fn in pairs(value) do new.on[event] = fn end
    elseif key == "chain" then
      new.handler.chain = is_way(value) and objects.chain(value) or value
    elseif key == "auth" then
      new.handler.auther, new.handler.authers, new.handler.auth = nil, nil, nil
      take_auth(new.handler, value)
    elseif key == "forward" then take_forward(new, value)
    elseif key == "tls" then new.listener.tls = value
    elseif HANDLER_KEYS[key] then new.handler[key] = value
    elseif (key == "handler" or key == "listener") and type(value) == "string" then
      new[key].type = check("service", { [key] = value })[key].type -- all else about it stays
    elseif is_field("service", key) then
      local checked = check("service", { [key] = value })
      for name, found in pairs(checked) do new[name] = found end
    else options[key] = value end
  end
  local parts = {
    part("handler", new.handler), part("listener", new.listener),
    { index = components.fixed_index "service", metadata = copy(new.metadata or {}) },
  }
  new.metadata = parts[3].metadata
  for key, value in pairs(options) do
    if not place_option(parts, key, value) then unknown_key("service", key, "service", parts) end
  end
  return new
end

return services
