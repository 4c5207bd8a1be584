---Objects of scripts: what they look like, what they refuse, and plain Lua programs.

local support = require "spec.support"
local client = require "spec.support.client"

local origin

setup(function() origin = support.origin { "http", "echo" } end)
teardown(support.cleanup)

---Runs a script to its end.
local function run(text, options)
  local path = support.files.with("script.lua", 'local gost = require "gost"\n' .. text)
  options = options or {}
  return support.gost_run { "--workers", "1", path, timeout = 10, env = options.env, table.unpack(options) }
end

local function prints(text, options)
  local r = run(text, options)
  assert.equal(0, r.status, r.stderr)
  return r.stdout
end

describe("Objects", function()
  it("show what they are, and their fields", function()
    assert.equal([[
gost.Node exit (10.0.0.1:1080) 10.0.0.1:1080 0
gost.Hop exits (2 nodes) 10.0.0.2:8080
gost.Chain way (1 hops) exits
gost.Service web on 127.0.0.1:0
]], prints [[
      local exit = gost.node { name = "exit", addr = "10.0.0.1:1080", connector = "socks5" }
      local exits = gost.hop { name = "exits", exit, "http://10.0.0.2:8080" }
      local way = gost.chain { name = "way", exits }
      local web = gost.service { name = "web", addr = "127.0.0.1:0", chain = way }
      print(exit, exit.addr, exit.stats.failures)
      print(exits, exits.nodes[2].addr)
      print(way, way.hops[1].name)
      print(web)
      gost.stop()
    ]]:gsub("\t", " "))
  end)

  it("take GOST's keys and snake_case alike", function()
    prints [[
      gost.hop { selector = { strategy = "fifo", max_fails = 2, fail_timeout = "5s" }, "http://h:1" }
      gost.hop { selector = { strategy = "fifo", maxFails = 2, failTimeout = "5s" }, "http://h:1" }
      gost.service { addr = "127.0.0.1:0", read_timeout = "5s" }
      gost.service { addr = "127.0.0.1:0", readTimeout = "5s" }
      gost.stop()
    ]]
  end)

  for what, case in pairs {
    service = { 'gost.service { adr = "x" }', 'service: unknown key "adr".*"addr"' },
    node = { 'gost.node { addr = "h:1", conector = "http" }', 'unknown key "conector".*"connector"' },
    hop = { 'gost.hop { selektor = {}, "http://h:1" }', 'unknown key.*"selector"' },
    chain = { "gost.chain { hopps = {} }", 'unknown key.*"hops"' },
    hook = { 'gost.service { addr = ":0", on = { acept = print } }', 'unknown hook "acept".*"accept"' },
    ["global hook"] = { 'gost.on("clse", print)', 'unknown hook "clse".*"close"' },
    handler = { 'gost.service { addr = ":0", handler = "htp" }', 'unknown handler "htp".*"http"' },
    value = { 'gost.service { addr = ":0", retries = "many" }', "retries" },
    ["kind of value"] = { "gost.service(42)", "expected a table, got a number" },
    ["unknown chain"] = { 'gost.chain "nowhere"', 'there is no chain "nowhere"' },
    budget = { 'gost.budget { wall = "long" }', "wall: expected a number" },
  } do
    it("refuse a wrong " .. what .. " at the script's line, with the nearest known one", function()
      local r = run("\n" .. case[1])
      assert.equal(1, r.status)
      assert.matches("script%.lua:3: .*" .. case[2], r.stderr)
    end)
  end

  it("start, stop, count and close", function()
    local out = prints(([[
      local web <close> = gost.service { addr = "127.0.0.1:0", handler = "tcp", forward = "%s" }
      print(web:stats().total)
      local addr = assert(web:start())
      assert(addr == web.addr and addr:match ":%%d+$" ~= ":0")
      local s = assert(gost.dial(addr))
      s:write "ping"
      print(s:read_exact(4), web:stats().total, web:stats().current)
      web:stop()
      print(select(3, gost.dial(addr)))
      s:write "pong"
      print(s:read_exact(4))
      assert(web:start())
      local again <close> = assert(gost.dial(web.addr))
      print(web:stats().total)
      s:close()
      print(pcall(s.read, s))
      gost.stop()
    ]]):format(origin:addr "echo"))
    assert.matches("^0\nping\t1\t1\nrefused\npong\n", out)
    assert.matches("\n[12]\nfalse\t.*closed%)\n$", out)
  end)

  it("dial through chains and nodes", function()
    local exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" }
    local url = "socks5://127.0.0.1:" .. exit.ports[1]
    local out = prints(([[
      local node = gost.node "%s"
      local chain = gost.chain { node }
      for _, way in ipairs { node, chain } do
        local s <close> = assert(way:dial("%s", 5))
        s:write "ping"
        print(s:read_exact(4))
      end
      local s <close> = assert(gost.dial("%s", { chain = "%s" }))
      s:write "pong"
      print(s:read_exact(4))
      print(select(3, gost.node "socks5://127.0.0.1:1":dial("h:1", 5)))
      gost.stop()
    ]]):format(url, origin:addr "echo", origin:addr "echo", url))
    assert.equal("ping\nping\npong\nrefused\n", out)
    exit:stop()
  end)
end)

describe("gost.load", function()
  local yaml = [[
services:
- name: web
  addr: 127.0.0.1:0
  handler: { type: auto, chain: out, auther: who }
chains:
- name: out
  hops: [ { name: h } ]
hops:
- name: h
  nodes: [ { name: exit, addr: '127.0.0.1:%d', connector: { type: socks5 } } ]
authers: [ { name: who, auths: [ { username: ann, password: pw } ] } ]
]]

  it("gives services to be changed, and keeps what they refer to by name", function()
    local exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" }
    local file = support.files.with("gost.yml", yaml:format(exit.ports[1]))
    local gost = support.gost { "--workers", "1", support.files.with("s.lua", ([[
      local gost = require "gost"
      local services = gost.load "%s"
      local web = services.web
      assert(services[1] == web and web.addr == "127.0.0.1:0")
      web:on("connect", function(conn, up) gost.log.info("route %%s", up.route) end)
      web.handler = "http"
      gost.service { name = "second", addr = "127.0.0.1:0", chain = "out" }
      local chain = gost.chain "out"
      gost.log.info("chain %%s to %%s", tostring(chain), chain.hops[1].nodes[1].addr)
      gost.run()
    ]]):format(file)), listeners = 2 }
    gost:wait_log("chain gost.Chain out %(1 hops%) to 127%.0%.0%.1:" .. exit.ports[1])
    local r = support.curl { "-x", "http://ann:pw@127.0.0.1:" .. gost.ports[1], origin:url "/hello" }
    assert.equal("hello\n", r.body)
    assert.equal(407, support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.http_code)
    gost:wait_log "route exit@127"
    assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. gost.ports[2], origin:url "/hello" }.body)
    exit:stop()
  end)

  it("says what is wrong with a file, with its line", function()
    local file = support.files.with("gost.yml", "services:\n- name: a\n  adr: ':1'\n")
    local r = run(('gost.load "%s"'):format(file))
    assert.equal(1, r.status)
    assert.matches('gost%.yml:3:3: services%[0%]%.adr: unknown key, did you mean "addr"', r.stderr)
  end)
end)

describe("Running", function()
  it("by gost.step turns the loop of a program that has its own", function()
    local gost = support.gost { "--workers", "1", support.files.with("s.lua", [[
      local gost = require "gost"
      local s = gost.service { addr = "127.0.0.1:0" }
      for _ = 1, 1000000 do
        gost.step(0.05)
        if s:stats().total >= 1 and s:stats().current == 0 then break end
      end
      gost.log.info "stepped out"
    ]]) }
    assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
    gost:wait_log "stepped out"
    assert.equal("exit", (gost:wait(5)))
    assert.equal(0, gost.code)
  end)

  it("ends by gost.stop, in every worker", function()
    local gost = support.gost { "--workers", "3", support.files.with("s.lua", [[
      local gost = require "gost"
      gost.service { addr = "127.0.0.1:0" }
      if gost.worker == 1 then gost.after(0.05, gost.stop) end
      gost.run()
    ]]) }
    assert.equal("exit", (gost:wait(5)))
    assert.equal(0, gost.code)
  end)

  it("needs no gost.run at the end of a script, and ends by TERM in order", function()
    local gost = support.gost { support.files.with("s.lua",
      'require("gost").service { addr = "127.0.0.1:0" }') }
    assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], origin:url "/hello" }.body)
    gost:stop()
  end)

  it("shows a mistake with its place, and status 1", function()
    local r = run 'error "oh dear"'
    assert.equal(1, r.status)
    assert.matches("script%.lua:2: oh dear", r.stderr)
    r = run "this is no Lua"
    assert.equal(1, r.status)
    assert.matches("script%.lua:2:", r.stderr)
    assert.equal(2, support.gost_run { "--workers", "many", "x.lua" }.status)
  end)

  it("passes arguments on", function()
    assert.equal("a b\n", prints('print(...)', { "a b" }))
  end)
end)

describe("A plain Lua program", function()
  local module = support.program():match "^(.*)/[^/]*$"

  local function lua(text, more)
    local spec = { "lua5.4", support.files.with("prog.lua", text), timeout = 15,
      env = { LUA_PATH = "./lua/?.lua;./lua/?/init.lua;;", LUA_CPATH = module .. "/?.so;;" } }
    for key, value in pairs(more or {}) do spec[key] = value end
    return spec
  end

  it("requires gost, and waits at its top level", function()
    if support.program():find "san" then return pending "the module is sanitized, lua5.4 is not" end
    local r = support.run(lua(([[
      local gost = require "gost"
      local began = gost.now()
      assert(gost.sleep(0.02))
      assert(gost.now() - began >= 0.015)
      local s <close> = assert(gost.dial("%s"))
      s:write "ping"
      print(s:read_exact(4))
      local got = gost.all { function() return gost.http.request("%s").body end, function() return 2 end }
      print(got[1], got[2])
      gost.budget { memory = 64 << 20 }
    ]]):format(origin:addr "echo", origin:url "/hello")))
    assert.equal("ping\nhello\n\t2\n", r.stdout, r.stderr)
    assert.equal(0, r.status, r.stderr)
  end)

  it("serves, and ends by TERM", function()
    if support.program():find "san" then return pending "the module is sanitized, lua5.4 is not" end
    local spec = lua [[
      local gost = require "gost"
      gost.service { addr = "127.0.0.1:0" }
      gost.run()
      print "over"
    ]]
    spec.timeout, spec.exits_cleanly = nil, true
    local p = support.start(spec)
    local port = tonumber((p:wait_log "listening on 127%.0%.0%.1:(%d+)"))
    assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. port, origin:url "/hello" }.body)
    local open = client.socks5(port, origin.ports.echo)
    assert.equal("x", open:send "x":read(1))
    open:close()
    p:stop()
    assert.matches("over", p:output())
  end)
end)
