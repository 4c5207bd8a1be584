---The program itself: exit codes, and that what it prints really runs.
local has_support, support = pcall(require, "spec.support")
local program = has_support and support.program()
local built = program and io.open(program, "rb")
if built then built:close() end

describe("gost-lua", function()
  if not built then
    pending "is not built"
    return
  end
  after_each(support.cleanup)

  local function run(...) return support.run { program, ... } end

  local function file(name, text) return support.files.write(support.files.path(name), text) end

  it("-V prints its name and ends with 0", function()
    local result = run "-V"
    assert.equal(0, result.status)
    assert.truthy(result.stdout:match "^gost%-lua %d+%.%d+%.%d+ %(Lua 5%.4 linux/%w+%)\n$")
  end)

  it("-h prints how it is used and ends with 0", function()
    local result = run "-h"
    assert.equal(0, result.status)
    assert.truthy(result.stderr:find("usage: gost-lua", 1, true))
  end)

  it("ends with 2 for wrong flags", function()
    for _, argv in ipairs { { "-X" }, { "-L" }, { "-L", ":0", "extra" }, { "-R", "10" } } do
      local result = run(table.unpack(argv))
      assert.equal(2, result.status)
      assert.equal("", result.stdout)
    end
  end)

  for word, message in pairs {
    ["gost.yml"] = "gost.yml; a configuration is read with -C gost.yml",
    halp = 'halp, did you mean "help"?',
    ["http://u:p@:80"] = "http://u:***@:80; did you mean -L http://u:***@:80?",
  } do
    it("guesses what is meant by " .. word, function()
      local result = run(word)
      assert.equal(2, result.status)
      assert.equal("unexpected argument: " .. message, result.stderr:match "^[^\n]*")
    end)
  end

  it("passes signals on to the processes of `--`, which do not outlive it", function()
    for signal, status in pairs { TERM = 0, INT = 0, KILL = "signal" } do
      local both = support.gost { "-L", "http://127.0.0.1:0", "--", "-L", "socks5://127.0.0.1:0",
        exits_cleanly = false }
      assert.equal(2, #both.addrs)
      both:kill(signal)
      local how, code = both:wait(10)
      assert.equal(status, how == "exit" and code or how)
      for _, port in ipairs(both.ports) do
        support.eventually(function() return not support.connects(port) end, 10)
      end
    end
  end)

  it("tells of a script that is not there without a traceback", function()
    local result = run "nowhere.lua"
    assert.equal(1, result.status)
    assert.equal("gost-lua: nowhere.lua: No such file or directory\n", result.stderr)
  end)

  it("ends with 1 when there is nothing to do", function()
    local result = support.run { program, cwd = "/", env = { HOME = "/nonexistent" } }
    assert.equal(1, result.status)
    assert.truthy(result.stderr:find("nothing to do", 1, true))
  end)

  it("ends with 1 and a line that says why when it cannot listen", function()
    local taken = support.gost { "-L", "http://127.0.0.1:0" }
    for addr, why in pairs {
      ["nowhere.invalid:0"] = 'service service%-0: listen address \\"nowhere%.invalid:0\\": ',
      [taken.addrs[1]] = "service service%-0: listen on [%d.:]+: address already in use",
      ["192.0.2.1:0"] = "service service%-0: listen on 192%.0%.2%.1:0: address not available",
    } do
      local result = run("-L", "http://" .. addr)
      assert.equal(1, result.status)
      assert.truthy(result.stderr:match('"level":"fatal","msg":"' .. why), result.stderr)
    end
  end)

  it("listens at a name's IPv4 address", function()
    assert.matches("^127%.0%.0%.1:%d+$", support.gost { "-L", "http://localhost:0" }.addrs[1])
    local name = support.run({ "sh", "-c", "getent ahostsv4 $(hostname) >&2 && hostname" }).stdout:match "%S+"
    if not name then return pending "this host's name has no address" end
    local gost = support.gost { "-L", ("http://%s:0"):format(name) }
    assert.matches("^%d+%.%d+%.%d+%.%d+:%d+$", gost.addrs[1])
  end)

  it("listens for multipath TCP", function()
    local function sockets()
      return tonumber(support.files.read "/proc/net/protocols":match "\nMPTCP%s+%d+%s+(%d+)")
    end
    local before = sockets()
    if not before then return pending "this kernel has no multipath TCP" end
    local gost = support.gost { "--workers", "1", "-L", "http://127.0.0.1:0?mptcp=true" }
    assert.is_true(sockets() > before)
    assert.is_true(support.connects(gost.ports[1]))
  end)

  it("-t ends with 0 or 1", function()
    local good = file("good.yml", "services: [{name: a, addr: '127.0.0.1:0', handler: http}]\n")
    local bad = file("bad.yml", "services: [{name: a, addr: '127.0.0.1:0', hanlder: http}]\n")
    assert.equal(0, run("-t", "-C", good).status)
    local result = run("-t", "-C", bad)
    assert.equal(1, result.status)
    assert.equal(bad .. ':1:43: services[0].hanlder: unknown key, did you mean "handler"?\n1 mistake\n', result.stderr)
  end)

  for _, case in ipairs {
    { { "-L", ":9", "-F", "http://h:1?secure=true" },
      "-F http://h:1?secure=true: chains[0].hops[0].nodes[0].dialer.tls.secure: "
        .. 'dialer "tcp" does no TLS, so this is of no use' },
    { { "-L", ":9", "-F", "http+tls://h:1?secure=true" } },
    { { "-C", "{services: [{addr: ':9'}]}", "-F", "http://h:1" },
      "-F http://h:1: no service goes this way: -F is for those of -L, others name chain-0 as their chain",
      bare = true },
    { { "-C", "{services: [{addr: ':9', handler: {chain: chain-0}}]}", "-F", "http://h:1" } },
    { { "-C", "services:\n- {name: a, addr: ':9', handler: {type: http, metadata: {probeResist: x}}}" },
      ':2:3: services[0]: handler http: probeResist: "x", expected code:, web:, host: or file:' },
    { { "-L", "http://:9?skipauth=10.0.0.1" }, "-L http://:9?skipauth=10.0.0.1: services[0].handler.metadata.skipauth: "
      .. "is of no use: nobody is asked for credentials here" },
    { { "-C", "hosts: [{name: h, file: {}}]\n" }, ":1:25: hosts[0].file: has no path, so nothing is read" },
    { { "-C", "a:\n\t- b" },
      ":2:1: found character that cannot start any token while scanning for the next token (line 2); "
      .. "YAML is indented with blanks, not with tabs" },
    { { "-C", "services: [{listener: {type: tls, tls: {secure: true, rejectUnknownSNI: true}}}]\n" },
      ":1:41: services[0].listener.tls.secure: is of no use here: it belongs to the TLS of clients" },
    { { "-C", "tls: {organization: x, options: {alpn: [h2]}}\n" },
      ":1:24: tls.options: is of no use here: it belongs to the TLS of a listener or a client" },
    { { "-C",
      "services: [{addr: ':9', handler: tcp, forwarder:\n {selector: {strategy: Parallel}, nodes: [{addr: 'h:1'}]}}]" },
      ':2:14: services[0].forwarder.selector.strategy: not implemented yet: "parallel" outside of chains' },
  } do
    it("-t " .. case[1][#case[1]]:gsub("\n", ""), function()
      local argv, path = { "-t", table.unpack(case[1]) }, ""
      if argv[2] == "-C" then
        path = file("c.yml", argv[3])
        argv[3] = path
      end
      local result = run(table.unpack(argv))
      if case.bare then path = "" end
      assert.equal(case[2] and path .. case[2] .. "\n1 mistake\n" or "", result.stderr)
      assert.equal(case[2] and 1 or 0, result.status)
    end)
  end

  it("-t leaves nothing behind", function()
    local home = support.files.mkdir "home"
    assert.equal(0, support.run({ program, "-t", "-L", "http+tls://:9", env = { HOME = home } }).status)
    assert.same({}, support.files.list(home))
  end)

  it("only warns of unknown keys while running, unless --strict", function()
    local path = file("warn.yml", "services: [{name: a, addr: '127.0.0.1:0', handler: http, bogus: x}]\n")
    local gost = support.gost { "-C", path, listeners = 1 }
    assert.truthy(gost:output():find("services[0].bogus: unknown key", 1, true))
    gost:stop()
    assert.equal(1, run("--strict", "-C", path).status)
  end)

  it("runs the script that -O lua prints", function()
    local origin = support.origin { "http" }
    local printed = run("-L", "http://u:p@127.0.0.1:0", "-F", "socks5://127.0.0.1:9?bypass=127.0.0.1", "-O", "lua",
      "--show-secrets")
    assert.equal(0, printed.status)
    local gost = support.gost { file("printed.lua", printed.stdout), listeners = 1 }
    local url = origin:url "/hello"
    assert.equal(407, support.curl { "-x", "http://" .. gost.addrs[1], url }.http_code)
    assert.equal(200, support.curl { "-x", "http://u:p@" .. gost.addrs[1], url }.http_code)
  end)

  it("prints completions, a schema and help", function()
    for _, argv in ipairs { { "schema" }, { "completions", "bash" }, { "help" }, { "help", "http" } } do
      assert.equal(0, run(table.unpack(argv)).status)
    end
    assert.equal(1, run("help", "nonsense").status)
    assert.equal(2, run("completions", "csh").status)
  end)

  it("explains without starting anything", function()
    local result = run("explain", "-L", "http://127.0.0.1:1?bypass=.x.test", "http://a.x.test/")
    assert.equal(0, result.status)
    assert.truthy(result.stdout:find("result: the request is refused", 1, true))
  end)
end)
