---Clients that misbehave: the wait has a bound, the log has the story, the others do not notice, and nothing stays.

local support = require "spec.support"
local client = require "spec.support.client"

local plain = (os.getenv "GOST_TREE" or "test") == "test"

---Descriptors and memory of a program before something happens; `settled()` waits until they are back.
---@param gost support.Gost
---@param pipes? integer that bulk transfers may leave in the pool
local function watch(gost, pipes)
  local fds, rss = gost:fds() + 2 * (pipes or 0), gost:rss()
  return function()
    support.eventually(function() return gost:fds() <= fds end, 10, "descriptors are left open: " .. fds)
    if plain then -- sanitizers keep memory for themselves
      support.eventually(function() return gost:rss() <= rss + 8192 end, 10, "memory is kept: " .. rss)
    end
  end
end

describe("Among clients that misbehave", function()
  local origin, gost, port, settled

  setup(function()
    support.raise_nofile()
    origin = support.origin { "http", "echo", "source", "silent", "slow", "count" }
  end)
  before_each(function()
    gost = support.gost { "--workers", "1", "-L", "auto://127.0.0.1:0?readTimeout=1s" }
    port = gost.ports[1]
    assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. port, origin:url "/hello" }.body)
    settled = watch(gost)
  end)
  after_each(function() gost:stop() end)
  teardown(support.cleanup)

  local function others_unharmed()
    local r = support.curl { "-x", "socks5h://127.0.0.1:" .. port, origin:url "/hello" }
    assert.equal("hello\n", r.body, r.stderr)
    assert.is_true(r.seconds < support.scaled(1), "took " .. r.seconds)
  end

  it("a silent one is let go after readTimeout", function()
    local began, c = support.now(), client.tcp(port)
    others_unharmed()
    assert.is_true(c:gone())
    local took = support.now() - began
    assert.is_true(took >= 0.9 and took < support.scaled(4), "took " .. took)
    gost:wait_log "service service%-0: client 127.0.0.1:%d+: [^\n]*timed out"
    c:close()
    settled()
  end)

  it("one that sends a byte at a time has no longer", function()
    for name, bytes in pairs {
      http = ("CONNECT %s HTTP/1.1\r\nX: %s\r\n\r\n"):format(origin:addr "echo", ("x"):rep(500)),
      socks5 = "\5\200" .. ("\1"):rep(200), socks4 = "\4\1\0\80\127\0\0\1" .. ("u"):rep(500),
    } do
      local began, c, sent = support.now(), client.tcp(port), 0
      repeat
        sent = sent + 1
        local ok = c.sock:send(bytes:sub(sent, sent))
        support.sleep(0.02)
      until not ok or sent == #bytes or support.now() - began > support.scaled(5)
      local took = support.now() - began
      assert.is_true(c:gone(), name)
      assert.is_true(took >= 0.9 and took < support.scaled(4), name .. " took " .. took)
      c:close()
    end
    others_unharmed()
    settled()
  end)

  it("resets in the middle of a handshake leave nothing", function()
    local connect = ("CONNECT %s HTTP/1.1\r\n\r\n"):format(origin:addr "silent")
    local socks5 = "\5\1\0" .. client.socks5_connect("127.0.0.1", origin.ports.silent)
    for _, bytes in ipairs { connect, socks5, "\4\1\0\80\127\0\0\1name\0",
      "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n" } do
      for cut = 0, #bytes, math.max(#bytes // 16, 1) do
        local c = client.tcp(port)
        if cut > 0 then
          c:send(bytes:sub(1, cut))
        end
        c:reset()
      end
    end
    others_unharmed()
    settled()
  end)

  it("one that never reads costs little memory", function()
    settled = watch(gost, 16)
    local before, open = gost:rss(), {}
    for i = 1, 20 do
      open[i] = client.socks5(port, origin.ports.source) -- 16 MiB each, and nobody takes them
    end
    support.eventually(function() return origin:accepted "source" >= 20 end)
    others_unharmed()
    local grown = gost:rss() - before
    if plain then
      assert.is_true(grown < 32 * 1024, grown .. " KiB for 20 clients")
    end
    for _, c in ipairs(open) do
      c:close()
    end
    settled()
  end)

  it("one that never stops sending to one that never reads is held back", function()
    gost:stop() -- what a client sent before its reset goes on for idleTimeout, at most ten seconds
    gost = support.gost { "--workers", "1", "-L", "auto://127.0.0.1:0?idleTimeout=1s" }
    port = gost.ports[1]
    others_unharmed()
    settled = watch(gost, 1)
    local before, c, sent = gost:rss(), client.socks5(port, origin.ports.silent), 0
    local block = ("x"):rep(1 << 20)
    repeat
      local n = c:send_some(block)
      sent = sent + n
    until n < #block or sent > 256 << 20
    assert.is_true(sent < 64 << 20, sent .. " bytes were taken")
    if plain then
      assert.is_true(gost:rss() - before < 16 * 1024, "memory: " .. gost:rss() - before)
    end
    others_unharmed()
    c:reset()
    settled()
  end)

  it("half-closed ones are served to the end", function()
    local c = client.socks5(port, origin.ports.slow):send("0123456789"):finish()
    others_unharmed()
    assert.equal("0123456789", c:read_all())
    c:close()
    local early = client.tcp(port):send("GET " .. origin:url "/hello" .. " HTTP/1.1\r\nHost: x\r\n\r\n"):finish()
    assert.matches("hello\n$", early:read_all())
    early:close()
    settled()
  end)

  it("a head of 1 MiB is refused long before its end", function()
    local c = client.tcp(port)
    c.sock:settimeout(2)
    c.sock:send("GET http://x/ HTTP/1.1\r\nX: " .. ("x"):rep(1 << 20))
    c.sock:settimeout(support.scaled(10))
    local answer = c.sock:receive "*l"
    assert.is_true(answer == nil or answer:find "^HTTP/1.1 4" ~= nil, answer)
    assert.is_true(c:gone())
    c:close()
    gost:wait_log "client 127.0.0.1:%d+: [^\n]*head"
    others_unharmed()
    settled()
  end)

  it("nonsense of every kind is refused with a line in the log", function()
    local random = support.files.read(support.files.random(4096))
    for _, bytes in ipairs { "\5\0", "\5\1\9", "\4\9\0\80\127\0\0\1\0", "\0\0\0\0", "GET / HTTP/9.9\r\n\r\n",
      "CONNECT nowhere HTTP/1.1\r\n\r\n", "\22\3\1\0\5hello", "\255" .. random, random } do
      local mark, c = gost:mark(), client.tcp(port)
      c:send(bytes)
      assert.is_true(c:gone(5), ("%q"):format(bytes:sub(1, 20)))
      c:close()
      gost:wait_log("service service%-0: client 127.0.0.1:%d+: %S", 5, mark)
    end
    others_unharmed()
    settled()
  end)

  it("ten thousand that connect and leave cost nothing", function()
    local total = plain and 10000 or 1000
    for i = 1, total do
      local c = client.tcp(port)
      if i % 4 == 1 then
        c:send "\5\1\0"
      elseif i % 4 == 2 then
        c:send "CONNECT "
      elseif i % 4 == 3 then
        c:reset()
      end
      if i % 4 ~= 3 then
        c:close()
      end
    end
    others_unharmed()
    settled()
  end)

  it("a thousand that stay at once leave nothing when they go", function()
    local open = {}
    for i = 1, 1000 do
      open[i] = client.socks5(port, origin.ports.echo)
    end
    for _, c in ipairs(open) do
      c:send "x"
    end
    for _, c in ipairs(open) do
      assert.equal("x", c:read(1))
      c:close()
    end
    others_unharmed()
    settled()
  end)
end)

describe("Out of descriptors", function()
  teardown(support.cleanup)

  it("the program refuses or waits, says so without end, and goes on when there are some again", function()
    local origin = support.origin { "http", "echo" }
    local gost = support.gost { "--workers", "1", "-L", "auto://127.0.0.1:0?readTimeout=2s",
      prefix = { "sh", "-c", 'ulimit -n 64; exec "$0" "$@"' } }
    local open = {}
    for i = 1, 100 do
      open[i] = client.tcp(gost.ports[1])
      open[i]:send "\5\1\0"
    end
    gost:wait_log "[Tt]oo many open files"
    local cpu = gost:cpu_seconds()
    support.sleep(0.5)
    assert.is_true(gost:cpu_seconds() - cpu < 0.3 * support.scaled(1), "it spins")
    assert.is_true(gost:mark() < 200 * 1024, "it fills the log")
    for _, c in ipairs(open) do
      c:close()
    end
    local proxy = "socks5h://127.0.0.1:" .. gost.ports[1]
    support.eventually(function()
      return support.curl { "-m", "2", "-x", proxy, origin:url "/hello" }.body == "hello\n"
    end)
    gost:stop()
  end)
end)
