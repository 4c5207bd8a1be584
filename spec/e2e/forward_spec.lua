---Forwarding to one of several nodes: by what the client speaks, by rules, by turns.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files
local process = require "spec.support.process"

---A forwarding service at a free port.
---@param nodes string lines of YAML, each node begins with "- "
---@param options? {metadata?: string, selector?: string, more?: string, type?: string}
---@return support.Gost
local function forwarder(nodes, options)
  options = options or {}
  local lines = {
    "services:",
    "- name: front",
    "  addr: 127.0.0.1:0",
    ("  handler: {type: %s, metadata: {%s}}"):format(options.type or "tcp", options.metadata or "sniffing: true"),
    "  listener: {type: tcp}",
    "  forwarder:",
    ("    selector: {%s}"):format(options.selector or "strategy: fifo"),
    nodes ~= "" and "    nodes:" or "    nodes: []",
  }
  for line in nodes:gmatch "[^\n]+" do
    lines[#lines + 1] = "    " .. line
  end
  lines[#lines + 1] = options.more
  return support.gost { "-C", files.with("forward.yaml", table.concat(lines, "\n") .. "\n") }
end

---A page from the front under some host.
local function get(gost, host, path, ...)
  return support.curl { "-H", "Host: " .. host, ("http://127.0.0.1:%d%s"):format(gost.ports[1], path or "/hello"), ... }
end

---What comes back for these bytes, up to the end.
local function talk(gost, bytes)
  local c = client.tcp(gost.ports[1]):send(bytes)
  local answer = c:read_all()
  c:close()
  return answer
end

---Whether the front hangs up on these bytes without a word.
local function hangs_up(gost, bytes)
  local c = client.tcp(gost.ports[1]):send(bytes)
  local gone = c:gone()
  c:close()
  return gone
end

local REFUSED = "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

describe("Forwarding to several nodes", function()
  local a, b, kept

  ---How many connections the two origins had since the last question.
  local seen = { 0, 0 }
  local function news()
    local now = { a:accepted "http", b:accepted "http" }
    local text = ("%d %d"):format(now[1] - seen[1], now[2] - seen[2])
    seen = now
    return text
  end

  setup(function()
    a, b = support.origin { "http", "echo", "greet" }, support.origin { "http", "echo" }
    kept = { [a] = true, [b] = true }
  end)
  after_each(function()
    for _, p in ipairs { table.unpack(process.running()) } do
      if not kept[p] then p:stop() end
    end
  end)
  teardown(support.cleanup)

  it("goes by the Host of HTTP", function()
    local gost = forwarder(([[
- {name: a, addr: "%s", filter: {host: a.test}}
- {name: b, addr: "%s", host: .b.test}
]]):format(a:addr "http", b:addr "http"))
    assert.equal("hello\n", get(gost, "a.test").body)
    assert.equal("1 0", news())
    assert.equal("hello\n", get(gost, "A.Test:8080").body)
    assert.equal("1 0", news())
    assert.equal("hello\n", get(gost, "www.b.test").body)
    assert.equal("hello\n", get(gost, "b.test").body)
    assert.equal("0 2", news())
    assert.matches("host: www.b.test", get(gost, "www.b.test", "/headers").body:lower(), 1, true)
    assert.equal("0 1", news())
    assert.equal(502, get(gost, "xb.test").http_code)
    assert.equal(REFUSED:format "502 Bad Gateway", talk(gost, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"))
    assert.equal(REFUSED:format "502 Bad Gateway", talk(gost, "GET / HTTP/1.0\r\n\r\n"))
    assert.equal("0 0", news())
  end)

  it("stays with the node of the first request of a connection", function()
    local gost = forwarder(([[
- {name: a, addr: "%s", filter: {host: a.test}}
- {name: b, addr: "%s", filter: {host: b.test}}
]]):format(a:addr "http", b:addr "http"))
    local c = client.tcp(gost.ports[1]):send "GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n"
    c:read_head()
    assert.equal("hello\n", c:read(6))
    c:send "GET /hello HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n"
    assert.matches("hello\n$", c:read_all())
    c:close()
    assert.equal("1 0", news())
  end)

  it("takes the nodes of a named hop, and without any whom the client means", function()
    local gost = support.gost { listeners = 2, "-C", files.with("hop.yaml", ([[
services:
- {name: one, addr: "127.0.0.1:0", handler: {type: forward, metadata: {sniffing: true}}, forwarder: {hop: both}}
- {name: two, addr: "127.0.0.1:0", handler: {type: tcp, metadata: {sniffing: true}}}
hops:
- name: both
  nodes:
  - {name: a, addr: "%s", matcher: {rule: Host(`a.test`)}}
  - {name: b, addr: "%s", matcher: {rule: "!Host(`a.test`)"}}
]]):format(a:addr "http", b:addr "http")) }
    local answers = {}
    for i, port in ipairs(gost.ports) do
      answers[i] = support.curl { "-H", "Host: " .. b:addr "http", ("http://127.0.0.1:%d/hello"):format(port) }.body
    end
    assert.same({ "hello\n", "hello\n" }, answers)
    assert.equal("0 2", news())
  end)

  it("goes by the path, and answers 400 to what is no HTTP", function()
    local gost = forwarder(([[
- {name: a, addr: "%s", filter: {path: /bytes}}
- {name: b, addr: "%s", filter: {path: /status/}}
]]):format(a:addr "http", b:addr "http"))
    assert.is_true(support.pattern(300000) == get(gost, "x", "/bytes/300000").body)
    assert.equal(404, get(gost, "x", "/b%79tes/10?x=/status/").http_code) -- the origin reads it otherwise
    assert.equal("2 0", news())
    assert.equal(204, get(gost, "x", "/status/204").http_code)
    assert.equal("0 1", news())
    assert.equal(502, get(gost, "x", "/hello").http_code)
    assert.equal(REFUSED:format "400 Bad Request", talk(gost, "GET /bytes/1 HTTP/1.1\r\nHost: a b\r\n\r\n"))
    assert.equal("0 0", news())
  end)

  it("goes by rules and their priorities", function()
    local gost = forwarder(([[
- name: rest
  addr: "%s"
- name: api
  addr: "%s"
  matcher: {rule: "Host(`a.test`) && PathPrefix(`/status`) && !Method(`POST`)"}
- name: header
  addr: "%s"
  matcher: {rule: "Header(`X-Go`, `a`) || Query(`go`, `ge`, `5`)", priority: 500}
- name: never
  addr: "127.0.0.1:1"
  matcher: {rule: "ClientIP(`192.0.2.0/24`) || Proto(`ssh`) || PathRegexp(`^/no/[0-9]+$`)", priority: 1000}
]]):format(a:addr "http", b:addr "http", b:addr "http"))
    assert.equal(201, get(gost, "a.test", "/status/201").http_code)
    assert.equal("0 1", news())
    assert.equal(201, get(gost, "b.test", "/status/201").http_code)
    assert.equal("1 0", news())
    assert.equal(201, get(gost, "a.test", "/status/201", "-X", "POST").http_code)
    assert.equal("1 0", news())
    assert.equal("hello\n", get(gost, "b.test", "/hello", "-H", "x-go: a").body)
    assert.equal(404, get(gost, "b.test", "/nothing?go=17").http_code)
    assert.equal("0 2", news())
    assert.equal(404, get(gost, "b.test", "/nothing?go=4").http_code)
    assert.equal("1 0", news())
    assert.equal(503, get(gost, "a.test", "/no/12").http_code)
    assert.equal("0 0", news())
  end)

  it("goes by the name in TLS, and closes where no node fits", function()
    local pki = support.pki()
    local words = {}
    for i, name in ipairs { "a.test", "b.test" } do
      local cert = pki:cert { name = name, san = "DNS:" .. name }
      words[#words + 1] = "-L"
      words[#words + 1] = ("tcp+tls://127.0.0.1:0/%s?certFile=%s&keyFile=%s"):format(
        (i == 1 and a or b):addr "http", cert.cert, cert.key)
    end
    local backs = support.gost(words)
    local gost = forwarder(([[
- {name: a, addr: "127.0.0.1:%d", matcher: {rule: "Host(`a.test`) && Proto(`tls`)"}}
- {name: b, addr: "127.0.0.1:%d", filter: {host: "*.test", protocol: tls}, metadata: {backup: true}}
]]):format(backs.ports[1], backs.ports[2]))
    local function page(name)
      return support.curl { "--cacert", pki.ca, "--resolve", ("%s:%d:127.0.0.1"):format(name, gost.ports[1]),
        ("https://%s:%d/hello"):format(name, gost.ports[1]) }
    end
    assert.equal("hello\n", page("a.test").body)
    assert.equal("1 0", news())
    assert.equal("hello\n", page("b.test").body)
    assert.equal("0 1", news())
    assert.equal(0, page("other.example").http_code)
    local nameless = process.run { "openssl", "s_client", "-connect", "127.0.0.1:" .. gost.ports[1], "-noservername",
      input = "" }
    assert.not_equal(0, nameless.status)
    assert.equal("0 0", news())
  end)

  it("keeps ssh, redis, HTTP and the rest apart on one port", function()
    local sshd = support.sshd()
    local _, redis = support.redis()
    local gost = forwarder(([[
- {name: ssh, addr: "127.0.0.1:%d", protocol: ssh}
- {name: redis, addr: "127.0.0.1:%d", matcher: {rule: "Proto(`redis`)"}}
- {name: http, addr: "%s", matcher: {rule: "Proto(`http`)"}}
- {name: rest, addr: "%s", matcher: {rule: "!Proto(`http`) && !Proto(`redis`) && !Proto(`ssh`)"}}
]]):format(sshd.port, redis, a:addr "http", a:addr "echo"))
    local words = {}
    for _, word in ipairs(sshd.ssh) do words[#words + 1] = word end
    words[#words] = gost.ports[1] -- the port is the last of them
    words[#words + 1], words[#words + 2], words[#words + 3] = sshd.user .. "@127.0.0.1", "echo", "through"
    assert.equal("through\n", process.run(words).stdout)
    local c = client.tcp(gost.ports[1]):send "*1\r\n$4\r\nPING\r\n"
    assert.equal("+PONG\r\n", c:read(7))
    c:close()
    assert.equal("hello\n", get(gost, "x").body)
    assert.equal("1 0", news())
    c = client.tcp(gost.ports[1]):send "who are you?"
    assert.equal("who are you?", c:read(12))
    c:close()
  end)

  it("lets a server speak first", function()
    local gost = forwarder(('- {name: mail, addr: "%s"}'):format(a:addr "greet"))
    local c = client.tcp(gost.ports[1])
    assert.equal("220 hello\r\n", c:read(11))
    assert.equal("x", c:send("x"):read(1))
    c:close()
    c = client.tcp(gost.ports[1]):send "GE"
    assert.equal("220 hello\r\nGE", c:read(13))
    c:close()
  end)

  it("waits for what the client says as long as it is told", function()
    local gost = forwarder(([[
- {name: a, addr: "%s", filter: {host: a.test}}
]]):format(a:addr "http"), { metadata = "sniffing: true, sniffing.timeout: 0" })
    local c = client.tcp(gost.ports[1])
    for piece in ("GET /hello HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"):gmatch "..?" do
      c:send(piece)
    end
    assert.matches("hello\n$", c:read_all())
    c:close()
    assert.equal("1 0", news())
  end)

  it("takes whom the client means where a node has no address", function()
    local gost = forwarder("- {name: any, bypass: denied}", {
      more = "bypasses: [{name: denied, matchers: [127.0.0.2]}]",
    })
    assert.equal("hello\n", get(gost, a:addr "http").body)
    assert.equal("1 0", news())
    assert.equal("hello\n", get(gost, "localhost:" .. b.ports.http).body)
    assert.equal("0 1", news())
    assert.equal(502, get(gost, "127.0.0.2:" .. a.ports.http).http_code)
    assert.equal(503, get(gost, "127.0.0.1:" .. support.free_port()).http_code)
    assert.is_true(hangs_up(gost, "nothing of the kind"))
    assert.equal("0 0", news())
  end)

  it("skips a node for what its bypass names", function()
    local gost = forwarder(([[
- {name: a, addr: "%s", bypass: private}
- {name: b, addr: "%s"}
]]):format(a:addr "http", b:addr "http"), { more = "bypasses: [{name: private, matchers: ['*.private.test']}]" })
    assert.equal("hello\n", get(gost, "x.private.test").body)
    assert.equal("0 1", news())
    assert.equal("hello\n", get(gost, "public.test").body)
    assert.equal("1 0", news())
  end)

  it("tells a client of HTTP that the node cannot be reached", function()
    local gost = forwarder(('- {name: dead, addr: "127.0.0.1:%d"}'):format(support.free_port()))
    assert.equal(REFUSED:format "503 Service Unavailable", talk(gost, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert.is_true(hangs_up(gost, "SSH-2.0-x\r\n"))
  end)

  for _, type in ipairs { "tcp", "forward" } do
    it("takes turns, and leaves a dead node alone: " .. type, function()
      local gost = forwarder(([[
- {name: a, addr: "%s"}
- {name: dead, addr: "127.0.0.1:%d"}
- {name: b, addr: "%s"}
]]):format(a:addr "http", support.free_port(), b:addr "http"),
        { type = type, selector = "strategy: round, maxFails: 1, failTimeout: 60s" })
      local failed = 0
      for _ = 1, 9 do
        local code = get(gost, "x").http_code
        failed = failed + (code == 503 and 1 or 0)
        assert.is_true(code == 200 or code == 503)
      end
      assert.equal(1, failed)
      local first, second = news():match "(%d+) (%d+)"
      assert.equal(8, first + second)
      assert.is_true(math.abs(first - second) <= 2) -- the turn counts whatever is left
    end)

    it("prefers the first that lives: " .. type, function()
      local gost = forwarder(([[
- {name: dead, addr: "127.0.0.1:%d"}
- {name: a, addr: "%s"}
- {name: b, addr: "%s"}
]]):format(support.free_port(), a:addr "http", b:addr "http"),
        { type = type, metadata = "", selector = "strategy: fifo, maxFails: 1, failTimeout: 60s" })
      assert.equal(0, get(gost, "x").http_code) -- without sniffing there is nobody to apologize to
      for _ = 1, 4 do assert.equal("hello\n", get(gost, "x").body) end
      assert.equal("4 0", news())
    end)
  end
end)

describe("A node of a chain", function()
  teardown(support.cleanup)

  it("may be for some destinations only, by filter or by rule", function()
    local origin = support.origin { "http" }
    local back = support.gost { "-L", "http://127.0.0.1:0" }
    local gost = support.gost { "-C", files.with("chain.yaml", ([[
services:
- {name: front, addr: "127.0.0.1:0", handler: {type: http, chain: out}, listener: {type: tcp}}
chains:
- name: out
  hops:
  - name: hop
    nodes:
    - {name: dead, addr: "127.0.0.1:%d", filter: {host: .other.test}}
    - {name: live, addr: "127.0.0.1:%d", matcher: {rule: "Network(`tcp`) && (Host(`127.0.0.1`) || Host(`x`))"}}
]]):format(support.free_port(), back.ports[1])) }
    local function page(url)
      return support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], url }
    end
    assert.equal("hello\n", page(origin:url "/hello").body)
    assert.equal(503, page("http://a.other.test/").http_code)
    assert.equal(503, page("http://third.test/").http_code)
    gost:wait_log "no node fits the request"
  end)
end)

describe("Mistakes in rules", function()
  teardown(support.cleanup)

  it("are told with their place by -t", function()
    local path = files.with("rule.yaml", [[
services:
- name: front
  addr: 127.0.0.1:0
  handler: {type: tcp}
  listener: {type: tcp}
  forwarder:
    nodes:
    - name: a
      addr: 127.0.0.1:1
      matcher:
        rule: Host(`a`) && Hots(`b`)
]])
    local r = process.run { support.program(), "-t", "-C", path }
    assert.not_equal(0, r.status)
    assert.matches("rule.yaml:11:9: services[0].forwarder.nodes[0].matcher.rule: column 14: there is no function Hots",
      r.stdout .. r.stderr, 1, true)
  end)
end)
