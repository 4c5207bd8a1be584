---The program under test.

local build = os.getenv "GOST_BUILD" or "build-test"
local process = require "spec.support.process"
local files = require "spec.support.files"

---@class support.Gost: support.Process
---@field addrs string[] "host:port" of each listening service, in the order of its log
---@field ports integer[] the same, ports only
local Gost = setmetatable({}, { __index = process })
Gost.__index = Gost

---@return string path of gost-lua, absolute: $GOST_LUA, or the one in $GOST_BUILD
function Gost.program()
  local path = os.getenv "GOST_LUA" or build .. "/gost-lua"
  return path:match "^/" and path or require "lfs".currentdir() .. "/" .. path
end

---Under TSan there are to be threads: four workers, unless the spec says how many.
---@param words string[]
---@return string[] more
local function threads(words)
  local flags = tostring(words[1] or ""):find "^%-"
  for _, word in ipairs(words) do
    flags = flags and not tostring(word):find "^%-%-?workers"
  end
  return os.getenv "GOST_TREE" == "tsan" and flags and { "--workers", "4" } or {}
end

local function listening(self)
  self.addrs, self.ports = {}, {}
  for addr in self:output():gmatch 'listening on ([^%s"]+)' do
    addr = addr:gsub("/%l+$", "") -- the network: "127.0.0.1:1080/tcp"
    self.addrs[#self.addrs + 1] = addr
    self.ports[#self.ports + 1] = tonumber(addr:match ":(%d+)$")
  end
  return #self.addrs
end

---Starts gost-lua and waits until so many services listen:
---`support.gost { "-L", "http://127.0.0.1:0", "-F", url }`; then `gost.ports[1]`.
---@param spec string[]|support.ProcessOptions|{listeners?: integer, prefix?: string[]} listeners: how many
---"listening on" lines to wait for (default: the number of -L, at least 1; 0 does not wait)
---@return support.Gost
function Gost.start(spec)
  local argv, wanted = {}, 0
  for key, value in pairs(spec) do
    if type(key) == "string" then
      argv[key] = value
    end
  end
  for _, word in ipairs(spec.prefix or {}) do
    argv[#argv + 1] = word
  end
  argv[#argv + 1] = Gost.program()
  for _, word in ipairs(threads(spec)) do
    argv[#argv + 1] = word
  end
  for _, word in ipairs(spec) do
    argv[#argv + 1] = word
    wanted = wanted + (tostring(word):find "^%-?%-L" and 1 or 0)
  end
  argv.name, argv.exits_cleanly = spec.name or "gost-lua", spec.exits_cleanly ~= false
  local self = setmetatable(process.start(argv), Gost) --[[@as support.Gost]]
  self.addrs, self.ports = {}, {}
  local count = spec.listeners or math.max(wanted, 1)
  if count > 0 then
    self:wait_log(("listening on [^\n]*\n.-"):rep(count), spec.seconds)
    listening(self)
  end
  return self
end

---Reads the log again for services that came later; waits for `count` of them in all.
---@param count integer
---@param seconds? number
---@return string[] addrs
function Gost:wait_listening(count, seconds)
  self:wait_log(("listening on [^\n]*\n.-"):rep(count), seconds)
  listening(self)
  return self.addrs
end

---Starts gost-lua on a script or a configuration given as text.
---@param text string
---@param options? {ext?: string, args?: string[], listeners?: integer, env?: table} ext: "lua" (default), "yml", "json"
---@return support.Gost
function Gost.with_config(text, options)
  options = options or {}
  local ext = options.ext or "lua"
  local path = files.with("config." .. ext, text)
  local spec = { listeners = options.listeners, env = options.env }
  if ext == "lua" then
    spec[1] = path
  else
    spec[1], spec[2] = "-C", path
  end
  for _, word in ipairs(options.args or {}) do
    spec[#spec + 1] = word
  end
  return Gost.start(spec)
end

---Runs gost-lua to its end (`-t`, `-O yaml`, `help …`).
---@param spec string[]|{timeout?: number, input?: string, env?: table}
---@return support.Result
function Gost.run(spec)
  local argv = { Gost.program(), timeout = spec.timeout, input = spec.input, env = spec.env, cwd = spec.cwd }
  for _, word in ipairs(spec) do
    argv[#argv + 1] = word
  end
  return process.run(argv)
end

return Gost
