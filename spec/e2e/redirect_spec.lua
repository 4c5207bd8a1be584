---Transparent proxying, in network namespaces: a client, a gateway with gost-lua, a server.

local support = require "spec.support"
local netns = support.netns

local PORT = 12345

---Sends datagrams from one socket, which hears the asked address alone, and expects each back.
local ECHO = [[
local socket = require "socket"
local host, port, count, seconds = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4])
local sock = host:find(":", 1, true) and socket.udp6() or socket.udp4()
assert(sock:setpeername(host, port))
sock:settimeout(seconds)
for i = 1, count do
  local text = ("datagram %d "):format(i):rep(i * 20)
  assert(sock:send(text))
  assert(sock:receive(65536) == text)
end
io.write(count, " came back\n")
]]

---The beginning of a QUIC connection to example.com, in two datagrams (the hello of RFC 9001 appendix A.2).
local QUIC = {
    "ce00000001088394c8f03e51570800004070ac46f42d9ac01dce57afc361f6a9e588c2221110fea1501f1bb776a26e8d2618b41c75e3" ..
    "6e410f16350c7927fe11f3e575e90268d702e39c7680ddcd8b11fa6481639aff8743b97ae8f1ac3709e7ddcfbbdd413df27ca1cbb9f1" ..
    "fbab9369a02f97843b52828be3c9af511f43404d2050",
    "cf00000001088394c8f03e515708000040b3f86c7a3dfc5c87c1cce2d99ca9326ce62b67648f88a5f4620b8ce42c50ed5804df39d9c5" ..
    "fa4f48b785c13c240d51bdfc4fe6f639366d23e9bb771c360d46391d0b48bf45d24788971b85a927f2675a4b5b72903feef1165795d5" ..
    "3691e72d60e6922d34b7e2edd5ae3058a6bcd7321ed768d85a51d96ea87d98f3c32db41e7f42b789a503d2e5e817b06ec528b3a0b76e" ..
    "0a95d6c06ffe65112a1dfad2407df4d1f4ea30588252dee41a2364a7a43f916969c224",
}

describe("Redirected", function()
  local possible = netns.available()
  local net

  ---client 10.77.1.1 -- 10.77.1.2 gateway 10.77.2.1 -- 10.77.2.2 server; the client reaches the server by way of
  ---the gateway.
  before_each(function()
    if not possible then return end
    net = netns.new({ "client", "gateway", "server" }, {
      { "client", "10.77.1.1/24", "gateway", "10.77.1.2/24" },
      { "gateway", "10.77.2.1/24", "server", "10.77.2.2/24" },
    })
    net:check("client", "ip", "route", "add", "default", "via", "10.77.1.2")
    net:check("server", "ip", "route", "add", "default", "via", "10.77.2.1")
    for i, link in ipairs { { "client", "gateway", "fd77:1::1/64", "fd77:1::2/64" },
      { "gateway", "server", "fd77:2::1/64", "fd77:2::2/64" } } do
      net:check(link[1], "ip", "addr", "add", link[3], "dev", "veth" .. i, "nodad")
      net:check(link[2], "ip", "addr", "add", link[4], "dev", "veth" .. i, "nodad")
    end
    net:check("client", "ip", "-6", "route", "add", "default", "via", "fd77:1::2")
    net:check("server", "ip", "-6", "route", "add", "default", "via", "fd77:2::1")
    net:check("gateway", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
  end)
  after_each(support.cleanup)

  ---One of gost-lua's own scripts of rules, run in the gateway.
  local function apply(words)
    local r = support.gost_run { "rules", table.unpack(words) }
    assert.equal(0, r.status, r.stderr)
    support.check { "ip", "netns", "exec", net.names.gateway, "sh", "-c", r.stdout }
  end

  local function gateway(words)
    return support.gost { prefix = net:exec "gateway", table.unpack(words) }
  end

  local function fetch(from, url)
    local argv = net:exec(from)
    for _, word in ipairs { "curl", "-q", "-sS", "--noproxy", "*", "-m", support.scaled(10), url } do
      argv[#argv + 1] = tostring(word)
    end
    argv.timeout = 15
    return support.run(argv)
  end

  local function server(host)
    return support.origin { prefix = net:exec "server", host = host, "http", "source" }
  end

  for _, tproxy in ipairs { false, true } do
    for _, iptables in ipairs { false, true } do
      local title = ("%s rules for %s"):format(tproxy and "TPROXY" or "REDIRECT", iptables and "iptables" or "nftables")

      it("connections reach their destination through us by " .. title, function()
        if not possible then return pending "no network namespaces here" end
        local url = ("redirect://:%d?so_mark=100%s"):format(PORT, tproxy and "&tproxy=true" or "")
        local gost = gateway { "-L", url }
        local words = { "-L", url }
        if iptables then words[#words + 1] = "--iptables" end
        apply(words)
        for _, host in ipairs { "10.77.2.2", "fd77:2::2" } do
          local origin = server(host)
          for _, from in ipairs { "client", "gateway" } do -- what passes through, and what begins there
            local mark = gost:mark()
            local r = fetch(from, origin:url "/hello")
            assert.equal("hello\n", r.stdout, r.stderr)
            local to = gost:wait_log('"host":"([^"]+)"', 10, mark)
            assert.equal(origin:addr "http", to)
          end
        end
        words[#words + 1] = "--delete"
        apply(words)
        local mark = gost:mark()
        local origin = server "10.77.2.2"
        assert.equal("hello\n", fetch("client", origin:url "/hello").stdout)
        assert.is_nil(gost:output(mark):find('"host"', 1, true))
      end)
    end

    it(("connections are not followed back to ourselves (%s)"):format(tproxy and "TPROXY" or "REDIRECT"), function()
      if not possible then return pending "no network namespaces here" end
      local url = ("redirect://:%d?so_mark=100%s"):format(PORT, tproxy and "&tproxy=true" or "")
      local gost = gateway { "-L", url }
      apply { "-L", url }
      local r = fetch("client", ("http://10.77.1.2:%d/"):format(PORT))
      assert.not_equal(0, r.status)
      assert.is_false(r.timed_out)
      gost:wait_log "leads nowhere but here"
    end)
  end

  it("connections are refused when a rule sends our own port to us", function()
    if not possible then return pending "no network namespaces here" end
    local gost = gateway { "-L", ("red://:%d"):format(PORT) }
    net:check("gateway", "iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-j", "REDIRECT", "--to-ports",
      tostring(PORT))
    assert.not_equal(0, fetch("client", ("http://10.77.1.2:%d/"):format(PORT)).status)
    gost:wait_log "leads nowhere but here"
  end)

  it("connections go through a chain, and policies apply", function()
    if not possible then return pending "no network namespaces here" end
    local origin = server "10.77.2.2"
    local node = support.gost { prefix = net:exec "server", "-L", "relay+tls://10.77.2.2:0" }
    local url = ("redir://:%d?so_mark=100&bypass=10.77.2.9"):format(PORT)
    local chain = { "-L", url, "-F", ("relay+tls://10.77.2.2:%d"):format(node.ports[1]) }
    local gost = gateway(chain)
    apply(chain)
    assert.equal("hello\n", fetch("gateway", origin:url "/hello").stdout)
    assert.equal("hello\n", fetch("client", origin:url "/hello").stdout)
    node:wait_log(('"host":"%s"'):format(origin:addr "http"))
    assert.not_equal(0, fetch("client", "http://10.77.2.9:80/").status)
    gost:wait_log "10.77.2.9:80 is denied by the service's bypass"
  end)

  describe("connections, with sniffing,", function()
    ---A page of a name that the client believes to be somewhere.
    local function named(port, address, scheme)
      local argv = net:exec "client"
      for _, word in ipairs { "curl", "-q", "-sS", "-k", "--noproxy", "*", "-m", support.scaled(10), "--resolve",
        ("name.test:%d:%s"):format(port, address), ("%s://name.test:%d/hello"):format(scheme or "http", port) } do
        argv[#argv + 1] = tostring(word)
      end
      argv.timeout = 15
      return support.run(argv)
    end

    local function sniffing(more, ...)
      local words = { "-L", ("red://:%d?so_mark=100&sniffing=true%s"):format(PORT, more), ... }
      local gost = gateway(words)
      apply(words)
      return gost
    end

    it("go where the name leads, by policies for names", function()
      if not possible then return pending "no network namespaces here" end
      local origin = server "10.77.2.2"
      local cert = support.pki():cert { name = "name.test" }
      local tls = support.gost { prefix = net:exec "server", "-L", ("tcp+tls://10.77.2.2:0/%s?certFile=%s&keyFile=%s")
        :format(origin:addr "http", cert.cert, cert.key) }
      local gost = sniffing "&hosts=name.test:10.77.2.2&bypass=no.test,10.77.2.8"
      for scheme, port in pairs { http = origin.ports.http, https = tls.ports[1] } do
        local r = named(port, "10.77.2.9", scheme)
        assert.equal("hello\n", r.stdout, r.stderr)
        gost:wait_log(('"host":"name.test:%d"[^\n]*"sniffed":"name.test"'):format(port))
      end
      assert.equal("hello\n", fetch("client", origin:url "/hello").stdout) -- no name, but an address
      gost:wait_log(('"host":"%s"'):format(origin:addr "http"))
      assert.not_equal(0, named(80, "10.77.2.8").status) -- hosts know better, but nobody listens there
      gost:wait_log '"host":"name.test:80"'
    end)

    it("go by name through chains; a bypass for names holds", function()
      if not possible then return pending "no network namespaces here" end
      local origin = server "10.77.2.2"
      local node = support.gost { prefix = net:exec "server", "-L", "relay://10.77.2.2:0?hosts=name.test:10.77.2.2" }
      local chain = ("relay://10.77.2.2:%d"):format(node.ports[1])
      local gost = sniffing("&bypass=name.test:81", "-F", chain)
      assert.equal("hello\n", named(origin.ports.http, "10.77.2.9").stdout)
      node:wait_log(('"host":"name.test:%d"'):format(origin.ports.http))
      assert.not_equal(0, named(81, "10.77.2.2").status)
      gost:wait_log "http of the client: name.test:81 is denied by the service's bypass"
    end)

    it("fall back to the address if they may, or keep it", function()
      if not possible then return pending "no network namespaces here" end
      local origin = server "10.77.2.2"
      local nowhere = "&hosts=name.test:10.77.2.1" -- where nobody listens
      local gost = sniffing(nowhere)
      assert.not_equal(0, named(origin.ports.http, "10.77.2.2").status)
      gost:stop()
      gost = sniffing(nowhere .. "&sniffing.fallback=true")
      assert.equal("hello\n", named(origin.ports.http, "10.77.2.2").stdout)
      gost:wait_log "connecting to 10.77.2.2 instead: [^\n]*refused"
      gost:stop()
      gost = sniffing(nowhere .. "&sniffing.dialOriginalDst=true&bypass=name.test:82")
      assert.equal("hello\n", named(origin.ports.http, "10.77.2.2").stdout)
      gost:wait_log(('"host":"%s"[^\n]*"sniffed":"name.test"'):format(origin:addr "http"))
    end)
  end)

  it("connections are not taken for redirected when there are no rules", function()
    local gost = support.gost { "-L", "redirect://127.0.0.1:0" }
    assert.not_equal(0, support.curl { ("http://127.0.0.1:%d/"):format(gost.ports[1]) }.status)
    gost:wait_log '"msg":"service service%-0: client [^"]*: the [^"]*"'
  end)

  ---Sends datagrams and expects as many back, from where they went.
  local function echo(from, host, port, count, seconds)
    local argv = net:exec(from)
    for _, word in ipairs { "lua5.4", support.files.with("echo.lua", ECHO), host, port, count or 3,
      seconds or support.scaled(10) } do
      argv[#argv + 1] = tostring(word)
    end
    argv.timeout = 30
    return support.run(argv)
  end

  local function echo_server(host)
    return support.origin { prefix = net:exec "server", host = host, "echo" }
  end

  for _, iptables in ipairs { false, true } do
    it(("datagrams reach their destination through us, which answers, by rules for %s"):format(
      iptables and "iptables" or "nftables"), function()
      if not possible then return pending "no network namespaces here" end
      local url = ("redu://:%d?so_mark=100&ttl=1s"):format(PORT)
      local gost = gateway { "-L", url }
      local words = { "-L", url }
      if iptables then words[#words + 1] = "--iptables" end
      apply(words)
      for _, host in ipairs { "10.77.2.2", "fd77:2::2" } do
        local origin = echo_server(host)
        for _, from in ipairs { "client", "gateway" } do -- what passes through, and what begins there
          local mark = gost:mark()
          local r = echo(from, host, origin.ports.echo)
          assert.equal("3 came back\n", r.stdout, r.stderr)
          assert.equal(origin:addr "echo", (gost:wait_log('"host":"([^"]+)"', 10, mark)))
        end
      end
      words[#words + 1] = "--delete"
      apply(words)
      local mark = gost:mark()
      local origin = echo_server "10.77.2.2"
      assert.equal("3 came back\n", echo("client", "10.77.2.2", origin.ports.echo).stdout)
      assert.is_nil(gost:output(mark):find('"host"', 1, true))
    end)
  end

  it("datagrams go through a chain, and policies apply", function()
    if not possible then return pending "no network namespaces here" end
    local origin = echo_server "10.77.2.2"
    local node = support.gost { prefix = net:exec "server", "-L", "relay+tls://10.77.2.2:0" }
    local url = ("redu://:%d?so_mark=100&bypass=10.77.2.9&ttl=1s"):format(PORT)
    local chain = { "-L", url, "-F", ("relay+tls://10.77.2.2:%d"):format(node.ports[1]) }
    local gost = gateway(chain)
    apply(chain)
    assert.equal("3 came back\n", echo("client", "10.77.2.2", origin.ports.echo).stdout)
    assert.equal("3 came back\n", echo("gateway", "10.77.2.2", origin.ports.echo).stdout)
    node:wait_log(('"host":"%s"'):format(origin:addr "echo"))
    assert.not_equal(0, echo("client", "10.77.2.9", 9, 1, 0.2).status)
    gost:wait_log "10.77.2.9:9 is denied by the service's bypass"
  end)

  it("datagrams of one sender to several destinations are sessions of their own, as many as may be", function()
    if not possible then return pending "no network namespaces here" end
    local one, two = echo_server "10.77.2.2", echo_server "10.77.2.2"
    local gost = gateway { "--workers", "1", "-L", ("redu://:%d?so_mark=100&ttl=1s&maxSessions=1"):format(PORT) }
    apply { "-L", ("redu://:%d?so_mark=100"):format(PORT) }
    assert.equal("3 came back\n", echo("client", "10.77.2.2", one.ports.echo).stdout)
    assert.not_equal(0, echo("client", "10.77.2.2", two.ports.echo, 1, 0.1).status)
    gost:wait_log(('"host":"%s"'):format(one:addr "echo")) -- until it is silent for long enough
    assert.equal("3 came back\n", echo("client", "10.77.2.2", two.ports.echo).stdout)
    local fds = gost:fds()
    gost:wait_log(('"host":"%s"'):format(two:addr "echo"))
    support.eventually(function() return gost:fds() < fds end, 5, "the session's sockets stay open")
  end)

  it("datagrams of QUIC are known by the server's name, with sniffing", function()
    if not possible then return pending "no network namespaces here" end
    local origin = echo_server "10.77.2.2"
    local function quic(host, port)
      local argv = net:exec "client"
      for _, word in ipairs { "lua5.4", support.files.with("quic.lua", [[
        local sock = require "socket".udp4()
        sock:setpeername(arg[1], arg[2])
        sock:settimeout(tonumber(arg[3]))
        local sent = {}
        for i = 4, 5 do
          sent[i] = arg[i]:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)
          sock:send(sent[i])
        end
        for i = 4, 5 do assert(sock:receive(65536) == sent[i]) end
        io.write "both came back"
      ]]), host, port, support.scaled(host == "10.77.2.2" and 10 or 0.2), QUIC[1], QUIC[2] } do
        argv[#argv + 1] = tostring(word)
      end
      argv.timeout = 30
      return support.run(argv)
    end
    local url = ("redu://:%d?so_mark=100&ttl=1s&sniffing=true&sniffing.timeout=100ms&bypass=example.com:9"):format(PORT)
    local gost = gateway { "-L", url }
    apply { "-L", url }
    local r = quic("10.77.2.2", origin.ports.echo)
    assert.equal("both came back", r.stdout, r.stderr)
    gost:wait_log '"sniffed":"example.com","inputBytes":327,"outputBytes":327'
    assert.equal("3 came back\n", echo("client", "10.77.2.2", origin.ports.echo).stdout)
    assert.not_equal(0, quic("10.77.2.9", 9).status)
    gost:wait_log "quic of the client: example.com:443 is denied by the service's bypass"
  end)

  it("datagrams for our own port are dropped", function()
    if not possible then return pending "no network namespaces here" end
    local gost = gateway { "-L", ("redu://:%d?so_mark=100"):format(PORT) }
    assert.not_equal(0, echo("client", "10.77.1.2", PORT, 1, 0.1).status)
    gost:wait_log "leads nowhere but here"
  end)
end)
