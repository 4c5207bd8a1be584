---Handlers, connectors and selectors that are written in Lua, and Lua inside of YAML.

local support = require "spec.support"
local client = require "spec.support.client"

local origin

setup(function() origin = support.origin { "http", "echo", "greet" } end)
teardown(support.cleanup)

local function script(text, values, options)
  text = text:gsub("%$(%u+)", values or {})
  options = options or {}
  local path = support.files.with("script.lua", 'local gost = require "gost"\n' .. text)
  return support.gost { "--workers", options.workers or "1", path, listeners = options.listeners or 1 }
end

describe("A handler in Lua", function()
  it("reads, peeks, writes, keeps values, dials and pipes", function()
    local gost = script([[
      gost.handler("front", function(conn)
        assert(conn:peek(2) == "to")
        local line = assert(conn:readline())
        conn:set("line", line)
        conn.tags.kind = "test"
        local up = assert(conn:dial("$ECHO"))
        assert(conn:write("-> " .. conn:get "line" .. " " .. conn.tags.kind .. " " .. conn.handler .. "\n"))
        assert(conn:pipe(up))
      end)
      gost.service { addr = "127.0.0.1:0", handler = "front", on = {
        close = function(conn, stats) gost.log.info("closed %s %d", conn:get "line", stats.bytes_out) end } }
      gost.run()
    ]], { ECHO = origin:addr "echo" })
    local c = client.tcp(gost.ports[1]):send "to echo\r\n"
    assert.equal("-> to echo test front\n", c:read(22))
    assert.equal("ping", c:send "ping":read(4))
    c:close()
    gost:wait_log "closed to echo %d+"
  end)

  it("copies by itself as well, with a fiber for each direction", function()
    local gost = script([[
      local function copy(from, to, change)
        while true do
          local chunk = from:read()
          if not chunk or not to:write(change(chunk)) then break end
        end
        to:close()
      end
      gost.handler("copier", function(conn)
        local up = assert(gost.dial("$ECHO"))
        local back = gost.spawn(copy, up, conn, string.upper)
        copy(conn, up, function(text) return text end)
        conn:close()
        back:join()
        gost.log.info "copied"
      end)
      gost.service { addr = "127.0.0.1:0", handler = "copier" }
      gost.run()
    ]], { ECHO = origin:addr "echo" })
    local c = client.tcp(gost.ports[1])
    assert.equal("ABC", c:send "abc":read(3))
    c:finish()
    gost:wait_log "copied"
    c:close()
  end)

  it("may leave fibers behind that use what is gone", function()
    local gost = script [[
      gost.handler("careless", function(conn)
        gost.spawn(function() gost.log.info("read: %s", select(3, conn:read())) end)
        gost.sleep(0.01)
      end)
      gost.service { addr = "127.0.0.1:0", handler = "careless" }
      gost.run()
    ]]
    assert.is_nil((client.tcp(gost.ports[1]).sock:receive(1)))
    gost:wait_log "read: canceled"
  end)

  it("may be used by a configuration that a script loads, and is refused elsewhere", function()
    local yaml = support.files.with("gost.yml",
      "services: [ { name: a, addr: '127.0.0.1:0', handler: { type: hello } } ]")
    local gost = script([[
      gost.handler("hello", function(conn) conn:write "hello from Lua\n" end)
      gost.load "$YAML"
      gost.run()
    ]], { YAML = yaml })
    assert.equal("hello from Lua\n", client.tcp(gost.ports[1]):read_all())
    local r = support.gost_run { "-t", "-C", yaml }
    assert.equal(1, r.status)
    assert.matches('unknown handler "hello"', r.stderr)
  end)

  it("that raises closes its connection, and no other", function()
    local gost = script [[
      gost.handler("fickle", function(conn)
        if conn:readline() == "bad" then error "so bad" end
        conn:write "good\n"
      end)
      gost.service { addr = "127.0.0.1:0", handler = "fickle" }
      gost.run()
    ]]
    local bad, good = client.tcp(gost.ports[1]), client.tcp(gost.ports[1])
    bad:send "bad\n"
    assert.is_nil((bad.sock:receive(1)))
    assert.equal("good\n", good:send "fine\n":read_all())
    gost:wait_log "script%.lua:%d+: so bad"
  end)

  it("hands over to another handler, and can be killed", function()
    local gost = script [[
      gost.handler("door", function(conn)
        local first = conn:peek(1)
        if first == "x" then return conn:kill() end
        assert(conn:serve_as "door2")
      end)
      gost.handler("door2", function(conn) conn:write "door 2\n" end)
      gost.service { addr = "127.0.0.1:0", handler = "door", on = { preread = function(_, bytes)
        if bytes:sub(1, 1) == "2" then return "door2" end
      end } }
      gost.run()
    ]]
    assert.equal("door 2\n", client.tcp(gost.ports[1]):send "2":read_all())
    assert.equal("door 2\n", client.tcp(gost.ports[1]):send "3":read_all())
    assert.is_nil((client.tcp(gost.ports[1]):send "x".sock:receive(1)))
  end)
end)

describe("A connector in Lua", function()
  it("is used in a chain, and tells why it fails", function()
    local server = script([[
      gost.handler("plain", function(conn) -- "GO host:port\n", then the bytes
        local target, password = conn:readline():match "^GO (%S+) (%S+)$"
        if password ~= "pw" then return conn:write "NO\n" end
        local up = assert(conn:dial(target))
        conn:write "OK\n"
        conn:pipe(up)
      end)
      gost.service { addr = "127.0.0.1:0", handler = "plain" }
      gost.run()
    ]])
    local text = [[
      gost.connector("plain", function(stream, target, credentials)
        stream:write(("GO %s:%d %s\n"):format(target.host, target.port, credentials.password))
        local answer = stream:readline()
        if answer ~= "OK" then return nil, "it said " .. tostring(answer) end
        return true
      end)
      gost.service { addr = "127.0.0.1:0", chain = gost.chain { gost.node { addr = "127.0.0.1:$PORT",
        connector = { type = "plain", auth = { username = "u", password = "$PW" } } } } }
      gost.run()
    ]]
    local gost = script(text, { PORT = server.ports[1], PW = "pw" })
    local function hello(g) return support.curl { "-x", "http://127.0.0.1:" .. g.ports[1], origin:url "/hello" } end
    assert.equal("hello\n", hello(gost).body)
    local wrong = script(text, { PORT = server.ports[1], PW = "wrong" })
    assert.not_equal(200, hello(wrong).http_code)
    wrong:wait_log "plain: it said NO"
  end)
end)

describe("A selector in Lua", function()
  it("has a name, and gets connection, candidates and request", function()
    local exits = { support.gost { "-L", "socks5://127.0.0.1:0", name = "exit1" },
      support.gost { "-L", "socks5://127.0.0.1:0", name = "exit2" } }
    local gost = script([[
      gost.selector("by-port", function(conn, candidates, request)
        gost.log.info("%s chooses among %d: %s", conn.client, #candidates, candidates[1].name)
        return request.port % 2 == 0 and "even" or "odd"
      end)
      gost.service { addr = "127.0.0.1:0", chain = gost.chain { gost.hop { selector = { strategy = "by-port" },
        { name = "even", addr = "127.0.0.1:$A", connector = "socks5" },
        { name = "odd", addr = "127.0.0.1:$B", connector = "socks5" } } },
        on = { connect = function(conn) gost.log.info("by %s", conn.route) end } }
      gost.run()
    ]], { A = exits[1].ports[1], B = exits[2].ports[1] })
    assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
    gost:wait_log("by " .. (origin.ports.http % 2 == 0 and "even" or "odd") .. "@")
    gost:wait_log "chooses among 2: even"
  end)
end)

describe("Lua inside of YAML", function()
  local function yaml(text, args)
    local path = support.files.with("gost.yml", text)
    return support.gost { "-C", path, "--workers", args and args.workers or "1" }, path
  end

  local function code(gost, user, url)
    return support.curl { "-x", ("http://%s127.0.0.1:%d"):format(user and user .. "@" or "", gost.ports[1]),
      url or origin:url "/hello" }.http_code
  end

  it("stands as a file or as text for authers, bypasses, admissions, hosts and resolvers", function()
    local path = support.files.with("auth.lua", [[
      return function(conn, user, password)
        gost.sleep(0.01)
        return user == "ann" and password == "pw"
      end
    ]])
    for _, workers in ipairs { "1", "2" } do
      local gost = yaml(([[
services:
- name: a
  addr: 127.0.0.1:0
  admission: { lua: "return function(conn, addr) return addr:find '^127' end" }
  bypass: b
  hosts: h
  resolver: { lua: "return function() return false end" }
  handler: { type: auto, auther: who }
authers: [ { name: who, lua: %s } ]
bypasses:
- name: b
  matchers: [ "10.0.0.0/8" ]
  lua: |
    local blocked = { ["127.0.0.1:1"] = true }
    return function(conn, addr)
      return blocked[addr]
    end
hosts:
- name: h
  lua: return function(_, name) if name == "made.up" then return "127.0.0.1" end end
]]):format(path:match "[^/]*$"), { workers = workers })
      assert.equal(200, code(gost, "ann:pw"))
      assert.equal(407, code(gost, "ann:no"))
      assert.equal(403, code(gost, "ann:pw", "http://127.0.0.1:1/"))
      assert.equal(403, code(gost, "ann:pw", "http://10.1.2.3/"))
      assert.equal(200, code(gost, "ann:pw", ("http://made.up:%d/hello"):format(origin.ports.http)))
      assert.not_equal(200, code(gost, "ann:pw", "http://other.test/"))
      gost:stop()
    end
  end)

  it("chooses nodes of a hop", function()
    local exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" }
    local gost = yaml(([[
services: [ { name: a, addr: '127.0.0.1:0', handler: { type: auto, chain: c } } ]
chains:
- name: c
  hops:
  - name: h
    lua: return function(conn, candidates) return 2 end
    nodes:
    - { name: n0, addr: '127.0.0.1:1', connector: { type: socks5 } }
    - { name: n1, addr: '127.0.0.1:%d', connector: { type: socks5 } }
]]):format(exit.ports[1]))
    for _ = 1, 3 do assert.equal(200, code(gost)) end
  end)

  it("is refused where nothing would ask it yet", function()
    for _, key in ipairs { "observer", "rewriter" } do
      local path = support.files.with("gost.yml",
        ("services: [ { name: a, addr: ':1', %s: { lua: return function() end } } ]"):format(key))
      local r = support.gost_run { "-t", "-C", path }
      assert.equal(1, r.status, key)
      assert.matches(("services%%[0%%]%%.%s[%%w.]*: not implemented yet"):format(key), r.stderr)
      assert.not_matches("unknown key", r.stderr)
    end
    for _, key in ipairs { "hosts", "resolver" } do
      local path = support.files.with("gost.yml", ([[
services: [ { name: a, addr: ':1', handler: { type: auto, chain: c } } ]
chains: [ { name: c, hops: [ { nodes: [ { addr: 'h:1', %s: { lua: return function() end } } ] } ] } ]
]]):format(key))
      local r = support.gost_run { "-t", "-C", path }
      assert.equal(1, r.status, key)
      assert.matches("a function can stand in a service, not in a node or a hop", r.stderr)
    end
  end)

  it("is read again by a reload when its file has changed", function()
    local path = support.files.with("auth.lua", "return function(_, user) return user == 'old' end")
    local gost = yaml(("services: [ { name: a, addr: '127.0.0.1:0', handler: { auther: { lua: %s } } } ]"):format(path))
    assert.equal(200, code(gost, "old:x"))
    support.files.write(path, "return function(_, user) return user == 'new' end")
    gost:kill "HUP"
    gost:wait_log "config reloaded"
    assert.equal(200, code(gost, "new:x"))
    assert.equal(407, code(gost, "old:x"))
  end)

  it("is checked with file and line", function()
    for text, message in pairs {
      ["lua: return functio() end"] = "gost%.yml:3:%d+: authers%[0%]%.lua: .-gost%.yml:3: .*near",
      ["lua: |\n    local x = 1\n    return x"] = "gost%.yml:3:%d+: .*expected .*return function.*a number",
      ["lua: |\n    local x = 1\n    oh dear"] = "gost%.yml:5: ",
      ["lua: missing.lua"] = "gost%.yml:3:%d+: authers%[0%]%.lua: open .*missing%.lua",
    } do
      local path = support.files.with("gost.yml", "authers:\n- name: a\n  " .. text ..
        "\nservices: [ { name: s, addr: ':0', handler: { auther: a } } ]\n")
      local r = support.gost_run { "-t", "-C", path }
      assert.equal(1, r.status, text)
      assert.matches(message, r.stderr)
    end
  end)
end)
