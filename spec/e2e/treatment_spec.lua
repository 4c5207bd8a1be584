---What forwarder nodes do to HTTP (`http`) and the TLS they speak to their targets (`tls`).

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

describe("A forwarder's node", function()
  local origin

  setup(function() origin = support.origin { "http", "echo" } end)
  teardown(support.cleanup)

  ---@param nodes string[] what stands behind name and addr of each node: "http: {…}"
  ---@param options? { addrs?: string[], metadata?: string, selector?: string, listener?: string }
  local function front(nodes, options)
    options = options or {}
    local lines = { "services:", "- name: front", "  addr: 127.0.0.1:0",
      ("  handler: {type: tcp, metadata: {%s}}"):format(options.metadata or "sniffing: true"),
      ("  listener: {type: %s}"):format(options.listener or "tcp"), "  forwarder:",
      ("    selector: {%s}"):format(options.selector or "strategy: fifo"), "    nodes:" }
    for i, node in ipairs(nodes) do
      lines[#lines + 1] = ("    - {name: n%d, addr: '%s', %s}"):format(i,
        options.addrs and options.addrs[i] or origin:addr "http", node)
    end
    return support.gost { "-C", files.with("treatment.yaml", table.concat(lines, "\n") .. "\n") }
  end

  local function get(gost, path, ...)
    return support.curl { "-i", ("http://127.0.0.1:%d%s"):format(gost.ports[1], path or "/hello"), ... }
  end

  it("has a host of its own, and headers in both directions", function()
    local gost = front { [[http: {host: inner.test, requestHeader: {X-One: "1", User-Agent: ""},
      responseHeader: {X-Two: "2", Server: mine}}]] }
    local r = get(gost, "/headers", "-H", "X-One: theirs", "-H", "X-Three: 3")
    assert.matches("Host: inner%.test\r\n", r.body)
    assert.matches("X%-One: 1\r\n", r.body)
    assert.matches("X%-Three: 3\r\n", r.body)
    assert.is_nil(r.body:find("theirs", 1, true))
    assert.is_nil(r.body:find("User-Agent", 1, true))
    assert.matches("\r\nX%-Two: 2\r\n", r.body)
    assert.matches("\r\nServer: mine\r\n", r.body)
  end)

  it("keeps the client's host otherwise", function()
    local gost = front { "http: {requestHeader: {X-One: '1'}}" }
    assert.matches("Host: outer%.test:81\r\n", get(gost, "/headers", "-H", "Host: outer.test:81").body)
  end)

  it("rewrites paths by the first rule that fits, and keeps the query", function()
    local gost = front { [[http: {rewriteURL: [{match: "^/api/(.*)$", replacement: "/$1"},
      {match: "^/(?<what>he)ad$", replacement: "/${what}aders?a=1"}, {match: "hello", replacement: "nowhere"}]}]] }
    assert.matches("hello\n$", get(gost, "/api/hello").body)
    assert.equal(404, get(gost, "/hello").http_code)
    origin:wait_log "GET /nowhere"
    get(gost, "/api/a%20b%3Fc/%C3%A4?x=%26")
    origin:wait_log "GET /a%%20b%?c/%%C3%%A4"
    get(gost, "/head?b=2")
    origin:wait_log "GET /headers%?a=1"
  end)

  it("asks for credentials, and takes nobody who cannot give any", function()
    local gost = front { "http: {auth: {username: me, password: secret}}" }
    local r = get(gost)
    assert.equal(401, r.http_code)
    assert.matches("WWW%-Authenticate: Basic", r.body)
    assert.equal(401, get(gost, "/hello", "-u", "me:wrong").http_code)
    assert.equal(200, get(gost, "/hello", "-u", "me:secret").http_code)
    local before = origin:accepted "http"
    local c = client.tcp(gost.ports[1]):send "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    assert.is_true(c:gone())
    c = client.tcp(gost.ports[1]):send "\22\3\1\0\5hello"
    assert.is_true(c:gone())
    assert.equal(before, origin:accepted "http")
    gost = front({ "auth: {username: me, password: secret}" }, { metadata = "" })
    assert.equal(401, get(gost).http_code) -- the older form, without sniffing
  end)

  it("serves one request after the other on a connection, with bodies", function()
    local gost = front { "http: {host: inner.test}" }
    local before = origin:accepted "http"
    local c = client.tcp(gost.ports[1])
    for i = 1, 3 do
      local body = ("x"):rep(i * 1000)
      c:send(("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body))
      local head = c:read_head()
      assert.matches("^HTTP/1.1 200", head)
      assert.equal(body, c:read(#body))
    end
    c:send "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    local rest = c:read_all()
    local _, hellos = rest:gsub("hello\n", "")
    assert.equal(2, hellos)
    assert.equal(before + 1, origin:accepted "http")
    gost = front({ "http: {host: inner.test}" }, { metadata = "http.keepalive: false" })
    c = client.tcp(gost.ports[1]):send "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
    assert.matches("\r\nConnection: close\r\n", c:read_all())
  end)

  it("is chosen anew for each request when rules say which one it is", function()
    local other = support.origin { "http" }
    local gost = front({ "http: {host: one.test}, matcher: {rule: PathPrefix(`/headers`)}",
      "http: {host: two.test}, matcher: {rule: Host(`b.test`)}" },
      { addrs = { origin:addr "http", other:addr "http" } })
    local c = client.tcp(gost.ports[1]):send(
      "GET /headers HTTP/1.1\r\nHost: a.test\r\n\r\nGET /headerz HTTP/1.1\r\nHost: b.test\r\n\r\n"
        .. "GET /headerz HTTP/1.1\r\nHost: c.test\r\n\r\n")
    local text = c:read_all()
    assert.matches("Host: one.test", text)
    assert.equal(1, other:accepted "http")
    assert.matches("HTTP/1.1 404.*HTTP/1.1 502", text)
  end)

  it("fails by the statuses that it names, even in the middle of a connection", function()
    local other = support.origin { "http" }
    local gost = front({ "http: {failCodes: '429,5xx'}", "http: {host: x}" },
      { addrs = { origin:addr "http", other:addr "http" }, selector = "strategy: fifo, maxFails: 2, failTimeout: 1m" })
    local c = client.tcp(gost.ports[1])
    local function ask(path)
      c:send(("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path))
      local head = c:read_head()
      c:read(tonumber(head:lower():match "content%-length: (%d+)"))
      return head:match "^HTTP/1.1 (%d+)"
    end
    assert.equal("503", ask "/status/503")
    assert.equal("200", ask "/hello")
    assert.equal("429", ask "/status/429")
    assert.equal("500", ask "/status/500")
    gost:wait_log "node n1 is set aside after 2 failures"
    assert.equal(0, other:accepted "http")
    assert.equal("200", ask "/hello")
    assert.equal(1, other:accepted "http")
  end)

  it("may change the protocol: from then on bytes pass", function()
    local script = files.with("upgrade.lua", [[
      local socket = require "socket"
      local server = assert(socket.bind("127.0.0.1", 0))
      print("port " .. select(2, server:getsockname()) .. " ready")
      io.stdout:flush()
      local c = server:accept()
      repeat local line = c:receive() until line == ""
      c:send "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n"
      while true do
        local line = c:receive()
        if not line then break end
        c:send(line:upper() .. "\n")
      end
    ]])
    local server = support.start { "lua5.4", script }
    local port = server:wait_log "port (%d+) ready"
    local gost = front({ "http: {host: x, responseHeader: {X-No: '1'}}" }, { addrs = { "127.0.0.1:" .. port } })
    local c = client.tcp(gost.ports[1]):send "GET / HTTP/1.1\r\nHost: a\r\n"
    c:send "Connection: Upgrade\r\nUpgrade: shout\r\n\r\nfirst\n"
    local head = c:read_head()
    assert.matches("^HTTP/1.1 101", head)
    assert.is_nil(head:find("X-No", 1, true))
    assert.equal("FIRST\n", c:read(6))
    assert.equal("SECOND\n", c:send("second\n"):read(7))
  end)

  it("speaks TLS to its target, for whatever clients speak", function()
    local pki = support.pki()
    local cert = pki:cert { san = "DNS:inner.test" }
    local tls = support.gost { "-L", ("tcp+tls://127.0.0.1:0/%s?certFile=%s&keyFile=%s&rejectUnknownSNI=true"
      .. "&serverNames=inner.test"):format(origin:addr "http", cert.cert, cert.key),
      "-L", ("tcp+tls://127.0.0.1:0/%s?certFile=%s&keyFile=%s"):format(origin:addr "echo", cert.cert, cert.key) }
    local gost = front({ "tls: {serverName: inner.test}, http: {host: inner.test}" }, { addrs = { tls.addrs[1] } })
    assert.matches("hello\n$", get(gost).body)
    gost = front({ "tls: {serverName: inner.test}" }, { addrs = { tls.addrs[1] } })
    assert.matches("hello\n$", get(gost).body)
    gost = front({ "tls: {serverName: inner.test, options: {minVersion: VersionTLS13}}" },
      { addrs = { tls.addrs[2] }, metadata = "" })
    assert.equal("ping", client.tcp(gost.ports[1]):send("ping"):read(4))
    gost = front({ "tls: {serverName: inner.test, secure: true}" }, { addrs = { tls.addrs[1] } })
    assert.equal(503, get(gost).http_code)
    gost:wait_log "node n1 is set aside"
  end)

  it("is told of the client before TLS begins", function()
    local gate = support.gost { "-L", ("tcp+tls://127.0.0.1:0/%s?proxyProtocol=1"):format(origin:addr "echo") }
    local gost = front({ "tls: {serverName: x}" }, { addrs = { gate.addrs[1] }, metadata = "proxyProtocol: 2" })
    local c = client.tcp(gost.ports[1])
    assert.equal("ping", c:send("ping"):read(4))
    local _, port = c.sock:getsockname()
    c:close()
    gate:wait_log(('"client":"127.0.0.1:%d"'):format(port))
  end)

  it("wants patterns, headers and codes that make sense", function()
    for what, text in pairs {
      ["rewriteURL[0]"] = "http: {rewriteURL: [{match: '(', replacement: x}]}",
      ["is no header that can be set"] = "http: {requestHeader: {Content-Length: '5'}}",
      ["is no status"] = "http: {failCodes: 'often'}",
    } do
      local r = support.gost_run { "-C", files.with("wrong.yaml", ([[
services: [{name: s, addr: "127.0.0.1:0", handler: {type: tcp}, listener: {type: tcp},
  forwarder: {nodes: [{name: n, addr: "127.0.0.1:9", %s}]}}]
]]):format(text)) }
      assert.not_equal(0, r.status)
      assert.truthy(r.stderr:find(what, 1, true) or r.stdout:find(what, 1, true), r.stderr .. r.stdout)
    end
  end)
end)
