local support = require "spec.support"
local process = require "spec.support.process"

describe("support.start", function()
  after_each(support.cleanup)

  it("waits for a line of the log and hands out its captures", function()
    local p = support.start { "sh", "-c", "echo hello; echo port 42; sleep 60" }
    assert.equal("42", p:wait_log "port (%d+)")
    assert.is_true(p:alive())
  end)

  it("waits for a port", function()
    local port = support.free_port()
    support.start { "socat", ("TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr"):format(port), "PIPE", ready = port }
    assert.is_true(support.connects(port))
  end)

  it("shows the log of a program that ends too early", function()
    local p = support.start { "sh", "-c", "echo oh no; exit 3" }
    assert.has_error(function() p:wait_log("ready", 5) end,
      'sh ended without writing "ready"; its log:\noh no\n')
    assert.equal(3, p.code)
  end)

  it("says when a line does not come in time", function()
    local p = support.start { "sleep", "60" }
    local ok, message = pcall(p.wait_log, p, "ready", 0.05)
    assert.is_false(ok)
    assert.matches("sleep went on without writing", message)
  end)

  it("passes the environment, the directory and standard input", function()
    local p = support.start { "sh", "-c", 'echo "$COLOUR in $PWD"; cat', env = { COLOUR = "green" }, cwd = "/",
      stdin = "pipe" }
    p:write "fed\n"
    p:close_stdin()
    assert.equal("exit", (p:wait(5)))
    assert.equal("green in /\nfed\n", p:output())
  end)

  it("counts descriptors, memory and time of a program", function()
    local p = support.start { "sh", "-c", "exec 7</dev/null; echo up; read x", stdin = "pipe", ready = "up" }
    assert.is_true(p:fds() >= 4)
    assert.is_true(p:rss() > 100)
    assert.is_number(p:cpu_seconds())
  end)

  ---What lies behind each descriptor of a process, by number.
  local function descriptors(pid)
    local found = {}
    local list = ("cd /proc/%s/fd && for f in *; do echo $f $(readlink $f); done"):format(pid)
    for line in support.check({ "sh", "-c", list }):gmatch "[^\n]+" do
      local number, target = line:match "^(%d+) (.+)$"
      if number then found[tonumber(number)] = target end
    end
    return found
  end

  it("leaves no descriptor of ours in a child", function()
    local p = support.start { "sleep", "60" }
    support.eventually(function() return support.files.read("/proc/" .. p.pid .. "/comm") == "sleep\n" end)
    local parent = support.files.read "/proc/self/stat":match "^%d+ %b() %a (%d+)"
    local inherited = descriptors(parent) -- whoever runs the specs may have left us some of his
    for number, target in pairs(descriptors(p.pid)) do
      assert.is_true(number <= 2 or inherited[number] == target, ("%d: %s"):format(number, target))
    end
  end)
end)

describe("Stopping", function()
  after_each(support.cleanup)

  it("takes any end of a peer", function()
    local p = support.start { "sleep", "60" }
    p:stop()
    assert.equal("signal", p.status)
    assert.equal(0, #process.running())
  end)

  it("fails when a program that should end cleanly does not", function()
    local p = support.start { "sleep", "60", exits_cleanly = true }
    local ok, message = pcall(p.stop, p)
    assert.is_false(ok)
    assert.matches("sleep ended by signal 15", message)
  end)

  it("kills what does not listen to TERM", function()
    local p = support.start { "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done", ready = "up",
      exits_cleanly = true }
    local ok, message = pcall(p.stop, p, 0.2)
    assert.is_false(ok)
    assert.matches("killed because TERM did not end it", message)
    assert.is_false(p:alive())
  end)

  it("fails on a sanitizer's report, wherever the program exits", function()
    local p = support.start { "sh", "-c", "echo '==1==ERROR: LeakSanitizer: detected memory leaks'" }
    p:wait(5)
    assert.has_error(function() p:stop() end)
  end)

  it("fails on a crash", function()
    local p = support.start { "sh", "-c", "kill -SEGV $$" }
    p:wait(5)
    assert.has_error(support.cleanup)
  end)
end)

describe("support.run", function()
  it("returns status, output and errors", function()
    local r = support.run { "sh", "-c", "cat; echo bad >&2; exit 4", input = "text" }
    assert.same({ 4, "text", "bad\n", false }, { r.status, r.stdout, r.stderr, r.timed_out })
  end)

  it("ends what takes too long", function()
    local r = support.run { "sleep", "60", timeout = 0.1 }
    assert.is_true(r.timed_out)
    assert.is_nil(r.status)
  end)

  it("says when there is no such program", function()
    local r = support.run { "no-such-program" }
    assert.equal(127, r.status)
    assert.matches("cannot run no%-such%-program", r.stderr)
  end)
end)

describe("Ports", function()
  it("are free and differ from each other", function()
    local a, b = support.free_port "both", support.free_port("tcp", "::1")
    assert.is_true(a > 0 and b > 0)
    assert.is_false(support.connects(a))
    assert.is_false(support.connects(b, "::1"))
  end)
end)

describe("Files", function()
  it("of random bytes compare by their sums", function()
    local a = support.files.random(100000)
    local b = support.files.with("copy", support.files.read(a))
    support.files.assert_same(a, b)
    support.files.write(b, "other")
    assert.has_error(function() support.files.assert_same(a, b) end)
  end)
end)

describe("An origin", function()
  local origin

  setup(function()
    origin = support.origin { "http", "echo", "greet", "count", "source", "slow", "silent", "reset", "closed" }
  end)
  teardown(support.cleanup)

  ---Talks to a mode through socat; `input` then the end of input.
  local function talk(mode, input, wait)
    return support.run { "socat", "-t" .. (wait or 5), "STDIO", "TCP:" .. origin:addr(mode), input = input }
  end

  it("answers HTTP with bytes that are told apart", function()
    local r = support.curl { origin:url "/bytes/100000" }
    assert.equal(200, r.http_code)
    assert.equal(support.pattern(100000), r.body)
    assert.equal(support.pattern(70000), support.curl { origin:url "/chunked/70000" }.body)
  end)

  it("echoes request bodies and headers", function()
    local file = support.files.random(300000)
    local r = support.curl { "-H", "Expect:", "--data-binary", "@" .. file, origin:url "/echo" }
    assert.equal(support.files.read(file), r.body)
    assert.matches("X%-Mark: 7", support.curl { "-H", "X-Mark: 7", origin:url "/headers" }.body)
    assert.equal(503, support.curl { origin:url "/status/503" }.http_code)
    assert.equal("", support.curl { "-I", origin:url "/hello" }.stderr)
  end)

  it("keeps HTTP connections alive", function()
    local r = support.run { "curl", "-s", "-w", "%{num_connects}", origin:url "/hello", origin:url "/hello" }
    assert.equal("hello\n1hello\n0", r.stdout)
  end)

  it("echoes streams and datagrams", function()
    assert.equal("ping", talk("echo", "ping").stdout)
    local r = support.run { "socat", "-t1", "STDIO", "UDP:" .. origin:addr "echo", input = "dgram" }
    assert.equal("dgram", r.stdout)
  end)

  it("speaks first", function()
    assert.equal("220 hello\r\nx", talk("greet", "x").stdout)
  end)

  it("answers after a half-close only", function()
    assert.equal("5 bytes\n", talk("count", "12345").stdout)
    assert.is_truthy(origin:wait_log "count 5")
  end)

  it("sends much, slowly, nothing, a reset or an end", function()
    assert.equal(16 * 1024 * 1024, #talk("source", "").stdout)
    assert.equal("abc", talk("slow", "abc").stdout)
    assert.equal("", talk("silent", "x", 0.1).stdout)
    assert.matches("reset by peer", support.curl { "http://" .. origin:addr "reset" }.stderr)
    assert.equal(0, talk("closed", "").status)
  end)

  it("counts connections", function()
    local before = origin:accepted "echo"
    talk("echo", "1")
    talk("echo", "2")
    assert.equal(before + 2, origin:accepted "echo")
  end)

  it("takes a thousand connections at once", function()
    local socket = require "socket"
    local open = {}
    for i = 1, 1000 do
      open[i] = assert(socket.connect("127.0.0.1", origin.ports.silent))
    end
    support.eventually(function() return origin:accepted "silent" >= 1000 end)
    for _, s in ipairs(open) do
      s:close()
    end
  end)
end)

describe("Real peers", function()
  after_each(support.cleanup)

  it("include TLS with good, expired and foreign certificates", function()
    local pki, origin = support.pki(), support.origin { "http" }
    local function get(certificate)
      local _, port = support.tls_front(certificate, origin:addr "http")
      return support.curl { "--cacert", pki.ca, ("https://127.0.0.1:%d/hello"):format(port) }
    end
    assert.equal("hello\n", get(pki:cert()).body)
    assert.matches("certificate has expired", get(pki:cert { expired = true }).stderr)
    assert.matches("no alternative certificate", get(pki:cert { name = "other", san = "DNS:other.test" }).stderr)
    assert.matches("certificate", get(support.pki "foreign CA":cert()).stderr)
  end)

  it("include OpenSSH", function()
    local sshd = support.sshd()
    local words = { table.unpack(sshd.ssh) }
    words[#words + 1], words[#words + 2] = sshd.user .. "@127.0.0.1", "echo in"
    assert.equal("in\n", (support.check(words)))
  end)

  it("include Redis", function()
    local _, port = support.redis()
    assert.equal("PONG\n", (support.check { "redis-cli", "-p", port, "ping" }))
  end)

  it("may live in network namespaces", function()
    if not support.netns.available() then
      return pending "no network namespaces here"
    end
    local net = support.netns.new({ "a", "b" }, { { "a", "10.77.0.1/24", "b", "10.77.0.2/24" } })
    local origin = support.origin { "http", host = "10.77.0.2", prefix = net:exec "b" }
    assert.equal("10.77.0.1", net:check("a", "curl", "-s", origin:url "/peer"):match "[^:]+")
    assert.not_equal(0, support.run { "curl", "-s", "-m", "1", "--noproxy", "*", origin:url "/hello" }.status)
  end)
end)
