---gost.redis against a real server, and against servers that misbehave.

local support = require "spec.support"

teardown(support.cleanup)

---What a script prints; it ends by itself. `values` stand for $NAMES.
local function prints(text, values)
  text = text:gsub("%$(%u+)", values or {})
  local path = support.files.with("script.lua", 'local gost = require "gost"\n' .. text)
  local r = support.gost_run { "--workers", "1", path, timeout = 20 }
  assert.equal(0, r.status, r.stderr)
  return r.stdout, r.stderr
end

describe("With a server", function()
  local server, port

  setup(function() server, port = support.redis("--requirepass", "hidden") end)
  teardown(function() server:terminate() end)

  local function script(text)
    return prints('local r = assert(gost.redis.connect { addr = "127.0.0.1:$PORT", password = "hidden" })\n' .. text,
      { PORT = port })
  end

  it("commands have answers: text, numbers, nil, lists, errors", function()
    local out = script [==[
      print(r:call("SET", "a", 1), r:call("GET", "a"), r:call("INCR", "a"))
      print(r:call("GET", "nothing"))
      print(r:call("HGET", "a", "x"))
      r:call("DEL", "l")
      r:call("RPUSH", "l", "x", "y\r\n\0z", true, 1.5)
      print(gost.json.encode(r:call("LRANGE", "l", 0, -1)), #r:call("LINDEX", "l", 1))
      print(gost.json.encode(r:call("EVAL", "return {1,{2,{false,'x'}}}", 0)))
    ]==]
    assert.equal(([==[OK	1	2
nil
nil	redis 127.0.0.1:%d: WRONGTYPE Operation against a key holding the wrong kind of value	redis
["x","y\r\n\u0000z","1","1.5"]	5
[1,[2,[false,"x"]]]
]==]):format(port), out)
  end)

  it("a pipeline answers in order, with errors and nils at their places", function()
    assert.equal('["OK",false,{"error":"ERR value is not an integer or out of range"},["b"]]\n', script [[
      r:call("DEL", "l") r:call("RPUSH", "l", "b")
      print(gost.json.encode(r:pipeline { {"SET", "s", "x"}, {"GET", "none"}, {"INCR", "s"}, {"LRANGE", "l", 0, -1} }))
    ]])
  end)

  it("a wrong password and a missing database are told without the password", function()
    local out = prints([[
      print(gost.redis.connect { addr = "127.0.0.1:$PORT", password = "guess" })
      print(gost.redis.connect { addr = "127.0.0.1:$PORT", username = "ann", password = "hidden" })
      print(gost.redis.connect { addr = "127.0.0.1:$PORT", password = "hidden", db = 99 })
      print(assert(gost.redis.connect "127.0.0.1:$PORT"):call("GET", "a"))
    ]], { PORT = port })
    assert.not_matches("guess", out)
    assert.not_matches("hidden", out)
    assert.equal(2, select(2, out:gsub("the server refuses the user or the password %(WRONGPASS%)\tauth\n", "")))
    assert.matches("there is no database 99 %(ERR%)\tredis\n", out)
    assert.matches("NOAUTH Authentication required.\tauth\n", out)
  end)

  it("fibers share a connection by turns, and a client's connections side by side", function()
    assert.equal("5050\n4\n", script [[
      r:call("DEL", "n")
      local jobs, pool = {}, gost.redis.client { addr = "127.0.0.1:$PORT", password = "hidden" }
      for i = 1, 100 do
        local one = i % 2 == 0 and r or pool
        jobs[i] = function() return one:call("INCRBY", "n", i) end
      end
      assert(gost.all(jobs))
      print(r:call("GET", "n"))
      print(tostring(pool):match "%((%d+) idle%)")
    ]])
  end)

  it("messages of channels and patterns come in", function()
    assert.equal("nil\tnews\thello\nx.*\tx.y\tthere\ntimeout\nclosed\n", script [[
      local sub = assert(r:subscribe("news", "x.*"))
      while r:call("PUBLISH", "x.y", "-") == 0 or r:call("PUBLISH", "news", "-") == 0 do gost.sleep(0.005) end
      repeat local m = sub:next(5) until m.channel == "news"
      r:call("PUBLISH", "news", "hello") r:call("PUBLISH", "x.y", "there")
      for _ = 1, 2 do
        local m repeat m = assert(sub:next(5)) until m.payload ~= "-"
        print(m.pattern, m.channel, m.payload)
      end
      print((select(3, sub:next(0.01))))
      sub:close()
      print((select(3, sub:next(1))))
    ]])
  end)

  it("records of tunnels are kept as long as the one that lives longest", function()
    assert.equal("true\ttrue\n", script [[
      local sd = require "gost.sd_redis" { addr = "127.0.0.1:$PORT", password = "hidden", key = "k" }
      local function record(id, ttl)
        return { id = id, name = "t", node = "n", network = "tcp", address = "x:1", ttl = ttl }
      end
      local ok = sd("register", record("a", 20)) and sd("register", record("b", 1))
      print(ok, r:call("PTTL", "k:t") > 30000)
    ]])
  end)

  it("calls go through a chain", function()
    local proxy = support.gost { "-L", "socks5://127.0.0.1:0" }
    assert.equal("PONG\n", prints([[
      local chain = gost.chain { "socks5://127.0.0.1:$PROXY" }
      print(assert(gost.redis.connect { addr = "127.0.0.1:$PORT", password = "hidden", chain = chain }):call "PING")
    ]], { PROXY = proxy.ports[1], PORT = port }))
    proxy:wait_log(" >< 127.0.0.1:" .. port)
  end)

  it("TLS verifies the server", function()
    local pki = support.pki()
    local _, tls_port = support.tls_front(pki:cert(), "127.0.0.1:" .. port)
    local out = prints([[
      local connect, addr = gost.redis.connect, "localhost:$PORT"
      print(assert(connect { addr = addr, password = "hidden", tls = { caFile = "$CA" } }):call "PING")
      print((select(3, connect { addr = addr, tls = true })))
      print((select(3, connect { addr = addr, tls = { ca_file = "$CA", server_name = "x.test" } })))
    ]], { PORT = tls_port, CA = pki.ca })
    assert.equal("PONG\ncertificate\ncertificate\n", out)
  end)
end)

it("A client comes back when the server does", function()
  local server, port = support.redis()
  local out = support.files.with("out", "")
  local gost = support.gost { "--workers", "1", support.files.with("s.lua", ([[
    local gost = require "gost"
    local c = gost.redis.client { addr = "127.0.0.1:%d", timeout = 5 }
    local file = io.open("%s", "w")
    local last
    gost.service { addr = "127.0.0.1:0" }:start()
    while true do
      local value, message, code = c:call "PING"
      local now = value or code
      if now ~= last then file:write(tostring(now), "\n") file:flush() end
      last = now
      gost.sleep(0.01)
    end
  ]]):format(port, out)) }
  local function seen(pattern)
    support.eventually(function() return support.files.read(out):find(pattern) end)
  end
  seen "PONG\n"
  server:terminate()
  seen "PONG\n.*refused\n"
  local again = support.start { "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
    ready = "Ready to accept connections" }
  seen "refused\nPONG\n"
  gost:terminate()
  again:terminate()
end)

describe("A server that", function()
  ---What a call says to a server that answers `bytes` (a Lua string literal), then keeps silent or leaves.
  local function answers(bytes, options, leaves)
    return (prints([[
      gost.handler("fake", function(conn)
        conn:read() -- all of it: what is not read would reset the connection
        conn:write($BYTES)
        $THEN
      end)
      local fake = gost.service { addr = "127.0.0.1:0", handler = "fake" }
      local addr = fake:start()
      local t = gost.now()
      local c = assert(gost.redis.connect { addr = addr, timeout = 3, $OPTIONS })
      local value, message, code = c:call("GET", "secret")
      print(value, message and message:gsub("^redis [%d.:]+: ", ""), code, gost.now() - t < 2.5)
      print((select(3, c:call "PING")))
      gost.stop()
    ]], { BYTES = bytes, OPTIONS = options or "", THEN = leaves and "" or "gost.sleep(30)" }):gsub("\t", " "))
  end

  it("talks nonsense", function()
    assert.matches('nil Protocol error, got "H" as reply type byte protocol true\nclosed\n',
      answers '"HTTP/1.1 400 Bad Request\\r\\n\\r\\n"')
  end)

  it("promises too much", function()
    assert.equal("nil the reply is too large limit true\nclosed\n", answers '"$99999999999\\r\\nx"')
    assert.equal("nil the reply is too large limit true\nclosed\n", answers('"$2000\\r\\n"', "max_reply = 1000"))
    assert.equal("nil the reply is too large limit true\nclosed\n",
      answers('"*2000000000\\r\\n" .. (":1\\r\\n"):rep(100000)', "max_reply = 100000"))
    assert.matches("nil .*protocol true\nclosed\n", answers('("*1\\r\\n"):rep(100)'))
    assert.equal("nil a line without end protocol true\nclosed\n", answers('"+" .. ("x"):rep(70000)'))
  end)

  it("leaves in the middle", function()
    assert.equal("nil the server has closed the connection eof true\nclosed\n", answers('"$10\\r\\nhalf"', nil, true))
  end)

  it("is silent, or drips", function()
    assert.equal("nil timed out timeout true\nclosed\n", answers('""', "timeout = 0.1"))
    assert.equal("nil timed out timeout true\nclosed\n", answers([["$3\r\na"]], "timeout = 0.1"))
  end)
end)

it("Mistakes of the script raise, with the key that is meant", function()
  local out = prints [[
    print(pcall(gost.redis.connect, { adr = "x" }))
    print(pcall(gost.redis.client, { addr = 1 }))
    local c = gost.redis.client {}
    print(pcall(c.call, c, "GET", {}))
    print(pcall(c.pipeline, c, { "GET", "a" }))
    print(pcall(c.pipeline, c, {}))
  ]]
  assert.matches('unknown key "adr", did you mean "addr"', out)
  assert.matches("addr: expected a string, got a number", out)
  assert.matches("argument 2: expected a string, a number or a boolean, got a table", out)
  assert.matches("expected a list of commands", out)
end)

it("A client is none the worse for them", function()
  assert.equal(("there is no chain \"nosuch\", and it is no URL\n"):rep(2), (prints [[
    local client = gost.redis.client { chain = "nosuch", size = 1, timeout = 1 }
    for _ = 1, 2 do print((select(2, pcall(client.call, client, "PING")):gsub("^.-:%d+: ", ""))) end
  ]]))
end)

it("The reader takes any bytes, in any pieces", function()
  local out = prints [[
    local core = require "gost.core"
    math.randomseed(7)
    local seeds = { "*3\r\n$1\r\na\r\n:12\r\n*2\r\n$-1\r\n*0\r\n", "+OK\r\n-ERR x\r\n$5\r\nhello\r\n", "*-1\r\n:-9\r\n",
      ("*1\r\n"):rep(7) .. "$0\r\n\r\n" }
    local pieces = { "$", "*", ":", "-", "+", "\r\n", "0", "9", "-1", "99999999999999999999", "\0", "x" }
    local ends = { value = 0, error = 0, more = 0, wrong = 0 }
    for round = 1, 5000 do
      local text = seeds[round % #seeds + 1]
      for _ = 1, math.random(0, 4) do
        local at = math.random(0, #text)
        text = text:sub(1, at) .. pieces[math.random(#pieces)] .. text:sub(at + 1 + math.random(0, 2))
      end
      local reader, from = core.redis_reader(1000), 1
      while true do
        local kind = reader:reply(text:sub(from, from))
        if kind == nil then ends.wrong = ends.wrong + 1 break end
        ends[kind or "more"] = ends[kind or "more"] + 1
        if from > #text and not kind then break end
        from = from + 1
      end
    end
    for _, word in ipairs { "value", "error", "more", "wrong" } do assert(ends[word] > 500, word) end
    print "fine"
  ]]
  assert.equal("fine\n", out)
end)
