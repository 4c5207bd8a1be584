---The network of a node: which family its addresses are to be of.

local support = require "spec.support"
local files = support.files

describe("The network of a node", function()
  local origin, proxy

  setup(function()
    origin = support.origin { "http", "echo" } -- at 127.0.0.1 alone
    proxy = support.gost { "-L", "http://127.0.0.1:0" }
  end)
  teardown(support.cleanup)

  local HOSTS = [[
hosts: [{name: h, mappings: [{ip: 127.0.0.1, hostname: both.test}, {ip: "::1", hostname: both.test}]}]
]]

  it("narrows the addresses of a target", function()
    for network, body in pairs { tcp = "hello\n", tcp4 = "hello\n", tcp6 = "" } do
      for _, addr in ipairs { "both.test:%d", "127.0.0.1:%d" } do
        local gost = support.gost { "-C", files.with("n.yaml", ([[
services:
- {name: s, addr: "127.0.0.1:0", handler: tcp, listener: tcp, hosts: h,
   forwarder: {nodes: [{name: t, addr: "%s", network: %s}]}}
%s]]):format(addr:format(origin.ports.http), network, HOSTS)) }
        assert.equal(body, support.curl { ("http://127.0.0.1:%d/hello"):format(gost.ports[1]) }.body, network .. addr)
        gost:stop()
      end
    end
  end)

  it("narrows the addresses of a proxy", function()
    for network, body in pairs { tcp4 = "hello\n", tcp6 = "" } do
      local gost = support.gost { "-C", files.with("n.yaml", ([[
services: [{name: s, addr: "127.0.0.1:0", handler: {type: http, chain: c}, listener: tcp}]
chains:
- name: c
  hops: [{nodes: [{name: n, addr: "both.test:%d", network: %s, hosts: h, connector: http, dialer: tcp}]}]
%s]]):format(proxy.ports[1], network, HOSTS)) }
      local r = support.curl { "-x", ("http://127.0.0.1:%d"):format(gost.ports[1]), origin:url "/hello" }
      assert.equal(body, r.body, network)
      gost:stop()
    end
  end)

  it("narrows those of datagrams", function()
    local socket = require "socket"
    for network, answer in pairs { udp4 = "ping", udp6 = false } do
      local gost = support.gost { "-C", files.with("n.yaml", ([[
services:
- {name: s, addr: "127.0.0.1:0", handler: udp, listener: udp, hosts: h,
   forwarder: {nodes: [{name: t, addr: "both.test:%d", network: %s}]}}
%s]]):format(origin.ports.echo, network, HOSTS)) }
      local sock = socket.udp4()
      sock:settimeout(answer and support.scaled(10) or support.scaled(0.2))
      sock:setpeername("127.0.0.1", gost.ports[1])
      sock:send "ping"
      assert.equal(answer, sock:receive() or false)
      gost:stop()
    end
  end)

  it("is one that there is", function()
    for what, chain in pairs {
      ["expected tcp, udp (with 4 or 6) or unix"] = "network: serial",
      ["network udp is not implemented yet for proxies"] = "network: udp",
    } do
      local r = support.gost_run { "-C", files.with("n.yaml", ([[
services: [{name: s, addr: "127.0.0.1:0", handler: {type: http, chain: c}, listener: tcp}]
chains: [{name: c, hops: [{nodes: [{name: n, addr: "h:1", %s, connector: http, dialer: tcp}]}]}]
]]):format(chain)) }
      assert.not_equal(0, r.status)
      assert.truthy(r.stderr:find(what, 1, true), r.stderr)
    end
  end)
end)
