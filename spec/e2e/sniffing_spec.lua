---Proxies that look at what their tunnels carry: names in TLS and HTTP, with the target asked for by address.

local support = require "spec.support"
local client = require "spec.support.client"
local process = require "spec.support.process"

---A ClientHello for a server's name, in records of at most `size` bytes.
local function hello(name, size)
  local sni = string.pack(">s2", string.pack(">s2", "\0" .. string.pack(">s2", name)))
  local extensions = string.pack(">s2", "\0\0" .. sni)
  local body = "\3\3" .. ("r"):rep(32) .. "\0" .. string.pack(">s2", "\x13\1") .. "\1\0" .. extensions
  local message = "\1" .. string.pack(">I3", #body) .. body
  local records = {}
  for at = 1, #message, size or #message do
    records[#records + 1] = "\x16\3\1" .. string.pack(">s2", message:sub(at, at + (size or #message) - 1))
  end
  return table.concat(records)
end

describe("Sniffing", function()
  local origin, secure, kept

  setup(function()
    origin = support.origin { "http", "echo", "greet", "count" }
    local cert = support.pki():cert { name = "any", san = "DNS:*.test" }
    secure = support.gost { "-L", ("tcp+tls://127.0.0.1:0/%s?certFile=%s&keyFile=%s"):format(origin:addr "http",
      cert.cert, cert.key) }
    kept = { [origin] = true, [secure] = true }
  end)
  after_each(function()
    for _, p in ipairs { table.unpack(process.running()) } do
      if not kept[p] then p:stop() end
    end
  end)
  teardown(support.cleanup)

  ---@param kind string
  ---@param bypass? string
  ---@param more? string
  local function proxy(kind, bypass, more)
    return support.gost { "-L", ("%s://127.0.0.1:0?sniffing=true&bypass=%s%s"):format(kind, bypass or "blocked.test",
      more or "") }
  end

  ---A page whose host is named, from the origin asked for by its address.
  local function page(through, scheme, name)
    local port = scheme == "https" and secure.ports[1] or origin.ports.http
    return support.curl { "-x", through, "-p", "-k", "--resolve", ("%s:%d:127.0.0.1"):format(name, port),
      "--connect-to", ("%s:%d:127.0.0.1:%d"):format(name, port, port),
      ("%s://%s:%d/bytes/300000"):format(scheme, name, port) }
  end

  local function check(gost, through)
    for scheme, word in pairs { http = "http", https = "tls" } do
      local mark = gost:mark()
      local r = page(through, scheme, "fine.test")
      assert.equal(support.pattern(300000), r.body, r.stderr)
      gost:wait_log('"host":"127.0.0.1:%d+"[^\n]*"sniffed":"fine.test"', 10, mark)
      assert.equal(0, page(through, scheme, "blocked.test").http_code)
      gost:wait_log(word .. " of the client: blocked.test:%d+ is denied by the service's bypass", 10, mark)
    end
  end

  for kind, ways in pairs {
    http = { "http" }, socks4 = { "socks4" }, socks5 = { "socks5" }, auto = { "http", "socks4", "socks5" },
  } do
    it("tells names in tunnels of " .. kind .. ", and the bypass knows them", function()
      local gost = proxy(kind)
      for _, way in ipairs(ways) do
        check(gost, ("%s://127.0.0.1:%d"):format(way, gost.ports[1]))
      end
    end)
  end

  it("does so in tunnels of relay, over TLS, multiplexed, too", function()
    for _, kind in ipairs { "relay", "relay+mtls" } do
      local gost = proxy(kind)
      local front = support.gost { "-L", "socks5://127.0.0.1:0",
        "-F", ("%s://127.0.0.1:%d"):format(kind, gost.ports[1]) }
      check(gost, ("socks5://127.0.0.1:%d"):format(front.ports[1]))
    end
  end)

  it("asks about the port of the connection, and the usual one of the protocol", function()
    for _, port in ipairs { 443, origin.ports.echo } do
      local gost = proxy("socks5", "blocked.test:" .. port)
      assert.is_true(client.socks5(gost.ports[1], origin.ports.echo):send(hello "blocked.test"):gone())
      gost:wait_log "tls of the client: blocked.test:443 is denied"
    end
    local gost = proxy("socks5", "~127.0.0.1,fine.test:" .. origin.ports.echo)
    local c, bytes = client.socks5(gost.ports[1], origin.ports.echo), hello "fine.test"
    assert.equal(bytes, c:send(bytes):read(#bytes))
    assert.is_true(client.socks5(gost.ports[1], origin.ports.echo):send(hello "other.test"):gone())
    c:close()
  end)

  it("understands hellos in pieces, and passes them on as they came", function()
    local gost = proxy "socks5"
    for _, size in ipairs { 1, 7, 50 } do
      local bytes = hello("fine.test", size)
      for _, piece in ipairs { #bytes, 11 } do
        local c = client.socks5(gost.ports[1], origin.ports.echo)
        for at = 1, #bytes, piece do c:send(bytes:sub(at, at + piece - 1)) end
        assert.equal(bytes .. "more", c:send("more"):read(#bytes + 4))
        c:close()
        assert.is_true(client.socks5(gost.ports[1], origin.ports.echo):send(hello("blocked.test", size)):gone())
      end
    end
  end)

  it("leaves what it does not understand to the target", function()
    local gost = proxy("socks5", "blocked.test", "&sniffing.timeout=0")
    for _, bytes in ipairs { "\0\1\2\3\4", "OPTIONS rtsp://blocked.test/ RTSP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
      "\x16\3\1\0\5\2\0\0\1\0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-x\r\n", "*1\r\n$4\r\nPING\r\n",
      "GET " .. ("a"):rep(100000) } do
      local c = client.socks5(gost.ports[1], origin.ports.echo):send(bytes)
      assert.equal(bytes, c:read(#bytes))
      c:close()
    end
    local c = client.socks5(gost.ports[1], origin.ports.count):finish()
    assert.equal("0 bytes\n", c:read_all())
    c:close()
  end)

  it("lets the server speak first, at once", function()
    local gost = proxy("socks5", "blocked.test", "&sniffing.timeout=0")
    local c = client.socks5(gost.ports[1], origin.ports.greet)
    assert.equal("220 hello\r\n", c:read(11))
    assert.equal("GET / ", c:send("GET / "):read(6))
    c:close()
    c = client.http_connect(proxy("http", nil, "&sniffing.timeout=0").ports[1], origin.ports.greet)
    assert.equal("220 hello\r\n", c:read(11))
    c:close()
    local node = support.gost { "-L", "relay+tls://127.0.0.1:0?sniffing=true&sniffing.timeout=0" }
    local front = support.gost { "-L", "socks5://127.0.0.1:0?sniffing=true&sniffing.timeout=0",
      "-F", ("relay+tls://127.0.0.1:%d"):format(node.ports[1]) }
    c = client.socks5(front.ports[1], origin.ports.greet)
    assert.equal("220 hello\r\n", c:read(11))
    c:close()
    c = client.socks5(front.ports[1], origin.ports.echo) -- and one that nobody says anything on
    front:stop()
    c:close()
  end)

  it("waits for a silent client for sniffing.timeout, and for a head that stops for readTimeout", function()
    local function echoed(gost, pause, first, rest)
      local c = client.socks5(gost.ports[1], origin.ports.echo):send(first)
      support.sleep(pause)
      local back = pcall(function() assert.equal(first .. rest, c:send(rest):read(#first + #rest)) end)
      c:close()
      return back
    end
    local head = "GET / HTTP/1.1\r\nHost: blocked.test\r\n\r\n"
    local slow = proxy("socks5", "blocked.test", "&sniffing.timeout=0")
    assert.is_false(echoed(slow, 0.6, "", head)) -- more than the default
    for pause, more in pairs { [0.2] = "&sniffing.timeout=20ms", [0.21] = "&readTimeout=20ms" } do
      local gost, first = proxy("socks5", "blocked.test", more), more:find "read" and head:sub(1, 20) or ""
      support.eventually(function()
        pause = pause * 1.5
        return echoed(gost, pause, first, head:sub(#first + 1))
      end, 20, "the look does not end")
    end
  end)

  it("tells scripts", function()
    local gost = support.gost_config [[
      local gost = require "gost"
      gost.service { addr = "127.0.0.1:0", handler = { type = "socks5", metadata = { sniffing = true } },
        on = { close = function(conn) gost.log.info("carried %s", tostring(conn.sniffed)) end } }
      gost.run()
    ]]
    local through = ("socks5://127.0.0.1:%d"):format(gost.ports[1])
    assert.equal(200, page(through, "https", "fine.test").http_code)
    gost:wait_log "carried fine.test"
    local c = client.socks5(gost.ports[1], origin.ports.greet)
    c:close()
    gost:wait_log "carried nil"
  end)

  it("of sni is always on", function()
    local gost = support.gost { "-L", "sni://127.0.0.1:0?sniffing=true&sniffing.timeout=20ms&bypass=blocked.test" }
    local c = client.tcp(gost.ports[1])
    assert.is_true(c:gone())
    c = client.tcp(gost.ports[1]):send(hello "blocked.test")
    assert.is_true(c:gone())
    gost:wait_log "blocked.test:443 is denied"
  end)
end)
