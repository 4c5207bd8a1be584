-- luacheck: no max line length
---Scripts: what `-O lua` prints, and what the constructors of scripts make of their arguments.
local library = require "spec.config.library"
local examples = require "spec.config.examples"

---A `gost` that only collects.
local function recorder()
  local collector = require("gost.shape").collector()
  local fake = { ran = false }
  for _, name in ipairs { "service", "chain", "hop", "node", "configure" } do
    fake[name] = function(...) return collector[name](collector, ...) end
  end
  function fake.run() fake.ran = true end
  return fake, collector
end

---Run a script against the recorder.
local function run(script)
  local fake, collector = recorder()
  local env = setmetatable({ require = function(name) return name == "gost" and fake or require(name) end }, { __index = _G })
  assert(load(script, "script", "t", env))()
  assert.is_true(fake.ran)
  return collector:configuration()
end

local function strip_metadata(owner, index)
  if type(owner.metadata) ~= "table" then return end
  local components = require "gost.schema.components"
  for key in pairs(owner.metadata) do
    if index and not components.find(index, key) then owner.metadata[key] = nil end
  end
  if next(owner.metadata) == nil then owner.metadata = nil end
end

---The same meaning in the same words: names and defaults filled in, leftovers and empty things gone.
local function normal(configuration)
  require("gost.complete").configuration(configuration)
  local components = require "gost.schema.components"
  local function component(owner, kind)
    strip_metadata(owner[kind], components.index(kind, owner[kind].type))
  end
  local function hops(list)
    for _, hop in ipairs(list or {}) do
      strip_metadata(hop, components.fixed_index "hop")
      hop.name = hop.name and not hop.name:match "^hop%-%d+$" and hop.name or nil
      for _, node in ipairs(hop.nodes or {}) do
        strip_metadata(node, components.fixed_index "node")
        component(node, "connector")
        component(node, "dialer")
        local tls = node.dialer.tls
        if tls and tls.secure == false then tls.secure = nil end
        if tls and tls.serverName == (node.addr or ""):match "^(.*):%d+$" then tls.serverName = nil end
        if tls and next(tls) == nil then node.dialer.tls = nil end
      end
      if hop.selector and hop.selector.strategy == "round" then hop.selector.strategy = nil end
      if hop.selector and hop.selector.maxFails == 1 then hop.selector.maxFails = nil end
    end
  end
  hops(configuration.hops)
  for _, chain in ipairs(configuration.chains or {}) do hops(chain.hops) end
  local by_name = {}
  for _, hop in ipairs(configuration.hops or {}) do by_name[hop.name] = hop end
  for _, chain in ipairs(configuration.chains or {}) do
    for i, hop in ipairs(chain.hops) do
      if not hop.nodes then chain.hops[i] = by_name[hop.name] end
    end
  end
  configuration.hops = nil
  for key, list in pairs(configuration) do
    if key ~= "services" and list[1] then table.sort(list, function(a, b) return a.name < b.name end) end
  end
  for _, service in ipairs(configuration.services) do
    strip_metadata(service, components.fixed_index "service")
    component(service, "handler")
    component(service, "listener")
    local selector = service.forwarder and service.forwarder.selector
    if selector and selector.strategy == "round" then selector.strategy = nil end
    if selector and selector.maxFails == 1 then selector.maxFails = nil end
  end
  return configuration
end

describe("A script", function()
  local restore
  setup(function()
    library.load()
    require("gost.schema").use(library.components)
    restore = library.everything_implemented()
  end)
  teardown(function()
    restore()
    require("gost.schema").use(nil)
  end)

  local function script_of(configuration)
    return require("gost.print_lua").script(configuration, { show_secrets = true })
  end

  for number, example in ipairs(examples) do
    local configuration, found = library.command(example.argv)
    local known = configuration and #found:only("error", "missing") == 0
    local whole = example.yaml:find("type: tun", 1, true) or example.yaml:find("type: serial", 1, true)
      or example.yaml:find("type: ssh", 1, true) or example.yaml:find("stdio", 1, true)
      or example.yaml:find("http2", 1, true) or example.yaml:find("tunnel", 1, true) or example.yaml:find("type: dns", 1, true)
    if known and not whole and number ~= 78 then -- kinds that the fixed components do not have
      it(("printed for gost %s means the same"):format(table.concat(example.argv, " ")), function()
        local before = library.command(example.argv)
        local after = run(script_of(before))
        assert.same(normal(library.command(example.argv)), normal(after))
      end)
    end
  end

  local FILE = [[
log: {level: debug}
services:
- name: proxy
  addr: :8080
  bypass: ads
  handler: {type: http, chain: out, auther: people, metadata: {readTimeout: 5s, cache.status.200: 1m}}
  metadata: {enableStats: yes, labels: {Team: A}}
- {name: local, addr: '127.0.0.1:0', handler: socks5}
- {name: fwd, addr: ':9', handler: rtcp, listener: {type: rtcp, chain: out}, forwarder: {nodes: ['x:1', 'y:2']}}
chains:
- name: out
  hops:
  - name: first
    nodes:
    - {name: n, addr: 'h:1', connector: {type: socks5}, dialer: {type: tls, tls: {secure: true, serverName: x}}}
    - {addr: 'h:1', connector: {type: socks5, auth: {username: u, password: 'p@/'}}, dialer: {type: wss}}
  - second
- {name: plain, hops: [{nodes: [{addr: 'h:3'}]}]}
hops: [{name: second, bypass: ads, selector: {strategy: fifo}, nodes: [{addr: 'h:2', metadata: {weight: 5}}]}]
authers: [{name: people, auths: [{username: u, password: p}]}]
resolvers: [{name: dns, nameservers: [{addr: 1.1.1.1, chain: plain, timeout: 2500ms}]}]
bypasses:
- {name: ads, whitelist: true, matchers: [.ads.test, '*.x.test:443', 10.0.0.1-10.0.0.5, '[::1]:80']}
- {name: unused, matchers: ["quo\"te\\", "new\nline"]}
]]

  it("printed for a file means the same", function()
    local configuration = library.read(FILE)
    local after = run(script_of(configuration))
    assert.same(normal(library.read(FILE)), normal(after))
  end)

  it("reads well", function()
    assert.equal([[
local gost = require "gost"

gost.configure {
  bypasses = {
    { name = "unused", matchers = { "quo\"te\\", "new\nline" } },
  },
  resolvers = {
    { name = "dns", nameservers = { { addr = "1.1.1.1", chain = "plain", timeout = "2.5s" } } },
  },
  log = { level = "debug" },
}

local people = { name = "people", { username = "u", password = "******" } }

local ads = { name = "ads", whitelist = true, ".ads.test", "*.x.test:443", "10.0.0.1-10.0.0.5", "[::1]:80" }

local second = gost.hop {
  name = "second",
  selector = { strategy = "fifo" },
  bypass = ads,
  gost.node { addr = "h:2", weight = 5 },
}

local out = gost.chain {
  name = "out",
  gost.hop {
    name = "first",
    gost.node {
      name = "n",
      addr = "h:1",
      connector = "socks5",
      dialer = { "tls", tls = { secure = true, server_name = "x" } },
    },
    gost.node "socks5+wss://u:******@h:1",
  },
  second,
}

local plain = gost.chain { name = "plain", gost.node "http://h:3" }

gost.service {
  name = "proxy",
  addr = ":8080",
  bypass = ads,
  handler = { "http", ["cache.status.200"] = "1m", read_timeout = "5s" },
  chain = out,
  auther = people,
  enable_stats = "yes",
  labels = { Team = "A" },
}

gost.service { name = "local", addr = "127.0.0.1:0", handler = "socks5" }

gost.service {
  name = "fwd",
  addr = ":9",
  handler = "rtcp",
  listener = "rtcp",
  chain = out,
  forwarder = { "x:1", "y:2" },
}

gost.run()
]], require("gost.print_lua").script(library.read(FILE)))
  end)

  it("with very many chains uses no more locals than Lua has", function()
    local lines = { "chains:" }
    for i = 1, 400 do lines[#lines + 1] = ("- {name: c%d, hops: [{nodes: [{addr: 'h:%d'}]}]}"):format(i, i) end
    lines[#lines + 1] = "services: [{name: s, handler: {chain: c7}}]"
    local after = run(script_of(library.read(table.concat(lines, "\n"))))
    assert.equal(400, #after.chains)
    assert.equal("c7", after.services[1].handler.chain)
  end)
end)

describe("The constructors of scripts", function()
  local gost, collector
  setup(function()
    library.load()
    require("gost.schema").use(library.components)
  end)
  teardown(function() require("gost.schema").use(nil) end)
  before_each(function() gost, collector = recorder() end)

  it("take what the guide shows", function()
    local exits = gost.hop {
      selector = { strategy = "round", max_fails = 1, fail_timeout = "10s" },
      gost.node "socks5+tls://user:pass@10.0.0.1:1080",
      gost.node { addr = "10.0.0.2:8080", connector = "http", dialer = "ws", path = "/tunnel" },
    }
    local function login() end
    local function hook() end
    local function rule() end
    gost.service {
      addr = ":8080", handler = "auto", listener = "tcp",
      chain = gost.chain { exits },
      auth = login,
      bypass = { "127.0.0.0/8", "*.internal", rule },
      on = { close = hook },
    }
    assert.same({
      services = { {
        name = "service-0", addr = ":8080", bypass = "bypass-0",
        handler = { type = "auto", chain = "chain-0", auther = login },
        listener = { type = "tcp" },
        on = { close = hook },
      } },
      chains = { {
        name = "chain-0",
        hops = { {
          selector = { strategy = "round", maxFails = 1, failTimeout = 10 },
          nodes = {
            { addr = "10.0.0.1:1080",
              connector = { type = "socks5", auth = { username = "user", password = "pass" } },
              dialer = { type = "tls", tls = { serverName = "10.0.0.1" } } },
            { addr = "10.0.0.2:8080", connector = { type = "http" },
              dialer = { type = "ws", metadata = { path = "/tunnel" } } },
          },
        } },
      } },
      bypasses = { { name = "bypass-0", matchers = { "127.0.0.0/8", "*.internal", rule } } },
    }, collector:configuration())
  end)

  it("enter a table that two services share once", function()
    local limits = { "$ 1MB" }
    gost.service { addr = ":1", limiter = limits }
    gost.service { addr = ":2", limiter = limits }
    local configuration = collector:configuration()
    assert.equal(1, #configuration.limiters)
    assert.equal("limiter-0", configuration.services[2].limiter)
  end)

  it("share a hop that two chains use", function()
    local exit = gost.hop { "http://h:1" }
    gost.chain { name = "a", exit }
    gost.chain { name = "b", "http://x:1", exit }
    local configuration = collector:configuration()
    assert.equal("hop-0", configuration.hops[1].name)
    assert.same({ { name = "hop-0" } }, configuration.chains[1].hops)
    assert.same({ name = "hop-0" }, configuration.chains[2].hops[2])
  end)

  it("take users as a table of names and passwords", function()
    gost.service { addr = ":1", auth = { alice = "a", bob = "b" } }
    local configuration = collector:configuration()
    assert.same({ { name = "auther-0", auths = { { username = "alice", password = "a" }, { username = "bob", password = "b" } } } },
      configuration.authers)
    assert.equal("auther-0", configuration.services[1].handler.auther)
  end)

  it("take URLs wherever a node, hop, chain or service may stand", function()
    gost.service "socks5://:1080?bypass=a.test"
    gost.service { addr = ":2", chain = { "http://a:1", "http://b:2" } }
    local configuration = collector:configuration()
    assert.equal("socks5", configuration.services[1].handler.type)
    assert.same({ "a.test" }, configuration.bypasses[1].matchers)
    assert.equal(2, #configuration.chains[1].hops)
  end)

  for message, make in pairs {
    ['service: unknown key "adr", did you mean "addr"?'] = function() gost.service { adr = ":1" } end,
    ['service: handler.type: unknown handler "htpp", did you mean "http"?'] = function() gost.service { handler = "htpp" } end,
    ['hop: selector.strategy: unknown value "rond", did you mean "rand"?'] =
      function() gost.hop { selector = { strategy = "rond" }, "http://h:1" } end,
    ['node: unknown key "pth", did you mean "path"?'] = function() gost.node { addr = "h:1", dialer = "ws", pth = "/x" } end,
    ['bypass: network: unknown value "icmp", expected tcp, udp'] =
      function() gost.service { bypass = { network = "icmp", "a" } } end,
    ['http://h: "h" has no port'] = function() gost.node "http://h" end,
    ["a node has one address; several make a gost.hop"] = function() gost.node "http://a:1,b:2" end,
    ['service: there is another one called "x"'] = function()
      gost.service { name = "x" }
      gost.service { name = "x" }
    end,
  } do
    it("raise: " .. message, function()
      local ok, why = pcall(make)
      assert.is_false(ok)
      assert.equal(message, why)
    end)
  end
end)
