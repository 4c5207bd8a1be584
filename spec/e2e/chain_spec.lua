---Ways through other proxies: one hop, several, TLS on the way, Unix sockets, what happens when a node is dead.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

---A page through a proxy that listens at the first port of `gost`.
local function get(gost, url, scheme)
  return support.curl { "-p", "-x", ("%s://127.0.0.1:%d"):format(scheme or "socks5h", gost.ports[1]), url }
end

describe("A chain", function()
  local origin, pki, cert, nodes, through

  setup(function()
    origin = support.origin { "http", "echo", "greet" }
    pki = support.pki()
    cert = pki:cert()
    local tls = ("?certFile=%s&keyFile=%s"):format(cert.cert, cert.key)
    local services = { "http", "socks4", "socks5", "relay", "auto", "http+tls", "socks5+tls", "relay+tls" }
    local argv = {}
    for _, scheme in ipairs(services) do
      argv[#argv + 1] = "-L"
      argv[#argv + 1] = scheme .. "://127.0.0.1:0" .. (scheme:find "tls" and tls or "")
    end
    local gost = support.gost(argv)
    nodes = {}
    for i, scheme in ipairs(services) do
      nodes[scheme] = gost.ports[i]
    end
    ---A front proxy with these nodes behind each other; TLS ones are verified.
    function through(schemes, more)
      local words = { "-L", "auto://127.0.0.1:0" }
      for _, scheme in ipairs(schemes) do
        words[#words + 1] = "-F"
        words[#words + 1] = ("%s://127.0.0.1:%d%s"):format(scheme == "auto" and "http" or scheme, nodes[scheme],
          scheme:find "tls" and "?secure=true&caFile=" .. pki.ca or "")
      end
      for _, word in ipairs(more or {}) do
        words[#words + 1] = word
      end
      return support.gost(words)
    end
  end)
  teardown(support.cleanup)

  for _, hops in ipairs { { "http" }, { "socks4" }, { "socks5" }, { "relay" }, { "http+tls" }, { "socks5+tls" },
    { "relay+tls" }, { "auto", "socks5" }, { "relay", "http" }, { "socks5+tls", "relay+tls" },
    { "http", "socks4", "relay" }, { "relay+tls", "socks5", "http+tls" } } do
    it("leads through " .. table.concat(hops, ", then "), function()
      local front = through(hops)
      local r = get(front, origin:url "/bytes/300000")
      assert.is_true(support.pattern(300000) == r.body, r.stderr .. front:output())
      local named = get(front, ("http://localhost:%d/hello"):format(origin.ports.http), "http")
      assert.equal("hello\n", named.body, named.stderr)
      front:stop()
    end)
  end

  it("lets a server speak first", function()
    for _, hops in ipairs { { "relay" }, { "relay+tls" }, { "socks5+tls", "relay+tls" } } do
      local front = through(hops)
      local c = client.socks5(front.ports[1], origin.ports.greet)
      assert.equal("220 hello\r\n", c:read(11))
      assert.equal("x", c:send("x"):read(1))
      c:close()
      front:stop()
    end
  end)

  it("carries ssh through a relay over TLS", function()
    local sshd = support.sshd()
    local tunnel = support.gost { "-L", ("tcp://127.0.0.1:0/127.0.0.1:%d"):format(sshd.port), "-F",
      ("relay+tls://127.0.0.1:%d?secure=true&caFile=%s"):format(nodes["relay+tls"], pki.ca) }
    local words = { input = ("line\n"):rep(100000) }
    for _, word in ipairs(sshd.ssh) do
      words[#words + 1] = word
    end
    words[#words] = tunnel.ports[1] -- the port is the last of them
    words[#words + 1], words[#words + 2] = sshd.user .. "@127.0.0.1", "cat"
    local out = support.check(words)
    assert.is_true(words.input == out)
    tunnel:stop()
    sshd.process:stop()
  end)

  it("refuses what the node refuses, and says so", function()
    local port = support.free_port()
    local front = through { "socks5" }
    local r = get(front, ("http://127.0.0.1:%d/"):format(port), "http")
    assert.matches("503", r.stderr)
    front:wait_log(("service service%%-0: client [^ ]*: [^\n]*node%%-0[^\n]*127.0.0.1:%d"):format(nodes.socks5))
    front:stop()
  end)

  it("names the dead node and the reason", function()
    local port = support.free_port()
    local front = support.gost { "-L", "http://127.0.0.1:0", "-F", ("http://127.0.0.1:%d"):format(port) }
    assert.matches("503", get(front, origin:url "/hello", "http").stderr)
    front:wait_log(("service service%%-0: client [^ ]*: dial node%%-0 %%(127.0.0.1:%d%%): .*connection refused"):format(
      port))
    front:stop()
  end)
end)

describe("A hop of several nodes", function()
  local origin, good, dead

  setup(function()
    origin = support.origin { "http", "echo" }
    good = support.gost { "-L", "socks5://127.0.0.1:0" }
    dead = support.free_port()
  end)
  teardown(support.cleanup)

  for _, strategy in ipairs { "round", "random", "fifo", "hash" } do
    it("goes on without a dead one: " .. strategy, function()
      local front = support.gost { "--workers", "1", "-L", "http://127.0.0.1:0?retries=3", "-F",
        ("socks5://127.0.0.1:%d,127.0.0.1:%d?strategy=%s&maxFails=1&failTimeout=60s"):format(dead, good.ports[1],
          strategy) }
      for _ = 1, 8 do
        local r = get(front, origin:url "/hello", "http")
        assert.equal("hello\n", r.body, r.stderr .. front:output())
      end
      front:stop()
    end)
  end

  it("comes back to a node that lives again", function()
    local port = support.free_port()
    local front = support.gost { "--workers", "1", "-L", "http://127.0.0.1:0", "-F",
      ("socks5://127.0.0.1:%d?maxFails=1&failTimeout=1s"):format(port) }
    assert.matches("503", get(front, origin:url "/hello", "http").stderr)
    front:wait_log "set aside"
    local node = support.gost { "-L", "socks5://127.0.0.1:" .. port }
    support.eventually(function() return get(front, origin:url "/hello", "http").body == "hello\n" end)
    front:stop()
    node:stop()
  end)

  it("shares the connections in turn", function()
    local second = support.gost { "-L", "socks5://127.0.0.1:0" }
    local first_mark = good:mark()
    local front = support.gost { "--workers", "1", "-L", "http://127.0.0.1:0", "-F",
      ("socks5://127.0.0.1:%d,127.0.0.1:%d?strategy=round"):format(good.ports[1], second.ports[1]) }
    for _ = 1, 6 do
      assert.equal("hello\n", get(front, origin:url "/hello", "http").body)
    end
    local function served(gost, from)
      return select(2, gost:output(from):gsub("><", ""))
    end
    support.eventually(function() return served(good, first_mark) == 3 and served(second) == 3 end)
    front:stop()
    second:stop()
  end)
end)

describe("A GOST file", function()
  local origin, far

  setup(function()
    origin = support.origin { "http", "echo" }
    far = support.gost { "-L", "relay://user:secret@127.0.0.1:0", "-L", "socks5://127.0.0.1:0" }
  end)
  teardown(support.cleanup)

  it("has services, chains, hops of several nodes, users", function()
    local gost = support.gost_config(([[
services:
- name: web
  addr: 127.0.0.1:0
  handler: {type: http, chain: out, retries: 2, auther: people}
  listener: {type: tcp}
- name: office
  addr: 127.0.0.1:0
  handler: {type: tcp, chain: out, retries: 2}
  listener: {type: tcp}
  forwarder:
    nodes:
    - {name: echo, addr: "%s"}
chains:
- name: out
  hops:
  - name: near
    selector: {strategy: fifo, maxFails: 1, failTimeout: 30s}
    nodes:
    - {name: gone, addr: "127.0.0.1:%d", connector: {type: socks5}, dialer: {type: tcp}}
    - {name: socks, addr: "127.0.0.1:%d", connector: {type: socks5}, dialer: {type: tcp}}
  - name: far
    nodes:
    - name: relay
      addr: 127.0.0.1:%d
      connector: {type: relay, auth: {username: user, password: secret}}
      dialer: {type: tcp}
authers:
- name: people
  auths:
  - {username: ann, password: pw}
]]):format(origin:addr "echo", support.free_port(), far.ports[2], far.ports[1]), { ext = "yml", listeners = 2 })
    local proxy = "http://ann:pw@127.0.0.1:" .. gost.ports[1]
    for _ = 1, 3 do
      local r = support.curl { "-p", "-x", proxy, origin:url "/hello" }
      assert.equal("hello\n", r.body, r.stderr .. gost:output())
    end
    local c = client.tcp(gost.ports[2]):send "to the office"
    assert.equal("to the office", c:read(13))
    c:close()
    assert.equal(407, support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.http_code)
    gost:stop()
  end)
end)

describe("The strategy parallel", function()
  local socket = require "socket"
  local origin, server
  setup(function()
    origin = support.origin { "http" }
    server = support.gost { "-L", "socks5://127.0.0.1:0", "-L", "http://127.0.0.1:0" }
  end)
  teardown(support.cleanup)

  ---Two hops: of the first, a node that never answers, one that is not there, and a good one.
  local function front(first, second)
    return support.gost_config(([[
services: [{name: s, addr: "127.0.0.1:0", handler: {type: http, chain: c}}]
chains:
- name: c
  hops:
  - {name: one, selector: {strategy: parallel}, nodes: [%s]}
  - {name: two, selector: {strategy: parallel}, nodes: [%s]}
]]):format(first, second), { ext = "yml" })
  end

  it("takes the node that is there first, and leaves nobody waiting", function()
    local silent = assert(socket.bind("127.0.0.1", 0)) -- connects, and never shakes hands
    local gone = support.free_port()
    local function node(name, port, connector, dialer)
      return ('{name: %s, addr: "127.0.0.1:%d", connector: {type: %s}, dialer: {type: %s}}'):format(name, port,
        connector, dialer or "tcp")
    end
    local _, port = silent:getsockname()
    local gost = front(
      table.concat({ node("silent", port, "http", "tls"), node("gone", gone, "http"),
        node("good", server.ports[1], "socks5") }, ", "),
      table.concat({ node("lost", gone, "socks5"), node("well", server.ports[2], "http") }, ", "))
    local before
    for i = 1, 5 do
      assert.equal("hello\n", get(gost, origin:url "/hello", "http").body)
      if i == 1 then before = gost:fds() end
    end
    support.eventually(function() return gost:fds() <= before end, 5)
    gost:wait_log "node gone is set aside"
    assert.not_matches("node silent is set aside", gost:output())
    silent:close()
  end)

  it("tells why when none is there", function()
    local gone = support.free_port()
    local gost = front(('{addr: "127.0.0.1:%d"}, {addr: "127.0.0.1:%d"}'):format(gone, gone),
      ('{addr: "127.0.0.1:%d"}'):format(gone))
    assert.matches("503", get(gost, origin:url "/hello", "http").stderr)
    gost:wait_log "dial node%-%d %(127.0.0.1:%d+%): connect 127.0.0.1:%d+: connection refused"
  end)
end)

describe("A node's credentials", function()
  teardown(support.cleanup)

  it("may be in a file", function()
    local origin = support.origin { "http" }
    local server = support.gost { "-L", "socks5://bob:se%20cret@127.0.0.1:0" }
    local path = files.with("credentials", "# comment\n\n bob\tse cret \nother x\n")
    local front = support.gost_config(([[
services: [{name: s, addr: "127.0.0.1:0", handler: {type: http, chain: c}}]
chains: [{name: c, hops: [{name: h, nodes: [{addr: "127.0.0.1:%d", connector: {type: socks5, auth: {file: %s}}}]}]}]
]]):format(server.ports[1], path), { ext = "yml" })
    assert.equal("hello\n", get(front, origin:url "/hello", "http").body)
  end)
end)

describe("A Unix socket", function()
  local origin

  setup(function() origin = support.origin { "http", "echo" } end)
  teardown(support.cleanup)

  it("is listened on, and dialed as a node", function()
    local path = files.path "proxy.sock"
    local server = support.gost { "-L", "socks5+unix://" .. path, "-L", "relay+unix://" .. path .. ".relay" }
    for _, node in ipairs { "socks5+unix://" .. path, "relay+unix://" .. path .. ".relay" } do
      local front = support.gost { "-L", "http://127.0.0.1:0", "-F", node }
      local r = get(front, origin:url "/bytes/200000", "http")
      assert.is_true(support.pattern(200000) == r.body, r.stderr .. front:output() .. server:output())
      front:stop()
    end
    local direct = support.run { "curl", "-q", "-s", "-m", "10", "-x", "socks5h://localhost" .. path,
      origin:url "/hello" }
    assert.equal("hello\n", direct.stdout, direct.stderr)
    server:stop()
    assert.is_false(files.exists(path))
  end)

  it("is what a forwarder leads to", function()
    local path = files.path "target.sock"
    support.start { "socat", "UNIX-LISTEN:" .. path .. ",fork", "PIPE" }
    support.eventually(function() return files.exists(path) end)
    local gost = support.gost_config(([[
services:
- name: s
  addr: 127.0.0.1:0
  handler: {type: tcp}
  listener: {type: tcp}
  forwarder:
    nodes:
    - {name: t, addr: "%s", network: unix}
]]):format(path), { ext = "yml" })
    assert.equal("over unix", client.tcp(gost.ports[1]):send("over unix"):read(9))
    gost:stop()
  end)
end)
