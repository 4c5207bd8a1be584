---Probes: what is found out about nodes before anybody is sent to them.

local support = require "spec.support"
local files = support.files

describe("A probe", function()
  local origin

  setup(function() origin = support.origin { "http" } end)
  teardown(support.cleanup)

  ---A forwarding service; each node is "addr" and YAML of its probe.
  local function front(nodes, selector)
    local lines = { "services:", "- name: front", "  addr: 127.0.0.1:0", "  handler: {type: tcp}",
      "  listener: {type: tcp}", "  forwarder:",
      ("    selector: {%s}"):format(selector or "strategy: fifo, failTimeout: 1m"), "    nodes:" }
    for i, node in ipairs(nodes) do
      lines[#lines + 1] = ("    - {name: n%d, addr: '%s', probe: %s}"):format(i, node[1], node[2])
    end
    return support.gost { "-C", files.with("probe.yaml", table.concat(lines, "\n") .. "\n") }
  end

  local function get(gost)
    return support.curl { ("http://127.0.0.1:%d/hello"):format(gost.ports[1]) }
  end

  it("sets a node aside that does not listen, and takes it back when it does", function()
    local port = support.free_port()
    local gost = front { { "127.0.0.1:" .. port, "{addr: x, interval: 50ms}" },
      { origin:addr "http", "{addr: x}" } }
    gost:wait_log "node n1 is set aside after 1 failure"
    local before = origin:accepted "http"
    assert.equal("hello\n", get(gost).body)
    assert.is_true(origin:accepted "http" > before)
    support.gost { "-L", ("tcp://127.0.0.1:%d/%s"):format(port, origin:addr "http") }
    gost:wait_log "node n1 works again"
    assert.equal("hello\n", get(gost).body)
  end)

  it("asks for a page, and goes by the status", function()
    local gost = front {
      { origin:addr "http", "{type: http, addr: a.test, httpPath: /status/204, interval: 1m}" },
      { origin:addr "http", "{type: http, addr: a.test, httpPath: /status/404, expectedStatus: 404, interval: 1m}" },
      { origin:addr "http", "{type: http, addr: a.test, httpPath: hello, httpHeaders: {X-Probe: 'yes'}}" },
    }
    gost:wait_log "node n1 is set aside"
    origin:wait_log "GET /status/404"
    origin:wait_log "GET /hello"
    assert.is_nil(gost:output():find("node n2 is set", 1, true))
    assert.is_nil(gost:output():find("node n3 is set", 1, true))
  end)

  it("has a deadline", function()
    local deaf = support.origin { "silent" }
    local gost = front { { deaf:addr "silent", "{type: http, addr: a.test, timeout: 100ms, interval: 1m}" } }
    gost:wait_log "node n1 is set aside"
  end)

  it("runs a command", function()
    local flag = files.path "flag"
    local gost = front { { origin:addr "http", ("{type: cmd, command: 'test -e %s', interval: 50ms}"):format(flag) } }
    gost:wait_log "node n1 is set aside"
    files.write(flag, "")
    gost:wait_log "node n1 works again"
    local slow = front { { origin:addr "http", "{type: cmd, command: 'sleep 60 & sleep 60', timeout: 100ms}" } }
    slow:wait_log "node n1 is set aside"
  end)

  it("finds the nearest node, and leaves those out that are too far", function()
    local far = files.with("far.lua", ([[
      local socket = require "socket"
      local server = assert(socket.bind("127.0.0.1", 0))
      print("port " .. select(2, server:getsockname()) .. " ready")
      io.stdout:flush()
      while true do
        local c = server:accept()
        socket.sleep(0.2)
        c:close()
      end
    ]]))
    local server = support.start { "lua5.4", far }
    local addr = "127.0.0.1:" .. server:wait_log "port (%d+) ready"
    -- What takes its time is TLS, or here its failure; so a command stands for it.
    for _, selector in ipairs { "strategy: lowestlatency", "strategy: fifo, maxLatency: 100ms" } do
      local gost = front({ { addr, "{type: cmd, command: 'sleep 0.3', interval: 1m}" },
        { origin:addr "http", "{type: cmd, command: 'true', interval: 1m}" } }, selector)
      support.eventually(function() return get(gost).body == "hello\n" end, 10, "the near node is not taken")
      assert.equal("hello\n", get(gost).body)
      gost:stop()
    end
  end)

  it("looks after proxies, and after members of groups as far as their target", function()
    local proxy = support.gost { "-L", "socks5+tls://127.0.0.1:0" }
    local gost = support.gost { "-C", files.with("chains.yaml", ([[
services:
- name: front
  addr: 127.0.0.1:0
  handler:
    type: http
    chainGroup:
      chains:
      - {chain: one, probe: {addr: '%s', interval: 1m}}
      - {chain: two, probe: {addr: '%s', type: http, httpPath: /hello}}
      selector: {strategy: fifo}
  listener: {type: tcp}
chains:
- {name: one, hops: [{nodes: [{name: a, addr: '%s', connector: socks5, dialer: tls}]}]}
- name: two
  hops:
  - selector: {strategy: fifo}
    nodes:
    - {name: b, addr: '%s', connector: socks5, dialer: tls, probe: {addr: x}}
    - {name: dead, addr: '127.0.0.1:%d', connector: socks5, dialer: tls, probe: {addr: x}}
  - selector: {strategy: fifo}
    nodes: [{name: c, addr: '%s', connector: socks5, dialer: tls}]
]]):format("127.0.0.1:" .. support.free_port(), origin:addr "http", proxy.addrs[1], proxy.addrs[1],
      support.free_port(), proxy.addrs[1])) }
    gost:wait_log "node one is set aside"
    gost:wait_log "node dead is set aside"
    assert.is_nil(gost:output():find("node two is set", 1, true))
    local r = support.curl { "-x", ("http://127.0.0.1:%d"):format(gost.ports[1]), origin:url "/hello" }
    assert.equal("hello\n", r.body)
    gost:wait_log '"route":"b@'
  end)

  it("of a target goes the way that clients go", function()
    local proxy = support.gost { "-L", "socks5://127.0.0.1:0" }
    local gost = support.gost { "-C", files.with("via.yaml", ([[
services:
- name: front
  addr: 127.0.0.1:0
  handler: {type: tcp, chain: c}
  listener: {type: tcp}
  forwarder: {nodes: [{name: n1, addr: '%s', probe: {addr: x, type: http, httpPath: /hello}}]}
chains: [{name: c, hops: [{nodes: [{name: a, addr: '%s', connector: socks5, dialer: tcp}]}]}]
]]):format(origin:addr "http", proxy.addrs[1])) }
    proxy:wait_log(('"host":"%s"'):format(origin:addr "http"))
    assert.equal("hello\n", get(gost).body)
  end)
end)
