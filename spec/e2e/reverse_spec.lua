---Reverse tunnels: services whose listener is at the far end of a chain, and BIND for raw SOCKS5 clients.

local socket = require "socket"
local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

local SIZE = (os.getenv "GOST_TREE" or "test") == "test" and 64 << 20 or 8 << 20

---Ends it; nobody is left whose end it would wait for.
local function stop(gost)
  gost:stop(4)
end

---Ends it without waiting for peers that are still there.
local function stop_now(gost)
  gost:kill "TERM"
  gost:wait(0.1)
  gost:stop()
end

describe("A port at the far end", function()
  local origin, tls, file

  setup(function()
    origin = support.origin { "http", "echo", "greet", "silent", "source", "count" }
    local cert = support.pki():cert()
    tls = ("&certFile=%s&keyFile=%s"):format(cert.cert, cert.key)
    file = files.random(SIZE)
  end)
  teardown(support.cleanup)

  ---A server where clients may listen.
  local function server(scheme, port, more)
    return support.gost { "-L", ("%s://127.0.0.1:%d?bind=true%s%s"):format(scheme, port or 0,
      scheme:find "tls" and tls or "", more or "") }
  end

  ---A client that listens over there; `nodes` are URLs.
  ---@return support.Gost gost
  ---@return integer port
  local function listen(nodes, mode, where)
    local words = { "-L", ("%s/%s"):format(where or "rtcp://127.0.0.1:0", origin:addr(mode or "http")), listeners = 0 }
    for _, node in ipairs(nodes) do
      words[#words + 1], words[#words + 2] = "-F", node
    end
    local gost = support.gost(words)
    local addr = gost:wait_log 'listening on ([^%s"]+) over there'
    return gost, tonumber(addr:match ":(%d+)$")
  end

  local function page(port, path, host)
    return support.curl { ("http://%s:%d%s"):format(host or "127.0.0.1", port, path or "/hello") }
  end

  ---The same in both directions at once.
  local function round_trip(port)
    local out = files.path "out"
    support.check { "curl", "-q", "-sS", "--noproxy", "*", "-m", tostring(support.scaled(30)), "-X", "POST", "-H",
      "Expect:", "-T", file, "-o", out, ("http://127.0.0.1:%d/echo"):format(port), timeout = 40 }
    files.assert_same(file, out)
    os.remove(out)
  end

  for _, scheme in ipairs { "relay", "relay+tls", "relay+mtls", "relay+mtcp", "socks5", "socks5+tls" } do
    it("carries pages and large files over " .. scheme, function()
      local far = server(scheme)
      local gost, port = listen { ("%s://127.0.0.1:%d"):format(scheme, far.ports[1]) }
      local r = page(port)
      assert.equal("hello\n", r.body, r.stderr)
      round_trip(port)
      stop(gost)
      support.eventually(function() return not support.connects(port) end)
      stop(far)
    end)
  end

  it("takes credentials", function()
    local far = support.gost { "-L", "relay://u:secret@127.0.0.1:0?bind=true" }
    local gost, port = listen { "relay://u:secret@127.0.0.1:" .. far.ports[1] }
    assert.equal("hello\n", page(port).body)
    stop(gost)
    gost = support.gost { "-L", "rtcp://127.0.0.1:0/" .. origin:addr "http", "-F",
      "relay://u:wrong@127.0.0.1:" .. far.ports[1], listeners = 0 }
    gost:wait_log "bind: relay: unauthorized[^\n]*again in"
    assert.is_nil(gost:output():find("wrong", 1, true))
    stop(gost)
    stop(far)
  end)

  for _, chain in ipairs { { "socks5", "socks5" }, { "http", "relay+tls" }, { "relay+mtls", "socks5" } } do
    it("is at the end of a chain: " .. table.concat(chain, ", then "), function()
      local near = server(chain[1] == "http" and "auto" or chain[1])
      local far = server(chain[2])
      local gost, port = listen { ("%s://127.0.0.1:%d"):format(chain[1], near.ports[1]),
        ("%s://127.0.0.1:%d"):format(chain[2], far.ports[1]) }
      assert.equal("hello\n", page(port).body)
      assert.matches("bind on", far:output())
      assert.is_nil(near:output():find("bind on", 1, true))
      stop(gost)
      stop(near)
      stop(far)
    end)
  end

  it("needs no host", function()
    for _, scheme in ipairs { "relay", "socks5" } do
      local far = server(scheme)
      local gost, port = listen({ ("%s://127.0.0.1:%d"):format(scheme, far.ports[1]) }, "http", "rtcp://:0")
      assert.equal("hello\n", page(port).body)
      assert.equal("hello\n", page(port, "/hello", "[::1]").body)
      stop(gost)
      stop(far)
    end
  end)

  it("lets the service speak first", function()
    local far = server("relay+tls", 0, "&mux.type=yamux")
    local node = ("relay+tls://127.0.0.1:%d?mux.type=yamux"):format(far.ports[1])
    local gost, port = listen({ node }, "greet")
    local visitor = client.tcp(port)
    assert.equal("220 hello\r\n", visitor:read(11))
    visitor:close()
    stop(gost)
    stop(far)
  end)

  for _, mux in ipairs { "mux.version=1", "mux.version=2", "mux.type=yamux" } do
    it("ends one direction at a time: " .. mux, function()
      local far = server("relay+tls", 0, "&" .. mux)
      local gost, port = listen({ ("relay+tls://127.0.0.1:%d?%s"):format(far.ports[1], mux) }, "count")
      for i = 1, 3 do
        local text = ("x"):rep(70000 * i)
        local visitor = client.tcp(port)
        assert.equal(#text .. " bytes\n", visitor:send(text):finish():read_all())
        visitor:close()
      end
      stop(gost) -- at once: no visitor is left at either end
      stop(far)
    end)
  end

  it("hears at once of visitors that leave", function()
    local far = server "relay"
    local gost, port = listen({ "relay://127.0.0.1:" .. far.ports[1] }, "echo")
    local visitor = client.tcp(port):send "x"
    assert.equal("x", visitor:read(1))
    local fds, began = gost:fds(), support.now()
    visitor:close()
    support.eventually(function() return gost:fds() < fds end)
    assert.is_true(support.now() - began < support.scaled(2))
    stop(gost)
    stop(far)
  end)

  it("carries ssh", function()
    local sshd, far = support.sshd(), server "relay+tls"
    local gost = support.gost { "-L", ("rtcp://127.0.0.1:0/127.0.0.1:%d"):format(sshd.port), "-F",
      "relay+tls://127.0.0.1:" .. far.ports[1], listeners = 0 }
    local port = gost:wait_log 'listening on 127.0.0.1:(%d+) over there'
    local words = { input = ("line\n"):rep(100000) }
    for _, word in ipairs(sshd.ssh) do
      words[#words + 1] = word
    end
    words[#words] = port -- the last of them
    words[#words + 1], words[#words + 2] = sshd.user .. "@127.0.0.1", "cat"
    assert.is_true(words.input == support.check(words))
    stop(gost)
    stop(far)
    sshd.process:stop()
  end)

  it("can be a Unix socket", function()
    local far = server "relay"
    local path = files.path "socket"
    local gost = support.gost_config(([[
services:
- name: reverse
  addr: %s
  handler: { type: runix }
  listener: { type: runix, chain: there }
  forwarder: { nodes: [ { name: target, addr: "%s" } ] }
chains:
- name: there
  hops: [ { name: hop, nodes: [ { name: far, addr: "127.0.0.1:%d", connector: { type: relay } } ] } ]
]]):format(path, origin:addr "http", far.ports[1]), { ext = "yml", listeners = 0 })
    gost:wait_log "listening on [^\n]* over there"
    local r = support.curl { "--unix-socket", path, "http://host/hello" }
    assert.equal("hello\n", r.body, r.stderr .. gost:output())
    stop(gost)
    support.eventually(function() return not files.exists(path) end)
    stop(far)
  end)

  it("has room for two hundred at once, on one connection", function()
    local far = server "relay+tls"
    local gost, port = listen({ "relay+tls://127.0.0.1:" .. far.ports[1] }, "echo")
    local visitors = {}
    for i = 1, 200 do
      visitors[i] = client.tcp(port)
      visitors[i]:send(("visitor %03d"):format(i))
    end
    for i, visitor in ipairs(visitors) do
      assert.equal(("visitor %03d"):format(i), visitor:read(11))
    end
    assert.equal(1, select(2, far:output():gsub("bind on", "")))
    for _, visitor in ipairs(visitors) do
      visitor:close()
    end
    stop(gost)
    stop(far)
  end)

  for _, mux in ipairs { "mux.version=2", "mux.type=yamux" } do
    it("has room for a crowd that comes at once and leaves nothing behind: " .. mux, function()
      local plain = (os.getenv "GOST_TREE" or "test") == "test" -- sanitizers keep memory for a while
      local crowd = plain and 2000 or 300
      local far = server("relay", 0, "&" .. mux)
      local gost, port = listen({ ("relay://127.0.0.1:%d?%s"):format(far.ports[1], mux) }, "echo")
      local function round()
        local visitors = {}
        for i = 1, crowd do
          visitors[i] = client.tcp(port):send(("visitor %04d"):format(i))
        end
        for i, visitor in ipairs(visitors) do
          assert.equal(("visitor %04d"):format(i), visitor:read(12))
        end
        for _, visitor in ipairs(visitors) do visitor:close() end
      end
      local fds = { far:fds(), gost:fds() }
      round() -- what it needs at all
      local function empty() return far:fds() <= fds[1] and gost:fds() <= fds[2] end
      support.eventually(empty)
      local before = { far:rss(), gost:rss() }
      round()
      support.eventually(empty)
      support.eventually(function()
        return not plain or far:rss() < before[1] + 2048 and gost:rss() < before[2] + 2048
      end)
      stop(gost)
      stop(far)
    end)
  end

  for _, mux in ipairs { "mux.version=1", "mux.version=2", "mux.type=yamux" } do
    it("does not stop for a visitor that stalls: " .. mux, function()
      local far = server("relay", 0, "&" .. mux)
      local gost, port = listen({ ("relay://127.0.0.1:%d?%s"):format(far.ports[1], mux) }, "http")
      local stalled = client.tcp(port):send "GET /bytes/30000000 HTTP/1.1\r\nHost: x\r\n\r\n" -- and does not read
      assert.equal("H", stalled:read(1))
      for _ = 1, 5 do
        assert.is_true(support.pattern(300000) == page(port, "/bytes/300000").body)
      end
      stalled:close()
      assert.equal("hello\n", page(port).body)
      stop(gost)
      stop(far)
    end)
  end

  it("is back soon after the server is; visitors in between are refused at once", function()
    for _, scheme in ipairs { "relay+tls", "socks5" } do
      local far = server(scheme)
      local at = far.ports[1]
      local gost, port = listen({ ("%s://127.0.0.1:%d"):format(scheme, at) }, "echo",
        "rtcp://127.0.0.1:" .. support.free_port())
      local visitor = client.tcp(port):send "x"
      assert.equal("x", visitor:read(1))
      far:terminate()
      assert.is_true(visitor:gone(5))
      gost:wait_log "again in"
      local began = support.now()
      assert.is_false(support.connects(port))
      assert.is_true(support.now() - began < 0.5)
      far = server(scheme, at)
      support.eventually(function() return support.connects(port) end, 2)
      visitor = client.tcp(port)
      assert.equal("y", visitor:send "y":read(1))
      visitor:close()
      stop(gost)
      stop(far)
    end
  end)

  it("is refused where bind is not allowed", function()
    for scheme, words in pairs { relay = "forbidden", socks5 = "not allowed" } do
      local far = support.gost { "-L", scheme .. "://127.0.0.1:0" }
      local gost = support.gost { "-L", "rtcp://127.0.0.1:0/" .. origin:addr "http", "-F",
        ("%s://127.0.0.1:%d"):format(scheme, far.ports[1]), listeners = 0 }
      gost:wait_log(words .. "[^\n]*again in %d+ ms")
      stop(gost)
      stop(far)
    end
  end)

  it("has one owner; another tries until it is free", function()
    local far = server "relay"
    local node = "relay://127.0.0.1:" .. far.ports[1]
    local first, port = listen { node }
    local second = support.gost { "-L", ("rtcp://127.0.0.1:%d/%s"):format(port, origin:addr "echo"), "-F", node,
      listeners = 0 }
    second:wait_log "again in"
    far:wait_log(("127.0.0.1:%d: address already in use"):format(port))
    assert.equal("hello\n", page(port).body)
    stop(first)
    second:wait_log "over there"
    local visitor = client.tcp(port)
    assert.equal("z", visitor:send "z":read(1))
    visitor:close()
    stop(second)
    stop(far)
  end)

  it("is opened once, however many workers there are", function()
    local far = support.gost { "--workers", "3", "-L", "relay://127.0.0.1:0?bind=true" }
    local gost = support.gost { "--workers", "3", "-L", ("rtcp://127.0.0.1:%d/%s"):format(support.free_port(),
      origin:addr "http"), "-F", "relay://127.0.0.1:" .. far.ports[1], listeners = 0 }
    local port = gost:wait_log 'listening on 127.0.0.1:(%d+) over there'
    for _ = 1, 10 do
      assert.equal("hello\n", page(tonumber(port)).body)
    end
    assert.is_nil(gost:output():find("again in", 1, true))
    assert.equal(1, select(2, far:output():gsub("bind on", "")))
    stop(gost)
    stop(far)
  end)

  it("is a port of this host without a chain", function()
    local gost = support.gost { "-L", "rtcp://127.0.0.1:0/" .. origin:addr "http" }
    assert.equal("hello\n", page(gost.ports[1]).body)
    stop(gost)
  end)

  local text = [[
services:
- name: reverse
  addr: 127.0.0.1:%d
  handler: { type: rtcp }
  listener: { type: rtcp, chain: there }
  forwarder: { nodes: [ { name: target, addr: "%s" } ] }
chains:
- name: there
  hops: [ { name: hop, nodes: [ { name: far, addr: "127.0.0.1:%d", connector: { type: relay } } ] } ]
]]

  it("stays when a reload changes the service behind it, and serves the new target at once", function()
    local far = server "relay"
    local port = support.free_port()
    local path = files.with("reverse.yml", text:format(port, origin:addr "echo", far.ports[1]))
    local gost = support.gost { "-C", path, listeners = 0 }
    gost:wait_log(port .. " over there")
    local visitor = client.tcp(port):send "x"
    assert.equal("x", visitor:read(1))
    files.write(path, text:format(port, origin:addr "http", far.ports[1]))
    gost:kill "HUP"
    gost:wait_log "~ service reverse"
    support.eventually(function() return page(port).body == "hello\n" end)
    assert.equal("y", visitor:send "y":read(1))
    visitor:close()
    assert.equal(1, select(2, far:output():gsub("bind on", "")))
    stop(gost)
    stop(far)
  end)

  it("may be given up while the server has not answered", function()
    local silent = origin.ports.silent
    local path = files.with("reverse.yml", text:format(1, origin:addr "http", silent))
    local mark = origin:accepted "silent"
    local gost = support.gost { "-C", path, listeners = 1 }
    support.eventually(function() return origin:accepted "silent" > mark end)
    for port = 2, 4 do
      files.write(path, text:format(port, origin:addr "http", silent))
      gost:kill "HUP"
      support.eventually(function() return origin:accepted "silent" > mark + port - 1 end)
    end
    stop(gost)
  end)

  it("ends with the service when the configuration changes", function()
    local far = server "relay"
    local one, two = support.free_port(), support.free_port()
    local path = files.with("reverse.yml", text:format(one, origin:addr "http", far.ports[1]))
    local gost = support.gost { "-C", path, listeners = 0 }
    gost:wait_log(one .. " over there")
    assert.equal("hello\n", page(one).body)
    files.write(path, text:format(two, origin:addr "http", far.ports[1]))
    gost:kill "HUP"
    gost:wait_log(two .. " over there")
    support.eventually(function() return not support.connects(one) end)
    assert.equal("hello\n", page(two).body)
    stop(gost)
    stop(far)
  end)
end)

describe("A port for datagrams at the far end", function()
  local origin
  setup(function() origin = support.origin { "echo" } end)
  teardown(support.cleanup)

  local function udp(port)
    local sock = socket.udp4()
    sock:settimeout(support.scaled(5))
    assert(sock:setpeername("127.0.0.1", port))
    return sock
  end

  ---Sends until it is answered: datagrams may be lost while a tunnel begins.
  local function ask(sock, text)
    sock:settimeout(0.2)
    local got
    support.eventually(function()
      sock:send(text)
      got = sock:receive()
      return got == text
    end, 5)
    return got
  end

  local function listen(node, where)
    local gost = support.gost { "-L", ("rudp://%s/%s?ttl=30s"):format(where, origin:addr "echo"), "-F", node,
      listeners = 0 }
    local addr = gost:wait_log 'listening on ([^%s"]+) over there'
    return gost, tonumber(addr:match ":(%d+)$")
  end

  for _, scheme in ipairs { "relay", "relay+tls", "socks5", "socks5+mtcp" } do
    it("tells visitors apart over " .. scheme, function()
      local far = support.gost { "-L", scheme .. "://127.0.0.1:0?bind=true&udp=true", listeners = 1 }
      local gost, port = listen(("%s://127.0.0.1:%d"):format(scheme, far.ports[1]), "127.0.0.1:0")
      assert.is_true(port > 0)
      local visitors = {}
      for i = 1, 20 do
        visitors[i] = udp(port)
        assert(visitors[i]:send("visitor " .. i))
      end
      for i, visitor in ipairs(visitors) do
        assert.equal("visitor " .. i, visitor:receive())
      end
      local large = ("0123456789abcdef"):rep(500) -- LuaSocket reads no more than 8192 bytes
      assert.equal(large, ask(visitors[1], large))
      for _, visitor in ipairs(visitors) do visitor:close() end
      stop_now(gost)
      stop_now(far)
    end)
  end

  it("is back after the server was killed, and is refused without bind", function()
    local far = support.gost { "-L", "relay://127.0.0.1:0?bind=true" }
    local at = far.ports[1]
    local gost, port = listen("relay://127.0.0.1:" .. at, "127.0.0.1:" .. support.free_port())
    local visitor = udp(port)
    assert.equal("one", ask(visitor, "one"))
    far:terminate()
    gost:wait_log "again in"
    far = support.gost { "-L", "relay://127.0.0.1:" .. at }
    gost:wait_log "forbidden[^\n]*again in"
    far:terminate()
    far = support.gost { "-L", "relay://127.0.0.1:" .. at .. "?bind=true" }
    assert.equal("two", ask(visitor, "two"))
    stop_now(gost)
    stop_now(far)
  end)

  it("may be behind a tunnel", function()
    local id = "4d21094e-b74c-4916-86c1-d9fa36ea677b"
    local far = support.gost { "-L", "tunnel://127.0.0.1:0?tunnel=a.test:" .. id }
    local node = ("tunnel://127.0.0.1:%d?tunnel.id=%s"):format(far.ports[1], id)
    local gost = listen(node, ":0")
    local front = support.gost { "-L", "udp://127.0.0.1:0/a.test:53", "-F", node }
    local a, b = udp(front.ports[1]), udp(front.ports[1])
    assert.equal("a", ask(a, "a"))
    assert.equal("b", ask(b, "b"))
    stop(front)
    stop_now(gost)
    stop_now(far)
  end)

  it("is a port of this host without a chain", function()
    local gost = support.gost { "-L", "rudp://127.0.0.1:0/" .. origin:addr "echo" }
    assert.equal("x", ask(udp(gost.ports[1]), "x"))
    stop_now(gost)
  end)
end)

describe("SOCKS5 BIND", function()
  teardown(support.cleanup)

  local function bind(port, command)
    local c = client.tcp(port):send "\5\1\0"
    assert.equal("\5\0", c:read(2))
    local reply = c:send("\5" .. string.char(command) .. "\0\1\127\0\0\1\0\0"):read(client.SOCKS5_REPLY)
    return c, reply:byte(2), string.unpack(">I2", reply, 9)
  end

  it("brings one visitor, and no second", function()
    local gost = support.gost { "-L", "socks5://127.0.0.1:0?bind=true" }
    local c, code, port = bind(gost.ports[1], 2)
    assert.equal(0, code)
    assert.is_true(port > 0)
    local visitor = client.tcp(port)
    local _, own = visitor.sock:getsockname()
    local reply = c:read(client.SOCKS5_REPLY)
    assert.equal("\5\0\0\1\127\0\0\1" .. string.pack(">I2", math.tointeger(own)), reply)
    visitor:send "to the client"
    assert.equal("to the client", c:read(13))
    c:send "to the visitor"
    assert.equal("to the visitor", visitor:read(14))
    assert.is_false(support.connects(port))
    c:close()
    assert.is_true(visitor:gone())
    visitor:close()
    stop(gost)
  end)

  it("stops listening when the client leaves first", function()
    local gost = support.gost { "-L", "socks5://127.0.0.1:0?bind=true" }
    local c, _, port = bind(gost.ports[1], 2)
    c:close()
    local probe
    support.eventually(function()
      probe = socket.tcp4()
      probe:settimeout(1)
      local connected = probe:connect("127.0.0.1", port)
      probe:close()
      return not connected
    end)
    stop(gost)
  end)

  it("is refused without bind", function()
    local gost = support.gost { "-L", "socks5://127.0.0.1:0" }
    local _, code = bind(gost.ports[1], 2)
    assert.equal(2, code)
    stop(gost)
  end)
end)
