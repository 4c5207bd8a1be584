---Reverse tunnels on several hosts: service discovery, and visitors that are passed on.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

local A = "4d21094e-b74c-4916-86c1-d9fa36ea677b"
local B = "b0d0c9a4-3f6e-4c52-8a4d-1f0c5f6b7a90"
local NODE = "11111111-2222-4333-8444-555555555555"

local function stop(...)
  for _, gost in ipairs { ... } do
    gost:kill "TERM"
    gost:wait(0.3)
    gost:stop()
  end
end

local HOST = [[
services:
- name: tunnels
  addr: 127.0.0.1:0
  handler:
    type: tunnel
    auther: users
    metadata:
      entrypoint: "%s:%d"
      tunnel: [ "a.test:%s", "localhost:%s", "private.test:$%s", "b.test:%s" ]
      tunnel.ttl: 1s
      sd.proxyProtocol: 1
      entrypoint.ProxyProtocol: 1
      sd: hosts
  listener: { type: tcp }
authers:
- name: users
  auths: [ { username: ann, password: secret } ]
sds:
- name: hosts
  %s
]]

---@param entry? string  host of the entry
---@return support.Gost gost  ports: of the service, of the entry
local function host(sd, entry)
  local text = HOST:format(entry or "127.0.0.1", support.free_port(), A, A, A, B, sd)
  return support.gost_config(text, { ext = "yml", listeners = 2, args = { "--workers", "2" } })
end

local function carry(server, id, target, listener)
  local gost = support.gost { "--workers", "1", "-L", (listener or "rtcp://:0/") .. target, "-F",
    ("tunnel://ann:secret@127.0.0.1:%d?tunnel.id=%s"):format(server.ports[1], id), listeners = 0 }
  gost:wait_log "over there"
  return gost
end

local function get(port, name, path)
  return support.curl { "--resolve", ("%s:%d:127.0.0.1"):format(name, port),
    ("http://%s:%d%s"):format(name, port, path or "/hello") }
end

describe("Two hosts that share a Redis", function()
  local origin, pki, redis_port, one, two, inline
  setup(function()
    origin, pki = support.origin { "http", "echo", "greet" }, support.pki()
    local _
    _, redis_port = support.redis()
    inline = ("redis: { addr: '127.0.0.1:%d', key: spec }"):format(redis_port)
    one, two = host(inline), host(inline)
  end)
  teardown(function()
    stop(one, two)
    support.cleanup()
  end)

  local function redis(...)
    return support.check { "redis-cli", "-p", tostring(redis_port), ... }
  end

  local function told(id)
    support.eventually(function() return redis("hlen", "spec:" .. id):find "[1-9]" end)
  end

  it("serve as one: HTTP, TLS, and connectors, with credentials and private tunnels", function()
    local front, port = support.tls_front(pki:cert(), origin:addr "http")
    local web = carry(one, A, origin:addr "http")
    told(A)
    for _, server in ipairs { one, two } do
      for _ = 1, 4 do assert.equal("hello\n", get(server.ports[2], "a.test").body) end
      local c = client.tcp(server.ports[2]):send("GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n")
      assert.matches("^HTTP/1.1 200", c:read_head())
      local _, from = c.sock:getsockname()
      web:wait_log(("127.0.0.1:%d ><"):format(from)) -- the visitor, not the host that passed it on
      c:close()
      assert.is_true(support.pattern(3000000) == get(server.ports[2], "a.test", "/bytes/3000000").body)
      assert.equal(502, get(server.ports[2], "private.test").http_code)
      assert.equal(503, get(server.ports[2], "b.test").http_code)
      local visitor = support.gost { "--workers", "1", "-L", "http://127.0.0.1:0", "-F",
        ("tunnel://ann:secret@127.0.0.1:%d?tunnel.id=%s"):format(server.ports[1], A) }
      for _, name in ipairs { "a.test", "private.test" } do
        local r = support.curl { "-x", "http://127.0.0.1:" .. visitor.ports[1], ("http://%s/hello"):format(name) }
        assert.equal("hello\n", r.body, r.stderr .. server:output())
      end
      stop(visitor)
    end
    stop(web)
    support.eventually(function() return redis("hlen", "spec:" .. A):find "^0" end)
    local secure = carry(two, A, "127.0.0.1:" .. port)
    told(A)
    for _, server in ipairs { one, two } do
      local r = support.curl { "--cacert", pki.ca, "--resolve", ("localhost:%d:127.0.0.1"):format(server.ports[2]),
        ("https://localhost:%d/hello"):format(server.ports[2]) }
      assert.equal("hello\n", r.body, r.stderr)
    end
    stop(secure)
    front:stop()
  end)

  it("let in at their entries who knows a user of the tunnel service, and nobody else", function()
    local web = carry(one, A, origin:addr "echo")
    told(A)
    local id = A:gsub("%-", ""):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)
    local function feature(kind, data) return string.char(kind) .. string.pack(">s2", data) end
    local function ask(server, auth, command)
      local body = auth .. feature(2, "\1\127\0\0\1\208\200") .. feature(2, "\3\6a.test\0\80") ..
        feature(3, id .. "\0\0\0\0")
      return client.tcp(server.ports[2]):send("\1" .. string.char(command) .. string.pack(">s2", body))
    end
    local ann = feature(1, "\3ann\6secret")
    for _, server in ipairs { one, two } do
      assert.equal("\1\2\0\0", ask(server, "", 1):read_all())
      assert.equal("\1\2\0\0", ask(server, feature(1, "\3ann\5wrong"), 1):read_all())
      assert.equal("\1\1\0\0", ask(server, ann, 2):read_all())
      local c = ask(server, ann, 1)
      assert.equal("\1\0\0\0", c:read(4))
      assert.equal("hello", c:send("hello"):read(5))
      c:reset()
    end
    stop(web)
    support.eventually(function() return redis("hlen", "spec:" .. A):find "^0" end)
    local datagrams = carry(one, A, origin:addr "echo", "rudp://:0/")
    told(A)
    for _, server in ipairs { one, two } do
      local c = ask(server, ann, 0x81)
      assert.equal("\1\0\0\0", c:read(4))
      assert.equal("\0\5hello", c:send("\0\5hello"):read(7))
      c:reset()
    end
    assert.equal("\1\5\0\0", ask(two, ann, 1):read_all()) -- for its host, one client is for both
    stop(datagrams)
  end)

  it("renew what they tell, and forget a host that is gone", function()
    local third = host(inline)
    local web = carry(third, B, origin:addr "http")
    told(B)
    local first = redis("hvals", "spec:" .. B)
    support.eventually(function()
      local now = redis("hvals", "spec:" .. B)
      return now ~= first and now:find "until"
    end)
    assert.equal("hello\n", get(one.ports[2], "b.test").body)
    third:terminate()
    assert.equal(503, get(one.ports[2], "b.test").http_code)
    support.eventually(function()
      return get(two.ports[2], "b.test").http_code == 503 and not redis("hlen", "spec:" .. B):find "[1-9]"
    end)
    stop(web)
  end)

  it("lose the visitors that they passed on to a host which is killed, and no others", function()
    local third = host(inline)
    local echo, web = carry(third, B, origin:addr "echo"), carry(one, A, origin:addr "echo")
    told(A)
    told(B)
    local visitors, kept = {}, {}
    local function visit(name)
      local visitor = support.gost { "--workers", "1", "-L", "tcp://127.0.0.1:0/" .. name .. ":80", "-F",
        ("tunnel://ann:secret@127.0.0.1:%d?tunnel.id=%s"):format(two.ports[1], name == "b.test" and B or A) }
      return visitor
    end
    local to_b, to_a = visit "b.test", visit "a.test"
    for i = 1, 6 do
      visitors[i], kept[i] = client.tcp(to_b.ports[1]), client.tcp(to_a.ports[1])
      for _, c in ipairs { visitors[i], kept[i] } do assert.equal("hello", c:send("hello"):read(5)) end
    end
    third:terminate()
    for _, c in ipairs(visitors) do assert.is_true(c:gone()) end
    for _, c in ipairs(kept) do assert.equal("hello", c:send("hello"):read(5)) end
    for _, c in ipairs(kept) do c:reset() end
    stop(echo, web, to_a, to_b)
    redis("del", "spec:" .. B)
  end)

  it("do not pass a visitor to and fro for records that are out of date", function()
    local value = '{"node":"%s","network":"tcp","address":"127.0.0.1:%d","until":99999999999}'
    redis("hset", "spec:" .. B, A, value:format(NODE, one.ports[2]))
    redis("hset", "spec:" .. B, NODE, value:format(NODE, two.ports[2]))
    assert.equal(503, get(one.ports[2], "b.test").http_code)
    support.eventually(function() return redis("hlen", "spec:" .. B):find "^0" end)
    redis("hset", "spec:" .. B, A, "nonsense")
    redis("hset", "spec:" .. B, NODE, value:format(NODE, 1):gsub('"node":"%x', '"node":"'))
    assert.equal(503, get(one.ports[2], "b.test").http_code)
    redis("del", "spec:" .. B)
  end)

  it("know themselves, also where an entry listens everywhere", function()
    local third = host(inline, "")
    local value = '{"node":"%s","network":"tcp","address":"127.0.0.1:%d","until":99999999999}'
    redis("hset", "spec:" .. B, NODE, value:format(NODE, third.ports[2]))
    assert.equal(503, get(third.ports[2], "b.test").http_code)
    redis("del", "spec:" .. B)
    local web = carry(third, B, origin:addr "http")
    told(B)
    assert.matches("127.0.0.1:" .. third.ports[2], redis("hvals", "spec:" .. B), 1, true)
    assert.equal("hello\n", get(one.ports[2], "b.test").body)
    stop(web, third)
  end)
end)

describe("Service discovery", function()
  local origin
  setup(function() origin = support.origin { "http" } end)
  teardown(support.cleanup)

  it("may be functions, whose failures leave the tunnel to its own host", function()
    local log = files.path "words"
    local server = host(([[lua: |
    return function(word, what)
      gost.sleep(0.01)
      local file <close> = io.open(%q, "a")
      file:write(word, " ", word == "get" and what or what.name .. " " .. what.network .. " " .. what.address, "\n")
      if word == "get" then return nil, "the list is lost" end
      if word == "renew" then error "no renewal" end
      return true
    end]]):format(log))
    local web = carry(server, A, origin:addr "http")
    assert.equal("hello\n", get(server.ports[2], "a.test").body)
    assert.equal(503, get(server.ports[2], "b.test").http_code)
    server:wait_log "the list is lost"
    server:wait_log "no renewal"
    stop(web)
    support.eventually(function() return files.exists(log) and files.read(log):find "deregister" end)
    local words = files.read(log)
    local record = (" %s tcp 127.0.0.1:%d\n"):format(A, server.ports[2])
    for _, word in ipairs { "register", "renew", "deregister" } do
      assert.is_true(words:find(word .. record, 1, true) ~= nil, words)
    end
    assert.is_true(words:find("get " .. B, 1, true) ~= nil, words)
    stop(server)
  end)

  it("is told goodbye when a host ends", function()
    local log = files.path "bye"
    local server = support.gost_config(([[
local gost = require "gost"
local function note(word)
  return function(record)
    local file <close> = io.open(%q, "a")
    file:write(word, " ", record.name, " ", record.address, "\n")
    return true
  end
end
gost.service {
  name = "tunnels", addr = "127.0.0.1:0", handler = "tunnel", ["sd.addr"] = ":7777",
  auth = function() return true end,
  sd = gost.sd { register = note "in", deregister = note "out", get = function() return {} end },
}
]]):format(log), { args = {} })
    local web = carry(server, A, origin:addr "http")
    support.eventually(function()
      return files.exists(log) and files.read(log):find("in " .. A .. " 127.0.0.1:7777", 1, true)
    end)
    server:kill "TERM"
    support.eventually(function() return files.read(log):find("out " .. A, 1, true) end, 3)
    stop(server, web)
  end)

  it("is refused with words when it cannot work", function()
    for words, text in pairs {
      ['there is no sd "nowhere"'] =
        "services: [{name: a, addr: '127.0.0.1:0', handler: {type: tunnel, metadata: {sd: nowhere}}}]",
      ["expected redis or lua"] = "sds: [{name: a}]",
      ["expected \"return function"] = "sds: [{name: a, lua: return 1}]",
    } do
      local r = support.gost_run { "-t", "-C", files.with("sd.yml", text) }
      assert.is_true(r.status ~= 0)
      assert.matches(words, r.stderr .. r.stdout, 1, true)
    end
    for words, text in pairs {
      ['unknown key "registr", did you mean "register"?'] = "{ registr = print }",
      ["expected register and get, or redis"] = "{ register = print }",
      ["get: expected a function"] = "{ get = 1, register = print }",
    } do
      local r = support.gost_run { files.with("sd.lua", ("local gost = require 'gost'\ngost.sd %s\n"):format(text)) }
      assert.is_true(r.status ~= 0)
      assert.matches("sd.lua:2: sd: " .. words, r.stderr .. r.stdout, 1, true)
    end
  end)
end)

describe("examples/tunnel-hosts.lua", function()
  teardown(support.cleanup)

  it("makes two hosts one", function()
    local origin = support.origin { "http" }
    local _, port = support.redis()
    local function start()
      return support.gost { "examples/tunnel-hosts.lua", listeners = 2,
        env = { GOST_ADDR = "127.0.0.1:0", GOST_ENTRY = "127.0.0.1:" .. support.free_port(),
          GOST_REDIS = "127.0.0.1:" .. port } }
    end
    local one, two = start(), start()
    local ann = carry(one, A, origin:addr "http")
    support.eventually(function() return get(two.ports[2], "ann.example.org").http_code == 200 end)
    assert.equal("hello\n", get(one.ports[2], "ann.example.org").body)
    assert.equal(503, get(two.ports[2], "bob.example.org").http_code)
    stop(ann, one, two)
  end)
end)
