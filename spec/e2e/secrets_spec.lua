-- luacheck: no max line length
---Secrets never show: whatever a configuration has as a password or key, in whatever way it was given, is in no line of
---any log, message or print.

local support = require "spec.support"
local client = require "spec.support.client"

local files = support.files

after_each(support.cleanup)

local MARK = "Zq7mark" -- part of every secret below
local ENV = { SPEC_SECRET = "Zq7mark-env" }

---A configuration with a secret in every place that has one; `%s` is an exit's port and an echo's.
local function configuration()
  local secret = files.with("secret.txt", "Zq7mark-file\n")
  return ([[
log: { level: trace }
services:
- name: web
  addr: 127.0.0.1:0
  handler: { type: auto, chain: out, auther: people, metadata: { probeResistance: "code:404", knock: knock.test } }
- name: own
  addr: 127.0.0.1:0
  handler: { type: socks5, auth: { username: ann, password: Zq7mark-plain } }
- name: env
  addr: 127.0.0.1:0
  handler: { type: http, chain: out, auth: { username: ann, password: "${SPEC_SECRET}" } }
- name: relayed
  addr: 127.0.0.1:0
  handler: { type: relay, auth: { username: ann, password: "file:SECRET" } }
authers:
- name: people
  auths: [ { username: ann, password: Zq7mark-ann }, { username: bob, password: "file:SECRET" } ]
chains:
- name: out
  hops:
  - name: h
    nodes:
    - { name: exit, addr: "127.0.0.1:EXIT", connector: { type: socks5, auth: { username: up, password: Zq7mark-node } } }
]]):gsub("SECRET\"", secret .. '"')
end

---Neither as it is nor as Basic authentication has it.
local function assert_silent(text, what)
  for _, secret in ipairs { MARK, "YW5uOlpxN21hcmstYW5u", "dXA6WnE3bWFyay1ub2Rl" } do
    local at = text:find(secret, 1, true)
    assert(not at, at and ("%s shows a secret: %s"):format(what, text:sub(math.max(1, at - 120), at + 60)))
  end
end

it("logs at level trace, of clients that come, fail and are wrong, and of reloads", function()
  local origin = support.origin { "http" }
  local exit = support.gost { "-DD", "-L", "socks5://up:Zq7mark-node@127.0.0.1:0", name = "exit" }
  local text = configuration():gsub("EXIT", tostring(exit.ports[1]))
  local path = files.with("gost.yml", text)
  local gost = support.gost { "-C", path, listeners = 4, env = ENV }
  local function curl(scheme, port, user)
    return support.curl { "-x", ("%s://%s@127.0.0.1:%d"):format(scheme, user, port), origin:url "/hello" }.http_code
  end
  assert.equal(200, curl("http", gost.ports[1], "ann:Zq7mark-ann"))
  assert.equal(200, curl("socks5h", gost.ports[1], "bob:Zq7mark-file"))
  assert.equal(200, curl("socks5h", gost.ports[2], "ann:Zq7mark-plain"))
  assert.equal(200, curl("http", gost.ports[3], "ann:Zq7mark-env"))
  assert.not_equal(200, curl("http", gost.ports[1], "ann:Zq7mark-wrong"))
  assert.not_equal(200, curl("socks5h", gost.ports[2], "ann:Zq7mark-wrong"))
  local c = client.tcp(gost.ports[1])
  c:send("GET http://ann:Zq7mark-url@127.0.0.1:1/?password=Zq7mark HTTP/1.1\r\nHost: x\r\nAuthorization: Zq7mark\r\n\r\n")
  c:read_all()
  exit:stop()
  assert.not_equal(200, curl("http", gost.ports[3], "ann:Zq7mark-env"))
  files.write(path, (text:gsub("Zq7mark%-ann", "Zq7mark-new"):gsub("Zq7mark%-node", "Zq7mark-other")))
  gost:kill "HUP"
  gost:wait_log "config reloaded"
  files.write(path, (text:gsub("password: Zq7mark%-plain", "pasword: Zq7mark-plain"):gsub("auther: people", "auther: x")))
  gost:kill "HUP"
  gost:wait_log "the old one stays"
  gost:stop()
  assert.matches("ann", gost:output())
  assert_silent(gost:output(), "the log")
  assert_silent(exit:output(), "the exit's log")
end)

---Command lines with secrets in all the places of URLs.
local URLS = {
  { "-L", "http://ann:Zq7mark@127.0.0.1:0" },
  { "-L", "socks5://127.0.0.1:0?auth=YW5uOlpxN21hcms=" }, -- ann:Zq7mark
  { "-L", ":0", "-F", "relay+tls://ann:Zq7mark@h.test:1?nodelay=true" },
  { "-L", ":0", "-F", "http://ann:Zq7mark@h.test:1,h2.test:2?timeout=5s" },
  { "-L", "relay://127.0.0.1:0?passphrase=Zq7mark&token=Zq7mark&x.secret=Zq7mark" },
  { "-L", ":0", "-api", "ann:Zq7mark@127.0.0.1:0" },
  { "-L", "nosuch://ann:Zq7mark@127.0.0.1:0" },
  { "-L", "http://ann:Zq7mark%zz@127.0.0.1:0" },
  { "-L", "http://ann:Zq7mark@127.0.0.1:x" },
  { "-L", "http://ann:Zq7mark@127.0.0.1:0?chain=%zz" },
  { "-L", ":0", "-F", "socks5://ann:Zq7mark@" },
  { "-L", ":0", "-F", "socks5://ann:Zq7mark@h.test" },
  { "-L", ":0", "-F", "http://ann:Zq7/mark@h.test:1" },
  { "-L", "http://ann:Zq7mark@a b:1" },
  { "-C", "http://ann:Zq7mark@127.0.0.1:1/gost.yml?token=Zq7mark" },
  { "-C", '{"services":[{"name":"a","addr":":1","handler":{"type":"http","auth":{"username":"u","password":"Zq7mark"}}]}' },
  { "-C", '{"services":[{"name":"a","addr":":1","handler":{"type":"http","auth":{"username":"u","password":"Zq7mark"}}}]}' },
  { "-C", '{"services":[{"name":"a","addr":":1","handler":{"type":"http","auth":"u:Zq7mark"}}]}' },
  { "-C", '{"services":[{"name":"a","addr":":1","handler":{"type":"http","auth":{"username":"u","password":["Zq7mark"]}}}]}' },
  { "-C", '{"services":[{"name":"a","addr":":1","handler":{"type":"http","auth":{"username":"u","password":{"Zq7mark":1}}}}]}' },
  { "-C", '{"authers":[{"name":"a","auths":["u:Zq7mark"]}]}' },
  { "-C", '{"authers":[{"name":"a","auths":[{"username":"u","pasword":"Zq7mark"}]}]}' },
  { "-C", '{"authers":[{"name":"a","redis":{"addr":"h:1","password":"Zq7mark"}}]}' },
  { "-C", '{"bypasses":[{"name":"a","plugin":{"type":"http","addr":"http://h","token":"Zq7mark"}}]}' },
}

for _, argv in ipairs(URLS) do
  it("messages and prints of " .. table.concat(argv, " "):sub(1, 100), function()
    for _, form in ipairs { { "-t" }, { "-O", "yaml" }, { "-O", "json" }, { "-O", "lua" } } do
      local words = { table.unpack(form) }
      table.move(argv, 1, #argv, #words + 1, words)
      words.env, words.timeout = ENV, 20
      local result = support.gost_run(words)
      local said = result.stdout .. result.stderr
      assert.is_true(#said > 0)
      assert.not_matches("traceback", said)
      assert_silent(said:gsub("Zq7/mark", MARK), table.concat(form, " "))
      assert_silent(said:gsub("YW5uOlpxN21hcms", MARK), table.concat(form, " "))
    end
    local words = { "explain", env = ENV, timeout = 20 }
    table.move(argv, 1, #argv, 2, words)
    words[#words + 1] = "http://example.test/"
    local result = support.gost_run(words)
    assert_silent(result.stdout .. result.stderr, "explain")
  end)
end

it("prints and explanations of a file, whose secrets come from variables and other files", function()
  local path = files.with("gost.yml", (configuration():gsub("EXIT", "1")))
  for _, words in ipairs {
    { "-t", "-C", path }, { "-O", "yaml", "-C", path }, { "-O", "json", "-C", path }, { "-O", "lua", "-C", path },
    { "explain", "-C", path, "http://example.test/" }, { "rules", "-C", path },
  } do
    words.env = ENV
    local result = support.gost_run(words)
    assert_silent(result.stdout .. result.stderr, words[1])
  end
  local shown = support.gost_run { "-O", "yaml", "--show-secrets", "-C", path, env = ENV }.stdout
  assert.matches("Zq7mark-ann", shown, 1, true) -- the search above can find
  assert.matches("${SPEC_SECRET}", shown, 1, true)
end)

it("mistakes beside a secret", function()
  for _, text in ipairs {
    "services: [{name: a, addr: ':1', handler: {type: http, auth: {username: u, password: Zq7mark, password: Zq7mark}}}]",
    "services: [{name: a, addr: ':1', handler: {type: http, auth: {username: u, password: 'Zq7mark}}}]",
    "services: [{name: a, addr: ':1', handler: {type: http, auth: {username: u, password: {Zq7mark}}}}]",
    "services: [{name: a, addr: ':1', handler: {type: http, auth: {username: u, password: &Zq7mark }}}]\nx: *Zq7",
    "services: [{name: a, addr: ':1', handler: {type: http, auth: Zq7mark}}]",
    "services: [{name: a, addr: ':1', handler: {type: http, auth: {username: u, password: '${Zq7mark x}'}}}]",
    "authers: [{name: a, auths: [Zq7mark]}]", "authers: [{name: a, auths: 'u:Zq7mark'}]",
    "services: [{name: a, addr: ':1', handler: {type: relay, metadata: {passphrase: [Zq7mark]}}}]",
    "services: [{name: a, addr: ':1', handler: {type: http, metadata: {token: {a: Zq7mark}}}}]",
  } do
    for _, form in ipairs { { "-t" }, { "-O", "yaml" } } do
      local words = { table.unpack(form) }
      words[#words + 1], words[#words + 2] = "-C", files.with("m.yml", text)
      local result = support.gost_run(words)
      assert_silent(result.stdout .. result.stderr, text)
    end
  end
end)

it("the list of processes", function()
  local script = files.with("s.lua", [[
    local gost = require "gost"
    gost.service { addr = "127.0.0.1:0", chain = ... }
    gost.run()
  ]])
  for _, argv in ipairs {
    { "-L", "http://ann:Zq7mark@127.0.0.1:0", "-F", "relay+tls://ann:Zq7mark@h.test:1" },
    { "-L=socks5://ann:Zq7mark@127.0.0.1:0?x=y&auth=Zq7mark&TOKEN=Zq7mark&nodelay=true", "--workers", "1" },
    { "-C", '{"services":[{"name":"a","addr":"127.0.0.1:0","handler":{"type":"http","auth":{"username":"u","password":"Zq7mark"}}}]}' },
    { script, "socks5://ann:Zq7mark@h.test:1" },
  } do
    argv.listeners = 1
    local gost = support.gost(argv)
    local shown = files.read(("/proc/%d/cmdline"):format(gost.pid))
    assert_silent(shown, "the list of processes")
    assert.matches(argv[1]:match "^%-%a" or "ann:", shown, 1, true)
    gost:stop()
  end
end)

it("the list of processes, of both sides of --", function()
  local both = support.gost { "-L", "http://ann:Zq7mark@127.0.0.1:0", "--", "-L", "http://bob:Zq7mark@127.0.0.1:0",
    listeners = 2, exits_cleanly = false }
  local shown = support.run({ "ps", "-ww", "-o", "args=", "--pid", tostring(both.pid), "--ppid", tostring(both.pid) }).stdout
  assert.equal(2, select(2, shown:gsub("%-L http://ann:%*+@", "")), shown) -- the first of all, and its own process
  assert.equal(2, select(2, shown:gsub("%-L http://bob:%*+@", "")), shown)
  assert_silent(shown, "the list of processes")
  both:stop()
end)
