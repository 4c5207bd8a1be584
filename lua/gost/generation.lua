---A generation: the running services of one configuration, on one worker.
---
---A new generation takes over from the old one what did not change: services whose definitions,
---with all that they refer to, are the same stay as they are; of others the listening socket is kept
---where the address is the same.
local build = require "gost.build"
local core = require "gost.core"
local shape = require "gost.fingerprint"

---@class gost.Running
---@field object userdata
---@field definition table
---@field mark string     fingerprint of the definition and all it refers to
---@field addr string     where it listens

---@class gost.Generation
---@field configuration table
---@field services table<string, gost.Running>
---@field order string[]
local Generation = {}
Generation.__index = Generation

local generation = {}

---Everything that listens where: so that port 0 means the same port on all workers.
local addresses = core.dict("gost.addresses", { size = 100000 })

local function listen_address(service, id)
  if id == 0 then return service.addr end
  return addresses:get(service.name) or service.addr
end

---@param configuration table
---@param options { shared: boolean, id: integer }
---@param old? gost.Generation
---@return gost.Generation? new   built, not started
---@return string? message
local function prepare(configuration, options, old)
  local new = setmetatable({ configuration = configuration, services = {}, order = {} }, Generation)
  local builder = build.new(configuration, options)
  for _, service in ipairs(configuration.services) do
    local mark = shape.of(configuration, service)
    local before = old and old.services[service.name]
    if new.services[service.name] then return nil, ("two services are called %q"):format(service.name) end
    if before and before.mark == mark then
      new.services[service.name] = before
    else
      local definition = setmetatable({ addr = listen_address(service, options.id) }, { __index = service })
      local ok, object = pcall(builder.service, builder, definition, service.on)
      if not ok then return nil, tostring(object) end
      new.services[service.name] = { object = object, definition = service, mark = mark }
    end
    new.order[#new.order + 1] = service.name
  end
  return new
end

---The socket of a replaced service that listens where this one wants to.
local function heir_of(running, old)
  for name, before in pairs(old and old.services or {}) do
    local definition = before.definition
    if definition.addr == running.definition.addr and not before.kept
      and (name == running.definition.name or before.leaving) then
      return before
    end
  end
end

local function start_one(running, old, options)
  local before = heir_of(running, old)
  if before and running.object:inherit(before.object) then before.kept = true end
  local addr, message = running.object:start()
  if not addr then return nil, message end
  running.addr = addr
  if options.id == 0 then addresses:set(running.definition.name, addr) end
  return true
end

---Start what is new. On failure everything is as before.
function Generation:start(old, options)
  local started = {}
  for name, before in pairs(old and old.services or {}) do
    before.leaving = self.services[name] ~= before
    before.kept = nil
  end
  for _, name in ipairs(self.order) do
    local running = self.services[name]
    if not running.addr then
      local ok, message = start_one(running, old, options)
      if not ok then
        for _, one in ipairs(started) do
          local before = heir_of(one, old) or one.heir
          if before and before.kept then before.object:inherit(one.object) end
          one.object:stop()
        end
        return nil, message
      end
      started[#started + 1] = running
    end
  end
  return started
end

---What changed, as lines for the log: "+ service b", "- service a", "~ service c".
function Generation:changes(old)
  local lines = {}
  for _, name in ipairs(self.order) do
    local before = old and old.services[name]
    if not before then
      lines[#lines + 1] = "+ service " .. name
    elseif before ~= self.services[name] then
      lines[#lines + 1] = "~ service " .. name .. shape.difference(before.definition, self.services[name].definition)
    end
  end
  for name in pairs(old and old.services or {}) do
    if not self.services[name] then lines[#lines + 1] = "- service " .. name end
  end
  return lines
end

---Stop listening; connections go on.
function Generation:stop()
  for _, name in ipairs(self.order) do self.services[name].object:stop() end
end

---Build and start a configuration beside what runs now, then let go of the rest.
---@param configuration table
---@param options { shared: boolean, id: integer }
---@param old? gost.Generation
---@return gost.Generation? new
---@return string? message   the old one runs on, unchanged
function generation.replace(configuration, options, old)
  local new, message = prepare(configuration, options, old)
  if not new then return nil, message end
  local started
  started, message = new:start(old, options)
  if not started then return nil, message end
  for name, before in pairs(old and old.services or {}) do
    if new.services[name] ~= before then before.object:stop() end
  end
  new.started = started
  return new
end

return generation
