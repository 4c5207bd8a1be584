---The files that people bring from GOST's documentation, as they stand there but for the addresses.

local support = require "spec.support"
local socket = require "socket"

local origin

---Starts a file; %name% stands for a value.
local function run(yaml, values, listeners)
  local text = yaml:gsub("%%(%w+)%%", function(name) return tostring(values[name]) end)
  return support.gost_config(text, { ext = "yml", listeners = listeners })
end

local function page(port)
  return support.curl { ("http://127.0.0.1:%d/hello"):format(port) }.body
end

local function echoes(port)
  local sock = socket.udp4()
  sock:settimeout(0.3)
  sock:setpeername("127.0.0.1", port)
  return support.eventually(function()
    sock:send "datagram"
    return sock:receive() == "datagram"
  end)
end

describe("GOST's files run as they are:", function()
  local node
  setup(function()
    origin = support.origin { "http", "echo" }
    node = support.gost { "-L", "http://user:pass@127.0.0.1:0", "-L", "socks5+tls://127.0.0.1:0?bind=true&udp=true",
      "-L", "relay+tls://127.0.0.1:0?bind=true" }
  end)
  teardown(support.cleanup)

  local CHAIN = [[
chains:
- name: chain-0
  hops:
  - name: hop-0
    nodes:
    - name: node-0
      addr: 127.0.0.1:%http%
      connector:
        type: http
        auth:
          username: user
          password: pass
      dialer:
        type: tcp
]]

  local SECOND = [[
  - name: hop-1
    nodes:
    - name: node-0
      addr: 127.0.0.1:%socks%
      connector:
        type: socks5
      dialer:
        type: tls
]]

  local function values(more)
    local all = { http = node.ports[1], socks = node.ports[2], relay = node.ports[3], web = origin:addr "http",
      echo = origin:addr "echo" }
    for key, value in pairs(more or {}) do all[key] = value end
    return all
  end

  it("a proxy with a chain of two hops", function()
    local gost = run([[
services:
- name: service-0
  addr: "127.0.0.1:0"
  handler:
    type: http
    chain: chain-0
  listener:
    type: tcp
]] .. CHAIN .. SECOND, values())
    local r = support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }
    assert.equal("hello\n", r.body, r.stderr)
    gost:wait_log '"route":"node%-0@127.0.0.1:%d+ > node%-0@127.0.0.1:%d+'
    gost:stop()
  end)

  local FORWARD = [[
services:
- name: service-0
  addr: 127.0.0.1:0
  handler:
    type: %network%
%chain%  listener:
    type: %network%
  forwarder:
    nodes:
    - name: target-0
      addr: %target%
    - name: target-1
      addr: %target%
]]

  it("ports forwarded to nodes, TCP and UDP", function()
    local tcp = run(FORWARD, values { network = "tcp", chain = "", target = origin:addr "http" })
    assert.equal("hello\n", page(tcp.ports[1]))
    local udp = run(FORWARD, values { network = "udp", chain = "", target = origin:addr "echo" })
    assert.is_truthy(echoes(udp.ports[1]))
    tcp:stop()
    udp:stop()
  end)

  for count, chain in ipairs { CHAIN, CHAIN .. SECOND } do
    it("a port forwarded over a chain, hops: " .. count, function()
      local gost = run(FORWARD .. chain, values { network = "tcp", chain = "    chain: chain-0\n",
        target = origin:addr "http" })
      assert.equal("hello\n", page(gost.ports[1]))
      gost:stop()
    end)
  end

  for _, way in ipairs { { "socks5", "socks" }, { "relay", "relay" } } do
    it("ports at the far end, TCP and UDP, through " .. way[1], function()
      local there = { tcp = support.free_port(), udp = support.free_port "udp" }
      local gost = run([[
services:
- name: service-0
  addr: 127.0.0.1:%tcp%
  handler:
    type: rtcp
  listener:
    type: rtcp
    chain: chain-0
  forwarder:
    nodes:
    - name: target-0
      addr: %web%
- name: service-1
  addr: 127.0.0.1:%udp%
  handler:
    type: rudp
  listener:
    type: rudp
    chain: chain-0
  forwarder:
    nodes:
    - name: target-0
      addr: %echo%
chains:
- name: chain-0
  hops:
  - name: hop-0
    nodes:
    - name: node-0
      addr: 127.0.0.1:%port%
      connector:
        type: %kind%
      dialer:
        type: tls
]], values { tcp = there.tcp, udp = there.udp, kind = way[1], port = values()[way[2]] }, 0)
      gost:wait_log "over there.*over there"
      assert.equal("hello\n", page(there.tcp))
      assert.is_truthy(echoes(there.udp))
      gost:stop()
    end)
  end
end)
