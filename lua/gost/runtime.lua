---The running program: workers, generations of the configuration, signals, the end.
local commands = require "gost.commands"
local core = require "gost.core"
local generation = require "gost.generation"
local json = require "gost.json"

local runtime = {}

local DRAIN_SECONDS = 5
local LISTEN_SECONDS = 10 -- at most, that lines wait for the other workers

---Handed from the first worker to the others.
local handed = core.dict("gost.runtime", { size = 100 })

---@type gost.Generation?
local current
local draining, serving, stopped = false, false, false

local function options()
  local id, count = core.worker()
  -- What runs already may have passed its sockets to other workers, which give them up later.
  return { id = id, shared = handed:get "shared" or count > 1, claim = id == 0 and not current }
end

---This worker runs the configuration of that number.
local function note_applied(number)
  handed:set("applied:" .. core.worker(), number)
end

---Do all workers listen that are still there?
local function all_applied(number)
  local _, count = core.worker()
  for other = 1, count - 1 do
    if (handed:get("applied:" .. other) or 0) < number and core.worker_state(other) ~= "ended" then return false end
  end
  return true
end

local DATAGRAM = { udp = true, redu = true, rudp = true }

local function log_listening(started)
  for _, running in ipairs(started) do
    local definition = running.definition
    local network = DATAGRAM[definition.listener.type] and "udp" or "tcp"
    core.log("info", ("listening on %s/%s"):format(running.addr, network), {
      kind = "service", service = definition.name,
      listener = definition.listener.type, handler = definition.handler.type,
    })
  end
end

---Say what listens once all workers do: flows of datagrams that began earlier would be dealt out anew. Suspends.
local function log_when_all_listen(started)
  local number, deadline = handed:get "number", core.now() + LISTEN_SECONDS
  while not all_applied(number) and core.now() < deadline do
    if not core.sleep(0.002) then return end -- the program ends
  end
  log_listening(started)
end

---What has to be run, in order, by one fiber: services come and go faster than commands end.
local due, running_commands = {}, false

local function run_due()
  while due[1] do
    local one = table.remove(due, 1)
    commands.run(one.service, one.event)
  end
  running_commands = false
end

---@param list gost.Running[]
---@param ... string  events
local function enqueue(list, ...)
  for _, event in ipairs { ... } do
    for _, running in ipairs(list) do
      if commands.has(running.definition, event) then
        due[#due + 1] = { service = running.definition, event = event }
      end
    end
  end
  if due[1] and not running_commands then
    running_commands = true
    core.spawn(run_due)
  end
end

---Services that are no more, or were changed.
local function gone(old, new)
  local list = {}
  for _, name in ipairs(old and old.order or {}) do
    if new.services[name] ~= old.services[name] then list[#list + 1] = old.services[name] end
  end
  return list
end

---@param configuration table
---@param quiet? boolean  the caller says what listens
---@return boolean ok
---@return string? message
---@return gost.Running[]? started
function runtime.apply(configuration, quiet)
  local new, message = generation.replace(configuration, options(), current)
  if not new then return false, message end
  local id = core.worker()
  if id == 0 then
    if current then
      for _, line in ipairs(new:changes(current)) do core.log("info", line) end
    end
    if not quiet then log_listening(new.started) end
    enqueue(gone(current, new), "preDown", "postDown")
    enqueue(new.started, "preUp", "postUp")
  end
  local started, before = new.started, current
  new.started = nil
  current = new
  if before then collectgarbage() end -- what it had is in C, and looks small to the collector
  return true, nil, started
end

---Does another worker still drain? The first one outlives them, so that a second signal reaches them.
local function others_run()
  local id, count = core.worker()
  for other = 1, id == 0 and count - 1 or 0 do
    if core.worker_state(other) ~= "ended" then return true end
  end
  return false
end

---@param seconds number
local function finish(seconds)
  local id, count = core.worker()
  local all = {}
  for i, name in ipairs(id == 0 and current and current.order or {}) do all[i] = current.services[name] end
  for _, running in ipairs(all) do commands.run(running.definition, "preDown") end
  if id == 0 then
    handed:set("ending", true) -- for a worker that only starts, and cannot be told yet
    for other = 1, count - 1 do core.tell(other, "drain") end
  end
  if current then current:stop() end
  for _, running in ipairs(all) do commands.run(running.definition, "postDown") end
  require("gost.sd").leave()
  local deadline = core.now() + seconds
  while core.session_count() > 0 and core.now() < deadline do core.sleep(0.02) end
  while others_run() and core.now() < deadline + 0.2 do core.sleep(0.02) end
  if core.session_count() > 0 then
    core.log("warn", ("%d connections are cut"):format(core.session_count()))
  end
  core.stop()
end

---End in order: no new connections, then wait for the open ones, a bounded time. What still starts ends after that.
---@param seconds number
function runtime.drain(seconds)
  if draining then -- asked twice: at once
    stopped = true
    core.stop()
    return
  end
  draining = true
  if serving or core.worker() ~= 0 then finish(seconds) end
end

local function on_command(text)
  if text == "drain" then return runtime.drain(DRAIN_SECONDS) end
  if text == "stop" then return core.stop() end
  if text == "sources" then return require("gost.sources").look() end
  if text == "reload" then
    local number = handed:get "number"
    local ok, message = runtime.apply(json.decode(handed:get "configuration"))
    if not ok then
      core.log("error", ("worker %d: reload: %s"):format(core.worker(), message))
    end
    note_applied(number)
  end
end

local function tell_all(text)
  local _, count = core.worker()
  for other = 1, count - 1 do core.tell(other, text) end
end

local function setup_log(log)
  local ok, message = core.log_setup(log or {})
  if not ok then core.log("warn", message) end
end

---The certificate of listeners that have none; `before` is whether there was a section for it.
local function setup_certificate(configuration, before)
  if not configuration.tls and not before then return true end
  return core.tls_default(configuration.tls or {})
end

---@param read fun(): table?, string[]
---@param level string  of the line that says that it went well
local function reload(read, level)
  local configuration, lines = read()
  for _, line in ipairs(lines or {}) do core.log(configuration and "warn" or "error", line) end
  if not configuration then
    core.log("error", "reload: the configuration is wrong, the old one stays")
    return
  end
  local started
  local ok, message = setup_certificate(configuration, json.decode(handed:get "configuration").tls)
  if ok then ok, message, started = runtime.apply(configuration, true) end
  if not ok then
    core.log("error", ("reload: %s; the old configuration stays"):format(message))
    return
  end
  setup_log(configuration.log)
  core.reopen_logs()
  handed:set("configuration", json.encode(configuration))
  handed:set("number", handed:get "number" + 1)
  tell_all "reload"
  log_when_all_listen(started)
  require("gost.sources").refresh()
  core.log(level, "config reloaded")
end

local reloading, reload_again = false, nil

---One reload at a time: reading may wait for the network. One that is asked for meanwhile is not lost.
---@param level string  of the line that says that it went well: nobody asked for those that come every so often
local function reload_in_turn(read, level)
  if draining then return end -- nothing is to be listened at again
  reload_again = reload_again == "info" and "info" or level
  if reloading then return end
  reloading = true
  while reload_again do
    local now = reload_again
    reload_again = nil
    local ok, message = xpcall(reload, debug.traceback, read, now)
    if not ok then core.log("error", "reload: " .. tostring(message)) end
  end
  reloading = false
end

local function watch_signals(read)
  core.on_signal("TERM", function() runtime.drain(DRAIN_SECONDS) end)
  core.on_signal("INT", function() runtime.drain(DRAIN_SECONDS) end)
  core.on_signal("HUP", function()
    if not read then return core.log("warn", "there is nothing to reload") end
    reload_in_turn(read, "info")
  end)
end

---The loop of a further worker.
local function serve_further()
  if handed:get "ending" then
    if current then current:stop() end
    return
  end
  core.loop()
end

---The loop of the first worker, until something stops it; then the others end as well.
local function serve()
  core.on_command(on_command)
  serving = true
  if draining then core.spawn(finish, DRAIN_SECONDS) end
  if not stopped then core.loop() end
  handed:set("ending", true)
  tell_all "stop"
  core.join_workers()
  return 0
end

---End the program: in order for the first worker, which ends the others.
function runtime.stop()
  if core.worker() ~= 0 then core.tell(0, "stop") end
  if core.on_fiber() then core.stop() end -- outside of fibers there is no loop to end
end

local function reload_every(period, read)
  if not period or period <= 0 then return end
  core.spawn(function()
    while core.sleep(period) do reload_in_turn(read, "debug") end -- until the program ends
  end)
end

---Run a configuration (from files and the command line) until it is ended.
---@param configuration table
---@param opts gost.StartOptions
---@return integer exit_code
function runtime.start(configuration, opts)
  core.raise_nofile()
  setup_log(configuration.log)
  local fine, why = setup_certificate(configuration, false)
  if not fine then
    core.log("fatal", why)
    return 1
  end
  local workers = opts.workers or core.cores()
  handed:set("shared", workers > 1)
  handed:set("mode", "configuration")
  watch_signals(opts.reload) -- before anything listens: who sees that we do may end us at once
  local ok, message, started = runtime.apply(configuration, true)
  if not ok then
    local port = tonumber(message:match ":(%d+): permission denied")
    local hint = port and port < 1024 and " (ports below 1024 need root, or the right CAP_NET_BIND_SERVICE)" or ""
    core.log("fatal", message .. hint)
    return 1
  end
  handed:set("configuration", json.encode(configuration))
  handed:set("number", 1)
  core.start_workers(workers, "gost.worker")
  core.spawn(log_when_all_listen, started)
  collectgarbage() -- what the files said, as it was read
  reload_every(opts.period, opts.reload)
  return serve()
end

---What a further worker does (see gost.worker).
function runtime.work()
  core.on_command(on_command)
  if handed:get "mode" == "script" then
    runtime.script(handed:get "script", json.decode(handed:get "args"))
    return
  end
  local number = handed:get "number"
  local ok, message = runtime.apply(json.decode(handed:get "configuration"))
  if not ok then error(message, 0) end
  note_applied(number)
  collectgarbage()
  serve_further()
end

-- scripts ---------------------------------------------------------------------------------------

---Load and run a script; its services start with gost.run(), or when it has ended.
function runtime.script(path, args)
  local gost = require "gost"
  local chunk, message = loadfile(path)
  if not chunk then error(message, 0) end
  chunk(table.unpack(args))
  if gost.pending() then gost.run() end
end

---@param path string
---@param args string[]
---@param opts? { workers?: integer }
---@return integer exit_code
function runtime.run_script(path, args, opts)
  core.raise_nofile()
  handed:set("mode", "script")
  handed:set("script", path)
  handed:set("args", json.encode(args))
  handed:set("workers", opts and opts.workers or core.cores())
  handed:set("shared", handed:get "workers" > 1) -- also for a service that starts before gost.run()
  local readable, why = io.open(path, "rb")
  if not readable then
    io.stderr:write("gost-lua: ", why, "\n")
    return 1
  end
  readable:close()
  local ok, message = xpcall(runtime.script, function(text)
    return type(text) == "string" and debug.traceback(text, 2) or text
  end, path, args)
  if not ok then
    io.stderr:write("gost-lua: ", tostring(message), "\n")
    return 1
  end
  return 0
end

---Start the services of a script and run: what gost.run() does.
---@param configuration table
---@param adopt fun(generation: gost.Generation)  called once everything listens
---@return integer
function runtime.run(configuration, adopt)
  local id = core.worker()
  local workers = id == 0 and handed:get "workers" or 1 -- a plain Lua program has one
  if id == 0 then
    handed:set("shared", workers > 1)
    handed:set("ending", false)
    if configuration.log then setup_log(configuration.log) end
    watch_signals(nil) -- before anything listens: who sees that we do may end us at once
  end
  local ok, message, started = runtime.apply(configuration, true)
  if not ok then error(message, 0) end
  adopt(current --[[@as gost.Generation]])
  if id > 0 then
    note_applied(1)
    serve_further()
    return 0
  end
  workers = workers or 1
  handed:set("number", 1)
  if workers > 1 then core.start_workers(workers, "gost.worker") end
  core.spawn(log_when_all_listen, started)
  return serve()
end

---@return gost.Generation?
function runtime.current() return current end

---One process for each group of arguments.
---@param groups string[][]
---@return integer exit_code
function runtime.spawn(groups)
  return core.spawn_processes(groups)
end

return runtime
