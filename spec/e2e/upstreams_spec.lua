---Destinations and proxies that fail: refused, silent, resetting, killed, nameless, with certificates that are wrong.

local socket = require "socket"
local support = require "spec.support"
local client = require "spec.support.client"

---A listener that takes no connection: its queue is full.
---@return integer port
---@return fun() close
local function black_hole()
  local server = assert(socket.bind("127.0.0.1", 0, 0))
  local _, port = server:getsockname()
  local held = {}
  for i = 1, 4 do
    held[i] = socket.tcp4()
    held[i]:settimeout(0)
    held[i]:connect("127.0.0.1", port)
  end
  assert(not support.connects(math.tointeger(port) or tonumber(port), "127.0.0.1", 0.2), "it takes connections")
  return port, function()
    for _, s in ipairs(held) do
      s:close()
    end
    server:close()
  end
end

describe("A destination", function()
  local origin, gost, fds

  setup(function()
    origin = support.origin { "http", "echo", "closed", "reset", "silent", "source" }
    gost = support.gost { "--workers", "1", "-L", "auto://127.0.0.1:0?dialTimeout=1s&readTimeout=1s" }
    -- A bulk transfer takes a pipe, which stays in a pool.
    support.curl { "-p", "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/bytes/50000000" }
  end)
  before_each(function()
    assert.equal("hello\n", support.curl { "-p", "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
    fds = gost:fds()
  end)
  after_each(function()
    assert.equal("hello\n", support.curl { "-p", "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
    support.eventually(function() return gost:fds() <= fds end, 10, "descriptors are left open")
  end)
  teardown(support.cleanup)

  local function get(url, ...)
    return support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], url, ... }
  end

  it("that refuses is told of at once", function()
    local mark, port = gost:mark(), support.free_port()
    local r = get(("http://127.0.0.1:%d/"):format(port))
    assert.equal(503, r.http_code)
    assert.is_true(r.seconds < support.scaled(1))
    gost:wait_log(("service service%%-0: client 127.0.0.1:%%d+: connect 127.0.0.1:%d: connection refused"):format(port),
      5, mark)
  end)

  it("that answers nothing is given up after dialTimeout, and others are served meanwhile", function()
    local mark = gost:mark()
    local port, close = black_hole()
    local began, c = support.now(), client.tcp(gost.ports[1])
    c:send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n"):format(port))
    local other = get(origin:url "/hello")
    assert.equal("hello\n", other.body)
    assert.is_true(other.seconds < support.scaled(0.5), "took " .. other.seconds)
    assert.matches("^HTTP/1.1 50[34]", c:read_head())
    local took = support.now() - began
    assert.is_true(took >= 0.9 and took < support.scaled(3), "took " .. took)
    gost:wait_log(("client 127.0.0.1:%%d+: connect 127.0.0.1:%d: timed out"):format(port), 5, mark)
    c:close()
    close()
  end)

  it("without an address is told of", function()
    local mark = gost:mark()
    local r = get "http://no-such-host.invalid/"
    assert.equal(503, r.http_code)
    gost:wait_log("client 127.0.0.1:%d+: lookup no%-such%-host.invalid: %S", 5, mark)
  end)

  it("that closes or resets instead of an answer is 502", function()
    for _, mode in ipairs { "closed", "reset" } do
      local mark = gost:mark()
      assert.equal(502, get(("http://127.0.0.1:%d/"):format(origin.ports[mode])).http_code)
      gost:wait_log("client 127.0.0.1:%d+: %S", 5, mark)
    end
  end)

  it("that never answers a plain request is 504", function()
    local mark = gost:mark()
    local r = get(("http://127.0.0.1:%d/"):format(origin.ports.silent))
    assert.equal(504, r.http_code)
    assert.is_true(r.seconds >= 0.9 and r.seconds < support.scaled(4), "took " .. r.seconds)
    gost:wait_log("client 127.0.0.1:%d+: [^\n]*timed out", 5, mark)
  end)

  it("that resets a tunnel resets the client", function()
    local c = client.socks5(gost.ports[1], origin.ports.reset):send "x"
    assert.is_true(c:gone())
    c:close()
  end)

  it("killed in the middle of a transfer ends it at once", function()
    for _, kind in ipairs { "plain", "tunnel" } do
      local short_lived = support.origin { "http" }
      local proxy = "http://127.0.0.1:" .. gost.ports[1]
      local out = support.start { "curl", "-q", "-sS", "-x", proxy, "--limit-rate", "50M",
        kind == "tunnel" and "-p" or "-s", "-o", "/dev/null", short_lived:url "/bytes/500000000" }
      short_lived:wait_log "GET /bytes"
      support.sleep(0.1)
      short_lived:terminate()
      assert.equal("exit", (out:wait(8)), kind)
      assert.is_true(out.code ~= 0, kind .. ": the client takes a part for the whole")
      out:terminate()
    end
  end)
end)

describe("A proxy killed in the middle of a transfer", function()
  teardown(support.cleanup)

  it("ends the tunnels through it, and the log has them", function()
    local origin = support.origin { "source", "http" }
    local node = support.gost { "-L", "socks5://127.0.0.1:0" }
    local front = support.gost { "--workers", "1", "-L", "socks5://127.0.0.1:0", "-F",
      "socks5://127.0.0.1:" .. node.ports[1] }
    local c = client.socks5(front.ports[1], origin.ports.source)
    assert.equal(support.pattern(1000), c:read(1000))
    node:terminate()
    assert.is_true(c:gone())
    c:close()
    front:wait_log(("><[^\n]*127.0.0.1:%d"):format(origin.ports.source))
    local refused = support.curl { "-x", "socks5h://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
    assert.equal("", refused.body)
    front:wait_log "dial node%-0 %(127.0.0.1:%d+%): [^\n]*connection refused"
    front:stop()
  end)
end)

describe("A node", function()
  local origin

  setup(function() origin = support.origin { "http", "silent", "closed", "echo" } end)
  teardown(support.cleanup)

  it("that takes the connection and says nothing is given up", function()
    for _, scheme in ipairs { "http", "socks4", "socks5", "relay+tls", "tls" } do
      local front = support.gost { "-L", "auto://127.0.0.1:0?dialTimeout=500ms", "-F",
        ("%s://127.0.0.1:%d"):format(scheme, origin.ports.silent) }
      local r = support.curl { "-p", "-x", "http://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
      assert.matches("50[34]", r.stderr, scheme)
      assert.is_true(r.seconds >= 0.45 and r.seconds < support.scaled(3), scheme .. " took " .. r.seconds)
      front:wait_log "client 127.0.0.1:%d+: [^\n]*node%-0[^\n]*timed out"
      front:stop()
    end
  end)

  it("that closes at once, or speaks something else, is told of", function()
    for _, mode in ipairs { "closed", "echo", "http" } do
      for _, scheme in ipairs { "http", "socks4", "socks5", "relay+tls" } do
        local front = support.gost { "-L", "auto://127.0.0.1:0?dialTimeout=500ms", "-F",
          ("%s://127.0.0.1:%d"):format(scheme, origin.ports[mode]) }
        local r = support.curl { "-p", "-x", "http://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
        assert.matches("50%d", r.stderr, mode .. " " .. scheme)
        front:wait_log "client 127.0.0.1:%d+: [^\n]*node%-0 %(127.0.0.1:%d+%): %S"
        front:stop()
      end
    end
  end)

  it("that refuses our password is told of", function()
    for _, scheme in ipairs { "http", "socks5", "relay" } do
      local node = support.gost { "-L", scheme .. "://user:right@127.0.0.1:0" }
      local front = support.gost { "-L", "auto://127.0.0.1:0", "-F",
        ("%s://user:wrong@127.0.0.1:%d"):format(scheme, node.ports[1]) }
      local r = support.curl { "-p", "-x", "http://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
      assert.equal("", r.body)
      front:wait_log "service service%-0: client 127.0.0.1:%d+: [^\n]*node%-0"
      assert.not_matches("wrong", front:output())
      front:stop()
      node:stop()
    end
  end)
end)

describe("A certificate", function()
  local origin, pki

  setup(function() origin, pki = support.origin { "http" }, support.pki() end)
  teardown(support.cleanup)

  ---The answer through a node with this certificate, and the log of the front.
  local function through(certificate, query)
    local node = support.gost { "-L", ("relay+tls://127.0.0.1:0?certFile=%s&keyFile=%s"):format(certificate.cert,
      certificate.key) }
    local front = support.gost { "-L", "http://127.0.0.1:0", "-F",
      ("relay+tls://127.0.0.1:%d?%s"):format(node.ports[1], query) }
    local r = support.curl { "-p", "-x", "http://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
    if r.body ~= "hello\n" then
      front:wait_log "node%-0"
      node:wait_log "client 127.0.0.1:%d+: %S"
    end
    local log = front:output()
    front:stop()
    node:stop()
    return r, log
  end

  local prefix = "service service%-0: client 127.0.0.1:%d+: dial node%-0 %(127.0.0.1:%d+%): tls: "

  it("that verifies is taken", function()
    assert.equal("hello\n", through(pki:cert(), "secure=true&caFile=" .. pki.ca).body)
  end)

  it("that has expired is refused in these words", function()
    local r, log = through(pki:cert { expired = true }, "secure=true&caFile=" .. pki.ca)
    assert.matches("503", r.stderr)
    assert.matches(prefix .. "[^\n]*certificate has expired", log)
  end)

  it("of another name is refused in these words", function()
    local r, log = through(pki:cert { name = "other", san = "DNS:other.test" }, "secure=true&caFile=" .. pki.ca)
    assert.matches("503", r.stderr)
    assert.matches(prefix .. "[^\n]*127.0.0.1", log)
    assert.matches("other", log)
  end)

  it("of another name is taken when that is the one asked for", function()
    local r = through(pki:cert { name = "other", san = "DNS:other.test" },
      "secure=true&serverName=other.test&caFile=" .. pki.ca)
    assert.equal("hello\n", r.body, r.stderr)
  end)

  it("of an unknown authority is refused in these words", function()
    local r, log = through(support.pki "foreign":cert(), "secure=true&caFile=" .. pki.ca)
    assert.matches("503", r.stderr)
    assert.matches(prefix .. "[^\n]*unable to get local issuer certificate", log)
  end)

  it("is not asked for without secure", function()
    assert.equal("hello\n", through(pki:cert { expired = true }, "").body)
  end)

  it("of a client is asked for with caFile", function()
    local server = pki:cert()
    local node = support.gost { "-L", ("relay+tls://127.0.0.1:0?certFile=%s&keyFile=%s&caFile=%s"):format(server.cert,
      server.key, pki.ca) }
    local function get(query)
      local front = support.gost { "-L", "http://127.0.0.1:0", "-F",
        ("relay+tls://127.0.0.1:%d?secure=true&caFile=%s%s"):format(node.ports[1], pki.ca, query) }
      local r = support.curl { "-p", "-x", "http://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
      front:stop()
      return r
    end
    local ann, eve = pki:client "ann", support.pki "foreign":client "eve"
    assert.equal("hello\n", get(("&certFile=%s&keyFile=%s"):format(ann.cert, ann.key)).body)
    assert.equal("", get "".body)
    assert.equal("", get(("&certFile=%s&keyFile=%s"):format(eve.cert, eve.key)).body)
    node:wait_log "client 127.0.0.1:%d+: handshake: tls: the client sent no certificate"
    node:wait_log "client 127.0.0.1:%d+: handshake: tls: unable to get local issuer certificate"
    node:stop()
  end)
end)

describe("A resolver", function()
  local origin

  setup(function() origin = support.origin { "http" } end)
  teardown(support.cleanup)

  it("that does not answer is given up, and others are served meanwhile", function()
    local mute = assert(socket.udp4())
    assert(mute:setsockname("127.0.0.1", 0))
    local _, port = mute:getsockname()
    local gost = support.gost { "--workers", "1", "-L",
      ("auto://127.0.0.1:0?dialTimeout=1s&resolver=udp://127.0.0.1:%d"):format(port) }
    local c = client.tcp(gost.ports[1]):send "CONNECT some.test:80 HTTP/1.1\r\n\r\n"
    local began = support.now()
    assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
    assert.matches("^HTTP/1.1 50[34]", c:read_head())
    assert.is_true(support.now() - began < support.scaled(8))
    gost:wait_log "client 127.0.0.1:%d+: [^\n]*some.test: %S"
    c:close()
    mute:close()
    gost:stop()
  end)

  it("of the user's own is asked", function()
    if not support.has "dnsmasq" then
      return pending "no dnsmasq here"
    end
    local port = support.free_port "both"
    support.start { "dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1",
      "--bind-interfaces", "--port=" .. port, "--address=/origin.test/127.0.0.1", "--log-facility=-", "--pid-file=",
      ready = port }
    local gost = support.gost { "-L", ("auto://127.0.0.1:0?resolver=udp://127.0.0.1:%d"):format(port) }
    local url = ("http://origin.test:%d/hello"):format(origin.ports.http)
    local r = support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], url }
    assert.equal("hello\n", r.body, r.stderr .. gost:output())
    assert.equal(503, support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], "http://other.test/" }.http_code)
    gost:stop()
  end)
end)
