---Serial ports, for which pseudo-terminals stand: what is written at one end is read at the other.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

describe("A serial port", function()
  local origin

  setup(function() origin = support.origin { "echo", "greet" } end)
  teardown(support.cleanup)

  ---A cable: `socat` joins a pseudo-terminal (our port) to a TCP port, which the spec speaks to.
  local function cable(name)
    local path = files.path(name)
    local port = support.free_port()
    local socat = support.start { "socat", ("PTY,link=%s,raw,echo=0,wait-slave,ignoreeof"):format(path),
      ("TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr"):format(port) }
    support.eventually(function() return files.exists(path) end, 10, "socat makes no port")
    return path, port, socat
  end

  ---The far end of the cable, as soon as somebody has opened the near one.
  local function far_end(port)
    local found
    support.eventually(function()
      local ok, c = pcall(client.tcp, port)
      found = ok and c
      return ok
    end, 10, "nobody opens the port")
    return found
  end

  it("carries bytes both ways", function()
    local path, port = cable "tty-b"
    support.gost { "-C", files.with("serial.yaml", ([[
services:
- name: port
  addr: %s,115200,even
  handler: {type: serial}
  listener: {type: serial}
  forwarder: {nodes: [{name: t, addr: '%s'}]}
]]):format(path, origin:addr "echo")), listeners = 0 }
    local c = far_end(port)
    local all = {}
    for i = 0, 255 do all[i + 1] = string.char(i) end
    local bytes = table.concat(all):rep(8)
    assert.equal(bytes, c:send(bytes):read(#bytes))
  end)

  it("is what a service leads to", function()
    local path, port = cable "tty-c"
    local gost = support.gost { "-L", "tcp://127.0.0.1:0", "-F", ("serial://%s"):format(path) }
    local near = client.tcp(gost.ports[1]):send "to the port"
    local far = far_end(port)
    assert.equal("to the port", far:read(11))
    far:send "and back"
    assert.equal("and back", near:read(8))
    local second = client.tcp(gost.ports[1]):send "x"
    assert.is_true(second:gone())
    gost:wait_log "serial port [^:]*: resource busy"
  end)

  it("leads to the end of a chain", function()
    local path, port = cable "tty-e"
    support.gost { "-L", ("serial://%s"):format(path), "-F", "tcp://" .. origin:addr "echo", listeners = 0 }
    assert.equal("ping", far_end(port):send("ping"):read(4))
  end)

  it("is given up when it was silent for long enough, and opened again", function()
    local path, port = cable "tty-d"
    local gost = support.gost { "-C", files.with("silent.yaml", ([[
services:
- name: port
  addr: %s
  handler: {type: serial}
  listener: {type: serial, metadata: {timeout: 200ms}}
  forwarder: {nodes: [{name: t, addr: '%s'}]}
]]):format(path, origin:addr "greet")), listeners = 0 }
    local c = far_end(port)
    assert.equal("220 hello\r\n220 hello\r\n", c:read(22))
    gost:assert_running()
  end)

  it("has to be there, with a rate and a parity that there are", function()
    for what, addr in pairs { ["no such file"] = "/dev/nosuch", ["no rate of 9601 baud"] = "/dev/ttyS0,9601",
      ["expected odd, even or none"] = "/dev/ttyS0,9600,strange" } do
      local r = support.gost_run { "-L", "serial://" .. addr }
      assert.not_equal(0, r.status)
      assert.truthy(r.stderr:find(what, 1, true), r.stderr)
    end
  end)
end)
