---The PROXY protocol: who the client is, through proxies.

local support = require "spec.support"

describe("The PROXY protocol", function()
  local origin

  setup(function() origin = support.origin { "http" } end)
  teardown(support.cleanup)

  for _, listener in ipairs { "tcp", "tls", "mtcp", "mtls" } do
    it("tells a node over " .. listener .. " who the client is", function()
      local exit = support.gost { "-L", ("relay+%s://127.0.0.1:0?proxyProtocol=1"):format(listener) }
      local entry = support.gost {
        "-L", "http://127.0.0.1:0",
        "-F", ("relay+%s://127.0.0.1:%d?proxyProtocol=2"):format(listener, exit.ports[1]),
      }
      local r = support.curl { "-x", ("http://127.0.0.1:%d"):format(entry.ports[1]), origin:url "/hello" }
      assert.equal("hello\n", r.body, r.stderr)
      local at_entry = entry:wait_log '"client":"(127.0.0.1:%d+)"'
      local at_exit = exit:wait_log '"client":"(127.0.0.1:%d+)"'
      assert.equal(at_entry, at_exit)
    end)
  end

  it("may be left out by a client", function()
    local gost = support.gost { "-L", "http://127.0.0.1:0?proxyProtocol=1" }
    local r = support.curl { "-x", ("http://127.0.0.1:%d"):format(gost.ports[1]), origin:url "/hello" }
    assert.equal("hello\n", r.body, r.stderr)
  end)

  it("decides with the announced address", function()
    local gost = support.gost { "-L", "http://127.0.0.1:0?proxyProtocol=1&admission=192.0.2.9" }
    local function ask_from(address)
      return support.run { "nc", "-N", "-w", "5", "127.0.0.1", tostring(gost.ports[1]), input =
        ("PROXY TCP4 %s 192.0.2.1 1111 2222\r\nGET %s HTTP/1.0\r\n\r\n"):format(address, origin:url "/hello") }.stdout
    end
    assert.matches("hello\n$", ask_from "192.0.2.8")
    assert.equal("", ask_from "192.0.2.9")
  end)
end)
