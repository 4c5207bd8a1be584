---Sockets in network namespaces: listeners in one, connections from another.

local support = require "spec.support"
local netns = support.netns

describe("The option netns", function()
  local possible = netns.available()
  local net, origin

  setup(function()
    if not possible then return end
    net = netns.new({ "one", "two" }, { { "one", "10.77.1.1/24", "two", "10.77.1.2/24" } })
    origin = support.origin { prefix = net:exec "two", host = "10.77.1.2", "http", "echo" }
  end)
  teardown(support.cleanup)

  local function fetch(from, ...)
    local argv = from and net:exec(from) or {}
    for _, word in ipairs { "curl", "-q", "-sS", "-m", support.scaled(10), ... } do argv[#argv + 1] = tostring(word) end
    argv.timeout = 15
    return support.run(argv)
  end

  it("lets a service listen in one, and connect from another", function()
    if not possible then return pending "no network namespaces here" end
    local gost = support.gost { "-L",
      ("http://127.0.0.1:0?netns=%s&netns.out=%s"):format(net.names.one, "/run/netns/" .. net.names.two) }
    local proxy = ("http://127.0.0.1:%d"):format(gost.ports[1])
    assert.equal("hello\n", fetch("one", "-x", proxy, origin:url "/hello").stdout)
    assert.not_equal(0, fetch(nil, "-x", proxy, origin:url "/hello").status)
    local here = support.gost { "-L", ("http://127.0.0.1:0?netns.out=%s"):format(net.names.two) }
    assert.equal("hello\n", fetch(nil, "-x", ("http://127.0.0.1:%d"):format(here.ports[1]), origin:url "/hello").stdout)
    local without = support.gost { "-L", "http://127.0.0.1:0" }
    local r = support.curl { "-x", ("http://127.0.0.1:%d"):format(without.ports[1]), "-m", "2", origin:url "/hello" }
    assert.not_equal("hello\n", r.body)
  end)

  it("leads to a node in another one, and datagrams as well", function()
    if not possible then return pending "no network namespaces here" end
    local node = support.gost { prefix = net:exec "two", "-L", "socks5://10.77.1.2:0" }
    local gost = support.gost { "-L", "http://127.0.0.1:0", "-F",
      ("socks5://10.77.1.2:%d?netns=%s"):format(node.ports[1], net.names.one) }
    assert.equal("hello\n", fetch(nil, "-x", ("http://127.0.0.1:%d"):format(gost.ports[1]), origin:url "/hello").stdout)
    local udp = support.gost { "-L", ("udp://127.0.0.1:0/%s?netns.out=%s"):format(origin:addr "echo", net.names.one) }
    local sock = require("socket").udp4()
    sock:settimeout(support.scaled(10))
    sock:setpeername("127.0.0.1", udp.ports[1])
    sock:send "ping"
    assert.equal("ping", sock:receive())
  end)

  it("lets one port be listened at in each", function()
    if not possible then return pending "no network namespaces here" end
    local port = support.free_port()
    local url = "http://127.0.0.1:%d?netns=%s&netns.out=%s"
    local gost = support.gost { "--workers", "2", "-L", url:format(port, net.names.one, net.names.two),
      "-L", url:format(port, net.names.two, net.names.one) }
    for _, from in ipairs { "one", "two" } do
      assert.equal("hello\n", fetch(from, "-x", "http://127.0.0.1:" .. port, origin:url "/hello").stdout)
    end
    gost:assert_running()
  end)

  it("names one that there is", function()
    local r = support.gost_run { "-L", "http://127.0.0.1:0?netns=nosuch" }
    assert.not_equal(0, r.status)
    assert.matches("network namespace nosuch: no such file or directory", r.stderr)
  end)
end)
