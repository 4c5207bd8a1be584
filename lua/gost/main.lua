---The program's entry: flags, then one of: print, check, run, or a subcommand.
local commandline = require "gost.commandline"
local load = require "gost.load"
local nearest = require "gost.nearest"
local url = require "gost.url"

---@class gost.StartOptions
---@field workers? integer           nil: one for each processor
---@field period? number             seconds between reloads (-R)
---@field reload fun(): table?, string[]  read everything again: a configuration ready to run, or nil
---                                  and what is wrong; warnings in either case
---@field configuration_file? string where the Web API saves to

local main = {}

local function out(text) io.stdout:write(text) end
local function err(...)
  io.stderr:write(...)
  io.stderr:write "\n"
end

local function version()
  local ok, core = pcall(require, "gost.core")
  return ok and type(core) == "table" and core.version or "0.1.0"
end

---" linux/amd64", where the core knows it.
local function platform()
  local ok, core = pcall(require, "gost.core")
  return ok and type(core) == "table" and core.platform and " " .. core.platform or ""
end

local function usage_error(message)
  err(message)
  err(require("gost.help").usage())
  return 2
end

local function getenv(env)
  if type(env) == "function" then return env end
  if type(env) == "table" then return function(name) return env[name] end end
  return os.getenv
end

---Read and check everything; the configuration is ready to run when there are no errors.
---@param options table
---@param env fun(name: string): string?
---@return table? configuration
---@return gost.Problems|string problems_or_message
function main.prepare(options, env)
  local configuration, found = load.configuration(options, env)
  if not configuration then return nil, found end
  require("gost.secrets").expand(configuration, env, found)
  require("gost.check").configuration(configuration, found)
  require("gost.complete").configuration(configuration)
  require("gost.inline").resolve(configuration, found)
  return configuration, found
end

---Which problems stop the program, which only are told.
local function sort_out(found, strict)
  if strict then return found:only("error", "missing", "strict"), found:only "warning" end
  return found:only("error", "missing"), found:only("strict", "warning")
end

local function run(options, env)
  local function prepare()
    local configuration, found = main.prepare(options, env)
    if not configuration then return nil, { found } end
    local fatal, told = sort_out(found, options.strict)
    if #fatal > 0 then return nil, fatal:lines() end
    return configuration, told:lines()
  end
  local configuration, lines = prepare()
  for _, line in ipairs(lines) do err(configuration and "warning: " or "error: ", line) end
  if not configuration then return 1 end
  return require("gost.runtime").start(configuration, {
    workers = options.workers,
    period = options.period,
    reload = prepare,
    configuration_file = options.C[#options.C],
  }) or 0
end

---What -t says of a configuration.
local function tell_mistakes(found)
  local fatal, told = sort_out(found, true)
  for _, line in ipairs(fatal:lines()) do err(line) end
  for _, line in ipairs(told:lines()) do err("warning: ", line) end
  if #fatal > 0 then
    local count = #fatal + (fatal.more or 0)
    err(("%d mistake%s"):format(count, count == 1 and "" or "s"))
    return 1
  end
  out "configuration is fine\n"
  return 0
end

---What shows only when the services are made, all but listening.
local function try_services(configuration, found)
  if #found:only("error", "missing") > 0 then return end
  local index = {}
  for i, service in ipairs(configuration.services) do index[service.name] = i end
  for _, problem in ipairs(require("gost.generation").try(configuration)) do
    local i = index[problem.service]
    local message = problem.message
    local prefix = ("service %s: "):format(problem.service or "")
    if message:sub(1, #prefix) == prefix then message = message:sub(#prefix + 1) end
    found:at(i and configuration.services[i], nil, "error", i and ("services[%d]"):format(i - 1) or "services", message)
  end
end

local function test(options, env)
  local configuration, found = main.prepare(options, env)
  if not configuration then
    err(found)
    err "1 mistake"
    return 1
  end
  try_services(configuration, found)
  require("gost.list_files").check(configuration, found --[[@as gost.Problems]])
  return tell_mistakes(found)
end

---Print a configuration, unless something is wrong with it.
local function print_found(configuration, found, options)
  local fatal, told = found:only "error", found:only("missing", "strict", "warning")
  for _, line in ipairs(fatal:lines()) do err("error: ", line) end
  if #fatal > 0 then return 1 end
  for _, line in ipairs(told:lines()) do err("warning: ", line) end
  if options.output == "lua" then
    out(require("gost.print_lua").script(configuration, options))
  else
    out(require("gost.print")[options.output](configuration, options))
  end
  return 0
end

local function print_configuration(options, env)
  local configuration, found = load.configuration(options, env)
  if not configuration then
    err("error: ", found)
    return 1
  end
  return print_found(configuration, found, options)
end

---`-t script.lua …` and `-O yaml script.lua …`.
local function rehearse(options)
  local script, args = options[1], table.move(options, 2, #options, 1, {})
  if #options.L + #options.F + #options.C > 0 then
    return usage_error "a script stands alone: no -L, -F and -C beside it"
  end
  local configuration, found = require("gost.rehearsal").script(script, args)
  if options.test then
    if configuration then require("gost.list_files").check(configuration, found) end
    return tell_mistakes(found)
  end
  local notes
  configuration, notes = require("gost.plain").configuration(configuration or { services = {} })
  require("gost.complete").configuration(configuration) -- options as their components spell them
  for _, note in ipairs(notes) do found:add("warning", "", note, script) end
  return print_found(configuration, found, options)
end

local SUBCOMMANDS = {
  help = function(args) return require("gost.help").main(args, out, err) end,
  schema = function()
    out(require("gost.jsonschema").text())
    return 0
  end,
  completions = function(args) return require("gost.completions").main(args, out, err) end,
  explain = function(args, env) return require("gost.explain").main(args, env, out, err) end,
  rules = function(args, env) return require("gost.rules").main(args, env, out, err) end,
}

---@param word string
---@return string message
local function unexpected(word)
  if word:match "%.ya?ml$" or word:match "%.json$" then
    return ("unexpected argument: %s; a configuration is read with -C %s"):format(word, word)
  elseif word:find("://", 1, true) or word:match "^:%d+$" then
    return ("unexpected argument: %s; did you mean -L %s?"):format(url.mask(word), url.mask(word))
  end
  local names = {}
  for name in pairs(SUBCOMMANDS) do names[#names + 1] = name end
  return ("unexpected argument: %s%s"):format(word, nearest.hint(word, names))
end

---`[--workers N] script.lua …`: the script, its arguments, the number of workers.
---@return string? script
---@return string[]? args
---@return integer|string|nil workers_or_message
local function script_of(argv)
  local i, workers = 1, nil
  if argv[1] == "--workers" or argv[1] == "-workers" then i, workers = 3, argv[2] or "" end
  workers = workers or (argv[1] or ""):match "^%-%-?workers=(.*)$"
  if workers and i == 1 then i = 2 end
  local script = argv[i]
  if not script or script:sub(1, 1) == "-" or not script:match "%.lua$" then return nil end
  local count = workers and math.tointeger(tonumber(workers))
  if workers and (not count or count < 1 or count > 256) then
    return script, nil, ("--workers: expected 1 to 256, got %q"):format(workers)
  end
  return script, table.move(argv, i + 1, #argv, 1, {}), count
end

---One process: no ` -- ` in the arguments any more.
local function one(argv, env)
  local first = argv[1]
  local script, args, workers = script_of(argv)
  if script and not args then return usage_error(workers) end
  if script then return require("gost.runtime").run_script(script, args, { workers = workers }) or 0 end
  if first and SUBCOMMANDS[first] then
    return SUBCOMMANDS[first](table.move(argv, 2, #argv, 1, {}), env)
  end
  local options, message = commandline.parse(argv)
  if not options then return usage_error(message) end
  if options.version then
    out(("gost-lua %s (%s%s)\n"):format(version(), _VERSION, platform()))
    return 0
  end
  if options.help then
    err(require("gost.help").usage())
    return 0
  end
  local script_only = options[1] and options[1]:match "%.lua$" and (options.test or options.output)
  if script_only then return rehearse(options) end
  if options[1] then return usage_error(unexpected(options[1])) end
  if options.output then return print_configuration(options, env) end
  if options.test then return test(options, env) end
  return run(options, env)
end

---@param argv string[]       without the program's name
---@param env? table|fun(name: string): string?
---@return integer exit_code
function main.main(argv, env)
  local groups = commandline.groups(argv)
  if #groups > 1 then return require("gost.runtime").spawn(groups) or 0 end
  return one(argv, getenv(env))
end

return setmetatable(main, { __call = function(_, ...) return main.main(...) end })
