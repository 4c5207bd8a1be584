---Flags, as GOST has them: `-L x`, `-L=x`, `--L x` and `--L=x` are the same.
local duration = require "gost.duration"
local nearest = require "gost.nearest"
local node = require "gost.commandline.node"
local service = require "gost.commandline.service"
local url = require "gost.url"

local commandline = {}

---@class gost.Flag
---@field name string
---@field value? string   what the value is; nil: a switch
---@field many? boolean   may be repeated
---@field help string
---@field as string       key in the options

---@type gost.Flag[]
commandline.flags = {
  { name = "L", as = "L", value = "URL", many = true,
    help = "serve: [scheme://][user:password@][host]:port[/target][?key=value]" },
  { name = "F", as = "F", value = "URL", many = true,
    help = "forward through: scheme://[user:password@]host:port[,host:port][?key=value]" },
  { name = "C", as = "C", value = "SOURCE", many = true,
    help = "read a configuration: file, directory, - (stdin), http(s) URL or {JSON}" },
  { name = "O", as = "output", value = "yaml|json|lua",
    help = "print the configuration in that form and exit" },
  { name = "t", as = "test",
    help = "check the configuration, report every mistake and exit" },
  { name = "strict", as = "strict",
    help = "refuse unknown keys instead of warning of them" },
  { name = "show-secrets", as = "show_secrets",
    help = "print passwords with -O instead of ******" },
  { name = "workers", as = "workers", value = "N",
    help = "threads that serve (default: one for each processor)" },
  { name = "D", as = "debug",
    help = "log level debug" },
  { name = "DD", as = "trace",
    help = "log level trace" },
  { name = "api", as = "api", value = "ADDRESS",
    help = "serve the web API: [user:password@]host:port[?pathPrefix=/x&accesslog=true]" },
  { name = "metrics", as = "metrics", value = "ADDRESS",
    help = "serve metrics: [user:password@]host:port[?path=/metrics]" },
  { name = "R", as = "period", value = "DURATION",
    help = "read the configuration again every so often" },
  { name = "V", as = "version",
    help = "print the version and exit" },
  { name = "h", as = "help",
    help = "print this and exit" },
  { name = "help", as = "help",
    help = "same as -h" },
}

local by_name = {}
for _, flag in ipairs(commandline.flags) do by_name[flag.name] = flag end

---What other programs call them.
local MEANT = {
  v = "V", version = "V", l = "L", listen = "L", f = "F", c = "C", config = "C", o = "O", d = "D", dd = "DD",
  debug = "D", test = "t", check = "t", r = "R", ["?"] = "h",
}

local function unknown_flag(name)
  local meant = MEANT[name:lower()]
  local hint = meant and (", did you mean -%s?"):format(meant) or ""
  if not meant and #name > 3 then
    local names = {}
    for other in pairs(by_name) do names[#names + 1] = #other > 3 and other or nil end
    meant = nearest.word(name, names)
    hint = meant and (", did you mean --%s?"):format(meant) or ""
  end
  return ("flag provided but not defined: -%s%s"):format(name, hint)
end

local TRUE = { ["1"] = true, t = true, T = true, ["true"] = true, TRUE = true, True = true }
local FALSE = { ["0"] = true, f = true, F = true, ["false"] = true, FALSE = true, False = true }

local function switch(flag, text)
  if text == nil or TRUE[text] then return true end
  if FALSE[text] then return false end
  return nil, ("invalid value %q for flag -%s: expected true or false"):format(text, flag.name)
end

local check = {}

function check.period(text)
  local seconds = not text:match "^%d+$" and duration.parse(text)
  if not seconds then return nil, ("invalid value %q for flag -R: expected a duration such as 30s"):format(text) end
  return seconds
end

function check.workers(text)
  local n = text:match "^%d+$" and tonumber(text)
  if not n or n < 1 or n > 1024 then
    return nil, ("invalid value %q for flag --workers: expected a number from 1 to 1024"):format(text)
  end
  return n
end

function check.output(text)
  if text == "" then return nil, "flag -O needs yaml, json or lua" end
  if text == "json" or text == "lua" then return text end
  if text == "yaml" or text == "yml" then return "yaml" end
  return nil, ("invalid value %q for flag -O: expected yaml, json or lua"):format(text)
end

local function store(options, flag, text)
  local value = text
  if check[flag.as] then
    local message
    value, message = check[flag.as](text)
    if value == nil then return nil, message end
  end
  if flag.many then
    options[flag.as] = options[flag.as] or {}
    table.insert(options[flag.as], value)
  else
    options[flag.as] = value
  end
  return true
end

---Split the arguments of one process.
---@param argv string[]
---@return table? options  keyed by `as`; the rest of the arguments in its list part
---@return string? message  a usage error
function commandline.parse(argv)
  local options = { L = {}, F = {}, C = {} }
  local i = 1
  while i <= #argv do
    local arg = argv[i]
    local name, value = arg:match "^%-%-?([^-=][^=]*)=(.*)$"
    name = name or arg:match "^%-%-?([^-=][^=]*)$"
    if arg == "--" then i = i + 1 break end
    if not name then break end
    local flag = by_name[name]
    if not flag then return nil, unknown_flag(name) end
    local ok, message
    if not flag.value then
      value, message = switch(flag, value)
      ok = value ~= nil
      options[flag.as] = value
    else
      if not value then
        i = i + 1
        value = argv[i]
        if not value then return nil, ("flag needs an argument: -%s"):format(name) end
      end
      ok, message = store(options, flag, value)
    end
    if not ok then return nil, message end
    i = i + 1
  end
  table.move(argv, i, #argv, 1, options)
  return options
end

---Split at `--` between arguments: one list for each process to start.
---@param argv string[]
---@return string[][] groups
function commandline.groups(argv)
  local groups, group = {}, {}
  for i, arg in ipairs(argv) do
    if arg == "--" and i > 1 and i < #argv then
      groups[#groups + 1], group = group, {}
    else
      group[#group + 1] = arg
    end
  end
  groups[#groups + 1] = group
  return groups
end

-- -L and -F ------------------------------------------------------------------

---@class gost.Names
---@field process string  "go-0@" in the first of several processes, else empty
local Names = {}
Names.__index = Names

---"bypass-0", "bypass-1" … over the whole command line.
function Names:next(prefix)
  local n = self[prefix] or 0
  self[prefix] = n + 1
  return ("%s-%d"):format(prefix, n)
end

---Listeners that use the chain themselves.
local REMOTE = { rtcp = true, rudp = true, runix = true }

---@param problems gost.Problems
local function speaker(name, problems)
  return {
    error = function(message) problems:add("error", "", message, name) end,
    missing = function(message) problems:add("missing", "", message, name) end,
    warn = function(message) problems:add("strict", "", message, name) end,
  }
end

---The -L and -F values as sources, nodes first. Each source holds what one value makes; they
---belong together (`chain-0` has one hop from each -F).
---@param options table   from `parse`
---@param problems gost.Problems
---@param id? string      which of several processes this is (see `groups`); the targets' names tell
---@return gost.Source[]
function commandline.sources(options, problems, id)
  local names = setmetatable({ process = id and ("go-%s@"):format(id) or "" }, Names)
  local sources = {}
  local function add(flag, text, parse)
    local name = ("-%s %s"):format(flag, url.mask(text))
    local value = parse(text, names, speaker(name, problems))
    if value then sources[#sources + 1] = { name = name, kind = "commandline", value = value } end
  end
  for _, text in ipairs(options.F) do add("F", text, node.parse) end
  for _, text in ipairs(options.L) do
    if text:match "%S" then add("L", text, service.parse) end
  end
  local has_chain = false -- none of -F was right: they have been complained of
  for _, source in ipairs(sources) do has_chain = has_chain or source.value.chains ~= nil end
  if has_chain then
    for _, source in ipairs(sources) do
      for _, s in ipairs(source.value.services or {}) do
        s[REMOTE[s.listener.type] and "listener" or "handler"].chain = "chain-0"
      end
    end
  end
  return sources
end

---The value of -api or -metrics: "[scheme://][user:password@]host:port[?key=value]".
---@param flag string
---@param text string
---@param keys table<string, string>  query key -> field
---@param problems gost.Problems
---@return gost.Source?
function commandline.section(flag, text, keys, problems)
  local name = ("-%s %s"):format(flag, url.mask(text))
  local u, message = url.parse(text)
  if not u then problems:add("error", "", message, name) return nil end
  local section = { addr = u.host, auth = service.credentials(u) }
  if u.scheme == "unix" then section.addr = "unix://" .. u.host .. u.path end
  for _, pair in ipairs(u.query) do
    local field = keys[pair[1]:lower()]
    if field then
      section[field] = pair[2]
    else
      problems:add("strict", "", ("unknown key %q"):format(pair[1]), name)
    end
  end
  return { name = name, kind = "commandline", value = { [flag] = section } }
end

commandline.SECTION_KEYS = {
  api = { pathprefix = "pathPrefix", accesslog = "accesslog" },
  metrics = { path = "path" },
}

return commandline
