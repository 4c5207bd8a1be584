---From the command line to one configuration: sources, environment, flags, in that order.
local commandline = require "gost.commandline"
local problems = require "gost.problems"
local schema = require "gost.schema"
local source = require "gost.source"
local url = require "gost.url"

local load = {}

---Chains of several -F values are one chain.
local function merge_commandline(into, from)
  local mine = into.chains and into.chains[1]
  if mine and from.chains then
    table.move(from.chains[1].hops, 1, #from.chains[1].hops, #mine.hops + 1, mine.hops)
    from.chains = nil
  end
  source.merge(into, from)
end

---Everything that -L and -F say.
local function from_urls(options, found, id)
  local all = {}
  for _, one in ipairs(commandline.sources(options, found, id)) do
    merge_commandline(all, (schema.load(one, found)))
  end
  return all
end

local ENVIRONMENT = {
  { "GOST_LOGGER_LEVEL", "log", "level" },
  { "GOST_API", "api", "addr" },
  { "GOST_METRICS", "metrics", "addr" },
  { "GOST_PROFILING", "profiling", "addr" },
}

local function from_environment(into, env, found)
  for _, entry in ipairs(ENVIRONMENT) do
    local value = env(entry[1])
    if value and value ~= "" then
      local one = { name = entry[1], kind = "environment", value = { [entry[2]] = { [entry[3]] = value } } }
      local section = schema.load(one, found)[entry[2]]
      if section then
        into[entry[2]] = into[entry[2]] or {}
        into[entry[2]][entry[3]] = section[entry[3]]
      end
    end
  end
end

local function from_flags(into, options, found)
  if options.debug or options.trace then
    into.log = into.log or {}
    into.log.level = options.trace and "trace" or "debug"
  end
  for _, flag in ipairs { "api", "metrics" } do
    local one = options[flag]
      and commandline.section(flag, options[flag], commandline.SECTION_KEYS[flag], found)
    if one then into[flag] = schema.load(one, found)[flag] or { addr = "" } end
  end
end

---Does anything here name this chain?
local function names_chain(value, name)
  for key, item in pairs(value) do
    if key == "chain" and item == name then return true end
    if type(item) == "table" and key ~= "metadata" and names_chain(item, name) then return true end
  end
  return false
end

----F makes a chain for the services of -L; those of files do not use it unless they say so.
local function check_use(all, options, found)
  if #options.F == 0 or not all.chains or names_chain(all, "chain-0") then return end
  found:add("strict", "", "no service goes this way: -F is for those of -L, others name chain-0 as their chain",
    ("-F %s"):format(url.mask(options.F[1])))
end

---@param options table                 from commandline.parse
---@param env fun(name: string): string?
---@return table? configuration
---@return gost.Problems|string problems_or_message  a message when something could not be read
function load.configuration(options, env)
  local found = problems.new()
  local all = {}
  local urls = from_urls(options, found, env "_GOST_ID")
  local read = options.C
  if #read == 0 and not urls.services and not options.api and #found == 0 then
    local path, message = source.default(env "HOME")
    if not path then return nil, message end
    read = { path }
  end
  local stdin = false
  for _, text in ipairs(read) do
    if text:match "^%s*%-%s*$" then
      if stdin then return nil, "-C -: standard input can be read only once" end
      stdin = true
    end
    local list, message = source.read(text)
    if not list then return nil, message end
    for _, one in ipairs(list) do source.merge(all, (schema.load(one, found))) end
  end
  source.merge(all, urls)
  from_environment(all, env, found)
  from_flags(all, options, found)
  all.services = all.services or {}
  check_use(all, options, found)
  return all, found
end

return load
