---Lists of policies in files, in Redis and on web servers: read before a service starts, and read again.

local socket = require "socket"
local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

local origin

before_each(function() origin = support.origin { "http", "echo" } end)
after_each(support.cleanup)
teardown(support.cleanup)

local function get(port, user, url)
  return support.curl { "-x", ("http://%s127.0.0.1:%d"):format(user and user .. "@" or "", port),
    url or origin:url "/hello" }.http_code
end

---A service of one handler with more YAML behind it; `lists` are the lists of policies.
local function start(lists, fields, options)
  options = options or {}
  local args = { "--workers", tostring(options.workers or 1) }
  return support.gost_config(([[
services:
- name: web
  addr: 127.0.0.1:0
%s
%s]]):format(fields or "  handler: { type: http }", lists), { ext = "yml", args = args, listeners = options.listeners })
end

local function becomes(expected, fn)
  local last
  local ok = pcall(support.eventually, function()
    last = fn()
    return last == expected
  end)
  assert(ok, ("expected %s, it stays %s"):format(tostring(expected), tostring(last)))
end

local function redis(...)
  local server, port = support.redis()
  local function call(...)
    return support.check { "redis-cli", "-p", tostring(port), ... }
  end
  for _, command in ipairs { ... } do call(table.unpack(command)) end
  return call, port, server
end

---A web server for what lies in a directory.
local function web(directory, port)
  return support.gost { "-L", ("file://127.0.0.1:%d?dir=%s"):format(port or 0, directory), name = "web" }
end

local AUTHED = "  handler: { type: http, auther: a }"

describe("A file", function()
  it("of users is there from the first connection on, and again when it has changed", function()
    local path = files.with("users", "# comment\r\nann  se cret \n\tbob\tx\n")
    local gost = start(([[
authers:
- { name: a, auths: [{ username: eve, password: e }], file: { path: "%s" }, reload: 1s }]]):format(path), AUTHED)
    assert.equal(200, get(gost.ports[1], "ann:se%20cret"))
    assert.equal(200, get(gost.ports[1], "bob:x"))
    assert.equal(200, get(gost.ports[1], "eve:e"))
    local open = client.tcp(gost.ports[1])
    open:send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\nProxy-Authorization: Basic Ym9iOng=\r\n\r\n"):format(
      origin.ports.echo))
    assert.matches("200", open:read_head())
    files.write(path, "bob y\n")
    becomes(407, function() return get(gost.ports[1], "bob:x") end)
    assert.equal(200, get(gost.ports[1], "bob:y"))
    assert.equal(407, get(gost.ports[1], "ann:se%20cret"))
    assert.equal(200, get(gost.ports[1], "eve:e"))
    open:send "still"
    assert.equal("still", open:read(5))
    open:close()
  end)

  it("is taken up by all workers", function()
    local path = files.with("names", "localhost\n")
    local gost = start(([[
bypasses:
- { name: b, file: { path: "%s" }, reload: 1s }]]):format(path), "  bypass: b\n  handler: { type: http }",
      { workers = 4 })
    local function all(code)
      for _ = 1, 16 do
        local got = get(gost.ports[1])
        if got ~= code then return got end
      end
      return code
    end
    assert.equal(200, all(200))
    files.write(path, "127.0.0.0/8\n")
    becomes(403, function() return all(403) end)
    files.write(path, "")
    becomes(200, function() return all(200) end)
    gost:wait_log "the list is empty now"
  end)

  it("with bad lines is told by place, and the rest applies", function()
    local path = files.with("by", "\n127.0.0.1 # here\nx:9-1\n\n*.[\n")
    local gost = start(([[
bypasses: [{ name: b, file: { path: "%s" } }] ]]):format(path), "  bypass: b\n  handler: { type: http }")
    assert.equal(403, get(gost.ports[1]))
    assert.matches('bypass b: [^"]*by:3: pattern \\"x:9%-1\\": range of ports', gost:output())
    assert.matches('bypass b: [^"]*by:5: ', gost:output())
  end)

  it("that cannot be read refuses until it can", function()
    local path = files.path "later"
    local gost = start(([[
bypasses: [{ name: b, file: { path: "%s" } }]
admissions: [{ name: d, file: { path: "%s" } }]
authers: [{ name: a, file: { path: "%s" } }] ]]):format(path, path, path), ([[
  bypass: b
  handler: { type: http }
- { name: two, addr: "127.0.0.1:0", admission: d, handler: { type: http } }
- { name: three, addr: "127.0.0.1:0", handler: { type: http, auther: a } }]]))
    gost:wait_listening(3)
    assert.equal(403, get(gost.ports[1]))
    assert.equal(0, get(gost.ports[2]))
    assert.equal(407, get(gost.ports[3], "x:y"))
    assert.matches("later: cannot be read: no such file or directory", gost:output())
    gost:wait_log "list of the bypass has not been read yet"
    files.write(path, "10.9.9.9 y\n")
    becomes(200, function() return get(gost.ports[3], "10.9.9.9:y") end)
    files.write(path, "10.9.9.9\n")
    becomes(200, function() return get(gost.ports[1]) end)
    becomes(200, function() return get(gost.ports[2]) end)
    gost:wait_log "later: can be read again"
  end)

  it("that does not come ends no program, but neither does it keep one that is told to end", function()
    if os.getenv "GOST_TREE" == "tsan" then return pending "signals are lost here" end
    local mute = support.origin { "silent" }
    local gost = support.gost { listeners = 0, "-C", files.with("c.yaml", ([[
bypasses: [{ name: b, http: { url: "http://127.0.0.1:%d/" } }]
services: [{ name: a, addr: "127.0.0.1:0", bypass: b, handler: { type: http } }]
]]):format(mute.ports.silent)) }
    support.eventually(function()
      local caught = files.read(("/proc/%d/status"):format(gost.pid)):match "SigCgt:%s*(%x+)"
      return tonumber(caught, 16) & 0x4000 ~= 0
    end, 10, "it does not catch SIGTERM")
    gost:kill "TERM"
    mute:stop()
    assert.equal("exit", (gost:wait(10)))
  end)

  it("without reload is read again by SIGHUP alone, and its last content stays when it is gone", function()
    local path = files.with("users", "ann a\n")
    local gost = start(([[authers: [{ name: a, file: "%s" }] ]]):format(path), AUTHED)
    assert.equal(200, get(gost.ports[1], "ann:a"))
    files.write(path, "ann b\n")
    gost:kill "HUP"
    becomes(200, function() return get(gost.ports[1], "ann:b") end)
    os.remove(path)
    gost:kill "HUP"
    gost:wait_log "what was read last stays in force"
    assert.equal(200, get(gost.ports[1], "ann:b"))
  end)
end)

it("SIGHUP while a source is being read has it read once more", function()
  local server = assert(socket.bind("127.0.0.1", 0))
  server:settimeout(support.scaled(10))
  local function asked()
    local c = client.of(assert(server:accept()))
    c:read_head()
    return function(text)
      c:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(#text, text)):close()
    end
  end
  local gost = start(([[authers: [{ name: a, http: { url: "http://127.0.0.1:%d/" } }] ]]):format(
    select(2, server:getsockname())), AUTHED, { listeners = 0 })
  asked() "ann a\n"
  gost:wait_listening(1)
  gost:kill "HUP"
  local answer = asked()
  local seen = gost:mark()
  gost:kill "HUP"
  gost:wait_log("config reloaded", 10, seen)
  answer "ann b\n"
  asked() "ann c\n"
  becomes(200, function() return get(gost.ports[1], "ann:c") end)
  server:close()
end)

it("Names of an admission are looked up; one that cannot be is told once and stops nothing", function()
  local path = files.with("admit", "localhost\nnosuch.invalid # typo\n")
  local gost = start(([[
admissions: [{ name: d, whitelist: true, file: "%s", reload: 1s }] ]]):format(path),
    "  admission: d\n  handler: { type: http }")
  assert.equal(200, get(gost.ports[1]))
  files.write(path, "nosuch.invalid\n")
  becomes(0, function() return get(gost.ports[1]) end)
  assert.equal(1, select(2, gost:output():gsub("admission d: [^\n]*nosuch.invalid", "")))
end)

describe("Redis", function()
  it("gives users by a hash, whatever bytes they have", function()
    local call, port, server = redis({ "HSET", "users", "ann", "se cret\n#1", "b c", "x" })
    local gost = start(([[
authers: [{ name: a, redis: { addr: "127.0.0.1:%d", key: users }, reload: 1s }] ]]):format(port), AUTHED)
    local function odd() -- curl would not send a line break
      local c = client.tcp(gost.ports[1])
      c:send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\nProxy-Authorization: Basic YW5uOnNlIGNyZXQKIzE=\r\n\r\n"):format(
        origin.ports.echo))
      local code = c:read_head():match "%d%d%d"
      c:close()
      return code
    end
    assert.equal("200", odd())
    assert.equal(200, get(gost.ports[1], "b%20c:x"))
    assert.equal(407, get(gost.ports[1], "b%20c:y"))
    call("HSET", "users", "ann", "new")
    becomes(200, function() return get(gost.ports[1], "ann:new") end)
    assert.equal("407", odd())
    server:terminate()
    gost:wait_log "what was read last stays in force"
    assert.equal(200, get(gost.ports[1], "ann:new"))
  end)

  it("gives patterns by a set, lines by a list, names by a hash", function()
    local call, port = redis({ "SADD", "by", "10.0.0.0/8", "*.bad.test", "nonsense:x" },
      { "RPUSH", "hosts", "10.1.1.1 a.test b.test # c", "", "10.1.1.2 a.test" }, { "SADD", "gost", "10.1.1.3 c.test" },
      { "HSET", "in", ".one.test", "4d21094e-b74c-4916-86c1-d9fa36ea677b" },
      { "SADD", "in2", "two.test $4d21094e-b74c-4916-86c1-d9fa36ea677b", "three.test nothing" })
    local script = files.with("s.lua", ([[
      local gost = require "gost"
      local builder = require("gost.build").new {}
      local make = require "gost.policies"
      local function redis(more)
        more.addr = "127.0.0.1:%d"
        return { redis = more, reload = 1 }
      end
      local by = make.bypass(builder, redis { key = "by" }, "by")
      print(by:contains "10.1.2.3:80", by:contains "x.bad.test:1", by:contains "11.1.2.3:80")
      local hosts = make.hosts(builder, redis { key = "hosts", type = "list" })
      print(table.concat(hosts:find "a.test", " "), table.concat(hosts:find "b.test", " "), #hosts:find "c")
      print(table.concat(make.hosts(builder, redis {}):find "c.test"))
      print(make.ingress(builder, redis { key = "in" }):find "x.one.test")
      local set = make.ingress(builder, redis { key = "in2", type = "set" })
      print(set:find "two.test", set:find "three.test")
      gost.redis.connect("127.0.0.1:%d"):call("SREM", "by", "*.bad.test")
      for _ = 1, 500 do
        if not by:contains "x.bad.test:1" then break end
        gost.sleep(0.01)
      end
      print(by:contains "x.bad.test:1", by:contains "10.1.2.3:80")
    ]]):format(port, port))
    local r = support.gost_run { "--workers", "1", script, timeout = 20 }
    assert.equal(0, r.status, r.stderr)
    assert.equal("true\ttrue\tfalse\n10.1.1.1 10.1.1.2\t10.1.1.1\t0\n10.1.1.3\n4d21094e-b74c-4916-86c1-d9fa36ea677b\n"
      .. "$4d21094e-b74c-4916-86c1-d9fa36ea677b\nfalse\ttrue\n", (r.stdout:gsub("\tnil\n", "\n")))
    assert.matches('bypass by: redis 127.0.0.1:%d+, key by: item %d: ', r.stderr)
    assert.is_truthy(call)
  end)

  it("refuses with a clear message, and without the password", function()
    local server, port = support.redis("--requirepass", "hidden")
    local gost = start(([[
authers: [{ name: a, redis: { addr: "127.0.0.1:%d", password: guess } }] ]]):format(port), AUTHED)
    assert.equal(407, get(gost.ports[1], "a:b"))
    assert.matches("the server refuses the user or the password", gost:output())
    assert.not_matches("guess", gost:output())
    server:terminate()
  end)
end)

describe("A web server", function()
  it("gives lines, and its failures leave what was read", function()
    local directory = files.dir()
    files.write(directory .. "/admit", "127.0.0.0/8\n")
    local server = web(directory)
    local port = server.ports[1]
    local gost = start(([[
admissions:
- { name: d, whitelist: true, http: { url: "http://127.0.0.1:%d/admit", timeout: 2s }, reload: 1s }]]):format(port),
      "  admission: d\n  handler: { type: http }")
    assert.equal(200, get(gost.ports[1]))
    os.rename(directory .. "/admit", directory .. "/gone")
    gost:wait_log "admit: cannot be read: 404[^\n]*stays in force"
    assert.equal(200, get(gost.ports[1]))
    files.write(directory .. "/admit", "10.0.0.0/8\n")
    becomes(0, function() return get(gost.ports[1]) end)
    server:terminate()
    gost:wait_log "connection refused; what was read last"
    assert.equal(0, get(gost.ports[1]))
  end)
end)

it("Later sources overwrite earlier ones: inline, file, redis, http", function()
  local directory = files.dir()
  files.write(directory .. "/web", "d web\n")
  local path = files.with("users", "b file\nc file\nd file\n")
  local server = web(directory)
  local _, port = redis({ "HSET", "gost", "c", "redis", "d", "redis" })
  local gost = start(([[
authers:
- name: a
  auths: [{ username: a, password: inline }, { username: b, password: inline }, { username: c, password: inline }]
  file: { path: "%s" }
  redis: { addr: "127.0.0.1:%d" }
  http: { url: "http://127.0.0.1:%d/web" }]]):format(path, port, server.ports[1]), AUTHED)
  for _, pair in ipairs { "a:inline", "b:file", "c:redis", "d:web" } do
    assert.equal(200, get(gost.ports[1], pair), pair)
  end
  assert.equal(407, get(gost.ports[1], "b:inline"))
end)

describe("Limits", function()
  it("of connections change in place, and what is open stays counted", function()
    local path = files.with("limits", "$ 2\n")
    local gost = start(([[climiters: [{ name: l, file: "%s", reload: 1s }] ]]):format(path),
      "  climiter: l\n  handler: { type: http }")
    local one = client.tcp(gost.ports[1])
    one:send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n"):format(origin.ports.echo))
    assert.matches("200", one:read_head())
    becomes(200, function() return get(gost.ports[1]) end)
    files.write(path, "$ 1\n")
    becomes(0, function() return get(gost.ports[1]) end)
    one:close()
    becomes(200, function() return get(gost.ports[1]) end)
  end)

  it("of requests and bytes are read, and open connections go by the new ones", function()
    local rates, bytes = files.with("rates", "$ 0.001\n"), files.with("bytes", "# none yet\n")
    local gost = start(([[
rlimiters: [{ name: r, file: "%s" }]
limiters: [{ name: t, file: "%s", reload: 1s }] ]]):format(rates, bytes), [[
  rlimiter: r
  handler: { type: http }
- { name: two, addr: "127.0.0.1:0", limiter: t, handler: { type: http } }]])
    gost:wait_listening(2)
    assert.equal(200, get(gost.ports[1]))
    assert.equal(0, get(gost.ports[1]))
    local open = client.tcp(gost.ports[2])
    open:send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n"):format(origin.ports.echo))
    assert.matches("200", open:read_head())
    local function round_trip(n)
      local before = support.now()
      open:send(("x"):rep(n))
      open:read(n)
      return support.now() - before
    end
    round_trip(20000)
    files.write(bytes, "$ 10KB 10KB\n")
    becomes(true, function() return round_trip(4000) > 0.15 end)
    open:close()
  end)
end)

describe("Nodes of a hop", function()
  ---Two proxies that tell which one they are.
  local function exits()
    local list = {}
    for i = 1, 2 do
      list[i] = support.gost { "-L", "http://127.0.0.1:0", name = "exit" .. i }
    end
    return list
  end

  local function nodes(...)
    local list = {}
    for i, port in ipairs { ... } do
      list[i] = ('{"name": "n%d", "addr": "127.0.0.1:%d", "connector": {"type": "http"}}'):format(port, port)
    end
    return "[" .. table.concat(list, ",\n") .. "]"
  end

  it("come and go without a restart; a document that is wrong leaves the old ones", function()
    local exit = exits()
    local path = files.with("nodes.json", nodes(exit[1].ports[1]))
    local gost = start(([[
chains:
- name: c
  hops: [{ name: h, file: { path: "%s" }, reload: 1s }] ]]):format(path), "  handler: { type: http, chain: c }")
    assert.equal(200, get(gost.ports[1]))
    local open = client.tcp(gost.ports[1])
    open:send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n"):format(origin.ports.echo))
    assert.matches("200", open:read_head())
    files.write(path, "[{]")
    gost:wait_log "nodes.json:1:3: [^\n]*what was read last stays in force"
    assert.equal(200, get(gost.ports[1]))
    files.write(path, nodes(exit[2].ports[1]))
    becomes(true, function()
      get(gost.ports[1])
      return exit[2]:output():find "><" ~= nil
    end)
    open:send "still"
    assert.equal("still", open:read(5))
    open:close()
    files.write(path, "[]")
    becomes(503, function() return get(gost.ports[1]) end)
    files.write(path, '[{"addr": "127.0.0.1:1", "connectr": 1}, {"addr": "127.0.0.1:2", "dialer": {"type": "nosuch"}}]')
    gost:wait_log "hop h: [^\n]*nodes.json:1:%d+: node.dialer.type: unknown dialer"
  end)

  it("are targets as well, which HTTP is treated for and chosen by", function()
    local path = files.with("targets.json", ([[
[{ "name": "one", "addr": "127.0.0.1:%d", "filter": { "host": "one.test" },
   "http": { "auth": { "username": "u", "password": "p" } } }]
]]):format(origin.ports.http))
    local gost = start(([[
hops: [{ name: h, file: { path: "%s" } }] ]]):format(path), [[
  handler: { type: tcp }
  forwarder: { hop: h }
- name: grouped
  addr: 127.0.0.1:0
  handler: { type: tcp }
  forwarder: { hopGroup: { hops: [{ hop: h }] } }]])
    gost:wait_listening(2)
    for _, port in ipairs(gost.ports) do
      local function ask(host, user)
        return support.curl { "-u", user, "-H", "Host: " .. host, ("http://127.0.0.1:%d/hello"):format(port) }.http_code
      end
      assert.equal(200, ask("one.test", "u:p"))
      assert.equal(401, ask("one.test", "u:wrong"))
      assert.equal(502, ask("two.test", "u:p"))
    end
  end)

  it("go with the configuration that had them, and what was built beside them as well", function()
    local exit = support.gost { "-L", "http+mtcp://127.0.0.1:0" }
    local list = files.with("some.json", "[]")
    local function text(i)
      return ([[
chains:
- name: c
  hops: [{ name: p, file: { path: "%s" },
    nodes: [{ name: n, addr: "127.0.0.1:%d", connector: http, dialer: mtcp }] }]
services: [{ name: a, addr: "127.0.0.1:0", handler: { type: http, chain: c, metadata: { readTimeout: %ds } } }]
]]):format(list, exit.ports[1], 10 + i)
    end
    local path = files.with("again.yml", text(0))
    local gost = support.gost { "--workers", "1", "-C", path }
    local function round(i)
      local from = gost:mark()
      files.write(path, text(i))
      gost:kill "HUP"
      gost:wait_log("config reloaded", 10, from)
      local port = gost:output(from):match "listening on 127.0.0.1:(%d+)"
      assert.equal(200, get(tonumber(port)))
    end
    round(1)
    local before = gost:fds()
    for i = 2, 8 do round(i) end
    becomes(true, function() return gost:fds() <= before + 2 end)
  end)

  it("come from Redis, too, beside those of the file", function()
    local exit = exits()
    local call, port = redis({ "SET", "gost", nodes(exit[1].ports[1]) })
    local gost = start(([[
hops: [{ name: h, redis: { addr: "127.0.0.1:%d" }, reload: 1s }]
chains: [{ name: c, hops: [{ name: h }] }] ]]):format(port), "  handler: { type: http, chain: c }", { workers = 2 })
    for _ = 1, 4 do assert.equal(200, get(gost.ports[1])) end
    call("SET", "gost", nodes(exit[1].ports[1], exit[2].ports[1]))
    becomes(true, function()
      get(gost.ports[1])
      return exit[2]:output():find "><" ~= nil
    end)
    call("DEL", "gost")
    becomes(503, function() return get(gost.ports[1]) end)
  end)

  it("keep their fail marks when the list changes", function()
    local exit = exits()
    local dead = support.free_port()
    local path = files.with("nodes.json", nodes(dead, exit[1].ports[1]))
    local gost = start(([[
chains:
- name: c
  hops:
  - { name: h, file: "%s", reload: 1s, selector: { strategy: fifo, maxFails: 1, failTimeout: 1h } }]]):format(path),
      "  handler: { type: http, chain: c, retries: 1 }")
    assert.equal(200, get(gost.ports[1]))
    gost:wait_log("node n" .. dead .. " is set aside")
    files.write(path, nodes(dead, exit[2].ports[1]))
    becomes(true, function()
      get(gost.ports[1])
      return exit[2]:output():find "><" ~= nil
    end)
    assert.equal(1, select(2, gost:output():gsub("is set aside", "")))
  end)
end)

describe("explain", function()
  it("knows what lies in files", function()
    local config = files.with("gost.yml", ([[
services: [{ name: w, addr: ":8080", bypass: b, hosts: h, handler: { type: http, chain: c } }]
bypasses: [{ name: b, file: "%s", redis: { addr: "127.0.0.1:1" } }]
hosts: [{ name: h, file: "%s" }]
chains: [{ name: c, hops: [{ name: one, file: "%s" }] }]
]]):format(files.with("by", "*.bad.test # x\n"), files.with("hosts", "10.5.5.5 y.test x.test\n"),
      files.with("n.json", '[{"name": "exit", "addr": "10.1.1.1:8080"}]')))
    local function told(url) return support.gost_run({ "explain", "-C", config, url }).stdout end
    assert.matches("matches %*.bad.test; more is known only while running: www.bad.test:80 is refused",
      told "http://www.bad.test/")
    assert.matches("result: exit@10.1.1.1:8080 > 10.5.5.5:80", told "http://x.test/")
  end)
end)

describe("-t", function()
  it("tells sources that say nowhere, and what is printed shows no password of a URL", function()
    local config = files.with("gost.yml", [[
services: [{ name: w, addr: ":0", bypass: b, handler: { type: http, chain: c } }]
bypasses: [{ name: b, redis: { key: x, type: zset }, file: { path: "" }, http: "http://u:hush@h/x?token=hush" }]
chains: [{ name: c, hops: [{ name: h, http: "http://v:hush@h/" }] }]
]])
    local r = support.gost_run { "-t", "-C", config }
    assert.matches("bypasses%[0%].redis: has no addr", r.stderr)
    assert.matches('redis.type: "zset" is no type of value', r.stderr)
    assert.matches("bypasses%[0%].file: has no path", r.stderr)
    for _, form in ipairs { "yaml", "json", "lua" } do
      local out = support.gost_run({ "-O", form, "-C", config }).stdout
      assert.not_matches("hush", out)
      assert.matches("v:%*%*%*@h", out)
    end
  end)

  it("tells mistakes in files by their lines, and asks nobody else", function()
    local by = files.with("by", "10.0.0.0/8\nx:9-1\n")
    local users = files.with("users", ("u"):rep(300) .. " x\n")
    local nodes = files.with("n.json", '[{"addr": "a:1"},\n {"addr": "b:1", "dialer": {"type": "nosuch"}}]')
    local config = files.with("gost.yml", ([[
services: [{ name: w, addr: ":0", bypass: b, handler: { type: http, auther: a, chain: c } }]
bypasses: [{ name: b, file: "%s", redis: { addr: "127.0.0.1:1" }, http: "http://127.0.0.1:1/" }]
authers: [{ name: a, file: "%s" }]
chains: [{ name: c, hops: [{ name: h, file: "%s" }] }]
]]):format(by, users, nodes))
    local r = support.gost_run { "-t", "-C", config }
    assert.equal(1, r.status)
    assert.matches("by:2:1: pattern .*backwards", r.stderr)
    assert.matches("users:1:1: user name of 300 bytes", r.stderr)
    assert.matches('n.json:2:%d+: node.dialer.type: unknown dialer "nosuch"', r.stderr)
    assert.matches("3 mistakes", r.stderr)
    files.write(by, "10.0.0.0/8\n")
    files.write(users, "u x\n")
    files.write(nodes, "[]")
    assert.equal(0, support.gost_run({ "-t", "-C", config }).status)
  end)
end)
