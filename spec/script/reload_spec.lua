---Reloading while clients come and go: nothing is lost, nothing grows.

local support = require "spec.support"
local client = require "spec.support.client"
local socket = require "socket"

local origin

setup(function() origin = support.origin { "http", "echo" } end)
teardown(support.cleanup)

local RELOADS = 200

---A configuration whose service `a` differs from the one before in each generation.
local function generation(n, port)
  return ([[
services:
- name: a
  addr: 127.0.0.1:%s
  bypass: b
  handler: { type: auto, retries: %d }
- name: b
  addr: 127.0.0.1:0
  handler: { type: http }
bypasses:
- name: b
  matchers: [ "10.%d.0.0/16" ]
log: { level: info }
]]):format(port, n % 3, n % 250)
end

---Moves the file in place at once, as editors do, and asks for a reload.
local function reload(gost, path, text)
  support.files.write(path .. ".new", text)
  os.rename(path .. ".new", path)
  gost:kill "HUP"
end

local function reloaded(gost, count)
  support.eventually(function()
    return select(2, gost:output():gsub("config reloaded", "")) >= count
  end, 20)
end

for _, workers in ipairs { 1, 2 } do
  describe(("Reloading with %d worker%s"):format(workers, workers == 1 and "" or "s"), function()
    it("fails no connection, cuts no download and grows nothing", function()
      local path = support.files.with("gost.yml", generation(0, 0))
      local gost = support.gost { "--workers", workers, "-C", path, listeners = 2 }
      local port = gost.ports[1]
      local proxy = "http://127.0.0.1:" .. port
      -- clients: connect all the time, and count what fails
      local clients = support.start { "sh", "-c", ([[
        while [ ! -e %s ]; do
          curl -q -s -m 10 -x %s -o /dev/null %s || echo FAILED $?
          echo one
        done]]):format(path .. ".stop", proxy, origin:url "/hello"), name = "clients" }
      local target = support.files.path "download"
      local download = support.start { "curl", "-q", "-sS", "-m", "60", "--limit-rate", "3M", "-x", proxy, "-o", target,
        origin:url "/bytes/20000000", name = "download" }
      local fds, rss
      for i = 1, RELOADS do
        reload(gost, path, generation(i, 0))
        reloaded(gost, i)
        if i == 50 then fds, rss = gost:fds(), gost:rss() end
      end
      support.files.write(path .. ".stop", "")
      clients:wait(10)
      local talk = clients:output()
      assert.is_true(select(2, talk:gsub("one\n", "")) > 20)
      assert.not_matches("FAILED", talk)
      assert.equal("exit", (download:wait(30)))
      assert.equal(0, download.code, download:output())
      assert.is_true(support.files.read(target) == support.pattern(20000000))
      support.eventually(function() return gost:fds() <= fds + 2 end, 5)
      if not os.getenv "GOST_LUA" or not os.getenv("GOST_LUA"):find "san" then
        assert.is_true(gost:rss() < rss * 1.1, ("%d KiB, then %d"):format(rss, gost:rss()))
      end
      assert.matches("~ bypass b: matchers%.%[0%]", gost:output())
      assert.matches("~ service a", gost:output())
      assert.not_matches("service b", (gost:output():gsub("listening[^\n]*", "")))
    end)
  end)
end

describe("A reload", function()
  local path, gost

  local function start(text)
    path = support.files.with("gost.yml", text)
    gost = support.gost { "--workers", "1", "-C", path }
  end

  local function hello(port)
    return support.curl { "-x", "http://127.0.0.1:" .. port, origin:url "/hello" }.body
  end

  it("adds, changes and removes services and says so", function()
    start "services: [ { name: a, addr: '127.0.0.1:0' } ]"
    reload(gost, path, "services: [ { name: a, addr: '127.0.0.1:0' }, { name: b, addr: '127.0.0.1:0' } ]")
    reloaded(gost, 1)
    gost:wait_log "%+ service b"
    gost:wait_listening(2)
    assert.equal("hello\n", hello(gost.ports[1]))
    assert.equal("hello\n", hello(gost.ports[2]))
    local kept = client.socks5(gost.ports[1], origin.ports.echo)
    reload(gost, path, "services: [ { name: b, addr: '127.0.0.1:0', handler: { type: socks5 } } ]")
    reloaded(gost, 2)
    gost:wait_log "%- service a"
    gost:wait_log "~ service b: handler.type"
    assert.is_false(support.connects(gost.ports[1]))
    assert.equal("ping", kept:send "ping":read(4)) -- what is open goes on
    assert.not_equal("hello\n", hello(gost.ports[2]))
    assert.equal("hello\n", support.curl { "-x", "socks5://127.0.0.1:" .. gost.ports[2], origin:url "/hello" }.body)
  end)

  it("names what changed in a chain, never its secrets", function()
    local chain = [[
services: [ { name: a, addr: '127.0.0.1:0', handler: { type: auto, chain: out } } ]
chains: [ { name: out, hops: [ { name: h, nodes: [ { name: node-1, addr: '127.0.0.1:%d',
  connector: { type: socks5, auth: { username: u, password: %s } } } ] } ] } ]
]]
    start(chain:format(1, "hush"))
    reload(gost, path, chain:format(2, "husher"))
    reloaded(gost, 1)
    gost:wait_log "~ chain out: h.node%-1 addr"
    assert.not_matches("hush", gost:output())
  end)

  it("that is wrong leaves everything as it is, and says where", function()
    start "services: [ { name: a, addr: '127.0.0.1:0' } ]"
    reload(gost, path, "services:\n- name: a\n  adr: ':1'\n  handler: { type: nonsense }\n")
    gost:wait_log "gost%.yml:4:%d+: services%[0%]%.handler%.type: unknown handler"
    gost:wait_log "the old one stays"
    assert.equal("hello\n", hello(gost.ports[1]))
  end)

  it("comes by itself with -R, says so only when something changed, and does not hinder the end", function()
    path = support.files.with("gost.yml", "services: [ { name: a, addr: '127.0.0.1:0' } ]")
    gost = support.gost { "--workers", "1", "-C", path, "-R", "100ms" }
    local port = gost.ports[1]
    support.files.write(path .. ".new", "services: [{name: a, addr: '127.0.0.1:0'}, {name: b, addr: '127.0.0.1:0'}]")
    os.rename(path .. ".new", path)
    gost:wait_log "%+ service b"
    assert.not_matches("config reloaded", gost:output())
    local open = client.socks5(port, origin.ports.echo)
    gost:kill "TERM"
    support.eventually(function() return not support.connects(port) end, 5)
    assert.equal("ping", open:send "ping":read(4)) -- what is open goes on, while nothing is reloaded any more
    open:close()
    assert.equal("exit", (gost:wait(10)))
    assert.equal(0, gost.code, gost:output())
  end)

  it("that cannot listen puts everything back", function()
    local taken = origin.ports.http
    start "services: [ { name: a, addr: '127.0.0.1:0' } ]"
    reload(gost, path, ([[
services:
- { name: a, addr: '127.0.0.1:0', handler: { type: socks5 } }
- { name: z, addr: '127.0.0.1:%d' }
]]):format(taken))
    gost:wait_log "the old configuration stays"
    assert.equal("hello\n", hello(gost.ports[1]))
    reload(gost, path, "services: [ { name: a, addr: '127.0.0.1:0', handler: { type: socks5 } } ]")
    reloaded(gost, 1)
    assert.equal("hello\n", support.curl { "-x", "socks5://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
  end)

  it("gives an address to another kind of listener", function()
    local port = support.free_port()
    start(("services: [ { name: a, addr: '127.0.0.1:%d' } ]"):format(port))
    reload(gost, path, ("services: [ { name: n, addr: '127.0.0.1:%d', listener: { type: tls } } ]"):format(port))
    reloaded(gost, 1)
    assert.equal("hello\n", support.curl { "--proxy-insecure", "-x", "https://127.0.0.1:" .. port,
      origin:url "/hello" }.body)
  end)
end)

describe("A reload takes up what changed in files that a configuration names:", function()
  local path, gost

  local function start(text)
    path = support.files.with("gost.yml", text)
    gost = support.gost { "--workers", "1", "-C", path, listeners = 0 }
  end

  local function again(count)
    gost:kill "HUP"
    return count
  end

  it("certificates", function()
    local cert, key = support.files.path "cert.pem", support.files.path "key.pem"
    local first, second = support.pki "first", support.pki "second"
    local function install(authority)
      local made = authority:cert {}
      support.files.write(cert, support.files.read(made.cert))
      support.files.write(key, support.files.read(made.key))
    end
    local function served(authority)
      for _, port in ipairs(gost.ports) do
        local proxy = "https://localhost:" .. port
        local answer = support.curl { "--proxy-cacert", authority.ca, "-x", proxy, origin:url "/hello" }
        if answer.body ~= "hello\n" then return false end
      end
      return true
    end
    install(first)
    start(([[
services:
- { name: own, addr: "127.0.0.1:0", listener: { type: tls, tls: { certFile: %s, keyFile: %s } } }
- { name: common, addr: "127.0.0.1:0", listener: { type: tls } }
tls: { certFile: %s, keyFile: %s }
]]):format(cert, key, cert, key))
    gost:wait_listening(2)
    assert.is_true(served(first))
    install(second)
    reloaded(gost, again(1))
    assert.is_true(served(second))
    assert.is_false(served(first))
  end)

  it("users", function()
    local users = support.files.with("users", "u one\n")
    start(("services: [{name: a, addr: '127.0.0.1:0', handler: {type: http, auther: x}}]\n"
      .. "authers: [{name: x, file: {path: %s}}]"):format(users))
    gost:wait_listening(1)
    local function status(password)
      local proxy = ("http://u:%s@127.0.0.1:%d"):format(password, gost.ports[1])
      return support.curl { "-x", proxy, origin:url "/hello" }.http_code
    end
    assert.same({ 200, 407 }, { status "one", status "other" })
    support.files.write(users, "u other\n")
    reloaded(gost, again(1))
    assert.same({ 407, 200 }, { status "one", status "other" })
  end)

  it("logs, which are opened anew, in folders that are made", function()
    local logs = support.files.path "logs"
    local main, other = logs .. "/deep/main.log", logs .. "/other.log"
    local text = [[
services: [{name: a, addr: '127.0.0.1:0', handler: {type: http}, logger: other}]
loggers: [{name: other, log: {output: %s}}]
log: {output: %s, format: %s}
]]
    start(text:format(other, main, "text"))
    local function lines(file, pattern)
      support.eventually(function()
        return support.files.exists(file) and (support.files.read(file) or ""):find(pattern) ~= nil
      end, 5, file)
    end
    lines(main, "listening on 127.0.0.1")
    local port = support.files.read(main):match "listening on 127.0.0.1:(%d+)"
    local function ask() return support.curl { "-x", "http://127.0.0.1:" .. port, origin:url "/hello" } end
    ask()
    lines(other, '"logger":"other"')
    os.rename(main, main .. ".1")
    os.rename(other, other .. ".1")
    gost:kill "HUP"
    lines(main, "level=info msg=.config reloaded")
    ask()
    lines(other, '"logger":"other"')
    support.files.write(path, text:format(other, "stderr", "json"))
    gost:kill "HUP"
    gost:wait_log '"msg":"config reloaded"'
  end)
end)

for _, workers in ipairs { 1, 2 } do
  describe(("Datagrams in flight (%d worker%s)"):format(workers, workers == 1 and "" or "s"), function()
    local server, proxy_text

    setup(function()
      server = socket.udp4()
      server:settimeout(support.scaled(5))
      assert(server:setsockname("127.0.0.1", 0))
      local _, port = server:getsockname()
      proxy_text = function(n)
        return ([[
services:
- name: u
  addr: 127.0.0.1:0
  bypass: b
  handler: { type: udp, retries: %d }
  listener: { type: udp, metadata: { ttl: 60s, backlog: %d } }
  forwarder: { nodes: [ { name: n%d, addr: '127.0.0.1:%d' } ] }
- { name: s, addr: '127.0.0.1:0', bypass: b, handler: { type: socks5, retries: %d, metadata: { udp: true } } }
bypasses: [ { name: b, matchers: [ '10.%d.0.0/16' ] } ]
]]):format(n % 3, 100 + n % 5, n % 2, port, n % 3, n % 250)
      end
    end)

    ---There and back.
    ---@return integer port from which it came to the server
    local function round(sock, bytes, head)
      assert(sock:send((head or "") .. bytes))
      local got, host, port = assert(server:receivefrom())
      assert.equal(bytes, got)
      assert(server:sendto("re: " .. bytes, host, port))
      assert.equal("re: " .. bytes, (assert(sock:receive()):sub(#(head or "") + 1)))
      return port
    end

    local function udp(port)
      local sock = socket.udp4()
      sock:settimeout(support.scaled(5))
      assert(sock:setpeername("127.0.0.1", port))
      return sock
    end

    it("keep their sessions and associations over 50 reloads that change their service", function()
      local path = support.files.with("gost.yml", proxy_text(0))
      local gost = support.gost { "--workers", workers, "-C", path, listeners = 2 }
      support.eventually(function() -- a worker that comes later takes its share of the clients
        local bound = (":%04X "):format(gost.ports[1])
        return select(2, support.files.read("/proc/net/udp"):gsub(bound .. "00000000:0000", "")) == workers
      end)
      local flows = {}
      for i = 1, 8 do -- on all workers
        flows[i] = udp(gost.ports[1])
        flows[flows[i]] = round(flows[i], "begin " .. i)
      end
      local control = client.tcp(gost.ports[2]):send "\5\1\0"
      assert.equal("\5\0", control:read(2))
      local reply = control:send("\5\3\0\1\0\0\0\0\0\0"):read(10)
      local associated = udp((string.unpack(">I2", reply, 9)))
      local _, port = server:getsockname()
      local head = "\0\0\0\1\127\0\0\1" .. string.pack(">I2", port)
      local from = round(associated, "associated", head)
      for n = 1, 50 do
        reload(gost, path, proxy_text(n))
        reloaded(gost, n)
        local sock = flows[n % 8 + 1]
        assert.equal(flows[sock], round(sock, "datagram " .. n))
      end
      for _, sock in ipairs(flows) do assert.equal(flows[sock], round(sock, "end")) end
      assert.equal(from, round(associated, "still", head))
      round(udp(gost.ports[1]), "of a new client")
      gost:wait_log "~ service u: "
      control:close()
      gost:stop()
    end)
  end)
end

describe("A large configuration", function()
  it("is loaded and reloaded in time that does not grow with services times rules", function()
    local lines = { "services:" }
    for i = 1, 400 do lines[#lines + 1] = ("- { name: s%d, addr: '127.0.0.1:0', bypass: many }"):format(i) end
    lines[#lines + 1] = "bypasses:\n- name: many\n  matchers:"
    for i = 1, 50000 do lines[#lines + 1] = ("  - h%d.test"):format(i) end
    local path = support.files.with("large.yml", table.concat(lines, "\n") .. "\n")
    local gost = support.gost { "--workers", "1", "-C", path, listeners = 0 }
    gost:wait_log('"service":"s400"', support.scaled(10))
    gost:kill "HUP"
    gost:wait_log("config reloaded", support.scaled(10))
    assert.not_matches("[~+-] service", gost:output())
    local stat = support.files.read(("/proc/%d/stat"):format(gost.pid))
    local user = tonumber((stat:match "^.*%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+)"))
    assert.is_true(user < 100 * support.scaled(3), user .. " hundredths of a second")
  end)
end)

describe("service:reload{}", function()
  it("changes a running service, or nothing", function()
    local text = [[
      local gost = require "gost"
      local s = gost.service { name = "s", addr = "127.0.0.1:0", handler = "http" }
      gost.after(0.01, function()
        assert(s:reload { handler = "socks5" })
        local ok, message = s:reload { addr = "127.0.0.1:TAKEN" }
        gost.log.info("step 2: %s %s", tostring(ok), message)
        ok, message = pcall(function() return s:reload { hndler = "x" } end)
        gost.log.info("step 3: %s", message)
      end)
      gost.run()
    ]]
    text = text:gsub("TAKEN", tostring(origin.ports.http))
    local gost = support.gost { "--workers", "1", support.files.with("s.lua", text) }
    gost:wait_log "step 2: nil .*address already in use"
    gost:wait_log 'step 3: .*s%.lua:%d+: service: unknown key .*handler'
    assert.equal("hello\n", support.curl { "-x", "socks5://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
  end)
end)
