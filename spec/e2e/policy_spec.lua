---Who may connect, where to, and how fast.

local support = require "spec.support"
local client = require "spec.support.client"

local function get(gost, url, index, ...)
  return support.curl { "-x", "http://127.0.0.1:" .. gost.ports[index or 1], url, ... }
end

describe("Rules", function()
  local origin

  setup(function() origin = support.origin { "http", "echo" } end)
  after_each(function()
    for _, p in ipairs { table.unpack(require "spec.support.process".running()) } do
      if p ~= origin then
        p:stop()
      end
    end
  end)
  teardown(support.cleanup)

  it("of a service's bypass refuse destinations: 403, and the SOCKS replies", function()
    local gost = support.gost { "-L", "auto://127.0.0.1:0?bypass=127.0.0.0/8,*.internal" }
    assert.equal(403, get(gost, origin:url "/hello").http_code)
    assert.equal(403, get(gost, "http://printer.internal/").http_code)
    local c = client.tcp(gost.ports[1]):send "\5\1\0"
    assert.equal("\5\0", c:read(2))
    assert.equal("\5\2", c:send(client.socks5_connect("127.0.0.1", origin.ports.echo)):read(10):sub(1, 2))
    gost:wait_log "bypass"
    assert.equal(0, origin:accepted "http")
  end)

  it("may be a whitelist", function()
    local gost = support.gost { "-L", "auto://127.0.0.1:0?bypass=~127.0.0.1,localhost" }
    assert.equal("hello\n", get(gost, origin:url "/hello").body)
    assert.equal(403, get(gost, "http://192.0.2.1/").http_code)
  end)

  it("of a hop lead around it", function()
    local dead = support.free_port()
    local gost = support.gost { "-L", "http://127.0.0.1:0", "-F",
      ("socks5://127.0.0.1:%d?bypass=127.0.0.0/8"):format(dead) }
    assert.equal("hello\n", get(gost, origin:url "/hello").body)
    assert.equal(503, get(gost, ("http://localhost:%d/"):format(origin.ports.http)).http_code)
  end)

  it("of an admission turn clients away without a word", function()
    local gost = support.gost { "-L", "http://127.0.0.1:0?admission=127.0.0.0/8", "-L",
      "http://127.0.0.1:0?admission=~127.0.0.0/8" }
    assert.matches("reset by peer", get(gost, origin:url "/hello").stderr .. "\nor Empty reply, reset by peer")
    assert.equal(0, get(gost, origin:url "/hello").http_code)
    assert.equal("hello\n", get(gost, origin:url "/hello", 2).body)
  end)

  it("of skipauth spare clients the credentials", function()
    local gost = support.gost { "-L", "auto://u:p@0.0.0.0:0?skipauth=127.0.0.2,127.1.0.0/16" }
    local function ask(from, proxy)
      return support.curl { "--interface", from, "-x", ("%s127.0.0.1:%d"):format(proxy, gost.ports[1]),
        origin:url "/hello" }.body == "hello\n"
    end
    for from, let_in in pairs { ["127.0.0.1"] = false, ["127.0.0.2"] = true, ["127.1.2.3"] = true } do
      for _, scheme in ipairs { "http://", "socks5://" } do
        assert.equal(let_in, ask(from, scheme), from .. " " .. scheme)
      end
    end
    assert.is_true(ask("127.0.0.1", "http://u:p@"))
    assert.is_true(ask("127.0.0.2", "http://someone:else@"))
  end)

  it("of hosts name addresses", function()
    local gost = support.gost { "-L",
      "auto://127.0.0.1:0?hosts=origin.test:127.0.0.1,six.test:::1,both.test:127.0.0.1" }
    local url = ("http://origin.test:%d/hello"):format(origin.ports.http)
    assert.equal("hello\n", get(gost, url).body)
    assert.equal("hello\n", support.curl { "-x", "socks5h://127.0.0.1:" .. gost.ports[1], url }.body)
    assert.equal("hello\n", support.curl { "-x", "socks4a://127.0.0.1:" .. gost.ports[1], url }.body)
  end)

  it("of a connection limit refuse the one too many", function()
    local gost = support.gost_config(([[
services:
- name: s
  addr: 127.0.0.1:0
  climiter: two
  handler: {type: tcp}
  listener: {type: tcp}
  forwarder: {nodes: [{name: t, addr: "%s"}]}
climiters:
- {name: two, limits: ["$ 2"]}
]]):format(origin:addr "echo"), { ext = "yml" })
    local a, b = client.tcp(gost.ports[1]):send "a", client.tcp(gost.ports[1]):send "b"
    assert.equal("ab", a:read(1) .. b:read(1))
    local c = client.tcp(gost.ports[1])
    assert.is_true(c:gone())
    a:close()
    support.eventually(function()
      local d = client.tcp(gost.ports[1])
      d.sock:send "d"
      local got = d.sock:receive(1)
      d:close()
      return got == "d"
    end)
    assert.equal("b", b:send("b"):read(1))
    b:close()
  end)

  it("of a rate limit refuse what comes too fast", function()
    local gost = support.gost_config(([[
services:
- name: s
  addr: 127.0.0.1:0
  rlimiter: slowly
  handler: {type: http}
  listener: {type: tcp}
rlimiters:
- {name: slowly, limits: ["$ 3"]}
]]), { ext = "yml" })
    local served, refused = 0, 0
    for _ = 1, 12 do
      local r = get(gost, origin:url "/hello")
      served, refused = served + (r.body == "hello\n" and 1 or 0), refused + (r.http_code == 0 and 1 or 0)
    end
    assert.equal(12, served + refused)
    assert.is_true(served >= 3 and refused >= 1, ("served %d, refused %d"):format(served, refused))
  end)
end)

describe("A limiter", function()
  local origin

  setup(function() origin = support.origin { "http", "count" } end)
  teardown(support.cleanup)

  ---Seconds of a download, by a plain request, and of an upload, in a tunnel, through a service with `query`.
  local function measure(query, bytes)
    local gost = support.gost { "-L", "http://127.0.0.1:0?" .. query }
    local down = get(gost, origin:url("/bytes/" .. bytes))
    assert.is_true(support.pattern(bytes) == down.body, down.stderr)
    local c, began = client.http_connect(gost.ports[1], origin.ports.count), support.now()
    assert.equal(bytes .. " bytes\n", c:send(("x"):rep(bytes)):finish():read_all())
    local up = support.now() - began
    c:close()
    gost:stop()
    return down.seconds, up
  end

  it("of out slows downloads alone", function()
    local down, up = measure("limiter.out=500KB", 1500000)
    assert.is_true(down > 1.2 and down < support.scaled(8), "down: " .. down)
    assert.is_true(up < support.scaled(1.2), "up: " .. up)
  end)

  it("of in slows uploads alone", function()
    local down, up = measure("limiter.in=500KB", 1500000)
    assert.is_true(up > 1.2 and up < support.scaled(8), "up: " .. up)
    assert.is_true(down < support.scaled(1.2), "down: " .. down)
  end)

  it("of in slows the bodies of plain requests", function()
    local gost = support.gost { "-L", "http://127.0.0.1:0?limiter.in=500KB" }
    local file = support.files.random(1500000)
    local r = get(gost, origin:url "/echo", 1, "-H", "Expect:", "--data-binary", "@" .. file)
    assert.is_true(support.files.read(file) == r.body, r.stderr)
    assert.is_true(r.seconds > 1.2 and r.seconds < support.scaled(8), "took " .. r.seconds)
    gost:stop()
  end)

  it("is shared by all connections, tunnels too", function()
    local gost = support.gost { "--workers", "2", "-L", "socks5://127.0.0.1:0?limiter.out=400KB" }
    local url, began = origin:url "/bytes/400000", support.now()
    local r = support.run { "curl", "-q", "-sS", "-m", "20", "-Z", "-x", "socks5h://127.0.0.1:" .. gost.ports[1], "-o",
      "/dev/null", url, "-o", "/dev/null", url, "-o", "/dev/null", url }
    local took = support.now() - began
    assert.equal(0, r.status, r.stderr)
    assert.is_true(took > 1.5 and took < support.scaled(10), "took " .. took)
    gost:stop()
  end)
end)
