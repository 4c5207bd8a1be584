---Datagrams: forwarded ports, SOCKS5 associations, and both through proxies.

local support = require "spec.support"
local client = require "spec.support.client"
local socket = require "socket"

---A datagram socket that speaks to a port of 127.0.0.1.
local function udp(port)
  local sock = socket.udp4()
  sock:settimeout(support.scaled(10))
  assert(sock:setpeername("127.0.0.1", port))
  return sock
end

---Sends and expects the same back, as the echo origin does.
local function echo(sock, bytes)
  assert(sock:send(bytes))
  assert.equal(bytes, (assert(sock:receive(65536))))
end

---Whether nothing comes back, for as long as a lost datagram would need on this machine many times over.
local function is_silent(sock)
  sock:settimeout(support.scaled(0.3))
  local bytes = sock:receive()
  sock:settimeout(support.scaled(10))
  return bytes == nil
end

---The header of a SOCKS5 datagram.
local function socks_head(host, port)
  local a, b, c, d = host:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  local addr = a and "\1" .. string.char(a, b, c, d) or "\3" .. string.pack("s1", host)
  return "\0\0\0" .. addr .. string.pack(">I2", port)
end

---Opens an association.
---@return support.Client control
---@return table sock
---@return integer port of the relay
local function associate(proxy)
  local control = client.tcp(proxy):send "\5\1\0"
  assert.equal("\5\0", control:read(2))
  local reply = control:send("\5\3\0\1\0\0\0\0\0\0"):read(10)
  assert.equal(0, reply:byte(2))
  assert.equal("\1\127\0\0\1", reply:sub(4, 8))
  local port = string.unpack(">I2", reply, 9)
  return control, udp(port), port
end

---Datagram sockets that are bound to a port, in this namespace.
local function bound(port)
  local count, wanted = 0, (":%04X "):format(port)
  for line in io.lines "/proc/net/udp" do
    if (line:match "^%s*%d+: (%x+:%x+ )" or ""):sub(9) == wanted then count = count + 1 end
  end
  return count
end

it("Listening is logged when all workers do: flows that begin then stay with their worker", function()
  finally(support.cleanup)
  for _ = 1, 3 do
    local gost = support.gost { "--workers", "4", "-L", "udp://127.0.0.1:0/127.0.0.1:9" }
    assert.equal(4, bound(gost.ports[1]))
    gost:stop()
    gost = support.gost { "--workers", "4", support.files.with("udp.lua", [[
      local gost = require "gost"
      gost.service { addr = "127.0.0.1:0", handler = "udp", listener = "udp", forward = "127.0.0.1:9" }
      gost.run()
    ]]) }
    assert.equal(4, bound(gost.ports[1]))
    gost:stop()
  end
end)

describe("A forwarded UDP port", function()
  local origin
  setup(function() origin = support.origin { "echo" } end)
  teardown(support.cleanup)

  local function forward(options, ...)
    return support.gost { "-L", "udp://127.0.0.1:0/" .. origin:addr "echo" .. (options or ""), ... }
  end

  it("answers every datagram of a client, not only the first", function()
    local gost = forward()
    local sock = udp(gost.ports[1])
    for i = 1, 20 do
      echo(sock, "datagram " .. i)
    end
    gost:stop()
  end)

  it("passes datagrams of any size", function()
    local gost = forward()
    local sock = udp(gost.ports[1])
    for _, size in ipairs { 1, 1200, 1500, 4097, 9000, 30000, 65507 } do
      echo(sock, support.pattern(size))
    end
    gost:stop()
  end)

  it("keeps clients apart", function()
    local gost = forward()
    local socks = {}
    for i = 1, 50 do
      socks[i] = udp(gost.ports[1])
      assert(socks[i]:send("from " .. i))
    end
    for i = 50, 1, -1 do
      assert.equal("from " .. i, socks[i]:receive())
    end
    gost:stop()
  end)

  it("tells what a session came to when it has been silent", function()
    local gost = forward "?ttl=100ms"
    echo(udp(gost.ports[1]), "12345678")
    gost:wait_log '"inputBytes":8,"outputBytes":8'
    gost:stop()
  end)

  it("serves DNS", function()
    if not (support.has "dig" and support.has "dnsmasq") then
      pending "dig and dnsmasq are not installed"
    end
    local port = support.free_port "both"
    support.start { "dnsmasq", "--no-daemon", "--port=" .. port, "--listen-address=127.0.0.1", "--bind-interfaces",
      "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--address=/name.test/192.0.2.7", "--user=root",
      "--pid-file=", ready = "started" }
    local gost = support.gost { "-L", "udp://127.0.0.1:0/127.0.0.1:" .. port }
    for _ = 1, 3 do
      assert.equal("192.0.2.7\n", support.check { "dig", "@127.0.0.1", "-p", gost.ports[1], "+short", "+tries=1",
        "name.test" })
    end
    gost:stop()
  end)

  it("survives a target that is not there yet", function()
    local port = support.free_port "udp"
    local gost = support.gost { "-L", "udp://127.0.0.1:0/127.0.0.1:" .. port }
    local sock = udp(gost.ports[1])
    assert(sock:send "lost")
    assert.is_true(is_silent(sock))
    local server = socket.udp4()
    assert(server:setsockname("127.0.0.1", port))
    server:settimeout(support.scaled(10))
    assert(sock:send "found")
    local bytes, host, from = server:receivefrom()
    assert.equal("found", bytes)
    assert(server:sendto("answer", host, from))
    assert.equal("answer", sock:receive())
    gost:stop()
  end)

  it("goes on through a reload", function()
    local text = ([[
      services:
      - name: forward
        addr: 127.0.0.1:%d
        handler: { type: udp }
        listener: { type: udp }
        forwarder: { nodes: [{ name: origin, addr: "%s" }] }
    ]]):format(support.free_port "udp", origin:addr "echo")
    local gost = support.gost_config(text, { ext = "yml" })
    local sock = udp(gost.ports[1])
    echo(sock, "before")
    local mark = gost:mark()
    gost:kill "HUP"
    gost:wait_log("config reloaded", nil, mark)
    echo(sock, "behind")
    echo(udp(gost.ports[1]), "another")
    gost:stop()
  end)

  it("is refused to handlers of streams", function()
    local result = support.gost_run { "-L", "http+udp://127.0.0.1:0" }
    assert.not_equal(0, result.status)
    assert.matches("the http handler cannot serve the datagrams of a udp listener", result.stdout .. result.stderr)
  end)

  for _, way in ipairs { "relay", "relay nodelay", "socks5", "socks5 notls", "socks5 relay=udp", "http" } do
    it("leads through " .. way, function()
      local scheme, option = way:match "^(%w+) ?(.*)$"
      local proxy = support.gost { "-L", scheme .. "://127.0.0.1:0?udp=true" }
      option = option ~= "" and "?" .. (option:find "=" and option or option .. "=true") or ""
      local gost = forward("", "-F", ("%s://127.0.0.1:%d%s"):format(scheme, proxy.ports[1], option))
      local sock = udp(gost.ports[1])
      for _, size in ipairs { 1, 100, 1400, 9000, 60000 } do
        echo(sock, support.pattern(size))
      end
      local other = udp(gost.ports[1])
      echo(other, "of another client")
      gost:stop()
      proxy:stop()
    end)
  end

  it("leads through two proxies, by name", function()
    local proxy = support.gost { "-L", "relay://127.0.0.1:0", "-L", "socks5://127.0.0.1:0?udp=true" }
    local gost = support.gost { "-L", "udp://127.0.0.1:0/localhost:" .. origin.ports.echo,
      "-F", "relay://127.0.0.1:" .. proxy.ports[1], "-F", ("socks5://127.0.0.1:%d?relay=udp"):format(proxy.ports[2]) }
    local sock = udp(gost.ports[1])
    echo(sock, "one")
    echo(sock, support.pattern(5000))
    gost:stop()
    proxy:stop()
  end)
end)

describe("A SOCKS5 association", function()
  local origin
  setup(function() origin = support.origin { "echo" } end)
  teardown(support.cleanup)

  local function works(proxy)
    local control, sock = associate(proxy.ports[1])
    for _, host in ipairs { "127.0.0.1", "localhost" } do
      local head = socks_head(host, origin.ports.echo)
      for _, bytes in ipairs { "", "x", support.pattern(1400), support.pattern(30000) } do
        assert(sock:send(head .. bytes))
        if bytes ~= "" or not proxy.framed then
          assert.equal(socks_head("127.0.0.1", origin.ports.echo) .. bytes, (assert(sock:receive(65536))))
        end
      end
    end
    control:close()
  end

  it("carries datagrams to addresses and names", function()
    local gost = support.gost { "-L", "socks5://127.0.0.1:0?udp=true" }
    works(gost)
    gost:stop()
  end)

  for _, way in ipairs { "relay", "socks5", "socks5 relay=udp", "http" } do
    it("leads through " .. way, function()
      local scheme, option = way:match "^(%w+) ?(.*)$"
      local behind = support.gost { "-L", scheme .. "://127.0.0.1:0?udp=true&bind=true" }
      local gost = support.gost { "-L", "socks5://127.0.0.1:0?udp=true",
        "-F", ("%s://127.0.0.1:%d?%s"):format(scheme, behind.ports[1], option) }
      gost.framed = option == ""
      works(gost)
      gost:stop()
      behind:stop()
    end)
  end

  it("is refused unless udp is switched on", function()
    local gost = support.gost { "-L", "socks5://127.0.0.1:0" }
    for _, command in ipairs { "\3", "\xf3" } do
      local control = client.tcp(gost.ports[1]):send "\5\1\0"
      assert.equal("\5\0", control:read(2))
      assert.equal(2, control:send("\5" .. command .. "\0\1\0\0\0\0\0\0"):read(10):byte(2))
    end
    gost:stop()
  end)

  it("ends with its control connection, and not before", function()
    local gost = support.gost { "-L", "socks5://127.0.0.1:0?udp=true" }
    local control, sock, port = associate(gost.ports[1])
    local head = socks_head("127.0.0.1", origin.ports.echo)
    echo(sock, head .. "one")
    control:close()
    gost:wait_log '"outputBytes"'
    local probe = socket.udp4()
    assert.is_truthy(probe:setsockname("127.0.0.1", port)) -- the port is free again
    gost:stop()
  end)

  it("hears no other host", function()
    local gost = support.gost { "-L", "socks5://127.0.0.1:0?udp=true" }
    local control, _, port = associate(gost.ports[1])
    local stranger = socket.udp4()
    assert(stranger:setsockname("127.0.0.2", 0))
    assert(stranger:sendto(socks_head("127.0.0.1", origin.ports.echo) .. "x", "127.0.0.1", port))
    assert.is_true(is_silent(stranger))
    control:close()
    gost:stop()
  end)

  it("takes ports of the configured range", function()
    local first = support.free_port "udp"
    local gost = support.gost { "-L", ("socks5://127.0.0.1:0?udp=true&udp.bindRange.min=%d&udp.bindRange.max=%d")
      :format(first, first) }
    local control, sock, port = associate(gost.ports[1])
    assert.equal(first, port)
    echo(sock, socks_head("127.0.0.1", origin.ports.echo) .. "x")
    control:close()
    gost:stop()
  end)

  it("keeps the service's bypass, for addresses and for names", function()
    local text = ([[
      services:
      - name: socks
        addr: 127.0.0.1:0
        bypass: local
        handler: { type: socks5, metadata: { udp: true } }
        listener: { type: tcp }
      bypasses:
      - name: local
        matchers: ["127.0.0.3", "denied.test"]
    ]])
    local gost = support.gost_config(text, { ext = "yml" })
    local control, sock = associate(gost.ports[1])
    assert(sock:send(socks_head("127.0.0.3", origin.ports.echo) .. "x"))
    assert(sock:send(socks_head("denied.test", origin.ports.echo) .. "x"))
    echo(sock, socks_head("127.0.0.1", origin.ports.echo) .. "allowed")
    assert.is_true(is_silent(sock))
    control:close()
    gost:stop()
  end)

  it("does not hold up others while a name is looked up, and may end meanwhile", function()
    local silent = socket.udp4()
    assert(silent:setsockname("127.0.0.1", 0))
    local _, port = silent:getsockname()
    local text = ([[
      services:
      - name: socks
        addr: 127.0.0.1:0
        resolver: slow
        handler: { type: socks5, metadata: { udp: true } }
        listener: { type: tcp }
      resolvers:
      - name: slow
        nameservers: [{ addr: "udp://127.0.0.1:%d", timeout: 5s }]
    ]]):format(port)
    local gost = support.gost_config(text, { ext = "yml" })
    local control, sock = associate(gost.ports[1])
    for i = 1, 40 do
      assert(sock:send(socks_head(("slow-%d.test"):format(i % 20), origin.ports.echo) .. "x"))
    end
    silent:settimeout(support.scaled(10))
    assert(silent:receive()) -- a question has come
    echo(sock, socks_head("127.0.0.1", origin.ports.echo) .. "meanwhile")
    control:close()
    gost:wait_log '"outputBytes"'
    gost:stop()
  end)

  it("asks the script's hooks about destinations", function()
    local gost = support.gost_config(([[
      local gost = require "gost"
      gost.service {
        addr = "127.0.0.1:0", listener = "tcp",
        handler = { type = "socks5", metadata = { udp = true } },
        on = {
          route = function(_, request)
            if request.host == "secret.test" then return "deny" end
          end,
          resolve = function(_, name)
            gost.sleep(0.01)
            if name == "magic.test" then return { "127.0.0.1" } end
          end,
        },
      }
      gost.run()
    ]]))
    local control, sock = associate(gost.ports[1])
    assert(sock:send(socks_head("secret.test", origin.ports.echo) .. "x"))
    assert(sock:send(socks_head("magic.test", origin.ports.echo) .. "abra"))
    assert.equal(socks_head("127.0.0.1", origin.ports.echo) .. "abra", sock:receive(65536))
    assert.is_true(is_silent(sock))
    control:close()
    gost:stop()
  end)
end)
