---What goes in comes out: large files both ways, bytes right behind a request, ends of one direction.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

local SIZE = (os.getenv "GOST_TREE" or "test") == "test" and 64 << 20 or 8 << 20

---Ports of services by name: a front that tunnels through each kind of proxy.
---@return support.Gost server
---@return table<string, integer> ports
local function serve(pki, origin)
  local cert = pki:cert()
  local tls = ("?certFile=%s&keyFile=%s"):format(cert.cert, cert.key)
  local words, ports = {}, {}
  for _, scheme in ipairs { "auto", "http", "socks4", "socks5", "relay", "relay+tls", "socks5+tls" } do
    words[#words + 1] = "-L"
    words[#words + 1] = scheme .. "://127.0.0.1:0" .. (scheme:find "tls" and tls or "")
    ports[#ports + 1] = scheme
  end
  words[#words + 1], words[#words + 2] = "-L", "tcp://127.0.0.1:0/" .. origin
  ports[#ports + 1] = "tcp"
  local gost = support.gost(words)
  for i, scheme in ipairs(ports) do
    ports[scheme] = gost.ports[i]
  end
  return gost, ports
end

describe("A file", function()
  local origin, pki, ports, file

  setup(function()
    origin, pki = support.origin { "http", "echo" }, support.pki()
    local _
    _, ports = serve(pki, origin:addr "echo")
    file = files.random(SIZE)
  end)
  teardown(support.cleanup)

  ---Up to the origin's echo and down again through the proxy that `words` of curl name; both ways at once.
  local function round_trip(words)
    local out = files.path "out"
    local argv = { "curl", "-q", "-sS", "--noproxy", "", "-m", tostring(support.scaled(30)), "-X", "POST", "-H",
      "Expect:", "-T", file, "-o", out, timeout = 40 }
    for _, word in ipairs(words) do
      argv[#argv + 1] = word
    end
    argv[#argv + 1] = origin:url "/echo"
    support.check(argv)
    files.assert_same(file, out)
    os.remove(out)
  end

  local function proxy(scheme, port)
    return ("%s://127.0.0.1:%d"):format(scheme, port)
  end

  it("passes an HTTP proxy as plain requests", function() round_trip { "-x", proxy("http", ports.http) } end)
  it("passes CONNECT", function() round_trip { "-p", "-x", proxy("http", ports.http) } end)
  it("passes SOCKS4", function() round_trip { "-x", proxy("socks4a", ports.socks4) } end)
  it("passes SOCKS5", function() round_trip { "-x", proxy("socks5h", ports.auto) } end)

  for _, node in ipairs { "relay", "relay+tls", "socks5+tls" } do
    it("passes " .. node, function()
      local front = support.gost { "-L", "socks5://127.0.0.1:0", "-F", ("%s://127.0.0.1:%d%s"):format(node, ports[node],
        node:find "tls" and "?secure=true&caFile=" .. pki.ca or "") }
      round_trip { "-x", proxy("socks5h", front.ports[1]) }
      front:stop()
    end)
  end

  it("passes a forwarded port", function()
    local out = files.path "out"
    support.check { "sh", "-c", ("nc -N 127.0.0.1 %d <%s >%s"):format(ports.tcp, file, out), timeout = 40 }
    files.assert_same(file, out)
    os.remove(out)
  end)
end)

describe("Bytes right behind a request", function()
  local origin, pki, gost, ports

  setup(function()
    origin, pki = support.origin { "http", "echo" }, support.pki()
    gost, ports = serve(pki, origin:addr "echo")
  end)
  teardown(support.cleanup)

  local function connect_head()
    return ("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n"):format(origin:addr "echo", origin:addr "echo")
  end

  it("follow CONNECT", function()
    for _, port in ipairs { ports.http, ports.auto } do
      local c = client.tcp(port):send(connect_head() .. "early")
      assert.matches(" 200 ", c:read_head())
      assert.equal("early", c:read(5))
      c:close()
    end
  end)

  it("follow a SOCKS5 request, and all of it at once", function()
    local request = client.socks5_connect("127.0.0.1", origin.ports.echo)
    for _, port in ipairs { ports.socks5, ports.auto } do
      local c = client.tcp(port):send("\5\1\0" .. request .. "early")
      assert.equal("\5\0", c:read(2))
      assert.equal("\5\0\0\1", c:read(10):sub(1, 4))
      assert.equal("early", c:read(5))
      c:close()
    end
  end)

  it("follow a SOCKS4 request", function()
    local request = "\4\1" .. string.pack(">I2", origin.ports.echo) .. "\127\0\0\1me\0"
    for _, port in ipairs { ports.socks4, ports.auto } do
      local c = client.tcp(port):send(request .. "early")
      assert.equal("\0\90", c:read(8):sub(1, 2))
      assert.equal("early", c:read(5))
      c:close()
    end
  end)

  it("arrive when the request came byte by byte", function()
    for name, bytes in pairs {
      http = connect_head(), socks5 = "\5\1\0" .. client.socks5_connect("127.0.0.1", origin.ports.echo),
      socks4 = "\4\1" .. string.pack(">I2", origin.ports.echo) .. "\127\0\0\1me\0",
    } do
      local c = client.tcp(ports.auto)
      for i = 1, #bytes do
        c:send(bytes:sub(i, i))
        support.sleep(0.001)
      end
      c:send "late"
      local length = ({ socks5 = 12, socks4 = 8 })[name]
      if length then
        c:read(length)
      else
        c:read_head()
      end
      assert.equal("late", c:read(4), name)
      c:close()
    end
  end)

  it("are further requests of a plain HTTP client", function()
    local request = ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(origin:url "/bytes/1000")
    local c = client.tcp(ports.http):send(request:rep(3))
    for _ = 1, 3 do
      assert.matches("HTTP/1.1 200", c:read_head())
      assert.equal(support.pattern(1000), c:read(1000))
    end
    c:close()
  end)

  it("do not reach another origin than the one they name", function()
    local second = support.origin { "http" }
    local c = client.tcp(ports.http)
    c:send(("GET %s HTTP/1.1\r\nHost: x\r\n\r\nGET %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(origin:url "/hello",
      second:url "/bytes/7"))
    assert.matches("HTTP/1.1 200", c:read_head())
    assert.equal("hello\n", c:read(6))
    assert.matches("HTTP/1.1 200", c:read_head())
    assert.equal(support.pattern(7), c:read(7))
    second:wait_log "GET /bytes/7"
    c:close()
    assert.is_true(gost:alive())
  end)
end)

describe("The end of one direction", function()
  local origin, pki, ports

  setup(function()
    origin, pki = support.origin { "count", "source", "echo" }, support.pki()
    local _
    _, ports = serve(pki, origin:addr "count")
  end)
  teardown(support.cleanup)

  ---@param open fun(port: integer): support.Client to this port of the origin
  local function check(open)
    local c = open(origin.ports.count):send(("x"):rep(100000)):finish()
    assert.equal("100000 bytes\n", c:read_all())
    c:close()
    c = open(origin.ports.source) -- it ends its own; ours is still open then
    assert.is_true(support.pattern(16 << 20) == c:read_all())
    c:close()
  end

  it("passes CONNECT", function()
    check(function(port) return client.http_connect(ports.http, port) end)
  end)

  it("passes SOCKS5", function()
    check(function(port) return client.socks5(ports.auto, port) end)
  end)

  it("passes a forwarded port, for nc -N", function()
    local out = support.check { "sh", "-c", "printf 12345 | nc -N 127.0.0.1 " .. ports.tcp }
    assert.equal("5 bytes\n", out)
  end)

  for _, node in ipairs { "http", "socks4", "socks5", "relay", "relay+tls", "socks5+tls" } do
    it("passes a " .. node .. " node", function()
      local front = support.gost { "-L", "socks5://127.0.0.1:0", "-F", ("%s://127.0.0.1:%d%s"):format(node, ports[node],
        node:find "tls" and "?secure=true&caFile=" .. pki.ca or "") }
      check(function(port) return client.socks5(front.ports[1], port) end)
      front:stop()
    end)
  end

  it("lets a tunnel live for as long as the other direction does", function()
    local slow = support.origin { "slow" }
    local c = client.socks5(ports.auto, slow.ports.slow):send("0123456789"):finish()
    assert.equal("0123456789", c:read_all())
    c:close()
  end)
end)
