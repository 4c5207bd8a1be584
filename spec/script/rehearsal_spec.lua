---`gost-lua -t script.lua` and `-O form script.lua`: scripts are run, but nothing of the network is touched.

local support = require "spec.support"

local files = support.files

after_each(support.cleanup)

local function rehearse(text, ...)
  local words = { ... }
  words[#words + 1] = files.with("s.lua", text)
  words.timeout = 20
  local result = support.gost_run(words)
  result.stderr = result.stderr:gsub("/[%w/._-]*s%.lua", "s.lua")
  return result
end

describe("gost-lua -t script.lua", function()
  it("tells every mistake at once, with its line", function()
    local result = rehearse([[
local gost = require "gost"
gost.service { name = "a", addr = "127.0.0.1:1", hanlder = "http", bypass = "nope" }
gost.service { name = "b", addr = "127.0.0.1:2", handler = "htpp",
  chain = gost.chain { "nosuch://x:1" } }
gost.service { name = "a", addr = "127.0.0.1:2", retries = "many" }
gost.run()
]], "-t")
    assert.equal(1, result.status)
    assert.equal([[
s.lua:2: service: unknown key "hanlder", did you mean "handler"?
s.lua:2: services[0].bypass: there is no bypass "nope"
s.lua:3: service.handler.type: unknown handler "htpp", did you mean "http"?
s.lua:4: -F nosuch://x:1: unknown scheme "nosuch"
s.lua:5: service.handler.retries: expected a whole number, not "many"
s.lua:5: services[2].addr: tcp port 2 is taken by services[1] already (s.lua:3)
s.lua:5: services[2].name: "a" is the name of another one already (s.lua:2)
7 mistakes
]], result.stderr)
    assert.equal("", result.stdout)
  end)

  it("tells what only shows when objects are made", function()
    local result = rehearse([[
local gost = require "gost"
gost.service { name = "a", addr = ":1", chain = gost.chain { { { addr = "h:1", bypass = "gone" } } } }
gost.service { name = "b", addr = ":2", listener = "tls", tls = { certFile = "none.pem", keyFile = "none.key" } }
gost.run()
]], "-t")
    assert.equal(1, result.status)
    assert.matches("s%.lua:3: services%[1%]%.listener%.tls%.certFile: cannot be read: none%.pem", result.stderr)
    result = rehearse([[
local gost = require "gost"
gost.service { name = "a", addr = ":1", chain = gost.chain { { { addr = "h:1", bypass = "gone" } } } }
]], "-t")
    assert.equal(1, result.status)
    assert.matches('s%.lua:2: service a: there is no "gone" in bypasses', result.stderr)
  end)

  it("opens no socket: not to listen, to dial or to look up a name", function()
    local origin = support.origin { "http" }
    local port = support.free_port()
    local result = rehearse(([[
local gost = require "gost"
print(gost.dial "127.0.0.1:%d")
print(gost.http.request "http://127.0.0.1:%d/hello")
gost.spawn(function() gost.dial "127.0.0.1:%d" end)
local s = gost.service { addr = "127.0.0.1:%d", admission = { "name.invalid" } }
print(s:start())
local probe = io.popen "ls -l /proc/$PPID/fd | grep -c socket:"
print("sockets", probe:read "l")
gost.sleep(3600)
gost.run()
error "the program does not come here"
]]):format(origin.ports.http, origin.ports.http, origin.ports.http, port), "-t")
    assert.equal("configuration is fine\n", result.stdout, result.stderr)
    assert.equal(0, result.status)
    assert.matches("nil\tno network while a script is only checked\tdenied\nnil\tno network.-\tdenied\n127.0.0.1:"
      .. port .. "\nsockets\t0\n", result.stderr)
    assert.equal(0, origin:accepted "http")
  end)

  it("ends scripts with loops of their own, and those that never end", function()
    assert.equal(0, rehearse([[
local gost = require "gost"
gost.service { addr = ":1" }
while true do gost.step(1) end
]], "-t").status)
    assert.equal(1, rehearse('require("gost").service { addr = ":1", handler = "x" } os.exit(0)', "-t").status)
    local result = rehearse("os.exit(3)", "-t")
    assert.equal(1, result.status)
    assert.matches("the script ended itself with status 3", result.stderr)
  end)

  it("gives up after a while", function()
    local loop, wait = files.with("loop.lua", "while true do end"),
      files.with("wait.lua", "require('gost').channel():get()")
    local procs = { support.start { support.program(), "-t", loop }, support.start { support.program(), "-t", wait } }
    for _, proc in ipairs(procs) do
      assert.equal("exit", (proc:wait(support.scaled(30))))
      assert.equal(1, proc.code)
      assert.matches("does not come to gost.run%(%) or to its end within 10 s", proc:output())
    end
  end)

  it("says where a script fails", function()
    assert.equal("s.lua:1: boom\n1 mistake\n", rehearse("error 'boom'", "-t").stderr)
    assert.matches("^s.lua:2: unexpected symbol near", rehearse("local x = \nend", "-t").stderr)
    local result = support.gost_run { "-t", files.path "none.lua" }
    assert.equal(1, result.status)
    assert.matches("cannot open .*none%.lua", result.stderr)
    assert.equal(2, support.gost_run({ "-t", "-L", ":0", "x.lua" }).status)
  end)

  it("passes the words behind it to the script", function()
    local path = files.with("args.lua", "print(...) require('gost').service { addr = (...) }")
    local result = support.gost_run { "-t", path, "127.0.0.1:1", "two" }
    assert.equal("configuration is fine\n", result.stdout, result.stderr)
    assert.equal("127.0.0.1:1\ttwo\n", result.stderr)
  end)

  for name, args in pairs {
    connector = { "127.0.0.1:1" }, dict = {}, exits = { "socks5://h:1" }, handler = {}, ["hooks-auth"] = {}, proxy = {},
    ["plain-lua"] = { "1080" }, routing = { "socks5://h:1" }, selector = { "socks5://h:1" }, tunnel = {}, users = {},
    redis = {}, load = { "examples/gost.yml" },
  } do
    it("finds nothing wrong with examples/" .. name .. ".lua", function()
      local result = support.gost_run { "-t", "examples/" .. name .. ".lua", table.unpack(args) }
      assert.equal("configuration is fine\n", result.stdout, result.stderr)
    end)
  end
end)

describe("gost-lua -O form script.lua", function()
  local SCRIPT = [[
local gost = require "gost"
print "aside"
local out = gost.chain { name = "out", gost.hop { bypass = { "*.internal" },
  gost.node "socks5://u:hush@10.0.0.1:1080", "http://10.0.0.2:8080" } }
gost.service { name = "a", addr = ":1", chain = out, auth = { username = "u", password = "hush" },
  bypass = { "a.test", whitelist = true } }
gost.service { name = "b", addr = ":2", handler = "socks5", chain = out }
gost.configure { log = { level = "debug" } }
gost.run()
]]

  it("prints what gost.run() would start, as a file that checks", function()
    local result = rehearse(SCRIPT, "-O", "yaml", "--show-secrets")
    assert.equal(0, result.status, result.stderr)
    assert.equal("aside\n", result.stderr)
    local path = files.with("out.yml", result.stdout)
    assert.equal("configuration is fine\n", support.gost_run({ "-t", "-C", path }).stdout, result.stdout)
    local text = result.stdout:gsub("\n%s*", " ")
    for _, part in ipairs {
      "- name: a addr: :1 bypass: bypass handler: type: auto chain: out auth: username: u password: hush",
      "chains: - name: out hops: - name: hop-0 bypass: bypass-1", "password: hush", "log: level: debug",
      "- name: bypass whitelist: true matchers: - a.test",
    } do
      assert.matches(part, text, 1, true)
    end
  end)

  it("covers secrets, and prints Lua that makes the same", function()
    assert.not_matches("hush", rehearse(SCRIPT, "-O", "yaml").stdout)
    assert.not_matches("hush", rehearse(SCRIPT, "-O", "lua").stdout)
    local lua = rehearse(SCRIPT, "-O", "lua", "--show-secrets")
    local again = rehearse(lua.stdout, "-O", "lua", "--show-secrets")
    assert.equal(lua.stdout, again.stdout)
  end)

  ---Without what is the same when it is not said.
  local function without_defaults(text)
    return (text:gsub("\n +selector:\n +strategy: round\n +maxFails: 1\n +failTimeout: 10s", ""))
  end

  it("and -O lua of a file lead back to the file", function()
    for _, text in ipairs {
      support.files.read "examples/gost.yml",
      "services:\n- { name: a, addr: ':1', bypass: b, admission: l, listener: tcp,\n"
        .. "    handler: { type: socks5, metadata: { udp: true } } }\n"
        .. "bypasses: [ { name: b, whitelist: true, matchers: [ x.test ] } ]\n"
        .. "admissions: [ { name: l, matchers: [ 10.0.0.0/8, 127.0.0.1 ] } ]\n",
      "services:\n- { name: f, addr: ':1', handler: tcp, listener: tcp, forwarder: { selector: { strategy: fifo },\n"
        .. "    nodes: [ { name: x, addr: 'x:1' }, { name: y, addr: 'y:2', filter: { host: .y.test } } ] },\n"
        .. "    metadata: { dialTimeout: 3s } }\n",
    } do
      local path = files.with("file.yml", text)
      local direct = support.gost_run { "-O", "yaml", "--show-secrets", "-C", path }
      local script = support.gost_run { "-O", "lua", "--show-secrets", "-C", path }
      local back = rehearse(script.stdout, "-O", "yaml", "--show-secrets")
      assert.equal(0, back.status, back.stderr)
      assert.equal(without_defaults(direct.stdout), without_defaults(back.stdout), script.stdout)
    end
  end)

  it("puts names that nothing has where functions are, and says so", function()
    local result = rehearse([[
local gost = require "gost"
gost.service { name = "a", addr = ":1", auth = function() return true end, on = { close = function() end } }
]], "-O", "yaml")
    assert.equal(0, result.status)
    assert.matches("auther: function at /%S+s%.lua:2", result.stdout)
    assert.matches("service a%.handler%.auther: function at s%.lua:2 cannot be printed", result.stderr)
    assert.matches("service a: hook close cannot be printed", result.stderr)
    assert.equal(1, support.gost_run({ "-t", "-C", files.with("f.yml", result.stdout) }).status)
  end)
end)
