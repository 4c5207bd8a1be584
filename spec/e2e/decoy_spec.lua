---The sni connector with a decoy: what whoever looks on sees, and that the real server is reached.

local support = require "spec.support"
local files = support.files

---Passes bytes on and writes down the first ones of each connection, in hexadecimal.
local TAP = [[
local socket = require "socket"
local port = tonumber(arg[1])
local server = assert(socket.bind("127.0.0.1", 0))
print("port " .. select(2, server:getsockname()) .. " ready")
io.stdout:flush()
while true do
  local c = server:accept()
  c:settimeout(0.2)
  local all, why, part = c:receive(65536)
  local first = all or part
  print("first " .. first:gsub(".", function(b) return ("%02x"):format(b:byte()) end))
  io.stdout:flush()
  local up = socket.tcp()
  up:connect("127.0.0.1", port)
  up:send(first)
  up:settimeout(0)
  c:settimeout(0)
  while true do
    local ready = socket.select({ c, up }, nil)
    local done
    for _, from in ipairs(ready) do
      local bytes, gone, rest = from:receive(65536)
      bytes = bytes or rest
      local to = from == c and up or c
      to:settimeout(5)
      if #bytes > 0 then to:send(bytes) end
      to:settimeout(0)
      done = done or gone == "closed"
    end
    if done then break end
  end
  up:close()
  c:close()
end
]]

local function hex(text)
  return (text:gsub(".", function(b) return ("%02x"):format(b:byte()) end))
end

describe("A decoy of the sni connector", function()
  local origin, node, tap, front, tls, pki

  setup(function()
    origin = support.origin { "http" }
    pki = support.pki()
    local cert = pki:cert { san = "DNS:real.test" }
    tls = support.gost { "-L", ("tcp+tls://127.0.0.1:0/%s?certFile=%s&keyFile=%s&rejectUnknownSNI=true"
      .. "&serverNames=real.test"):format(origin:addr "http", cert.cert, cert.key) }
    node = support.gost { "-C", files.with("node.yaml", ([[
services:
- {name: node, addr: "127.0.0.1:0", handler: {type: sni}, listener: {type: tcp}, metadata: {}, hosts: h,
   bypass: b}
bypasses: [{name: b, matchers: [decoy.test]}]
hosts: [{name: h, mappings: [{ip: 127.0.0.1, hostname: real.test}]}]
]])) }
    tap = support.start { "lua5.4", files.with("tap.lua", TAP), tostring(node.ports[1]) }
    front = support.gost { "-L", ("tcp://127.0.0.1:0/real.test:%d"):format(tls.ports[1]),
      "-L", ("tcp://127.0.0.1:0/real.test:%d"):format(origin.ports.http),
      "-F", ("sni://127.0.0.1:%d?host=decoy.test"):format(tap:wait_log "port (%d+) ready") }
  end)
  teardown(support.cleanup)

  it("stands in the Host of a request, and the node sends the real one on", function()
    local r = support.curl { "-H", ("Host: real.test:%d"):format(origin.ports.http),
      ("http://127.0.0.1:%d/headers"):format(front.ports[2]) }
    local first = tap:wait_log "first (%x+)"
    assert.truthy(first:find(hex "Host: decoy.test\r\nGost-Target: ", 1, true))
    assert.is_nil(first:find(hex "real.test", 1, true))
    assert.matches("Host: real%.test:%d+\r\n", r.body)
    assert.is_nil(r.body:lower():find("gost", 1, true), r.body)
  end)

  it("stands in the hello of a TLS client, whose server gets it as it was", function()
    local mark = tap:mark()
    -- the node dials port 443 of the name, where nobody is: its line tells whom it meant
    support.curl { "-k", "--connect-to", ("real.test:443:127.0.0.1:%d"):format(front.ports[1]), "https://real.test/" }
    local first = tap:wait_log("first (%x+)", 10, mark)
    assert.truthy(first:find(hex "decoy.test", 1, true))
    assert.truthy(first:find("fffe0016" .. hex "dWrpJ2NtVmhiQzUwWlhOMA", 1, true))
    assert.is_nil(first:find(hex "real.test", 1, true))
    node:wait_log "real%.test:443"
  end)

  it("does no harm to the handshake", function()
    local exit = support.gost { "-L", "sni://127.0.0.1:0", "-F", "tcp://" .. tls.addrs[1] }
    local entry = support.gost { "-L", "tcp://127.0.0.1:0/real.test:443",
      "-F", ("sni://127.0.0.1:%d?host=decoy.test"):format(exit.ports[1]) }
    local r = support.curl { "--cacert", pki.ca, "--connect-to", ("real.test:443:127.0.0.1:%d"):format(entry.ports[1]),
      "https://real.test/bytes/100000" }
    assert.is_true(support.pattern(100000) == r.body, r.stderr)
  end)

  it("is one that could be a name", function()
    local r = support.gost_run { "-L", "tcp://127.0.0.1:0/a.test:443", "-F", "sni://127.0.0.1:9?host=a%20b" }
    assert.not_equal(0, r.status)
    assert.matches("is no name for a server", r.stderr)
  end)
end)
