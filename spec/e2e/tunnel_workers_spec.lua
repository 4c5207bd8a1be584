---Reverse tunnels where several workers serve them: a visitor goes over to the worker that has its tunnel's client.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

local A = "4d21094e-b74c-4916-86c1-d9fa36ea677b"
local B = "b0d0c9a4-3f6e-4c52-8a4d-1f0c5f6b7a90"
local VISITS = 24 -- each may be accepted by any of four workers

local function stop(...)
  for _, gost in ipairs { ... } do
    gost:kill "TERM"
    gost:wait(0.3)
    gost:stop()
  end
end

---@param more string   options of the tunnel service
---@param scheme? string
local function serve(more, scheme)
  return support.gost { "-D", "--workers", "4", "-L",
    ("%s://127.0.0.1:0?tunnel.direct=true&entrypoint=127.0.0.1:0%s"):format(scheme or "tunnel", more), listeners = 2 }
end

local function carry(server, id, target, more, scheme)
  local gost = support.gost { "--workers", "1", "-L", (more or "rtcp://:0/") .. target, "-F",
    ("%s://127.0.0.1:%d?tunnel.id=%s"):format(scheme or "tunnel", server.ports[1], id), listeners = 0 }
  gost:wait_log "over there"
  return gost
end

local function bytes_of(id)
  return (id:gsub("%-", ""):gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end
local function feature(kind, data) return string.char(kind) .. string.pack(">s2", data) end

---A visitor that speaks the tunnel protocol by itself.
local function visit(server, id)
  local body = feature(2, "\1\127\0\0\1\208\200") .. feature(2, "\3\6a.test\0\80") ..
    feature(3, bytes_of(id) .. "\0\0\0\0")
  return client.tcp(server.ports[1]):send("\1\1" .. string.pack(">s2", body))
end

---How many went over to another worker; not less than one of many visits.
local function moved(server, mark)
  return select(2, server:output(mark):gsub("client is at worker", ""))
end

local function get(port, host, path, more)
  local argv = { "--resolve", ("%s:%d:127.0.0.1"):format(host, port), ("http://%s:%d%s"):format(host, port, path) }
  for _, word in ipairs(more or {}) do argv[#argv + 1] = word end
  return support.curl(argv)
end

---The lines of visitors' ends.
local function ends(server, mark)
  local lines = {}
  for line in server:output(mark):gmatch "[^\n]+" do
    if line:find(" >< ", 1, true) and line:find("inputBytes", 1, true) then lines[#lines + 1] = line end
  end
  return lines
end

describe("A tunnel of several workers", function()
  local origin, pki
  setup(function() origin, pki = support.origin { "http", "echo", "greet" }, support.pki() end)
  teardown(support.cleanup)

  it("is reached whichever worker accepts a visitor, with its bytes counted and its line logged", function()
    local server = serve ""
    local one = carry(server, A, origin:addr "echo")
    local mark = server:mark()
    local words = ("0123456789"):rep(1000)
    for _ = 1, VISITS do
      local c = visit(server, A)
      assert.equal("\1\0\0\0", c:read(4))
      assert.equal(words, c:send(words):read(#words))
      c:reset() -- what ends a visitor at once, although smux has no half-close
    end
    support.eventually(function() return #ends(server, mark) == VISITS end)
    for _, line in ipairs(ends(server, mark)) do
      assert.matches('"inputBytes":10000', line, 1, true)
      assert.matches('"outputBytes":10000', line, 1, true)
      assert.matches('"host":"a.test:80"', line, 1, true)
    end
    assert.is_true(moved(server, mark) > 0)
    stop(one, server)
  end)

  it("takes visitors over in TLS, in both directions at length", function()
    local own = pki:cert()
    local server = serve(("&certFile=%s&keyFile=%s"):format(own.cert, own.key), "tunnel+tls")
    local one = carry(server, A, origin:addr "greet", nil, "tunnel+tls")
    local front = support.gost { "--workers", "1", "-L", "tcp://127.0.0.1:0/greet.test:25", "-F",
      ("tunnel+tls://127.0.0.1:%d?tunnel.id=%s"):format(server.ports[1], A) }
    local sent = ("0123456789abcdef"):rep(1 << 15)
    for _ = 1, VISITS do
      local c = client.tcp(front.ports[1])
      assert.equal("220 hello\r\n", c:read(11))
      c:send(sent)
      assert.is_true(sent == c:read(#sent))
      c:close()
    end
    assert.is_true(moved(server) > 0)
    stop(front, one, server)
  end)

  it("serves the requests of HTTP visitors, each by its host, and their uploads", function()
    local server = serve(("&entrypoint.keepalive=true&tunnel=a.test:%s,b.test:%s"):format(A, B))
    local one, two = carry(server, A, origin:addr "http"), carry(server, B, origin:addr "http")
    for _ = 1, VISITS // 2 do
      local c = client.tcp(server.ports[2])
      for _, host in ipairs { "a.test", "b.test", "b.test" } do
        c:send(("GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n"):format(host))
        assert.matches("^HTTP/1.1 200", c:read_head())
        assert.equal("hello\n", c:read(6))
      end
      c:close()
    end
    assert.is_true(support.pattern(3000000) == get(server.ports[2], "a.test", "/bytes/3000000").body)
    assert.is_true(moved(server) > 0)
    stop(one, two, server)
  end)

  it("leads TLS visitors by name", function()
    local server = serve(("&tunnel=localhost:%s"):format(A))
    local front, port = support.tls_front(pki:cert(), origin:addr "http")
    local one = carry(server, A, "127.0.0.1:" .. port)
    for _ = 1, VISITS // 2 do
      local r = support.curl { "--cacert", pki.ca, "--resolve", ("localhost:%d:127.0.0.1"):format(server.ports[2]),
        ("https://localhost:%d/hello"):format(server.ports[2]) }
      assert.equal("hello\n", r.body, r.stderr)
    end
    assert.is_true(moved(server) > 0)
    stop(one, server)
    front:stop()
  end)

  it("shares visitors by weight over the clients of all workers; 255 means all", function()
    local server = serve(("&tunnel=a.test:%s"):format(A))
    local second = support.origin { "http" }
    local carriers = {}
    for i = 1, 4 do carriers[i] = carry(server, A, origin:addr "http") end
    local mark = origin:mark()
    for _ = 1, 8 do assert.equal(200, get(server.ports[2], "a.test", "/hello").http_code) end
    assert.equal(8, select(2, origin:output(mark):gsub("GET /hello", "")))
    local only = support.gost { "-L", "rtcp://:0/" .. second:addr "http", "-F",
      ("tunnel://127.0.0.1:%d?tunnel.id=%s&tunnel.weight=255"):format(server.ports[1], A), listeners = 0 }
    only:wait_log "over there"
    mark = second:mark()
    for _ = 1, 8 do assert.equal(200, get(server.ports[2], "a.test", "/hello").http_code) end
    assert.equal(8, select(2, second:output(mark):gsub("GET /hello", "")))
    stop(only, table.unpack(carriers))
    stop(server)
    second:stop()
  end)


  local SCRIPT = [[
local gost = require "gost"
gost.service {
  name = "tunnels", addr = "127.0.0.1:0", handler = "tunnel", ["tunnel.direct"] = true,
  %s
  on = {
    close = function(conn, stats)
      if conn.target then
        gost.sleep(0.01)
        gost.log.info(("closed %%d %%d"):format(stats.bytes_in, stats.bytes_out))
      end
    end,
    %s
  },
}
]]

  local function script(option, hook)
    return support.gost_config(SCRIPT:format(option, hook or ""), { args = { "--workers", "4" } })
  end

  it("holds connection limits over all workers", function()
    local server = support.gost_config([[
services:
- name: tunnels
  addr: 127.0.0.1:0
  climiter: few
  handler: { type: tunnel, metadata: { tunnel.direct: true } }
  listener: { type: tcp }
climiters: [ { name: few, limits: [ "$ 3" ] } ]
]], { ext = "yml", args = { "-D", "--workers", "4" } })
    local one = carry(server, A, origin:addr "echo") -- is one of three
    local function admitted()
      local c
      support.eventually(function()
        c = visit(server, A)
        return pcall(c.read, c, 4)
      end)
      return c
    end
    for _ = 1, VISITS // 3 do
      local c, d = admitted(), admitted()
      assert.is_true(visit(server, A):gone())
      assert.equal("hello", c:send("hello"):read(5))
      c:reset()
      d:reset()
    end
    assert.is_true(moved(server) > 0)
    stop(one, server)
  end)

  it("calls close hooks where the visitor was accepted", function()
    local server = script("", "")
    local one = carry(server, A, origin:addr "echo")
    for _ = 1, VISITS // 2 do
      local c = visit(server, A)
      assert.equal("\1\0\0\0", c:read(4))
      assert.equal("hello", c:send("hello"):read(5))
      c:reset()
    end
    support.eventually(function() return select(2, server:output():gsub("closed 5 5", "")) == VISITS // 2 end)
    stop(one, server)
  end)

  it("holds limits of traffic, and shows bytes to stream hooks", function()
    for option, hook in pairs {
      ['limiter = { limits = { "$$ 100KB 100KB" } },'] = "",
      [""] = "stream = function(_, _, bytes) return bytes:upper() end",
    } do
      local server = script(option, hook)
      local one = carry(server, A, origin:addr "echo")
      local sent = ("x"):rep(30000)
      for _ = 1, 8 do
        local c = visit(server, A)
        assert.equal("\1\0\0\0", c:read(4))
        local began = support.now()
        c:send(sent)
        assert.equal(hook == "" and sent or sent:upper(), c:read(#sent))
        if option ~= "" then assert.is_true(support.now() - began < 5) end
        c:reset()
      end
      support.eventually(function() return select(2, server:output():gsub("closed 30000 30000", "")) == 8 end)
      stop(one, server)
    end
  end)

  it("ends visitors when their client, or its whole host, is killed, and a worker's when the server ends", function()
    local server = serve ""
    for _ = 1, 3 do
      local one = carry(server, A, origin:addr "echo")
      local visitors = {}
      for i = 1, VISITS // 2 do
        visitors[i] = visit(server, A)
        visitors[i]:read(4)
        visitors[i]:send(("x"):rep(100000))
      end
      one:terminate()
      for _, c in ipairs(visitors) do assert.is_true(c:gone()) end
      support.eventually(function() return visit(server, A):read_all() == "\1\5\0\0" end)
    end
    local one = carry(server, A, origin:addr "echo")
    local visitors = {}
    for i = 1, VISITS do
      visitors[i] = visit(server, A)
      assert.equal("\1\0\0\0", visitors[i]:read(4))
      assert.equal("x", visitors[i]:send("x"):read(1))
    end
    stop(server)
    for _, c in ipairs(visitors) do assert.is_true(c:gone()) end
    stop(one)
  end)

  it("keeps visitors through reloads, and takes new ones over meanwhile", function()
    local text = [[
services:
- name: tunnels
  addr: 127.0.0.1:%d
  handler: { type: tunnel, metadata: { tunnel.direct: true, readTimeout: %ds } }
  listener: { type: tcp }
]]
    local at = support.free_port()
    local path = files.with("tunnel.yml", text:format(at, 10))
    local server = support.gost { "-D", "--workers", "4", "-C", path }
    local one = carry(server, A, origin:addr "echo")
    local visitors = {}
    for round = 1, 6 do
      files.write(path, text:format(at, 10 + round))
      server:kill "HUP"
      for _ = 1, VISITS // 4 do
        local c = visit(server, A)
        assert.equal("\1\0\0\0", c:read(4))
        visitors[#visitors + 1] = c
      end
      for _, c in ipairs(visitors) do assert.equal("hello", c:send("hello"):read(5)) end
    end
    for _, c in ipairs(visitors) do c:reset() end
    support.eventually(function() return #ends(server) == #visitors end)
    assert.is_true(moved(server) > 0)
    stop(one, server)
  end)

  it("belongs to the user who registered it first, unless it is to be shared", function()
    for _, shared in ipairs { false, true } do
      local server = support.gost_config(([[
services:
- name: tunnels
  addr: 127.0.0.1:0
  handler: { type: tunnel, auther: users, metadata: { tunnel.direct: true, tunnel.shared: %s } }
  listener: { type: tcp }
authers:
- name: users
  auths: [ { username: ann, password: secret }, { username: bob, password: hunter2 } ]
]]):format(shared), { ext = "yml", args = { "--workers", "3" } })
      local function try(user, words)
        local gost = support.gost { "--workers", "1", "-L", "rtcp://:0/" .. origin:addr "echo", "-F",
          ("tunnel://%s@127.0.0.1:%d?tunnel.id=%s"):format(user, server.ports[1], A), listeners = 0 }
        gost:wait_log(words)
        return gost
      end
      local ann, again = try("ann:secret", "over there"), try("ann:secret", "over there")
      local bob = try("bob:hunter2", shared and "over there" or "forbidden[^\n]*again in")
      if not shared then server:wait_log "the tunnel is another client's" end
      stop(ann, again)
      bob:wait_log "over there"
      stop(bob, server)
    end
  end)

  it("carries datagrams whichever worker accepts them", function()
    local server = serve ""
    local one = carry(server, A, origin:addr "echo", "rudp://:0/")
    local body = feature(2, "\1\127\0\0\1\208\200") .. feature(2, "\3\6a.test\0\80") ..
      feature(3, bytes_of(A) .. "\0\0\0\0")
    for _ = 1, VISITS do
      local c = client.tcp(server.ports[1]):send("\1\x81" .. string.pack(">s2", body))
      assert.equal("\1\0\0\0", c:read(4))
      assert.equal("\0\5hello", c:send("\0\5hello"):read(7))
      c:close()
    end
    assert.is_true(moved(server) > 0)
    stop(one, server)
  end)
end)
