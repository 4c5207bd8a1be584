---Small servers behind the proxy under test; `origin.c` says what each mode does.

local build = os.getenv "GOST_BUILD" or "build-test"
local process = require "spec.support.process"

---@class support.Origin: support.Process
---@field ports table<string, integer> the port of each mode
---@field host string
local Origin = setmetatable({}, { __index = process })
Origin.__index = Origin

---@alias support.OriginMode "http"|"echo"|"greet"|"count"|"source"|"slow"|"silent"|"reset"|"closed"

---Starts one program that serves every mode: `support.origin { "http", "echo" }`.
---@param modes support.OriginMode[]|{host?: string, prefix?: string[]} prefix: words before the command (a namespace)
---@return support.Origin
function Origin.start(modes)
  local spec = { name = "origin" }
  for _, word in ipairs(modes.prefix or {}) do
    spec[#spec + 1] = word
  end
  local host = modes.host or "127.0.0.1"
  for _, word in ipairs { build .. "/support/origin", "-h", host, table.unpack(modes) } do
    spec[#spec + 1] = word
  end
  local self = setmetatable(process.start(spec), Origin) --[[@as support.Origin]]
  self:wait_log "ready\n"
  self.host, self.ports = host, {}
  for mode, port in self:output():gmatch "(%l+) (%d+)\n" do
    self.ports[mode] = tonumber(port)
  end
  return self
end

---"host:port" of a mode.
---@param mode support.OriginMode
---@return string
function Origin:addr(mode)
  local host = self.host:find ":" and "[" .. self.host .. "]" or self.host
  return ("%s:%d"):format(host, self.ports[mode])
end

---A URL of the http mode.
---@param path string "/hello"
---@return string
function Origin:url(path)
  return "http://" .. self:addr "http" .. path
end

---How many connections a mode has had.
---@param mode support.OriginMode
---@return integer
function Origin:accepted(mode)
  return select(2, self:output():gsub("accept " .. mode .. " ", ""))
end

---The body of /bytes/N.
---@param n integer
---@return string
function Origin.pattern(n)
  local period = {}
  for i = 0, 25 do
    period[i + 1] = string.char(97 + i * 7 % 26)
  end
  local text = table.concat(period)
  return text:rep(n // 26) .. text:sub(1, n % 26)
end

return Origin
