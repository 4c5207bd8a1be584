---A generation: the running services of one configuration, on one worker.
---
---A new generation takes over from the old one what did not change: services whose definitions,
---with all that they refer to, are the same stay as they are; of others the listening socket is kept
---where the address is the same. When anything fails, everything is put back.
local build = require "gost.build"
local core = require "gost.core"
local shape = require "gost.fingerprint"
local tunnels = require "gost.tunnels"

---@class gost.Running
---@field object userdata
---@field definition table
---@field mark string     fingerprint of the definition and all it refers to
---@field builder gost.Builder  keeps its lists up to date
---@field addr? string    where it listens; nil until it has started
---@field elsewhere? boolean  only the first worker starts it

---@class gost.Generation
---@field configuration table
---@field services table<string, gost.Running>
---@field order string[]
---@field started? gost.Running[]  what is new in it
local Generation = {}
Generation.__index = Generation

local generation = {}

local FIRST_LISTS = 5 -- seconds that a start waits for lists of policies to be read

---Everything that listens where: so that port 0 means the same port on all workers.
local addresses = core.dict("gost.addresses", { size = 100000 })

---Listeners of which there can be one only: at the far end of a chain, Unix sockets, standard input.
local SINGLE = { rtcp = "chain", rudp = "chain", runix = true, unix = true, stdio = true, serial = true }

---Does it belong on one worker alone?
local function is_single(service)
  local listener = service.listener
  local single = SINGLE[listener and listener.type]
  if single == "chain" then single = listener.chain ~= nil or listener.chainGroup ~= nil end
  return single == true
end

local function listen_address(service, id)
  if id == 0 then return service.addr end
  return addresses:get(service.name) or service.addr
end

---What the core refuses, without the line of this program that asked for it.
local function plain(message)
  return (tostring(message):gsub("^[^\n]-gost/build/%a+%.lua:%d+: ", ""))
end

---@param configuration table
---@param options { shared: boolean, claim: boolean, id: integer }
---@param old? gost.Generation
---@return gost.Generation? new   built, not started
---@return string? message
local function prepare(configuration, options, old)
  local new = setmetatable({ configuration = configuration, services = {}, order = {} }, Generation)
  local builder = build.new(configuration, {
    shared = options.shared, claim = options.claim, later = true,
  })
  for _, service in ipairs(tunnels.expand(configuration.services)) do
    local mark = shape.of(configuration, service)
    local before = old and old.services[service.name]
    if new.services[service.name] then return nil, ("two services are called %q"):format(service.name) end
    if before and before.mark == mark then
      new.services[service.name] = before
    else
      local definition = setmetatable({ addr = listen_address(service, options.id) }, { __index = service })
      local ok, object = pcall(builder.service, builder, definition, service.on)
      if not ok then return nil, plain(object) end
      new.services[service.name] = {
        object = object, definition = service, mark = mark, builder = builder,
        elsewhere = options.id ~= 0 and is_single(service),
      }
    end
    new.order[#new.order + 1] = service.name
  end
  builder:settle(FIRST_LISTS)
  return new
end

-- taking over ------------------------------------------------------------------------------------

---The services of the old generation that the new one does not keep, its namesake first.
---@return gost.Running[]
local function predecessors(new, old, name)
  local list = {}
  for _, other in ipairs(old and old.order or {}) do
    local before = old.services[other]
    if new.services[other] ~= before then
      table.insert(list, other == name and 1 or #list + 1, before)
    end
  end
  return list
end

---What was done to start one service, so that it can be undone.
---@class gost.Step
---@field running gost.Running
---@field inherited? gost.Running  whose listening socket it has now
---@field stopped? gost.Running    which had to go first

---@param step gost.Step
local function undo(step)
  local back = step.inherited
  if not (back and back.object:inherit(step.running.object)) then
    step.running.object:stop()
    if back then back.object:start() end
  end
  if step.stopped then step.stopped.object:start() end
end

---@param running gost.Running
---@param before gost.Running[]  who might hold the socket
---@return gost.Step? step
---@return string? message
local function start_one(running, before)
  for _, one in ipairs(before) do
    local same = one.definition.addr == running.definition.addr or one.addr == running.definition.addr
    if same and running.object:inherit(one.object) then
      running.addr = running.object:addr()
      return { running = running, inherited = one }
    end
  end
  local addr, message = running.object:start()
  local step = { running = running }
  if not addr then -- the address may be held by a listener of another kind that is about to go
    for _, one in ipairs(before) do
      if one.definition.addr == running.definition.addr and one.addr then
        one.object:stop()
        addr, message = running.object:start()
        step.stopped = one
        if not addr then one.object:start() end
        break
      end
    end
  end
  if not addr then return nil, message end
  running.addr = addr
  return step
end

---Start what is new. On failure everything is as before.
---@return gost.Running[]? started
---@return string? message
function Generation:start(old)
  local steps = {}
  for _, name in ipairs(self.order) do
    local running = self.services[name]
    if not running.addr and not running.elsewhere then
      local step, message = start_one(running, predecessors(self, old, name))
      if not step then
        for i = #steps, 1, -1 do undo(steps[i]) end
        return nil, message
      end
      steps[#steps + 1] = step
    end
  end
  local started = {}
  for i, step in ipairs(steps) do started[i] = step.running end
  return started
end

-- what changed ------------------------------------------------------------------------------------

---What changed, as lines for the log: "+ service b", "- service a", "~ service c: addr".
---@param old? gost.Generation
---@return string[]
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
  for _, name in ipairs(old and old.order or {}) do
    if not self.services[name] then lines[#lines + 1] = "- service " .. name end
  end
  if old then
    for _, line in ipairs(shape.lists(old.configuration, self.configuration)) do lines[#lines + 1] = line end
  end
  return lines
end

---Stop listening; connections go on.
function Generation:stop()
  for _, name in ipairs(self.order) do self.services[name].object:stop() end
end

---Can objects be made of this configuration? Nothing is started.
---@param configuration table
---@return { service?: string, message: string, definition?: table }[] problems
function generation.try(configuration)
  local list = {}
  local ok, services = pcall(tunnels.expand, configuration.services)
  if not ok then return { { message = tostring(services) } } end
  core.tls_pretend()
  require("gost.loader").dry = true
  local builder = build.new(configuration)
  for _, service in ipairs(services) do
    local built, message = pcall(builder.service, builder, service, service.on)
    if not built then
      list[#list + 1] = { service = service.name, message = plain(message), definition = service }
    end
  end
  return list
end

---Build and start a configuration beside what runs now, then let go of the rest.
---@param configuration table
---@param options { shared: boolean, claim: boolean, id: integer }
---@param old? gost.Generation
---@return gost.Generation? new
---@return string? message   the old one runs on, unchanged
function generation.replace(configuration, options, old)
  local new, message = prepare(configuration, options, old)
  if not new then return nil, message end
  local started
  started, message = new:start(old)
  if not started then return nil, message end
  if options.id == 0 then
    for _, running in ipairs(started) do addresses:set(running.definition.name, running.addr) end
  end
  for name, before in pairs(old and old.services or {}) do
    if new.services[name] ~= before then before.object:stop() end
  end
  new.started = started
  return new
end

return generation
