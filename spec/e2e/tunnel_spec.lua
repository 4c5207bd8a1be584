---Reverse tunnels by ID: clients that carry them, visitors at the public entry, visitors with a connector of their
---own, and the bytes that GOST 3.3 exchanges.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

local A = "4d21094e-b74c-4916-86c1-d9fa36ea677b"
local B = "b0d0c9a4-3f6e-4c52-8a4d-1f0c5f6b7a90"
local OTHER = "11111111-2222-4333-8444-555555555555"

---Ends it without waiting for connections that are being kept.
local function stop(...)
  for _, gost in ipairs { ... } do
    gost:kill "TERM"
    gost:wait(0.3)
    gost:stop()
  end
end

---A server with a public entry: its ports are that of the service, then that of the entry.
local function serve(more, port, entry)
  return support.gost { "-L", ("tunnel://127.0.0.1:%d?entrypoint=127.0.0.1:%d%s"):format(port or 0, entry or 0, more),
    listeners = 2 }
end

---@return support.Gost
local function carry(server, id, target, more)
  local gost = support.gost { "-L", "rtcp://:0/" .. target, "-F",
    ("tunnel://127.0.0.1:%d?tunnel.id=%s%s"):format(server.ports[1], id, more or ""), listeners = 0 }
  gost:wait_log "over there"
  return gost
end

local function get(port, host, path)
  return support.curl { "--resolve", ("%s:%d:127.0.0.1"):format(host, port),
    ("http://%s:%d%s"):format(host, port, path or "/hello") }
end

describe("The public entry of tunnels", function()
  local origin, pki
  setup(function() origin, pki = support.origin { "http", "echo", "greet" }, support.pki() end)
  teardown(support.cleanup)

  it("leads by Host, with exact rules and those for zones", function()
    local server = serve(("&tunnel=a.test:%s,*.b.test:%s,.c.test:%s"):format(A, A, A))
    local one = carry(server, A, origin:addr "http")
    for _, host in ipairs { "a.test", "A.TEST", "b.test", "x.b.test", "x.y.c.test" } do
      local r = get(server.ports[2], host)
      assert.equal("hello\n", r.body, host .. r.stderr)
    end
    for _, host in ipairs { "x.a.test", "d.test", "ab.test" } do
      assert.equal(502, get(server.ports[2], host).http_code, host)
    end
    assert.is_true(support.pattern(3000000) == get(server.ports[2], "a.test", "/bytes/3000000").body)
    stop(one, server)
  end)

  it("tells a missing rule, a private tunnel and an absent client apart from a service", function()
    local server = serve(("&tunnel=a.test:%s,private.test:$%s,absent.test:%s"):format(A, A, B))
    local one = carry(server, A, origin:addr "http")
    assert.equal(200, get(server.ports[2], "a.test").http_code)
    assert.equal(502, get(server.ports[2], "private.test").http_code)
    assert.equal(502, get(server.ports[2], "other.test").http_code)
    assert.equal(503, get(server.ports[2], "absent.test").http_code)
    stop(one)
    support.eventually(function() return get(server.ports[2], "a.test").http_code == 503 end)
    stop(server)
  end)

  it("looks at every request of a connection", function()
    for _, keep in ipairs { "", "&entrypoint.keepalive=true" } do
      local server = serve(("&tunnel=a.test:%s,b.test:%s"):format(A, B) .. keep)
      local second = support.origin { "http" }
      local one, two = carry(server, A, origin:addr "http"), carry(server, B, second:addr "http")
      local first_mark, second_mark = origin:mark(), second:mark()
      local c = client.tcp(server.ports[2])
      for _, host in ipairs { "a.test", "a.test", "b.test", "a.test" } do
        c:send(("GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n"):format(host))
        assert.matches("^HTTP/1.1 200", c:read_head())
        assert.equal("hello\n", c:read(6))
      end
      c:send "GET /hello HTTP/1.1\r\nHost: c.test\r\n\r\n"
      assert.matches("^HTTP/1.1 502", c:read_head())
      assert.equal(3, select(2, origin:output(first_mark):gsub("GET /hello", "")))
      assert.equal(1, select(2, second:output(second_mark):gsub("GET /hello", "")))
      stop(one, two, server)
      second:stop()
    end
  end)

  it("leads TLS clients by the name of the server, untouched", function()
    local server = serve(("&tunnel=localhost:%s,private.test:$%s"):format(A, A))
    local front, port = support.tls_front(pki:cert(), origin:addr "http")
    local one = carry(server, A, "127.0.0.1:" .. port)
    local function ask(host)
      return support.curl { "--cacert", pki.ca, "--resolve", ("%s:%d:127.0.0.1"):format(host, server.ports[2]),
        ("https://%s:%d/hello"):format(host, server.ports[2]) }
    end
    local r = ask "localhost"
    assert.equal("hello\n", r.body, r.stderr)
    for _, host in ipairs { "private.test", "other.test" } do
      assert.is_true(ask(host).status ~= 0, host)
    end
    stop(one, server)
    front:stop()
  end)

  it("is no proxy, and says nothing to other protocols", function()
    local server = serve(("&tunnel=a.test:%s"):format(A))
    local one = carry(server, A, origin:addr "http")
    local c = client.tcp(server.ports[2]):send "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n"
    assert.matches("^HTTP/1.1 403", c:read_head())
    for _, bytes in ipairs { "\1\1\0\0", "\5\1\0", "nonsense\r\n\r\n" } do
      c = client.tcp(server.ports[2]):send(bytes)
      assert.is_true(c:gone())
    end
    stop(one, server)
  end)

  it("may be several, each with an ingress of its own; rules come from lists, files and functions", function()
    local rules = files.with("rules.txt", "# host  tunnel\nfile.test   " .. A .. "   # a comment\n")
    local server = support.gost_config(([[
services:
- name: tunnels
  addr: 127.0.0.1:0
  handler:
    type: tunnel
    metadata:
      entrypoint: 127.0.0.1:0
      ingress: list
      entrypoints:
      - addr: 127.0.0.1:0
        ingress: file
      - addr: 127.0.0.1:0
        ingress: script
  listener: { type: tcp }
ingresses:
- name: list
  rules:
  - { hostname: list.test, endpoint: %s }
- name: file
  file: { path: %s }
- name: script
  lua: |
    return function(conn, host)
      gost.sleep(0.01)
      if host == "script.test" then return "%s" end
      if host == "broken.test" then return "no id" end
    end
]]):format(A, rules, A), { ext = "yml", listeners = 4 })
    local one = carry(server, A, origin:addr "http")
    for i, host in ipairs { "list.test", "file.test", "script.test" } do
      for entry = 1, 3 do
        local code = get(server.ports[1 + entry], host).http_code
        assert.equal(entry == i and 200 or 502, code, host .. " at " .. entry .. server:output())
      end
    end
    assert.is_true(get(server.ports[4], "broken.test").http_code >= 500)
    stop(one, server)
  end)

  it("takes PROXY headers where it is told to", function()
    local server = serve(("&tunnel=a.test:%s&entrypoint.ProxyProtocol=1"):format(A))
    local one = carry(server, A, origin:addr "http")
    local c = client.tcp(server.ports[2])
    c:send "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\nGET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n"
    assert.matches("^HTTP/1.1 200", c:read_head())
    one:wait_log "192.0.2.7:4711"
    stop(one, server)
  end)
end)

describe("A visitor with a connector of its own", function()
  local origin
  setup(function() origin = support.origin { "http", "echo", "greet" } end)
  teardown(support.cleanup)

  ---@param words? string what the log is to say
  local function visit(server, id, host, words)
    local front = support.gost { "-L", "http://127.0.0.1:0", "-F",
      ("tunnel://127.0.0.1:%d?tunnel.id=%s"):format(server.ports[1], id) }
    local r = support.curl { "-x", "http://127.0.0.1:" .. front.ports[1], ("http://%s/hello"):format(host) }
    if words then front:wait_log(words) end
    stop(front)
    return r.http_code
  end

  it("reaches the hosts of its tunnel, private ones too, and no others", function()
    local server = serve(("&tunnel=a.test:%s,private.test:$%s,b.test:%s"):format(A, A, B))
    local one = carry(server, A, origin:addr "http")
    assert.equal(200, visit(server, A, "a.test"))
    assert.equal(200, visit(server, A, "private.test"))
    for _, case in ipairs { { A, "b.test" }, { A, "unknown.test" }, { OTHER, "a.test" }, { B, "a.test" } } do
      assert.is_true(visit(server, case[1], case[2], "host unreachable") >= 500)
    end
    visit(server, B, "b.test", "service unavailable")
    stop(one, server)
  end)

  it("needs no rule with tunnel.direct", function()
    local server = serve "&tunnel.direct=true"
    local one = carry(server, A, origin:addr "http")
    assert.equal(200, visit(server, A, "whatever.test"))
    assert.is_true(visit(server, OTHER, "whatever.test") >= 500)
    assert.equal(502, get(server.ports[2], "whatever.test").http_code)
    stop(one, server)
  end)

  it("is one of the public with the entry's ID", function()
    local server = serve(("&entrypoint.id=%s&tunnel=a.test:%s,private.test:$%s"):format(OTHER, A, A))
    local one = carry(server, A, origin:addr "http")
    assert.equal(200, visit(server, OTHER, "a.test"))
    visit(server, OTHER, "private.test", "host unreachable")
    visit(server, OTHER, "unknown.test", "network unreachable")
    stop(one, server)
  end)

  it("may be a port with a server that speaks first behind it", function()
    local server = serve(("&tunnel=greet.test:%s"):format(A))
    local one = carry(server, A, origin:addr "greet")
    local front = support.gost { "-L", "tcp://127.0.0.1:0/greet.test:25", "-F",
      ("tunnel://127.0.0.1:%d?tunnel.id=%s"):format(server.ports[1], A) }
    local c = client.tcp(front.ports[1])
    assert.equal("220 hello\r\n", c:read(11))
    local sent = ("0123456789abcdef"):rep(1 << 16)
    c:send(sent)
    assert.is_true(sent == c:read(#sent))
    stop(front, one, server)
  end)
end)

describe("A tunnel", function()
  local origin
  setup(function() origin = support.origin { "http" } end)
  teardown(support.cleanup)

  ---How many of so many visits each origin got.
  local function spread(server, origins, count)
    local marks, got = {}, {}
    for i, one in ipairs(origins) do marks[i] = one:mark() end
    for _ = 1, count do
      assert.equal(200, get(server.ports[2], "a.test").http_code)
    end
    for i, one in ipairs(origins) do got[i] = select(2, one:output(marks[i]):gsub("GET /hello", "")) end
    return table.unpack(got)
  end

  it("is shared by its clients by weight; the others go on when one ends", function()
    local server = serve(("&tunnel=a.test:%s"):format(A))
    local second = support.origin { "http" }
    local one = carry(server, A, origin:addr "http", "&tunnel.weight=1")
    local two = carry(server, A, second:addr "http", "&tunnel.weight=9")
    local a, b = spread(server, { origin, second }, 60)
    assert.equal(60, a + b)
    assert.is_true(a >= 1 and b > a, a .. " " .. b)
    two:terminate()
    support.eventually(function() return (spread(server, { origin, second }, 4)) == 4 end)
    two = carry(server, A, second:addr "http", "&tunnel.weight=255")
    a, b = spread(server, { origin, second }, 10)
    assert.equal(0, a)
    assert.equal(10, b)
    stop(one, two, server)
    second:stop()
  end)

  it("is back by itself after the server was killed", function()
    local rules = ("&tunnel=a.test:%s"):format(A)
    local server = serve(rules)
    local at, entry = server.ports[1], server.ports[2]
    local one = carry(server, A, origin:addr "http")
    assert.equal(200, get(entry, "a.test").http_code)
    server:terminate()
    one:wait_log "again in"
    server = serve(rules, at, entry)
    support.eventually(function() return get(entry, "a.test").http_code == 200 end, 4)
    stop(one, server)
  end)

  it("wants the right credentials", function()
    local server = support.gost { "-L", "tunnel://u:secret@127.0.0.1:0?entrypoint=127.0.0.1:0&tunnel=a.test:" .. A,
      listeners = 2 }
    local function try(auth)
      return support.gost { "-L", "rtcp://:0/" .. origin:addr "http", "-F",
        ("tunnel://%s127.0.0.1:%d?tunnel.id=%s"):format(auth, server.ports[1], A), listeners = 0 }
    end
    for _, auth in ipairs { "", "u:wrong@" } do
      local bad = try(auth)
      bad:wait_log "unauthorized[^\n]*again in"
      stop(bad)
    end
    local good = try "u:secret@"
    good:wait_log "over there"
    assert.equal(200, get(server.ports[2], "a.test").http_code)
    stop(good, server)
  end)

  it("outlives a reload, and new rules hold at once", function()
    local text = [[
services:
- name: tunnels
  addr: 127.0.0.1:%d
  handler: { type: tunnel, metadata: { entrypoint: "127.0.0.1:%d", ingress: rules } }
  listener: { type: tcp }
ingresses:
- name: rules
  rules: [ { hostname: %s, endpoint: %s } ]
]]
    local at, entry = support.free_port(), support.free_port()
    local path = files.with("tunnel.yml", text:format(at, entry, "a.test", A))
    local server = support.gost { "-C", path, listeners = 2 }
    local one = carry(server, A, origin:addr "http")
    assert.equal(200, get(entry, "a.test").http_code)
    files.write(path, text:format(at, entry, "b.test", A))
    server:kill "HUP"
    support.eventually(function() return get(entry, "b.test").http_code == 200 end)
    assert.equal(502, get(entry, "a.test").http_code)
    assert.is_nil(one:output():find("again in", 1, true))
    stop(one, server)
  end)

  it("works with several workers, over other transports, and two services apart from each other", function()
    local server = support.gost { "--workers", "3",
      "-L", "tunnel+mtls://127.0.0.1:0?entrypoint=127.0.0.1:0&tunnel=a.test:" .. A,
      "-L", "tunnel://127.0.0.1:0?entrypoint=127.0.0.1:0&tunnel=a.test:" .. A, listeners = 4 }
    local one = support.gost { "--workers", "3", "-L", "rtcp://:0/" .. origin:addr "http", "-F",
      ("tunnel+mtls://127.0.0.1:%d?tunnel.id=%s"):format(server.ports[1], A), listeners = 0 }
    one:wait_log "over there"
    for _ = 1, 10 do
      assert.equal(200, get(server.ports[2], "a.test").http_code)
    end
    assert.equal(503, get(server.ports[4], "a.test").http_code)
    assert.equal(1, select(2, server:output():gsub("carries tunnel", "")))
    stop(one, server)
  end)

  it("is refused with words when its options are wrong", function()
    for words, argv in pairs {
      ["tunnel.id"] = { "-L", "rtcp://:0/127.0.0.1:1", "-F", "tunnel://127.0.0.1:1?tunnel.id=abc" },
      ["no tunnel"] = { "-L", "tunnel://127.0.0.1:0?tunnel=a.test:abc" },
      ["entrypoint.id"] = { "-L", "tunnel://127.0.0.1:0?entrypoint.id=abc" },
    } do
      local r = support.gost_run(argv)
      assert.is_true(r.status ~= 0)
      assert.matches(words, r.stderr .. r.stdout, 1, true)
    end
  end)
end)

describe("examples/tunnel.lua", function()
  teardown(support.cleanup)

  it("gives each user a host", function()
    local origin = support.origin { "http" }
    local server = support.gost { "examples/tunnel.lua", listeners = 2,
      env = { GOST_ADDR = "127.0.0.1:0", GOST_ENTRY = "127.0.0.1:0" } }
    local ann = support.gost { "-L", "rtcp://:0/" .. origin:addr "http", "-F",
      ("tunnel://ann:secret@127.0.0.1:%d?tunnel.id=%s"):format(server.ports[1], A), listeners = 0 }
    ann:wait_log "over there"
    local r = get(server.ports[2], "ann.example.org")
    assert.equal("hello\n", r.body, r.stderr .. server:output())
    assert.equal(503, get(server.ports[2], "bob.example.org").http_code)
    assert.equal(502, get(server.ports[2], "eve.example.org").http_code)
    stop(ann, server)
  end)
end)

describe("On the wire, a tunnel", function()
  local ID = "\0\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15"
  local UUID = "00010203-0405-0607-0809-0a0b0c0d0e0f"
  local server
  setup(function() server = serve(("&tunnel=a.test:%s"):format(UUID)) end)
  teardown(support.cleanup)

  local function message(code, features)
    return "\1" .. string.char(code) .. string.pack(">s2", features)
  end
  local function feature(kind, data) return string.char(kind) .. string.pack(">s2", data) end
  local SOURCE = feature(2, "\1\127\0\0\1\208\200")
  local ANYWHERE = feature(2, "\1\0\0\0\0\0\0")
  local TUNNEL = feature(3, ID .. "\0\0\0\7")

  it("is registered as by GOST, and brings visitors in its form", function()
    local c = client.tcp(server.ports[1]):send(message(2, SOURCE .. ANYWHERE .. TUNNEL))
    assert.equal("\1\0\0\x2e", c:read(4))
    local answer = c:read(0x2e)
    assert.equal(feature(2, "\3\16" .. "unknown-endpoint" .. "\0\0"):sub(1, 5), answer:sub(1, 5))
    assert.equal("1a03f12fda586aff\0\0", answer:sub(6, 23))
    assert.equal("\3\0\x14", answer:sub(24, 26))
    assert.equal("\0\0\0\7", answer:sub(43, 46))
    local visitor = client.tcp(server.ports[2]):send "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
    local _, port = visitor.sock:getsockname()
    local function frame() -- of smux 2; NOP is a sign of life, and may come at any time
      local command, length, stream
      repeat command, length, stream = string.unpack("<I2I2I4", c:read(8)) until command ~= 0x0302
      return command, stream, c:read(length)
    end
    local command, stream = frame()
    assert.equal(0x0002, command) -- SYN
    local body = ""
    while #body < 0x1b + 10 do
      local kind, of, bytes = frame()
      assert.equal(0x0202, kind) -- PSH
      assert.equal(stream, of)
      body = body .. bytes
    end
    local announced = message(0, feature(2, "\1\127\0\0\1" .. string.pack(">I2", math.tointeger(port))) ..
      feature(2, "\3\6a.test" .. string.pack(">I2", 80)))
    assert.equal(announced, body:sub(1, #announced))
    assert.matches("^GET / HTTP/1.1\r\n", body:sub(#announced + 1))
    c:close()
    assert.is_true(visitor:gone())
  end)

  for what, case in pairs {
    ["without an ID"] = { message(2, SOURCE .. ANYWHERE), 1 },
    ["with an ID of zeros"] = { message(2, SOURCE .. ANYWHERE .. feature(3, ("\0"):rep(20))), 1 },
    ["with an unknown command"] = { message(3, SOURCE .. ANYWHERE .. TUNNEL), 1 },
    ["for a host without a rule"] = { message(1, SOURCE .. feature(2, "\3\6b.test\0\80") .. TUNNEL), 6 },
    ["for a tunnel without clients"] = { message(1, SOURCE .. feature(2, "\3\6a.test\0\80") .. TUNNEL), 5 },
  } do
    it("is refused " .. what, function()
      local c = client.tcp(server.ports[1]):send(case[1])
      assert.equal("\1" .. string.char(case[2]) .. "\0\0", c:read_all())
    end)
  end

  it("is not heard of with a short ID", function()
    local c = client.tcp(server.ports[1]):send(message(2, SOURCE .. ANYWHERE .. feature(3, ID)))
    assert.is_true(c:gone())
  end)
end)
