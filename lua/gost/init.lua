---GOST as a Lua library: compose proxies, hook into them, run them.
local core = require "gost.core"
local objects = require "gost.objects"
local service_objects = require "gost.services"

local raise = require("gost.parts").raise
local sync = require "gost.sync"

local gost = {
  version = core.version,
  worker = core.worker(), -- 0 in the first thread, 1 … in the others: each has its own Lua state
  json = require "gost.json",
  yaml = require "gost.yaml",
  http = require "gost.http",
  redis = require "gost.redis",
  env = os.getenv,
  now = core.now,
  sleep = core.sleep,
  yield = core.yield,
  spawn = core.spawn,
  all = sync.all,
  any = sync.any,
  semaphore = sync.semaphore,
  channel = sync.channel,
  dict = core.dict,
  counter = core.counter,
  bucket = core.bucket,
  sd = require("gost.sd").new,
  cidr_set = core.cidr_set,
  domain_set = core.domain_set,
  hash = core.hash,
  hmac = core.hmac,
  equal = core.equal,
  budget = core.budget,
  fs = { read = core.read_file },
}

---@type gost.Service[]
local services = {}

gost.node = function(definition) return objects.node(definition) end
gost.hop = function(definition) return objects.hop(definition) end
gost.chain = function(definition) return objects.chain(definition) end

---Hooks for all services that are made afterwards.
local global_hooks = {}

---@param event string
---@param fn function
---@param opts? table
function gost.on(event, fn, opts)
  service_objects.check_hook(event, fn)
  global_hooks[#global_hooks + 1] = { event, fn, opts }
end

---A name that no service of the script has.
local function fresh_name()
  local taken = {}
  for _, other in ipairs(services) do taken[other.definition.name] = true end
  local n = #services
  while taken[("service-%d"):format(n)] do n = n + 1 end
  return ("service-%d"):format(n)
end

---@param definition table
---@return gost.Service
function gost.service(definition)
  local service = service_objects.new(definition)
  local own = service.definition.on or {}
  for _, hook in ipairs(global_hooks) do
    if not own[hook[1]] then service:on(table.unpack(hook)) end
  end
  service.definition.name = service.definition.name or fresh_name()
  services[#services + 1] = service
  return service
end

---Sections and named lists in the shape of a file, beside the services of the script.
local settings = {}

---Turn a file into services of this script, to be changed and then run. Its chains, authers … can be named by
---these and by all other services.
---@param path string
---@return gost.Service[]|table<string, gost.Service>  in order, and by name
function gost.load(path)
  local configuration, message = require("gost.load_file").configuration(path)
  if not configuration then raise(message) end
  local loaded = {}
  for i, definition in ipairs(configuration.services) do
    local service = service_objects.from_definition(definition)
    loaded[i], loaded[definition.name] = service, service
    for _, hook in ipairs(global_hooks) do service:on(table.unpack(hook)) end
    services[#services + 1] = service
  end
  configuration.services = nil
  require("gost.source").merge(settings, configuration)
  return loaded
end

---Settings of the program (`log`, `tls`, `api` …), in the shape of a configuration file.
---@param definition table
function gost.configure(definition)
  require("gost.source").merge(settings, require("gost.parts").check("configuration", definition))
end

---@param wanted fun(service: gost.Service): boolean  which services
local function configuration(wanted)
  local all = { services = {} }
  for key, value in pairs(settings) do
    if key ~= "services" then all[key] = value end
  end
  for _, service in ipairs(services) do
    if wanted(service) then all.services[#all.services + 1] = service.definition end
  end
  return all
end

local function is_running(service) return rawget(service, "running") ~= nil end
local function every_service() return true end

---Give the running objects back to the script's own.
local function adopt(generation)
  for _, service in ipairs(services) do
    local running = generation and generation.services[service.definition.name]
    if running then rawset(service, "running", running.object) end
  end
end

---Run what `wanted` says.
local function apply(wanted)
  local runtime = require "gost.runtime"
  local ok, message = runtime.apply(configuration(wanted))
  if not ok then return nil, message end
  adopt(runtime.current())
  return true
end

---Start the service now, in this worker.
function service_objects.start(service)
  if is_running(service) then return rawget(service, "running"):start() end
  local ok, message = apply(function(other) return other == service or is_running(other) end)
  if not ok then return nil, message end
  return service.addr
end

---Run the service as its definition says now.
function service_objects.reload(service)
  if not is_running(service) then return true end
  return apply(is_running)
end

---The chain of a loaded file that has this name.
function objects.named_chain(name)
  for _, chain in ipairs(settings.chains or {}) do
    if chain.name == name then return chain, settings end
  end
end

local ran = false

---Has the script made services that do not run yet?
function gost.pending()
  return #services > 0 and not ran
end

---Start all services and serve until the program is ended.
function gost.run()
  ran = true
  local runtime = require "gost.runtime"
  return runtime.run(configuration(every_service), adopt)
end

---Start what is not started, and turn the loop once: for programs with a loop of their own.
---@param timeout? number  wait at most so many seconds; nil: until something happens
function gost.step(timeout)
  if gost.pending() then
    ran = true
    local ok, message = apply(every_service)
    if not ok then raise(message) end
  end
  core.step(timeout)
end

---End gost.run(), in all workers; a script that has not come to it yet will not run its services.
function gost.stop()
  ran = true
  require("gost.runtime").stop()
end

---Open a stream to `addr`, directly or through a chain. Suspends.
---@param addr string "host:port" or the path of a socket
---@param opts? { chain?: gost.Chain|gost.Hop|gost.Node|string, timeout?: number, tls?: true|table }
---@return gost.Stream? stream
---@return string? message
---@return string? code "timeout", "refused" …
function gost.dial(addr, opts)
  local chain = opts and opts.chain
  if chain then chain = objects.chain(chain):object() end
  if not opts or not opts.tls then return core.dial(addr, chain, opts and opts.timeout) end
  local deadline = opts.timeout and core.now() + opts.timeout
  local stream, message, code = core.dial(addr, chain, opts.timeout)
  if not stream then return nil, message, code end
  local host = addr:match "^%[(.*)%]:%d+$" or addr:match "^(.*):%d+$" or ""
  return require("gost.tls").start(stream, opts.tls, host, deadline and math.max(deadline - core.now(), 0) or 15)
end

---Register a handler written in Lua; configurations can name it afterwards.
---@param name string
---@param fn fun(conn: gost.Conn)
function gost.handler(name, fn)
  core.handler(name, fn)
  require("gost.schema.components").add("handler", name)
end

---Register a connector written in Lua.
---@param name string
---@param fn fun(stream: gost.Stream, target: table, credentials: table): boolean?, string?
function gost.connector(name, fn)
  core.connector(name, fn)
  require("gost.schema.components").add("connector", name)
end

---Register a selector; `selector = { strategy = name }` uses it.
---@param name string
---@param fn fun(conn: gost.Conn?, candidates: table[], request: table): integer|string|nil
function gost.selector(name, fn)
  if type(fn) ~= "function" then raise(("expected a function, got a %s"):format(type(fn))) end
  objects.selectors[name] = fn
end

---Call `fn` every `seconds`, on a fiber of its own; an error is logged and does not end it.
---@return gost.Fiber
function gost.every(seconds, fn)
  return core.spawn(function()
    while core.sleep(seconds) do
      local ok, message = xpcall(fn, debug.traceback)
      if not ok then core.log("error", "every: " .. tostring(message)) end
    end
  end)
end

---Call `fn` once, after `seconds`.
---@return gost.Fiber
function gost.after(seconds, fn)
  return core.spawn(function()
    if core.sleep(seconds) then return fn() end
  end)
end

gost.dns = {
  ---Addresses of a name. Suspends.
  ---@param name string
  ---@param family? "any"|"ipv4"|"ipv6"
  ---@param timeout? number
  ---@return string[]? addresses
  ---@return string? message
  ---@return string? code
  lookup = function(name, family, timeout) return core.lookup(name, family or "any", nil, timeout) end,
}

gost.base64 = { encode = core.base64_encode, decode = core.base64_decode }

---gost.log.info("moved %d bytes", n)
gost.log = {}
for _, level in ipairs { "trace", "debug", "info", "warn", "error" } do
  gost.log[level] = function(fmt, ...)
    core.log(level, select("#", ...) > 0 and fmt:format(...) or tostring(fmt))
  end
end

return gost
