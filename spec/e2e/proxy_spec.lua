---One address that serves every kind of client, with the programs that people use.

local support = require "spec.support"
local client = require "spec.support.client"

describe("A service on one port", function()
  local origin, gost

  setup(function()
    origin = support.origin { "http", "echo", "closed" }
    gost = support.gost { "-L", "127.0.0.1:0" }
  end)
  teardown(support.cleanup)

  local function through(scheme)
    return ("%s://127.0.0.1:%d"):format(scheme, gost.ports[1])
  end

  for _, scheme in ipairs { "http", "socks4", "socks4a", "socks5", "socks5h" } do
    it("serves " .. scheme .. " clients", function()
      local r = support.curl { "-x", through(scheme), origin:url "/bytes/100000" }
      assert.is_true(support.pattern(100000) == r.body, r.stderr)
    end)

    it("tunnels for " .. scheme .. " clients to a name", function()
      local r = support.curl { "-p", "-x", through(scheme), ("http://localhost:%d/hello"):format(origin.ports.http) }
      assert.equal("hello\n", r.body, r.stderr)
    end)
  end

  it("keeps the connection of an HTTP client", function()
    local url = origin:url "/hello"
    local r = support.run { "curl", "-q", "-s", "-m", "15", "-x", through "http", "-w", "%{num_connects}", url, url,
      url }
    assert.equal("hello\n1hello\n0hello\n0", r.stdout)
  end)

  it("forwards bodies of HTTP clients, with a length and in chunks", function()
    local file = support.files.random(300000)
    for _, header in ipairs { "Expect:", "Expect: 100-continue" } do
      local r = support.curl { "-x", through "http", "-H", header, "--data-binary", "@" .. file, origin:url "/echo" }
      assert.is_true(support.files.read(file) == r.body, header .. " " .. r.stderr)
    end
    local chunked = support.curl { "-x", through "http", origin:url "/chunked/70000" }
    assert.is_true(support.pattern(70000) == chunked.body, chunked.stderr)
  end)

  it("serves wget", function()
    local r = support.run { "wget", "-q", "-O", "-", "-T", "10", "-t", "1", "-e", "use_proxy=yes", "-e",
      "http_proxy=" .. through "http", origin:url "/hello" }
    assert.equal("hello\n", r.stdout, r.stderr)
  end)

  it("carries ssh for nc as HTTP, SOCKS4 and SOCKS5 client", function()
    local sshd = support.sshd()
    for _, kind in ipairs { "connect", "4", "5" } do
      local words = { table.unpack(sshd.ssh) }
      for _, word in ipairs { "-o", ("ProxyCommand=nc -X %s -x 127.0.0.1:%d %%h %%p"):format(kind, gost.ports[1]),
        sshd.user .. "@127.0.0.1", "cat; echo done" } do
        words[#words + 1] = word
      end
      words.input = ("line\n"):rep(20000)
      local out = support.check(words)
      assert.equal(#words.input + 5, #out)
      assert.equal("line\ndone\n", out:sub(-10))
    end
  end)

  it("shows pages to Chromium", function()
    if not support.has "chromium" then
      return pending "no chromium here"
    end
    local r = support.run { "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
      "--user-data-dir=" .. support.files.mkdir "chromium", "--proxy-server=" .. through "socks5",
      "--proxy-bypass-list=<-loopback>", origin:url "/hello", timeout = 40 }
    assert.matches("hello", r.stdout, r.stderr)
  end)

  it("answers a refused destination at once: 503, 91, 5", function()
    local port = support.free_port()
    local r = support.curl { "-p", "-x", through "http", ("http://127.0.0.1:%d/"):format(port) }
    assert.matches("503", r.stderr)
    local c = client.tcp(gost.ports[1]):send("\4\1" .. string.pack(">I2", port) .. "\127\0\0\1user\0")
    assert.equal("\0\91", c:read(8):sub(1, 2))
    c = client.tcp(gost.ports[1]):send "\5\1\0"
    assert.equal("\5\0", c:read(2))
    assert.equal("\5\5\0\1", c:send(client.socks5_connect("127.0.0.1", port)):read(10):sub(1, 4))
    gost:wait_log(("127%%.0%%.0%%.1:%d: connection refused"):format(port))
  end)

  it("logs both ends and the bytes of a tunnel", function()
    local mark = gost:mark()
    local c = client.socks5(gost.ports[1], origin.ports.echo)
    local from = select(2, c.sock:getsockname())
    assert.equal("12345", c:send("12345"):read(5))
    c:close()
    local line = gost:wait_log(("[^\n]*127.0.0.1:%s >< 127.0.0.1:%d[^\n]*"):format(from, origin.ports.echo), 10, mark)
    assert.matches('"inputBytes":5,"outputBytes":5', line)
  end)
end)

describe("IPv6", function()
  local origin, gost

  setup(function()
    origin = support.origin { "http", host = "::1" }
    gost = support.gost { "-L", "[::1]:0" }
  end)
  teardown(support.cleanup)

  for _, scheme in ipairs { "http", "socks5", "socks5h" } do
    it("is what a " .. scheme .. " client and its destination may have", function()
      local r = support.curl { "-p", "-x", ("%s://[::1]:%d"):format(scheme, gost.ports[1]), origin:url "/hello" }
      assert.equal("hello\n", r.body, r.stderr)
    end)
  end

  it("leads to IPv4", function()
    local old = support.origin { "http" }
    local r = support.curl { "-x", ("http://[::1]:%d"):format(gost.ports[1]), old:url "/hello" }
    assert.equal("hello\n", r.body, r.stderr)
  end)

  it("is served with IPv4 on a port without host", function()
    local both = support.gost { "-L", ":0" }
    for _, host in ipairs { "127.0.0.1", "[::1]" } do
      local r = support.curl { "-x", ("http://%s:%d"):format(host, both.ports[1]), origin:url "/hello" }
      assert.equal("hello\n", r.body, host .. ": " .. r.stderr)
    end
  end)
end)

describe("Users and passwords", function()
  local origin, gost

  setup(function()
    origin = support.origin { "http", "echo" }
    gost = support.gost { "-L", "http://user:pass@127.0.0.1:0", "-L", "socks5://user:pass@127.0.0.1:0",
      "-L", "relay://user:pass@127.0.0.1:0", "-L", "auto://user:pass@127.0.0.1:0", "-L", "socks4://user@127.0.0.1:0" }
  end)
  teardown(support.cleanup)

  local function get(scheme, user, service, more)
    return support.curl { "-x", ("%s://%s127.0.0.1:%d"):format(scheme, user, gost.ports[service]), origin:url "/hello",
      more }
  end

  it("let the right ones through", function()
    assert.equal("hello\n", get("http", "user:pass@", 1).body)
    assert.equal("hello\n", get("http", "user:pass@", 1, "-p").body)
    assert.equal("hello\n", get("socks5", "user:pass@", 2).body)
    assert.equal("hello\n", get("http", "user:pass@", 4).body)
    assert.equal("hello\n", get("socks5h", "user:pass@", 4).body)
    assert.equal("hello\n", get("socks4", "user@", 5).body)
  end)

  it("keep others out of HTTP with 407", function()
    for _, user in ipairs { "", "user:wrong@", "other:pass@" } do
      assert.equal(407, get("http", user, 1).http_code)
      assert.matches("407", get("http", user, 1, "-p").stderr)
      assert.equal(407, get("http", user, 4).http_code)
    end
    local c = client.tcp(gost.ports[1]):send(("GET %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(origin:url "/hello"))
    assert.matches("Proxy%-Authenticate: Basic realm=", c:read_head())
  end)

  it("keep others out of SOCKS5 with 05 ff and 01 01", function()
    for _, service in ipairs { 2, 4 } do
      local c = client.tcp(gost.ports[service]):send "\5\1\0"
      assert.equal("\5\255", c:read(2))
      assert.is_true(c:gone())
      c = client.tcp(gost.ports[service]):send "\5\2\0\2"
      assert.equal("\5\2", c:read(2))
      assert.equal("\1\1", c:send("\1" .. string.pack("s1s1", "user", "wrong")):read(2))
      assert.is_true(c:gone())
    end
  end)

  it("keep others out of SOCKS4 with 93", function()
    local c = client.tcp(gost.ports[5]):send("\4\1" .. string.pack(">I2", origin.ports.http) .. "\127\0\0\1other\0")
    assert.equal("\0\93", c:read(8):sub(1, 2))
  end)

  it("are checked at a relay", function()
    for user, body in pairs { ["user:pass@"] = "hello\n", ["user:no@"] = "", [""] = "" } do
      local node = ("relay://%s127.0.0.1:%d"):format(user, gost.ports[3])
      local front = support.gost { "-L", "http://127.0.0.1:0", "-F", node }
      local r = support.curl { "-p", "-x", "http://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
      assert.equal(body, r.body, user)
    end
  end)

  it("are not told in the log", function()
    assert.not_matches("wrong", gost:output())
    assert.not_matches("pass@", gost:output())
    assert.matches("authentication failed", gost:output())
  end)
end)
