---GOST as a Lua library: compose proxies, hook into them, run them.
local core = require "gost.core"
local objects = require "gost.objects"

local sync = require "gost.sync"

local gost = {
  version = core.version,
  worker = core.worker(), -- 0 in the first thread, 1 … in the others: each has its own Lua state
  json = require "gost.json",
  yaml = require "gost.yaml",
  http = require "gost.http",
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

gost.node = function(definition) return objects.node(definition, 2) end
gost.hop = function(definition) return objects.hop(definition, 2) end
gost.chain = function(definition) return objects.chain(definition, 2) end

---Hooks for all services that are made afterwards.
local global_hooks = {}

---@param event string
---@param fn function
---@param opts? table
function gost.on(event, fn, opts)
  global_hooks[#global_hooks + 1] = { event, fn, opts }
end

---@param definition table
---@return gost.Service
function gost.service(definition)
  local service = objects.service(definition, 2)
  local own = service.definition.on or {}
  for _, hook in ipairs(global_hooks) do
    if not own[hook[1]] then service:on(table.unpack(hook)) end
  end
  services[#services + 1] = service
  service.definition.name = service.definition.name or ("service-%d"):format(#services - 1)
  return service
end

---Turn files into services of this script, to be changed and then run.
---@param path string
---@return gost.Service[]
function gost.load(path)
  local loaded, message = require("gost.load_file").services(path)
  if not loaded then error(message, 2) end
  for _, service in ipairs(loaded) do services[#services + 1] = service end
  return loaded
end

---Sections and named lists in the shape of a file, beside the services of the script.
local settings = {}

---Settings of the program (`log`, `tls`, `api` …), in the shape of a configuration file.
---@param definition table
function gost.configure(definition)
  local found, problems = require("gost.schema").object("configuration", definition)
  local wrong = problems:only("error", "missing", "strict")
  if #wrong > 0 then error(table.concat(wrong:lines(), "\n"), 2) end
  require("gost.source").merge(settings, found)
end

local function configuration()
  local all = { services = {} }
  for key, value in pairs(settings) do
    if key ~= "services" then all[key] = value end
  end
  for i, service in ipairs(services) do all.services[i] = service.definition end
  return all
end

---Give the running objects back to the script's own.
local function adopt(generation)
  for _, service in ipairs(services) do
    local running = generation and generation.services[service.definition.name]
    if running then rawset(service, "running", running.object) end
  end
end

---Start the service now, and all others that the script has made.
function objects.start(service)
  local runtime = require "gost.runtime"
  if not rawget(service, "running") then
    local ok, message = runtime.apply(configuration())
    if not ok then return nil, message end
    adopt(runtime.current())
  end
  return service.addr
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
  return runtime.run(configuration(), adopt)
end

---Start what is not started, and turn the loop once: for programs with a loop of their own.
---@param timeout? number  wait at most so many seconds; nil: until something happens
function gost.step(timeout)
  if gost.pending() then
    ran = true
    local ok, message = require("gost.runtime").apply(configuration())
    if not ok then error(message, 2) end
    adopt(require("gost.runtime").current())
  end
  core.step(timeout)
end

---End gost.run().
function gost.stop()
  core.stop()
end

---Open a stream to `addr`, directly or through a chain. Suspends.
---@param addr string "host:port" or the path of a socket
---@param opts? { chain?: gost.Chain|gost.Hop|gost.Node|string, timeout?: number }
---@return gost.Stream? stream
---@return string? message
---@return string? code "timeout", "refused" …
function gost.dial(addr, opts)
  local chain = opts and opts.chain
  if chain then chain = objects.chain(type(chain) == "string" and { chain } or chain, 2):object() end
  return core.dial(addr, chain, opts and opts.timeout)
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
    if core.sleep(seconds) then fn() end
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
