---Hooks: what each may decide, what becomes of mistakes, and that waiting stops nobody else.

local support = require "spec.support"
local client = require "spec.support.client"

local origin

---Starts a script; `%ORIGIN%`-like words are filled in from `values`.
local function script(text, values, options)
  text = text:gsub("%$(%u+)", values or {})
  options = options or {}
  options.args = options.args
  local path = support.files.with("script.lua", 'local gost = require "gost"\n' .. text)
  local spec = { "--workers", "1", path, listeners = options.listeners or 1, env = options.env }
  return support.gost(spec)
end

local function hello(gost, scheme, user)
  return support.curl { "-x", ("%s://%s127.0.0.1:%d"):format(scheme or "http", user and user .. "@" or "",
    gost.ports[1]), "--max-time", "10", origin:url "/hello" }
end

setup(function() origin = support.origin { "http", "echo", "closed", "silent" } end)
teardown(support.cleanup)

describe("The accept hook", function()
  it("sees every connection, and closes or resets what it refuses", function()
    local gost = script [[
      local answers = { false, "reject" }
      local seen = 0
      gost.service { addr = "127.0.0.1:0", on = { accept = function(conn)
        seen = seen + 1
        gost.log.info("accepted %s id %d at %s", conn.client, conn.id, conn.service)
        return answers[seen]
      end } }
      gost.run()
    ]]
    local listen = { "bash", "-c", "cat </dev/tcp/127.0.0.1/" .. gost.ports[1] } -- sends nothing itself
    assert.equal(0, support.run(listen).status)
    assert.matches("reset by peer", support.run(listen).stderr)
    assert.equal("hello\n", hello(gost).body)
    gost:wait_log "accepted 127%.0%.0%.1:%d+ id 1 at service%-0"
  end)
end)

describe("The preread hook", function()
  it("chooses a handler by the first bytes, own ones too, and may ask for more", function()
    local gost = script [[
      gost.handler("greeter", function(conn) conn:write("hi " .. conn:readline() .. "\n") end)
      gost.service { addr = "127.0.0.1:0", handler = "auto", on = { preread = function(_, bytes)
        if #bytes < 3 then return true end
        if bytes:sub(1, 3) == "GRT" then return "greeter" end
      end } }
      gost.run()
    ]]
    local c = client.tcp(gost.ports[1]):send "G"
    support.sleep(0.02)
    c:send("RT x\n")
    assert.equal("hi GRT x\n", c:read_all())
    assert.equal("hello\n", hello(gost).body)
    assert.equal("hello\n", hello(gost, "socks5").body)
  end)

  it("refuses a handler that does not exist", function()
    local gost = script [[
      gost.service { addr = "127.0.0.1:0", on = { preread = function() return "nonsense" end } }
      gost.run()
    ]]
    assert.not_equal(200, hello(gost).http_code)
    gost:wait_log 'there is no handler ..nonsense'
  end)
end)

describe("Authentication", function()
  it("by the `auth` key gets (conn, user, password) and gives the client's id", function()
    local gost = script [[
      local users = { alice = "secret" }
      gost.service { addr = "127.0.0.1:0",
        auth = function(conn, user, password)
          assert(conn.client:match "^127")
          return users[user] == password and "id-of-" .. user
        end,
        on = { close = function(conn) gost.log.info("closed %s/%s", conn.user, conn.client_id) end } }
      gost.run()
    ]]
    for _, scheme in ipairs { "http", "socks5" } do
      assert.equal("hello\n", hello(gost, scheme, "alice:secret").body)
      assert.not_equal(200, hello(gost, scheme, "alice:wrong").http_code)
      assert.not_equal(200, hello(gost, scheme).http_code)
    end
    gost:wait_log "closed alice/id%-of%-alice"
  end)

  it("by the auth hook gets (conn, {user, password, scheme})", function()
    local gost = script [[
      gost.service { addr = "127.0.0.1:0", on = { auth = function(conn, cred)
        gost.log.info("cred %s %s %s", tostring(cred.user), tostring(cred.password), tostring(cred.scheme))
        return cred.user == "bob" and cred.password == "pw"
      end } }
      gost.run()
    ]]
    assert.equal("hello\n", hello(gost, "http", "bob:pw").body)
    assert.equal(407, hello(gost, "http", "bob:no").http_code)
    gost:wait_log "cred bob pw %w+"
  end)

  it("may make a guesser wait, and nobody else", function()
    local gost = script [[
      gost.service { addr = "127.0.0.1:0",
        auth = function(_, user) return user == "good" or { delay = 0.6 } end }
      gost.run()
    ]]
    local began = support.now()
    local guesser = client.tcp(gost.ports[1])
      :send(("GET %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic YmFkOnB3\r\n\r\n"):format(origin:url "/hello"))
    assert.equal("hello\n", hello(gost, "http", "good:x").body)
    assert.is_true(support.now() - began < 0.55)
    assert.matches("407", guesser:read_head())
    assert.is_true(support.now() - began >= 0.55)
  end)

  it("fails closed when the function raises", function()
    local gost = script [[
      gost.service { addr = "127.0.0.1:0", auth = function() error "database gone" end }
      gost.run()
    ]]
    assert.equal(407, hello(gost, "http", "a:b").http_code)
    gost:wait_log "script%.lua:%d+: database gone"
  end)
end)

describe("The route hook", function()
  local exit
  before_each(function() exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" } end)
  after_each(function() exit:stop() end)

  local function routed(answer)
    local gost = script([[
      local exit = gost.node "socks5://127.0.0.1:$PORT"
      local hop = gost.hop { exit }
      local chain = gost.chain { hop }
      local answer = $ANSWER
      gost.service { addr = "127.0.0.1:0", on = {
        route = function(conn, dst)
          gost.log.info("to %s %s %d %s", tostring(dst), dst.host, dst.port, dst.network)
          return answer
        end,
        connect = function(conn, up) gost.log.info("route <%s> addr %s", tostring(conn.route), tostring(up.addr)) end,
      } }
      gost.run()
    ]], { PORT = exit.ports[1], ANSWER = answer })
    return gost
  end

  for what, answer in pairs { node = "exit", hop = "hop", chain = "chain", ["table"] = "{ chain = exit }" } do
    it("takes a " .. what, function()
      local gost = routed(answer)
      assert.equal("hello\n", hello(gost).body)
      gost:wait_log "route <node%-0@"
      gost:wait_log "to 127%.0%.0%.1:%d+ 127%.0%.0%.1 %d+ tcp"
    end)
  end

  it("takes \"direct\", nil and another address", function()
    for _, answer in ipairs { '"direct"', "nil", ('{ addr = "%s" }'):format(origin:addr "http") } do
      local gost = routed(answer)
      assert.equal("hello\n", hello(gost).body)
      gost:wait_log "route <nil> addr 127"
      gost:stop()
    end
  end)

  it("denies by \"deny\" and false, and by what it does not understand", function()
    for _, answer in ipairs { '"deny"', "false", "42", '{ adr = "x:1" }', '"drect"',
      "setmetatable({ 1 }, { __index = error, __pairs = error })" } do
      local gost = routed(answer)
      assert.not_equal(200, hello(gost).http_code, answer)
      gost:stop()
    end
  end)

  it("may wait for another server", function()
    local gost = script([[
      gost.service { addr = "127.0.0.1:0", on = { route = function()
        gost.sleep(0.01)
        local answer = assert(gost.http.request "$URL")
        local s <close> = assert(gost.dial("$ECHO"))
        assert(s:write "ping")
        assert(s:read_exact(4) == "ping")
        return answer.body == "hello\n" and answer.status == 200 and "direct" or "deny"
      end } }
      gost.run()
    ]], { URL = origin:url "/hello", ECHO = origin:addr "echo" })
    assert.equal("hello\n", hello(gost).body)
  end)
end)

describe("The resolve hook", function()
  local function resolved(answer)
    return script([[
      gost.service { addr = "127.0.0.1:0", on = { resolve = function(conn, name, family)
        if name == "made.up" then return $ANSWER end
      end } }
      gost.run()
    ]], { ANSWER = answer })
  end

  local function made_up(gost)
    return support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], ("http://made.up:%d/hello"):format(
      origin.ports.http) }
  end

  it("gives a list, or one address", function()
    for _, answer in ipairs { '{ "127.0.0.1" }', '"127.0.0.1"' } do
      local gost = resolved(answer)
      assert.equal("hello\n", made_up(gost).body)
      assert.equal("hello\n", hello(gost).body)
      gost:stop()
    end
  end)

  it("refuses by false, and what is no address", function()
    for _, answer in ipairs { "false", '"made.up"', "{ 12 }" } do
      local gost = resolved(answer)
      assert.not_equal(200, made_up(gost).http_code)
      gost:stop()
    end
  end)

  it("is where functions as hosts and resolver are asked", function()
    local gost = script [[
      gost.service { addr = "127.0.0.1:0",
        hosts = function(_, name) if name == "made.up" then return "127.0.0.1" end end }
      gost.service { addr = "127.0.0.1:0",
        hosts = { { ip = "127.0.0.1", hostname = "made.up" } },
        resolver = function(_, name) gost.log.info("asked %s", name) return false end }
      gost.run()
    ]]
    gost:wait_listening(2)
    assert.equal("hello\n", made_up(gost).body)
    local second = { ports = { gost.ports[2] } }
    assert.equal("hello\n", made_up(second).body)
    local r = support.curl { "-x", "http://127.0.0.1:" .. gost.ports[2], "http://elsewhere.test/" }
    assert.not_equal(200, r.http_code)
    gost:wait_log "asked elsewhere%.test"
    assert.not_matches("asked made", gost:output())
  end)
end)

describe("The select hook", function()
  it("chooses in hops that have no function of their own", function()
    local exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" }
    local gost = script([[
      local answers = { 2, "n1", false, nil }
      gost.service { addr = "127.0.0.1:0", chain = gost.chain { gost.hop {
          selector = { strategy = "fifo" },
          { name = "n1", addr = "127.0.0.1:$PORT", connector = "socks5" },
          { name = "n2", addr = "127.0.0.1:$PORT", connector = "socks5" } } },
        on = {
          select = function(conn, candidates, dst)
            local n = (gost.counter "asked"):add()
            if n == 3 then return candidates[2] end
            if n == 5 then return "nonsense" end
            return answers[n]
          end,
          connect = function(conn) gost.log.info("by %s", conn.route) end } }
      gost.run()
    ]], { PORT = exit.ports[1] })
    for _, name in ipairs { "n2", "n1", "n2", "n1" } do
      local mark = gost:mark()
      assert.equal("hello\n", hello(gost).body)
      gost:wait_log("by " .. name .. "@", 5, mark)
    end
    assert.not_equal(200, hello(gost).http_code)
    gost:wait_log "what is no candidate"
    exit:stop()
  end)
end)

describe("The dial_error hook", function()
  it("tries again as long as it is asked to", function()
    local gost = script([[
      local tries = 0
      gost.service { addr = "127.0.0.1:0", on = {
        route = function() end,
        dial_error = function(conn, target, err)
          tries = tries + 1
          gost.log.info("try %d: %s: %s (%s)", tries, tostring(target), tostring(err), err.code)
          gost.sleep(0.01)
          return tries < 3 and "retry"
        end } }
      gost.run()
    ]])
    local dead = support.free_port()
    local r = support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], ("http://127.0.0.1:%d/"):format(dead) }
    assert.not_equal(200, r.http_code)
    gost:wait_log "try 3: 127%.0%.0%.1:%d+: .*refused.* %(refused%)"
    assert.not_matches("try 4", gost:output())
  end)
end)

describe("The stream hook", function()
  it("rewrites chunks of both directions", function()
    local gost = script([[
      gost.service { addr = "127.0.0.1:0", handler = "tcp", forward = "$ECHO", on = {
        stream = function(conn, direction, chunk)
          if direction == "in" then return (chunk:gsub("a", "bb")) end
          return chunk:upper()
        end,
        close = function(conn, stats) gost.log.info("moved %d %d", stats.bytes_in, stats.bytes_out) end } }
      gost.run()
    ]], { ECHO = origin:addr "echo" })
    local c = client.tcp(gost.ports[1]):send("abca"):finish()
    assert.equal("BBBCBB", c:read_all())
    gost:wait_log "moved 6 6"
  end)

  it("cuts by false, and waits without stopping others", function()
    local gost = script([[
      gost.service { addr = "127.0.0.1:0", handler = "tcp", forward = "$ECHO", on = {
        stream = function(conn, direction, chunk)
          if chunk:find "slow" then gost.sleep(0.5) end
          if chunk:find "cut" then return false end
        end } }
      gost.run()
    ]], { ECHO = origin:addr "echo" })
    local slow = client.tcp(gost.ports[1]):send "slow"
    local began = support.now()
    local fast = client.tcp(gost.ports[1]):send "fast"
    assert.equal("fast", fast:read(4))
    assert.is_true(support.now() - began < 0.45)
    fast:send "cut"
    assert.is_nil((fast.sock:receive(1)))
    assert.equal("slow", slow:read(4))
  end)
end)

describe("The close hook", function()
  it("hears what a connection came to, and may wait", function()
    local gost = script [[
      gost.service { addr = "127.0.0.1:0", on = { close = function(conn, stats)
        gost.sleep(0.01)
        gost.log.info("end of %s %s: %s in %s out, %s s, %s", conn.client, conn.target, stats.bytes_in > 0,
          stats.bytes_out > 0, stats.duration >= 0, tostring(stats.code))
      end } }
      gost.run()
    ]]
    hello(gost, "socks5")
    gost:wait_log "end of 127%.0%.0%.1:%d+ 127%.0%.0%.1:%d+: true in true out, true s, nil"
  end)
end)

describe("A hook that fails", function()
  local function failing(fail)
    return script([[
      gost.service { addr = "127.0.0.1:0" }:on("route", function() error "oops" end, { fail = $FAIL })
      gost.run()
    ]], { FAIL = fail })
  end

  it("denies by default, and tells where with a traceback", function()
    local gost = failing "nil"
    assert.not_equal(200, hello(gost).http_code)
    gost:wait_log "script%.lua:%d+: oops.*stack traceback"
  end)

  it("is passed over when it fails open", function()
    local gost = failing '"open"'
    assert.equal("hello\n", hello(gost).body)
    gost:wait_log "oops"
  end)

  it("cannot be set to another policy", function()
    local r = support.gost_run { support.files.with("s.lua", [[
      local gost = require "gost"
      gost.service { addr = "127.0.0.1:0" }:on("route", print, { fail = "ajar" })
      gost.run()]]) }
    assert.not_equal(0, r.status)
    assert.matches('s%.lua:2: hook route: fail: expected "open" or "closed", got "ajar"', r.stderr)
  end)
end)

describe("Budgets", function()
  it("cut a loop without end, also one that catches errors; the worker goes on", function()
    for _, body in ipairs { "while true do end", "while true do pcall(function() while true do end end) end",
      "coroutine.wrap(function() while true do end end)()" } do
      local gost = script([[
        gost.service { addr = "127.0.0.1:0" }:on("route", function(_, dst)
          if dst.port == 1 then $BODY end
        end, { instructions = 2000000 })
        gost.run()
      ]], { BODY = body })
      local r = support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], "http://127.0.0.1:1/" }
      assert.not_equal(200, r.http_code)
      assert.is_true(r.seconds < 5)
      gost:wait_log "instruction budget of the hook overrun"
      assert.equal("hello\n", hello(gost).body)
      gost:stop()
    end
  end)

  it("of time cut waiting and working", function()
    for _, body in ipairs { "gost.sleep(60)", "while true do gost.sleep(0.01) end", "while true do end" } do
      local gost = script([[
        gost.service { addr = "127.0.0.1:0" }:on("route", function(_, dst)
          if dst.port == 1 then $BODY end
        end, { timeout = 0.2, instructions = 0 })
        gost.run()
      ]], { BODY = body })
      local r = support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], "http://127.0.0.1:1/" }
      assert.not_equal(200, r.http_code)
      assert.is_true(r.seconds < 5)
      gost:wait_log "time budget"
      assert.equal("hello\n", hello(gost).body)
      gost:stop()
    end
  end)

  it("count instructions without a pause: long work that waits in between is fine", function()
    local gost = script [[
      gost.service { addr = "127.0.0.1:0" }:on("route", function()
        for _ = 1, 10 do
          for _ = 1, 100000 do end
          gost.sleep(0)
        end
      end, { instructions = 500000 })
      gost.run()
    ]]
    assert.equal("hello\n", hello(gost).body)
  end)

  it("bound the memory of the state", function()
    local gost = script [[
      gost.budget { memory = 16 << 20 }
      gost.service { addr = "127.0.0.1:0" }:on("route", function(_, dst)
        if dst.port == 1 then
          local hoard = {}
          for i = 1, 1000 do hoard[i] = ("x"):rep(1 << 20) .. i end
        end
      end)
      gost.run()
    ]]
    local r = support.curl { "-x", "http://127.0.0.1:" .. gost.ports[1], "http://127.0.0.1:1/" }
    assert.not_equal(200, r.http_code)
    gost:wait_log "not enough memory"
    assert.equal("hello\n", hello(gost).body)
    assert.is_true(gost:rss() < 200 * 1024)
  end)
end)

describe("Policies that are functions", function()
  it("bypass, admission and selector", function()
    local exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" }
    local gost = script([[
      gost.service { name = "b", addr = "127.0.0.1:0",
        bypass = { "*.internal", function(_, addr) return addr:find ":1$" end } }
      gost.service { name = "a", addr = "127.0.0.1:0",
        admission = function(conn, addr) return conn.client == addr and not addr:find "^127" end }
      gost.service { name = "w", addr = "127.0.0.1:0",
        admission = function(_, addr) return addr:find "^127" end }
      gost.service { name = "s", addr = "127.0.0.1:0", chain = gost.chain { gost.hop {
        selector = function(conn, candidates, request)
          gost.log.info("%d of %d for %s", 2, #candidates, request.host)
          return candidates[2]
        end,
        "socks5://127.0.0.1:1", "socks5://127.0.0.1:$PORT" } } }
      gost.run()
    ]], { PORT = exit.ports[1] })
    gost:wait_listening(4)
    local function via(i, url) return support.curl { "-x", "http://127.0.0.1:" .. gost.ports[i], url } end
    assert.equal("hello\n", via(1, origin:url "/hello").body)
    assert.equal(403, via(1, "http://127.0.0.1:1/").http_code)
    assert.equal(403, via(1, "http://x.internal/").http_code)
    assert.equal(0, via(2, origin:url "/hello").http_code)
    assert.equal("hello\n", via(3, origin:url "/hello").body)
    for _ = 1, 3 do assert.equal("hello\n", via(4, origin:url "/hello").body) end
  end)
end)
