---Network namespaces joined by veth pairs, for what loopback cannot show (TUN, routes, source addresses).

local process = require "spec.support.process"

local count = 0
local made = {}

local netns = {}

---Whether this machine lets us make them: root, and a kernel that agrees. A spec without them says
---`if not support.netns.available() then return pending "no network namespaces here" end`.
---@return boolean
function netns.available()
  local name = ("gs%d-probe"):format(require "testos".getpid())
  local ok = process.run { "ip", "netns", "add", name }.status == 0
  ok = ok and process.run { "ip", "netns", "exec", name, "ip", "link", "set", "lo", "up" }.status == 0
  process.run { "ip", "netns", "del", name }
  return ok
end

---@class support.Net
---@field names table<string,string> the real name of each namespace
local Net = {}
Net.__index = Net

---Words to put before a command to run it in a namespace: `{ prefix = net:exec "a" }`.
---@param name string
---@return string[]
function Net:exec(name)
  return { "ip", "netns", "exec", self.names[name] }
end

---Runs a command in a namespace; fails when it does.
---@param name string
---@param ... string
---@return string stdout
function Net:check(name, ...)
  return (process.check { "ip", "netns", "exec", self.names[name], ... })
end

---@param link string[] { namespace, "10.77.0.1/24", namespace, "10.77.0.2/24" }
---@param index integer
local function join(self, link, index)
  local a, b = self.names[link[1]], self.names[link[3]]
  local dev = "veth" .. index
  process.check { "ip", "link", "add", dev, "netns", a, "type", "veth", "peer", "name", dev, "netns", b }
  for name, addr in pairs { [a] = link[2], [b] = link[4] } do
    process.check { "ip", "-n", name, "addr", "add", addr, "dev", dev, "nodad" }
    process.check { "ip", "-n", name, "link", "set", dev, "up" }
  end
end

---`netns.new({ "client", "server" }, { { "client", "10.77.0.1/24", "server", "10.77.0.2/24" } })`; the nth link is
---veth<n> on both ends. `support.cleanup` removes it.
---@param names string[]
---@param links string[][]
---@return support.Net
function netns.new(names, links)
  local self = setmetatable({ names = {} }, Net)
  made[#made + 1] = self
  for _, name in ipairs(names) do
    count = count + 1
    self.names[name] = ("gs%d-%d"):format(require "testos".getpid(), count)
    process.check { "ip", "netns", "add", self.names[name] }
    process.check { "ip", "-n", self.names[name], "link", "set", "lo", "up" }
  end
  for index, link in ipairs(links) do
    join(self, link, index)
  end
  return self
end

function Net:remove()
  for _, name in pairs(self.names) do
    process.run { "ip", "netns", "del", name }
  end
  self.names = {}
end

---Removes all that were made.
function netns.remove_all()
  for _, net in ipairs(made) do
    net:remove()
  end
  made = {}
end

return netns
