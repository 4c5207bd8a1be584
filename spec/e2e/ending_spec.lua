---How the program starts and how it ends.

local support = require "spec.support"
local client = require "spec.support.client"

describe("TERM", function()
  local origin

  setup(function() origin = support.origin { "http", "echo", "slow" } end)
  teardown(support.cleanup)

  for _, workers in ipairs { 1, 4 } do
    it(("lets downloads finish, and takes no more clients (%d workers)"):format(workers), function()
      local gost = support.gost { "--workers", workers, "-L", "auto://127.0.0.1:0" }
      local open = {}
      for i = 1, 8 do -- on all workers
        open[i] = client.socks5(gost.ports[1], origin.ports.slow):send(("0123456789"):rep(2)):finish()
      end
      for i = 1, 8 do
        assert.equal("0", open[i]:read(1))
      end
      local began = support.now()
      gost:kill "TERM"
      support.eventually(function() return not support.connects(gost.ports[1]) end)
      for i = 1, 8 do
        assert.equal("1234567890123456789", open[i]:read_all())
        open[i]:close()
      end
      assert.equal("exit", (gost:wait(5)))
      assert.equal(0, gost.code)
      assert.is_true(support.now() - began < support.scaled(5))
      assert.not_matches("cut", gost:output())
      gost:stop()
    end)

    it(("waits for the others no longer than 5 s (%d workers)"):format(workers), function()
      local gost = support.gost { "--workers", workers, "-L", "auto://127.0.0.1:0" }
      local c = client.socks5(gost.ports[1], origin.ports.echo)
      assert.equal("x", c:send("x"):read(1))
      local began = support.now()
      gost:kill "TERM"
      assert.is_true(c:gone())
      assert.equal("exit", (gost:wait(5)))
      local took = support.now() - began
      assert.equal(0, gost.code)
      assert.is_true(took > 4 and took < support.scaled(8), "took " .. took)
      assert.matches("1 connections? %l+ cut", gost:output())
      c:close()
      gost:stop()
    end)

    it(("twice ends at once (%d workers)"):format(workers), function()
      local gost = support.gost { "--workers", workers, "-L", "auto://127.0.0.1:0" }
      local open = {}
      for i = 1, 8 do
        open[i] = client.socks5(gost.ports[1], origin.ports.echo)
        assert.equal("x", open[i]:send("x"):read(1))
      end
      gost:kill "TERM"
      support.eventually(function() return not support.connects(gost.ports[1]) end)
      assert.is_true(gost:alive())
      local began = support.now()
      gost:kill "TERM"
      assert.equal("exit", (gost:wait(3)))
      assert.is_true(support.now() - began < support.scaled(1))
      for i = 1, 8 do
        assert.is_true(open[i]:gone())
        open[i]:close()
      end
      gost:stop()
    end)
  end

  it("right after the start ends the program", function()
    for _ = 1, 20 do
      support.gost({ "--workers", "4", "-L", "auto://127.0.0.1:0" }):stop(5)
    end
  end)

  it("leaves the port to a successor", function()
    local first = support.gost { "-L", "auto://127.0.0.1:0" }
    local port = first.ports[1]
    local c = client.socks5(port, origin.ports.echo)
    first:kill "TERM"
    support.eventually(function() return not support.connects(port) end)
    local second = support.gost { "-L", "auto://127.0.0.1:" .. port }
    local r = support.curl { "-x", "socks5h://127.0.0.1:" .. port, origin:url "/hello" }
    assert.equal("hello\n", r.body, r.stderr)
    assert.equal("x", c:send("x"):read(1)) -- the first one still serves its own
    c:close()
    first:stop()
    second:stop()
  end)
end)

describe("Starting", function()
  teardown(support.cleanup)

  it("on a port that is taken fails with the service and the address", function()
    local first = support.gost { "-L", "auto://127.0.0.1:0" }
    local r = support.gost_run { "-L", "http://127.0.0.1:" .. first.ports[1], timeout = 10 }
    assert.equal(1, r.status)
    assert.matches("service%-0", r.stderr)
    assert.matches("127.0.0.1:" .. first.ports[1], r.stderr)
    assert.matches("address already in use", r.stderr)
    first:stop()
  end)

  it("on a port that is taken is fine for those who share it by reuseport", function()
    local first = support.gost { "-L", "auto://127.0.0.1:0?reuseport=true" }
    local second = support.gost { "-L", ("auto://127.0.0.1:%d?reuseport=true"):format(first.ports[1]) }
    first:stop()
    assert.is_true(support.connects(second.ports[1]))
    second:stop()
  end)

  it("twice on one port in one command line fails before anything listens", function()
    local port = support.free_port()
    local r = support.gost_run { "-L", "http://127.0.0.1:" .. port, "-L", "socks5://127.0.0.1:" .. port, timeout = 10 }
    assert.equal(1, r.status)
    assert.matches("127.0.0.1:" .. port, r.stderr)
    assert.not_matches("listening", r.stderr)
  end)

  it("on port 0 takes a free one and logs it", function()
    local gost = support.gost { "-L", "http://127.0.0.1:0", "-L", "socks5://:0" }
    assert.is_true(gost.ports[1] > 0 and gost.ports[2] > 0 and gost.ports[1] ~= gost.ports[2])
    assert.is_true(support.connects(gost.ports[1]) and support.connects(gost.ports[2]))
    gost:stop()
  end)

  it("on an address of another host fails", function()
    local r = support.gost_run { "-L", "http://192.0.2.1:0", timeout = 10 }
    assert.equal(1, r.status)
    assert.matches("192.0.2.1:0: address not available", r.stderr)
  end)

  it("with flags that mean nothing is status 2", function()
    for _, words in ipairs { { "--nosuch" }, { "-L" }, { "--workers", "many", "-L", ":0" }, { "-O", "xml", "-L", ":0" },
      { "-L", ":0", "stray" } } do
      words.timeout = 10
      local r = support.gost_run(words)
      assert.equal(2, r.status, table.concat(words, " ") .. "\n" .. r.stdout .. r.stderr)
      assert.is_true(#r.stderr > 0)
    end
  end)

  it("with a configuration that is wrong is status 1, with every mistake", function()
    local path = support.files.with("wrong.yml",
      "services:\n- name: a\n  addr: :0\n  handler: {type: htp, chain: nowhere}\n  listener: {type: tcp}\n")
    local r = support.gost_run { "-C", path, timeout = 10 }
    assert.equal(1, r.status)
    assert.matches("wrong.yml:4:", r.stderr)
    assert.matches("htp", r.stderr)
    assert.matches("nowhere", r.stderr)
  end)
end)

describe("Four workers", function()
  local origin, gost

  setup(function()
    origin = support.origin { "http", "echo", "greet", "count" }
    gost = support.gost { "--workers", "4", "-L", "auto://127.0.0.1:0", "-L", "relay://127.0.0.1:0",
      "-L", "http://user:pass@127.0.0.1:0" }
  end)
  teardown(support.cleanup)

  it("serve every client", function()
    for _ = 1, 3 do
      for _, scheme in ipairs { "http", "socks4", "socks4a", "socks5", "socks5h" } do
        local r = support.curl { "-x", ("%s://127.0.0.1:%d"):format(scheme, gost.ports[1]), origin:url "/bytes/200000" }
        assert.is_true(support.pattern(200000) == r.body, r.stderr)
      end
    end
    local r = support.curl { "-x", "http://user:pass@127.0.0.1:" .. gost.ports[3], origin:url "/hello" }
    assert.equal("hello\n", r.body, r.stderr)
  end)

  it("share many connections", function()
    local open = {}
    for i = 1, 64 do
      open[i] = client.socks5(gost.ports[1], origin.ports.echo)
    end
    for i, c in ipairs(open) do
      c:send(("%04d"):format(i))
    end
    for i, c in ipairs(open) do
      assert.equal(("%04d"):format(i), c:read(4))
      c:close()
    end
    local threads = 0
    for _, task in ipairs(support.files.list("/proc/" .. gost.pid .. "/task")) do
      local stat = support.files.read(("/proc/%d/task/%s/status"):format(gost.pid, task))
      threads = threads + (tonumber(stat:match "voluntary_ctxt_switches:%s*(%d+)") > 2 and 1 or 0)
    end
    assert.is_true(threads >= 4, threads .. " threads do something")
  end)

  it("hold a limit of connections together", function()
    local limited = support.gost_config(([[
services:
- name: s
  addr: 127.0.0.1:0
  climiter: few
  handler: {type: tcp}
  listener: {type: tcp}
  forwarder: {nodes: [{name: t, addr: "%s"}]}
climiters:
- {name: few, limits: ["$ 8"]}
]]):format(origin:addr "echo"), { ext = "yml", args = { "--workers", "4" } })
    local served, open = 0, {}
    for i = 1, 24 do
      open[i] = client.tcp(limited.ports[1])
      open[i].sock:send "x"
      served = served + (open[i].sock:receive(1) == "x" and 1 or 0)
    end
    assert.equal(8, served)
    for _, c in ipairs(open) do
      c:close()
    end
    limited:stop()
  end)

  it("share the knowledge of a dead node", function()
    local dead, good = support.free_port(), support.gost { "-L", "socks5://127.0.0.1:0" }
    local front = support.gost { "--workers", "4", "-L", "http://127.0.0.1:0?retries=1", "-F",
      ("socks5://127.0.0.1:%d,127.0.0.1:%d?strategy=fifo&maxFails=1&failTimeout=60s"):format(dead, good.ports[1]) }
    for _ = 1, 12 do
      local r = support.curl { "-x", "http://127.0.0.1:" .. front.ports[1], origin:url "/hello" }
      assert.equal("hello\n", r.body, r.stderr .. front:output())
    end
    assert.equal(1, select(2, front:output():gsub("set aside", "")))
    front:stop()
    good:stop()
  end)
end)
