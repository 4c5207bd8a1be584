---Standard input and output as a connection.

local support = require "spec.support"
local files = support.files

describe("Standard input and output", function()
  local origin

  setup(function() origin = support.origin { "http", "echo", "silent", "reset" } end)
  after_each(function()
    for _, process in ipairs { table.unpack(require "spec.support.process".running()) } do
      if process ~= origin then process:stop() end
    end
  end)
  teardown(support.cleanup)

  local function gost(words)
    local argv = { support.program(), timeout = words.timeout or 20, input = words.input }
    for _, word in ipairs(words) do argv[#argv + 1] = word end
    return support.run(argv)
  end

  it("reach a target, and the program ends with the connection", function()
    local r = gost { "-L", "stdio://" .. origin:addr "echo", input = "hello\n" }
    assert.equal("hello\n", r.stdout)
    assert.equal(0, r.status, r.stderr)
  end)

  it("carry much, from files to files and through pipes", function()
    local big = files.random(8 << 20)
    local got = files.path "got"
    local command = ("%s --workers 4 -L stdio://%s"):format(support.program(), origin:addr "echo")
    support.check { "sh", "-c", ("%s <%s >%s 2>/dev/null"):format(command, big, got), timeout = 60 }
    files.assert_same(big, got)
    support.check { "sh", "-c", ("cat %s | %s 2>/dev/null | (sleep 0.3; cat) >%s"):format(big, command, got),
      timeout = 60 }
    files.assert_same(big, got)
  end)

  it("end when the target ends, and when it cannot be reached", function()
    for _, target in ipairs { origin:addr "reset", "127.0.0.1:1" } do
      local program = support.start { support.program(), "-L", "stdio://" .. target, stdin = "pipe", name = "gost-lua" }
      program:write "hello\n"
      assert.equal("exit", (program:wait(10)), program:output()) -- although its input is still open
      program:stop()
    end
  end)

  it("end when nobody reads the output any more, though input and target are silent", function()
    for _, socket in ipairs { "", ",pipes" } do -- a socket for both, or two pipes
      local pid = files.path "pid"
      local command = ("echo $$ >%s; exec %s -L stdio://%s"):format(pid, support.program(), origin:addr "silent")
      local script = files.with("run.sh", command .. "\n")
      local parent = support.start { "socat", "PIPE:" .. files.path "fifo", ("EXEC:sh %s%s"):format(script, socket) }
      parent:wait_log "listening on"
      local child = assert(tonumber(files.read(pid):match "%d+"))
      parent:terminate()
      support.eventually(function() return not files.exists(("/proc/%d/fd/0"):format(child)) end, 10, "it goes on")
    end
  end)

  it("are left as they were", function()
    local fifo = files.path "fifo"
    support.check { "mkfifo", fifo }
    local flags = [[
      exec 3<>"$1"
      before=$(grep flags /proc/$$/fdinfo/3)
      ( printf 'hello\n' >&3; timeout -s TERM 1 "$2" -L "stdio://$3" <&3 >/dev/null 2>&1 )
      after=$(grep flags /proc/$$/fdinfo/3)
      test "$before" = "$after" && echo same]]
    assert.equal("same\n", support.check { "sh", "-c", flags, "sh", fifo, support.program(), origin:addr "silent" })
  end)

  it("serve one service only", function()
    local path = files.with("two.yml", ([[
services:
- { name: one, addr: "%s", handler: tcp, listener: stdio, forwarder: { nodes: [{ name: n, addr: "%s" }] } }
- { name: two, addr: "%s", handler: tcp, listener: stdio, forwarder: { nodes: [{ name: n, addr: "%s" }] } }
]]):gsub("%%s", origin:addr "echo"))
    local r = gost { "-C", path, input = "x" }
    assert.equal(1, r.status)
    assert.matches("serve another service already", r.stderr)
  end)

  it("are what ssh wants as a ProxyCommand", function()
    local sshd = support.sshd()
    local node = support.gost { "-L", "relay+tls://127.0.0.1:0" }
    local argv = { table.unpack(sshd.ssh) }
    for _, word in ipairs { "-o", ("ProxyCommand=%s -L stdio://%%h:%%p -F relay+tls://127.0.0.1:%d"):format(
      support.program(), node.ports[1]), sshd.user .. "@127.0.0.1", "wc -c" } do
      argv[#argv + 1] = word
    end
    argv.timeout, argv.input = 30, ("x"):rep(1 << 20)
    local r = support.run(argv)
    assert.equal("1048576", r.stdout:match "%d+", r.stderr)
    node:wait_log(('"host":"127.0.0.1:%d"'):format(sshd.port))
  end)
end)
