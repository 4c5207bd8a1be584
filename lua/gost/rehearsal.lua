---A script is run without a network: `gost-lua -t script.lua` and `gost-lua -O yaml script.lua`.
---
---Nothing listens and nothing is dialled. What the script makes is collected instead: its mistakes, all of them where
---it can go on, and the configuration that gost.run() would start. There the script ends.
local core = require "gost.core"
local parts = require "gost.parts"
local problems = require "gost.problems"

local rehearsal = {}

local SECONDS = 10
local END = setmetatable({}, { __tostring = function() return "the end of the rehearsal" end })

---What the script has made so far.
local made

local function refused() return nil, "no network while a script is only checked", "denied" end

local real_exit, real_sleep = os.exit, core.sleep

---Nothing of the outside, before anything of ours keeps these functions for itself.
local function take_network_away()
  core.dial, core.start_workers = refused, function() end
  core.lookup = function() return {} end
  core.sleep = function(seconds) -- what other fibers do is no part of what the script makes
    return real_sleep(core.on_fiber() and seconds or math.min(seconds, 0.001))
  end
  core.step = function() error(END, 0) end
  local runtime = require "gost.runtime"
  runtime.apply = function(configuration)
    made = configuration
    return true
  end
  runtime.run = function(configuration)
    made = configuration
    error(END, 0)
  end
  os.exit = function(code) -- luacheck: ignore 122
    if code == nil or code == true or code == 0 then error(END, 0) end
    error(("the script ended itself with status %s"):format(tostring(code)), 0)
  end
end

---What a script prints is not to be mixed with what -O prints.
local function print_aside()
  io.output(io.stderr)
  print = function(...) -- luacheck: ignore 121
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    io.stderr:write(table.concat(words, "\t"), "\n")
  end
end

local function too_long()
  return ("does not come to gost.run() or to its end within %d s"):format(SECONDS)
end

---Neither a loop nor a wait lasts for ever.
local function limit_time(path)
  local deadline = os.time() + SECONDS -- core.now() stands still while the loop does not turn
  debug.sethook(function()
    if os.time() > deadline then error(("%s: %s"):format(path, too_long()), 0) end
  end, "", 1000000)
  core.spawn(function()
    if not real_sleep(SECONDS + 0.5) then return end -- the program ends
    io.stderr:write(path, ": ", too_long(), "\n")
    real_exit(1, false)
  end)
end

local function run(path, args)
  local chunk, message = loadfile(path)
  if not chunk then error(message, 0) end
  chunk(table.unpack(args))
  local gost = require "gost"
  if gost.pending() then gost.run() end
end

local function explain(message)
  if message == END then return END end
  return type(message) == "string" and message or tostring(message)
end

---Names that nothing has, ports taken twice …, and whether objects can be made of it all.
local function check(configuration, found)
  require("gost.check").configuration(configuration, found)
  if #found:only("error", "missing") > 0 then return end
  local generation = require "gost.generation"
  for _, problem in ipairs(generation.try(configuration)) do
    found:add("error", problem.service and "service " .. problem.service or "", problem.message,
      require("gost.places").of(problem.definition or {}))
  end
end

---@param path string
---@param args string[]
---@return table? configuration  nil when the script does not get that far
---@return gost.Problems found
function rehearsal.script(path, args)
  local found = problems.new()
  take_network_away()
  print_aside()
  parts.collector = found
  limit_time(path)
  local ok, message = xpcall(run, explain, path, args)
  debug.sethook()
  if not ok and message ~= END then
    local where, text = message:match "^([^\n]-:%d+): (.*)$"
    found:add("error", "", text or message, where or path)
  elseif made then
    made.services = made.services or {}
    check(made, found)
  else
    found:add("warning", "", "makes no service", path)
  end
  return made, found
end

return rehearsal
