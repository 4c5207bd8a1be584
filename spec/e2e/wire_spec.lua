---The bytes on the wire, as GOST's peers send them and expect them: handlers are told what its clients say, and
---connectors talk to nodes that answer as its servers do.
---
---A row is what it is about, and then in turns what is said and what is heard. Words are hex digits, 'text', and
---variables: NL (CR LF), ECHO and DEAD (IPv4, with type, and port of a server and of a closed port), the same as
---ECHO_PORT and DEAD_PORT; ".." is any byte. `ends`: then the connection closes.

local mime = require "mime"
local socket = require "socket"
local support = require "spec.support"
local client = require "spec.support.client"
local hex = require "spec.support.hex"

---@param c support.Client
---@param row string
---@param names table<string, string>
---@param what string
local function hear(c, row, names, what)
  local count = #hex.bytes(row, names)
  if count == 0 then return end
  local got, wanted = hex.compare(c:read(count), row, names)
  assert.equal(wanted, got, what)
end

---A target as GOST hides it in a header: its CRC-32 and its Base64, in Base64 once more.
---@param name string
---@return string
local function gost_target(name)
  local function encode(bytes)
    return (mime.b64(bytes):gsub("[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" }))
  end
  local crc = 0xffffffff
  for byte in name:gmatch "." do
    crc = crc ~ byte:byte()
    for _ = 1, 8 do
      crc = crc >> 1 ~ (0xedb88320 & -(crc & 1))
    end
  end
  return encode(string.pack(">I4", crc ~ 0xffffffff) .. encode(name))
end

describe("A peer of GOST at the", function()
  local origin, gost, names, port_of

  local SERVICES = {
    { "socks5", "socks5://127.0.0.1:0" },
    { "socks5 with users", "socks5://u:p@127.0.0.1:0" },
    { "socks5 without TLS", "socks5://u:p@127.0.0.1:0?notls=true" },
    { "socks5 with all", "socks5://127.0.0.1:0?notls=true&udp=true&bind=true" },
    { "socks5 for GOST 2", "socks5://127.0.0.1:0?notls=true&bind=true&comp=true" },
    { "socks5 with a bypass", "socks5://127.0.0.1:0?bypass=127.0.0.1" },
    { "socks4", "socks4://127.0.0.1:0" },
    { "socks4 with users", "socks4://u@127.0.0.1:0" },
    { "relay", "relay://127.0.0.1:0" },
    { "relay with users", "relay://u:p@127.0.0.1:0" },
    { "relay with BIND", "relay://127.0.0.1:0?bind=true" },
    { "relay that forwards", "relay://127.0.0.1:0/ECHO" },
    { "relay that forwards to nobody", "relay://127.0.0.1:0/DEAD" },
    { "relay with a bypass", "relay://127.0.0.1:0?bypass=127.0.0.1" },
    { "relay over mtcp", "relay+mtcp://127.0.0.1:0" },
    { "relay over yamux", "relay+mtcp://127.0.0.1:0?mux.type=yamux" },
    { "http", "http://127.0.0.1:0" },
    { "http with users", "http://u:p@127.0.0.1:0" },
    { "http with datagrams", "http://127.0.0.1:0?udp=true" },
    { "tunnel", "tunnel://127.0.0.1:0?tunnel=a.test:00010203-0405-0607-0809-0a0b0c0d0e0f" },
  }

  local REFUSED = " 01 00000000 0000 " -- no address, in a reply of SOCKS5
  local U_P = " 01 01 'u' 01 'p' " -- RFC 1929
  local AUTH = " 01 0004 01 'u' 01 'p' " -- a relay feature
  local ID = " 03 0014 000102030405060708090a0b0c0d0e0f 000000 07 "
  local SOURCE, ANY = " 02 0007 01 7f000001 d0c8 ", " 02 0007 01 00000000 0000 "
  local A_TEST = " 02 000a 03 06 'a.test' 0050 "
  local ESTABLISHED = "'HTTP/1.1 200 Connection established' NL 'Proxy-Agent: gost/3.0' NL NL"

  local EXCHANGES = {
    ["socks5"] = {
      { "TLS goes before no authentication", "05 02 00 80", "05 80" },
      { "no authentication", "05 01 00", "05 00" },
      { "a password where nobody wants one", "05 01 02", "05 ff", ends = true },
      { "the method of old multiplexers", "05 01 88", "05 ff", ends = true },
      { "no method at all", "05 00", "", ends = true },
      { "another version", "06 01 00", "", ends = true },
      { "CONNECT", "05 01 00", "05 00", "05 01 00 ECHO", "05 00 00 01 7f000001 ....", "'hi'", "'hi'" },
      { "CONNECT to a name", "05 01 00", "05 00", "05 01 00 03 09 'localhost' ECHO_PORT", "05 00 00 01 7f000001 ....",
        "'hi'", "'hi'" },
      { "nobody listens", "05 01 00", "05 00", "05 01 00 DEAD", "05 05 00" .. REFUSED, ends = true },
      { "an unknown command", "05 01 00", "05 00", "05 09 00 ECHO", "05 07 00" .. REFUSED, ends = true },
      { "Tor's commands", "05 01 00", "05 00", "05 f0 00 ECHO", "05 07 00" .. REFUSED, ends = true },
      { "BIND, which is off", "05 01 00", "05 00", "05 02 00 ECHO", "05 02 00" .. REFUSED, ends = true },
      { "BIND for a multiplexer", "05 01 00", "05 00", "05 f2 00 ECHO", "05 02 00" .. REFUSED, ends = true },
      { "UDP ASSOCIATE, which is off", "05 01 00", "05 00", "05 03 00 ECHO", "05 02 00" .. REFUSED, ends = true },
      { "datagrams in frames", "05 01 00", "05 00", "05 f3 00 01 00000000 0000", "05 02 00" .. REFUSED, ends = true },
      { "an unknown type of address", "05 01 00", "05 00", "05 01 00 07 7f000001 0050", "", ends = true },
    },
    ["socks5 with users"] = {
      { "TLS with a password is the first choice", "05 04 00 02 80 82", "05 82" },
      { "a password without TLS", "05 02 00 02", "05 02" },
      { "no password", "05 01 00", "05 ff", ends = true },
    },
    ["socks5 without TLS"] = {
      { "TLS is not taken", "05 04 00 02 80 82", "05 02", U_P, "01 00" },
      { "a wrong password", "05 01 02", "05 02", "01 01 'u' 01 'q'", "01 01", ends = true },
      { "another version of passwords", "05 01 02", "05 02", "05 01 'u' 01 'p'", "", ends = true },
      { "all at once", "05 01 02" .. U_P .. "05 01 00 ECHO 'early'", "05 02 01 00 05 00 00 01 7f000001 .... 'early'" },
    },
    ["socks5 with all"] = {
      { "a tunnel for datagrams", "05 01 00", "05 00", "05 f3 00 01 00000000 0000", "05 00 00 01 ........ ....",
        "0003 ff ECHO 'one'", "0003 ff ECHO 'one'", "0003", "", "ff ECHO 'two'", "0003 ff ECHO 'two'" },
      { "BIND at a port that is taken", "05 01 00", "05 00", "05 02 00 ECHO", "05 01 00" .. REFUSED, ends = true },
      { "a multiplexed one", "05 01 00", "05 00", "05 f2 00 ECHO", "05 01 00" .. REFUSED, ends = true },
      { "datagrams at a port that is taken", "05 01 00", "05 00", "05 f3 00 ECHO", "05 01 00" .. REFUSED, ends = true },
    },
    ["socks5 for GOST 2"] = {},
    ["socks5 with a bypass"] = {
      { "a denied target", "05 01 00", "05 00", "05 01 00 ECHO", "05 02 00" .. REFUSED, ends = true },
    },
    ["socks4"] = {
      { "CONNECT, and bytes behind it", "04 01 ECHO_PORT 7f000001 00 'hi'", "00 5a 0000 00000000 'hi'" },
      { "a name (4a)", "04 01 ECHO_PORT 00000001 'me' 00 'localhost' 00", "00 5a 0000 00000000" },
      { "nobody listens", "04 01 DEAD_PORT 7f000001 00", "00 5b 0000 00000000", ends = true },
      { "another version", "05 01 ECHO_PORT 7f000001 00", "", ends = true },
    },
    ["socks4 with users"] = {
      { "the user", "04 01 ECHO_PORT 7f000001 'u' 00 'hi'", "00 5a 0000 00000000 'hi'" },
      { "another user", "04 01 ECHO_PORT 7f000001 'x' 00", "00 5d 0000 00000000", ends = true },
    },
    ["relay"] = {
      { "CONNECT with the first bytes", "01 01 000a 02 0007 ECHO 'hello'", "01 00 0000 'hello'" },
      { "a silent client", "01 01 000a 02 0007 ECHO", "01 00 0000" },
      { "command 0 and unknown flags", "01 40 000a 02 0007 ECHO 'x'", "01 00 0000 'x'" },
      { "the last of two addresses", "01 01 0014 02 0007 DEAD 02 0007 ECHO 'x'", "01 00 0000 'x'" },
      { "features that nobody knows, IDs and metadata", "01 01 0031 63 0002 ffff" .. ID ..
        "05 0008 0001 0001 'k' 0001 'v' 02 0007 ECHO 'x'", "01 00 0000 'x'" },
      { "an unknown network is TCP", "01 01 000f 04 0002 7777 02 0007 ECHO 'x'", "01 00 0000 'x'" },
      { "a request in pieces", "01 01", "", "000a 02 0007 01", "", "7f000001 ECHO_PORT 'x'", "01 00 0000 'x'" },
      { "datagrams", "01 81 000f 04 0002 0001 02 0007 ECHO 0005 'ping1'", "01 00 0000 0005 'ping1'",
        "0000 0001 'x'", "0000 0001 'x'" },
      { "datagrams by flag alone", "01 81 000a 02 0007 ECHO 0001 'x'", "01 00 0000 0001 'x'" },
      { "datagrams by network alone", "01 01 000f 04 0002 0001 02 0007 ECHO 0001 'x'", "01 00 0000 0001 'x'" },
      { "nobody listens", "01 01 000a 02 0007 DEAD", "01 06 0000", ends = true },
      { "an unknown command", "01 09 000a 02 0007 ECHO", "01 01 0000", ends = true },
      { "no address", "01 01 0000", "01 01 0000", ends = true },
      { "BIND, which is off", "01 02 000a 02 0007 ECHO", "01 03 0000", ends = true },
      { "another version", "02 01 000a 02 0007 ECHO", "", ends = true },
      { "an unknown type of address", "01 01 000a 02 0007 09 7f000001 0050", "", ends = true },
      { "a short ID", "01 01 0013 03 0010 00112233445566778899aabbccddeeff", "", ends = true },
      { "a short network", "01 01 0004 04 0001 00", "", ends = true },
      { "a feature that overruns", "01 01 000a 02 0017 ECHO", "", ends = true },
    },
    ["relay with users"] = {
      { "the user, in front", "01 01 0011" .. AUTH .. "02 0007 ECHO 'x'", "01 00 0000 'x'" },
      { "the user, behind", "01 01 0011 02 0007 ECHO" .. AUTH .. "'x'", "01 00 0000 'x'" },
      { "nobody", "01 01 000a 02 0007 ECHO", "01 02 0000", ends = true },
      { "a wrong password", "01 01 0011 01 0004 01 'u' 01 'q' 02 0007 ECHO", "01 02 0000", ends = true },
      { "credentials are asked for first", "01 09 0000", "01 02 0000", ends = true },
    },
    ["relay with BIND"] = {
      { "an association", "01 82 000f 04 0002 0001 02 0007 01 00000000 0000", "01 00 000a 02 0007 01 ........ ....",
        "0003 ff ECHO 'one'", "0003 ff ECHO 'one'" },
      { "a port that is taken", "01 02 000f 04 0002 0000 02 0007 ECHO", "01 05 0000", ends = true },
    },
    ["relay that forwards"] = {
      { "no address", "01 01 0000 'x'", "01 00 0000 'x'" },
      { "an empty name", "01 01 0007 02 0004 03 00 0000 'x'", "01 00 0000 'x'" },
      { "the command does not matter", "01 02 0000 'x'", "01 00 0000 'x'" },
      { "nor one that nobody knows", "01 09 0000 'x'", "01 00 0000 'x'" },
      { "datagrams", "01 81 0005 04 0002 0001 0001 'x'", "01 00 0000 0001 'x'" },
    },
    ["relay that forwards to nobody"] = {
      { "the node is down", "01 01 0000", "01 06 0000", ends = true },
    },
    ["relay with a bypass"] = {
      { "a denied target", "01 01 000a 02 0007 ECHO", "01 03 0000", ends = true },
    },
    ["relay over mtcp"] = {
      { "a stream of smux 2", "02 00 0000 03000000 02 02 1300 03000000 01 01 000a 02 0007 ECHO 'hello'",
        "02 04 0800 03000000 13000000 00000100 02 02 0400 03000000 01 00 0000 02 02 0500 03000000 'hello'",
        "02 01 0000 03000000", "02 01 0000 03000000" },
      { "smux 1", "01 00 0000 03000000", "", ends = true },
    },
    ["relay over yamux"] = {
      { "a stream", "00 01 0001 00000001 00000000 00 00 0000 00000001 00000013 01 01 000a 02 0007 ECHO 'hello'",
        "00 01 0002 00000001 00000000 00 00 0000 00000001 00000004 01 00 0000 00 00 0000 00000001 00000005 'hello'",
        "00 02 0001 00000000 0000002a", "00 02 0002 00000000 0000002a" },
    },
    ["http"] = {
      { "CONNECT, and bytes behind it", "'CONNECT 127.0.0.1:' ECHO_TEXT ' HTTP/1.1' NL NL 'hi'",
        ESTABLISHED .. "'hi'" },
      { "Gost-Target goes before the authority", "'CONNECT x:1 HTTP/1.1' NL 'X-Gost-Target: ' GOST_TARGET NL NL 'hi'",
        ESTABLISHED .. "'hi'" },
      { "nobody listens", "'CONNECT 127.0.0.1:' DEAD_TEXT ' HTTP/1.1' NL NL", "'HTTP/1.1 503 Service Unavailable' NL" },
      { "datagrams, which are off", "'CONNECT x:1 HTTP/1.1' NL 'X-Gost-Protocol: udp' NL NL",
        "'HTTP/1.1 403 Forbidden' NL" },
      { "another protocol", "00 01 02 03 04 NL NL", "", ends = true },
    },
    ["http with users"] = {
      { "nobody", "'CONNECT 127.0.0.1:' ECHO_TEXT ' HTTP/1.1' NL NL",
        "'HTTP/1.1 407 Proxy Authentication Required' NL 'Proxy-Authenticate: Basic realm=\"gost\"' NL" },
      { "the user", "'CONNECT 127.0.0.1:' ECHO_TEXT ' HTTP/1.1' NL 'Proxy-Authorization: Basic dTpw' NL NL",
        ESTABLISHED },
    },
    ["http with datagrams"] = {
      { "an association has an empty authority", "'CONNECT  HTTP/1.1' NL 'Host: ' NL 'X-Gost-Protocol: udp' NL NL",
        "'HTTP/1.1 200 OK' NL 'Content-Length: 0' NL NL", "0003 ff ECHO 'one'", "0003 ff ECHO 'one'" },
    },
    ["tunnel"] = {
      { "no ID", "01 02 0014" .. SOURCE .. ANY, "01 01 0000", ends = true },
      { "nobody carries the tunnel", "01 01 002e" .. SOURCE .. A_TEST .. ID, "01 05 0000", ends = true },
      { "a host of no rule", "01 01 002e" .. SOURCE .. "02 000a 03 06 'b.test' 0050" .. ID, "01 06 0000", ends = true },
      { "ASSOCIATE", "01 03 002b" .. SOURCE .. ANY .. ID, "01 01 0000", ends = true },
      { "a client that carries it", "01 02 002b" .. SOURCE .. ANY .. ID,
        "01 00 002e 02 0014 03 10 '1a03f12fda586aff' 0000 03 0014 " .. (".."):rep(16) .. " 000000 07" },
    },
  }

  setup(function()
    origin = support.origin { "echo" }
    local echo, dead = origin.ports.echo, support.free_port()
    names = {
      NL = "\r\n",
      ECHO_PORT = string.pack(">I2", echo), DEAD_PORT = string.pack(">I2", dead),
      ECHO = "\1\127\0\0\1" .. string.pack(">I2", echo), DEAD = "\1\127\0\0\1" .. string.pack(">I2", dead),
      ECHO_TEXT = tostring(echo), DEAD_TEXT = tostring(dead), GOST_TARGET = gost_target("127.0.0.1:" .. echo),
    }
    local words = { "--workers", "1" }
    for _, service in ipairs(SERVICES) do
      words[#words + 1] = "-L"
      words[#words + 1] = service[2]:gsub("/ECHO", "/" .. origin:addr "echo"):gsub("/DEAD", "/" .. "127.0.0.1:" .. dead)
    end
    words.listeners = #SERVICES
    gost, port_of = support.gost(words), {}
    for i, service in ipairs(SERVICES) do
      port_of[service[1]] = gost.ports[i]
    end
  end)
  teardown(support.cleanup)

  for _, service in ipairs(SERVICES) do
    for _, row in ipairs(EXCHANGES[service[1]]) do
      it(service[1] .. " handler: " .. row[1], function()
        local c = client.tcp(port_of[service[1]])
        for i = 2, #row, 2 do
          c:send(hex.bytes(row[i], names))
          hear(c, row[i + 1], names, row[1])
        end
        if row.ends then
          assert.is_true(c:gone())
        end
        c:close()
      end)
    end
  end

  ---What a client that listens hears of a visitor; `reply` is up to the port, `announced` up to the visitor's.
  local function visit(c, reply, rest, announced)
    hear(c, reply, names, "the reply")
    local port = string.unpack(">I2", c:read(2))
    hear(c, rest, names, "behind the port")
    local visitor = client.tcp(port):send "visitor"
    local _, own = visitor.sock:getsockname()
    names.VISITOR = "\1\127\0\0\1" .. string.pack(">I2", own)
    hear(c, announced, names, "the announcement")
    c:send(hex.bytes "01 02 0300 03000000 'abc'")
    assert.equal("abc", visitor:read(3))
    c:send(hex.bytes "01 01 0000 03000000")
    assert.is_true(visitor:gone())
    visitor:close()
    c:close()
  end

  it("relay handler: BIND, and a visitor", function()
    local c = client.tcp(port_of["relay with BIND"])
    c:send(hex.bytes "01 02 000f 04 0002 0000 02 0007 01 7f000001 0000")
    visit(c, "01 00 000a 02 0007 01 7f000001", "", "01 00 0000 03000000 " ..
      "01 02 0e00 03000000 01 00 000a 02 0007 VISITOR 01 02 0700 03000000 'visitor'")
  end)

  it("socks5 handler: BIND for a multiplexer, and a visitor", function()
    local c = client.tcp(port_of["socks5 with all"])
    c:send(hex.bytes "05 01 00"):read(2)
    c:send(hex.bytes "05 f2 00 01 7f000001 0000")
    visit(c, "05 00 00 01 7f000001", "", "01 00 0000 03000000 " ..
      "01 02 0a00 03000000 05 00 00 VISITOR 01 02 0700 03000000 'visitor'")
  end)

  it("socks5 handler: BIND for a multiplexer of GOST 2, and a visitor", function()
    local c = client.tcp(port_of["socks5 for GOST 2"])
    c:send(hex.bytes "05 01 00"):read(2)
    c:send(hex.bytes "05 f2 00 01 7f000001 0000")
    visit(c, "05 00 00 01 7f000001", "", "01 00 0000 03000000 01 02 0700 03000000 'visitor'")
  end)

  it("relay handler: BIND for datagrams, and a visitor", function()
    local c = client.tcp(port_of["relay with BIND"])
    local port = support.free_port()
    names.PORT = string.pack(">I2", port)
    c:send(hex.bytes("01 82 000f 04 0002 0001 02 0007 01 7f000001 PORT", names))
    hear(c, "01 00 000a 02 0007 01 7f000001 PORT", names)
    local visitor = socket.udp4()
    visitor:settimeout(support.scaled(10))
    visitor:setpeername("127.0.0.1", port)
    for _, bytes in ipairs { "vis1", "", "vis2" } do -- the empty one has no place in these frames
      assert(visitor:send(bytes))
    end
    names.VISITOR = "\1\127\0\0\1" .. string.pack(">I2", (select(2, visitor:getsockname())))
    hear(c, "0004 ff VISITOR 'vis1' 0004 ff VISITOR 'vis2'", names)
    c:send(hex.bytes("0006 ff VISITOR 'answer'", names))
    assert.equal("answer", (visitor:receive()))
    visitor:close()
    c:close()
  end)

  it("tunnel handler: a client, and a visitor", function()
    local carrier, visitor = client.tcp(port_of.tunnel), client.tcp(port_of.tunnel)
    carrier:send(hex.bytes("01 02 002b" .. SOURCE .. ANY .. ID)):read(50)
    visitor:send(hex.bytes("01 01 002e" .. SOURCE .. A_TEST .. ID))
    hear(visitor, "01 00 0000", names)
    visitor:send "GET"
    hear(carrier, "02 00 0000 03000000 02 02 1b00 03000000 01 00 0017 02 0007 01 7f000001 ...." .. A_TEST ..
      "02 02 0300 03000000 'GET'", names)
    carrier:send(hex.bytes "02 02 0300 03000000 'abc'")
    assert.equal("abc", visitor:read(3))
    visitor:close()
    carrier:close()
  end)

  ---How long after the reply the target's first byte comes.
  ---@return number seconds
  local function gap(c, reply)
    c:read(reply)
    local began = support.now()
    assert.equal("2", c:read(1))
    c:close()
    return support.now() - began
  end

  it("socks5 and http handlers: the target's first bytes keep away from the reply", function()
    local greeter = support.origin { "greet" }
    local ways = {
      socks5 = function()
        local c = client.tcp(port_of.socks5):send "\5\1\0"
        c:read(2)
        return gap(c:send(client.socks5_connect("127.0.0.1", greeter.ports.greet)), client.SOCKS5_REPLY)
      end,
      http = function()
        local c = client.tcp(port_of.http):send("CONNECT " .. greeter:addr "greet" ..
          " HTTP/1.1\r\nUser-Agent: Go-http-client/1.1\r\n\r\n")
        return gap(c, #hex.bytes(ESTABLISHED, names))
      end,
    }
    for name, way in pairs(ways) do -- a reader that comes late on a busy machine sees less of it
      support.eventually(function() return way() > 0.004 end, 10, name)
    end
    greeter:stop()
  end)
end)

describe("Servers that speak first, and IPv6 targets", function()
  local greeters, upstream

  local NODES = { "socks5", "socks5+tls", "socks5+mtcp", "socks4", "http", "http+tls", "http+mtls", "relay",
    "relay+tls", "relay+mtls", "relay+mtcp" }

  setup(function()
    greeters = { support.origin { "greet" }, support.origin { "greet", host = "::1" } }
    local cert, words = support.pki():cert(), { listeners = #NODES }
    for _, node in ipairs(NODES) do
      words[#words + 1] = "-L"
      words[#words + 1] = ("%s://127.0.0.1:0?certFile=%s&keyFile=%s"):format(node, cert.cert, cert.key)
    end
    upstream = support.gost(words)
  end)
  teardown(support.cleanup)

  for i, node in ipairs(NODES) do
    it("pass " .. node, function()
      local words = { "-F", ("%s://127.0.0.1:%d"):format(node, upstream.ports[i]) }
      for _, greeter in ipairs(greeters) do
        words[#words + 1], words[#words + 2] = "-L", "tcp://127.0.0.1:0/" .. greeter:addr "greet"
      end
      local front = support.gost(words)
      for _, port in ipairs(front.ports) do
        local c = client.tcp(port)
        assert.matches("%S", c:read(1))
        c:reset() -- after an end, smux would wait for more of the answer
      end
      front:stop()
    end)
  end
end)

---What our connectors say to a node that is played here. A row: what it is about, the -L and -F URLs (NODE is the
---node's address), and in turns what the node hears and says; `first` is what the client said before, `gets` what it
---is told in the end. Rows about listeners at the far end have no client.
describe("A node of GOST is spoken to by the", function()
  local origin, names

  local TCP, UDP = "tcp://127.0.0.1:0/1.2.3.4:80", "udp://127.0.0.1:0/8.8.4.4:53"
  local TO = "01 01020304 0050"
  local ID = "00010203-0405-0607-0809-0a0b0c0d0e0f"
  local ID_FEATURE = " 03 0014 000102030405060708090a0b0c0d0e0f 000000 00 "

  local ROWS = {
    { "socks5: TLS is offered", TCP, "socks5://NODE", "05 02 00 80" },
    { "socks5: and a password with it", TCP, "socks5://u:p@NODE", "05 04 00 02 80 82" },
    { "socks5: a banner in one segment with the reply", TCP, "socks5://NODE?notls=true",
      "05 01 00", "05 00", "05 01 00" .. TO, "05 00 00 01 7f000001 a330 'banner'", gets = "banner" },
    { "socks5: a password", "tcp://127.0.0.1:0/t.test:80", "socks5://u:p@NODE?notls=true",
      "05 02 00 02", "05 02", "01 01 'u' 01 'p'", "01 00", "05 01 00 03 06 't.test' 0050",
      "05 00 00 03 01 'x' 0050 'hi'", gets = "hi" },
    { "socks5: an IPv6 target", "tcp://127.0.0.1:0/[::1]:80", "socks5://NODE?notls=true",
      "05 01 00", "05 00", "05 01 00 04 00000000000000000000000000000001 0050" },
    { "socks5: a refusal", TCP, "socks5://NODE?notls=true", "05 01 00", "05 00", "05 01 00" .. TO,
      "05 03 00 01 00000000 0000", gets = "" },
    { "socks5: no method suits", TCP, "socks5://NODE?notls=true", "05 01 00", "05 ff", gets = "" },
    { "socks5: datagrams in frames", UDP, "socks5://NODE?notls=true", first = "one",
      "05 01 00", "05 00", "05 f3 00 01 00000000 0000", "05 00 00 01 00000000 e603",
      "0003 ff 01 08080404 0035 'one'", "0003 ff 01 08080404 0035 'two'", gets = "two" },
    { "socks4: a name", "tcp://127.0.0.1:0/t.test:80", "socks4://usr@NODE",
      "04 01 0050 00000001 'usr' 00 't.test' 00", "00 5a 0000 00000000 'hi'", gets = "hi" },
    { "socks4: without 4a", TCP, "socks4://NODE?disable4a=true",
      "04 01 0050 01020304 00", "00 5b 0000 00000000", gets = "" },
    { "http: CONNECT", "tcp://127.0.0.1:0/t.test:80", "http://u:p@NODE",
      "'CONNECT t.test:80 HTTP/1.1' NL 'Host: t.test:80' NL 'User-Agent: Go-http-client/1.1' NL " ..
      "'Proxy-Authorization: Basic dTpw' NL 'Proxy-Connection: keep-alive' NL NL",
      "'HTTP/1.1 200 Connection established' NL NL 'banner'", gets = "banner" },
    { "http: a refusal", "tcp://127.0.0.1:0/[::1]:80", "http://NODE",
      "'CONNECT [::1]:80 HTTP/1.1' NL 'Host: [::1]:80' NL 'User-Agent: Go-http-client/1.1' NL " ..
      "'Proxy-Connection: keep-alive' NL NL", "'HTTP/1.1 503 Service Unavailable' NL 'Content-Length: 0' NL NL",
      gets = "" },
    { "http: datagrams", UDP, "http://NODE", first = "one",
      "'CONNECT 8.8.4.4:53 HTTP/1.1' NL 'Host: 8.8.4.4:53' NL 'User-Agent: Go-http-client/1.1' NL " ..
      "'Proxy-Connection: keep-alive' NL 'X-Gost-Protocol: udp' NL NL",
      "'HTTP/1.1 200 OK' NL 'Content-Length: 0' NL NL", "0003 ff 01 08080404 0035 'one'",
      "0003 ff 01 08080404 0035 'two'", gets = "two" },
    { "relay: the request with the first bytes", TCP, "relay://u:p@NODE", first = "hello",
      "01 01 0011 01 0004 01 'u' 01 'p' 02 0007" .. TO .. " 'hello'", "01 00 0000 'hi'", gets = "hi" },
    { "relay: the request alone", "tcp://127.0.0.1:0/t.test:25", "relay://NODE",
      "01 01 000d 02 000a 03 06 't.test' 0019", "01", "", "00 0000 'banner'", gets = "banner" },
    { "relay: without delay", TCP, "relay://NODE?nodelay=true", first = "hello",
      "01 01 000a 02 0007" .. TO, "01 00 0000", "'hello'" },
    { "relay: an IPv6 target", "tcp://127.0.0.1:0/[::1]:80", "relay://NODE",
      "01 01 0016 02 0013 04 00000000000000000000000000000001 0050", "01 05 0000", gets = "" },
    { "relay: a node that knows the target", "tcp://127.0.0.1:0", "relay://NODE", first = "hello",
      "01 01 0000 'hello'", "01 00 0000 'hi'", gets = "hi" },
    { "relay: and one of datagrams", "udp://127.0.0.1:0", "relay://NODE", first = "one",
      "01 81 0005 04 0002 0001 0003 'one'", "01 00 0000 0003 'two'", gets = "two" },
    { "relay: datagrams", UDP, "relay://NODE", first = "one",
      "01 81 000f 04 0002 0001 02 0007 01 08080404 0035 0003 'one'", "01 00 0000 0003 'two'", gets = "two" },
    { "relay over mtcp", TCP, "relay+mtcp://NODE?nodelay=true",
      "02 00 0000 03000000 02 02 0e00 03000000 01 01 000a 02 0007" .. TO,
      "02 02 0600 03000000 01 00 0000 'hi'", gets = "hi" },
    { "relay over yamux", TCP, "relay+mtcp://NODE?nodelay=true&mux.type=yamux",
      "00 01 0001 00000001 00000000 00 00 0000 00000001 0000000e 01 01 000a 02 0007" .. TO,
      "00 01 0002 00000001 00000000 00 00 0000 00000001 00000006 01 00 0000 'hi'", gets = "hi" },
    { "tunnel: a visitor", "tcp://127.0.0.1:0/zzz.test:443", "tunnel://NODE?tunnel.id=" .. ID,
      "01 01 0030 02 0007 01 7f000001 .... 02 000c 03 08 'zzz.test' 01bb" .. ID_FEATURE,
      "01 00 0000 'banner'", gets = "banner" },
    { "tunnel: a visitor for no host in particular", "tcp://127.0.0.1:0", "tunnel://NODE?tunnel.id=" .. ID,
      "01 01 002b 02 0007 01 7f000001 .... 02 0007 01 00000000 0000" .. ID_FEATURE,
      "01 00 0000 'banner'", gets = "banner" },
    { "tunnel: a visitor with datagrams", "udp://127.0.0.1:0/zzz.test:53", "tunnel://NODE?tunnel.id=" .. ID,
      first = "one", "01 81 0035 04 0002 0001 02 0007 01 7f000001 .... 02 000c 03 08 'zzz.test' 0035" .. ID_FEATURE,
      "01 00 0000", "0003 'one'", "0003 'two'", gets = "two" },

    { "rtcp over relay", "rtcp://127.0.0.1:20020/ECHO", "relay://u:p@NODE", reverse = true,
      "01 02 0016 01 0004 01 'u' 01 'p' 04 0002 0000 02 0007 01 7f000001 4e34",
      "01 00 000a 02 0007 01 7f000001 4e34" ..
      " 01 00 0000 03000000 01 02 0e00 03000000 01 00 000a 02 0007 01 7f000001 875c 01 02 0700 03000000 'visitor'",
      "01 02 0700 03000000 'visitor'", "01 01 0000 03000000", "01 01 0000 03000000",
      "01 00 0000 05000000 01 02 0600 05000000 01 00 0014 02 00",
      "", "01 02 0d00 05000000 07 01 7f000001 875c 02 0007 01 7f 01 02 0600 05000000 000001 0050 'x'",
      "01 02 0100 05000000 'x'" },
    { "rtcp over relay, at no address in particular", "rtcp://:20021/ECHO", "relay://NODE", reverse = true,
      "01 02 000f 04 0002 0000 02 0007 01 00000000 4e35" },
    { "rudp over relay", "rudp://127.0.0.1:20020/ECHO", "relay://u:p@NODE", reverse = true,
      "01 82 0016 01 0004 01 'u' 01 'p' 04 0002 0001 02 0007 01 7f000001 4e34",
      "01 00 000a 02 0007 01 7f000001 4e34 0004 ff 01 7f000001 ace6 'vis1'", "0004 ff 01 7f000001 ace6 'vis1'" },
    { "rtcp over socks5", "rtcp://:21950/ECHO", "socks5://NODE?notls=true", reverse = true,
      "05 01 00", "05 00", "05 f2 00 01 00000000 55be",
      "05 00 00 01 7f000001 55be 01 00 0000 03000000 01 02 0a00 03000000 05 00 00 01 7f000001 a05c" ..
      " 01 02 0300 03000000 'vis'", "01 02 0300 03000000 'vis'" },
    { "rudp over socks5", "rudp://:21950/ECHO", "socks5://NODE?notls=true", reverse = true,
      "05 01 00", "05 00", "05 f3 00 01 00000000 55be", "05 00 00 01 7f000001 55be 0003 ff 01 08080404 04d2 'hey'",
      "0003 ff 01 08080404 04d2 'hey'" },
    { "rtcp over a tunnel", "rtcp://:0/ECHO", "tunnel://NODE?tunnel.id=" .. ID, reverse = true,
      "01 02 002b 02 0007 01 7f000001 .... 02 0007 01 00000000 0000" .. ID_FEATURE,
      "01 00 002e 02 0014 03 10 '1a03f12fda586aff' 0000" .. ID_FEATURE ..
      " 02 00 0000 03000000 02 02 1b00 03000000 01 00 0017 02 0007 01 7f000001 d102 02 000a 03 06 'a.test' 0050" ..
      " 02 02 0400 03000000 'visi'",
      "02 04 0800 03000000 ........ 00001000 02 02 0400 03000000 'visi'" },
    { "rtcp over a tunnel, with all that can be said", "rtcp://:80/ECHO",
      "tunnel://u:p@NODE?tunnel.weight=7&record.mode=all&tunnel.id=" .. ID, reverse = true,
      "01 02 0049 01 0004 01 'u' 01 'p' 02 0007 01 7f000001 .... 02 0007 01 00000000 0050" ..
      " 03 0014 000102030405060708090a0b0c0d0e0f 000000 07 05 0014 0001 000b 'record.mode' 0003 'all'" },
    { "rudp over a tunnel", "rudp://:0/ECHO", "tunnel://NODE?tunnel.id=" .. ID, reverse = true,
      "01 82 0030 04 0002 0001 02 0007 01 7f000001 .... 02 0007 01 00000000 0000" .. ID_FEATURE,
      "01 00 002e 02 0014 03 10 '1a03f12fda586aff' 0000" .. ID_FEATURE },
  }

  setup(function()
    origin = support.origin { "echo" }
    names = { NL = "\r\n" }
  end)
  teardown(support.cleanup)

  ---A client of the service, which has said something.
  ---@return {read: (fun(count: integer): string), close?: fun()}
  local function speak(service, port, first)
    if service:find "^udp" then
      local sock = socket.udp4()
      sock:settimeout(support.scaled(10))
      assert(sock:setpeername("127.0.0.1", port))
      assert(sock:send(first))
      return { read = function() return (assert(sock:receive())) end }
    end
    local c = client.tcp(port)
    if first then
      c:send(first)
    end
    return {
      read = function(count) return count > 0 and c:read(count) or c:gone() and "" end,
      close = function() c:close() end,
    }
  end

  for _, row in ipairs(ROWS) do
    it(row[1], function()
      local server = assert(socket.bind("127.0.0.1", 0))
      server:settimeout(support.scaled(10))
      local _, port = server:getsockname()
      local service = row[2]:gsub("ECHO", origin:addr "echo")
      local gost = support.gost { "--workers", "1", "-L", service, "-F", (row[3]:gsub("NODE", "127.0.0.1:" .. port)),
        listeners = row.reverse and 0 or 1 }
      local speaker = not row.reverse and speak(service, gost.ports[1], row.first)
      local node = client.of(assert(server:accept()))
      for i = 4, #row do
        if i % 2 == 0 then
          hear(node, row[i], names, row[1])
        else
          node:send(hex.bytes(row[i], names))
        end
      end
      if row.gets then
        assert.equal(row.gets, speaker.read(#row.gets))
      end
      node:close()
      server:close()
      if row.reverse or row[2]:find "^udp" then
        gost:terminate() -- its sessions last for a while
      else
        speaker.close()
        gost:stop()
      end
    end)
  end
end)
