-- luacheck: no max line length
---Scripts: what `-O lua` prints, and what the constructors of scripts make of their arguments.
local library = require "spec.config.library"
library.load()
require("gost.schema").use(library.components)
local examples = require "spec.config.examples"

---A `gost` that makes the real objects but only remembers the services: nothing is started.
local function recorder()
  local objects = require "gost.objects"
  local schema = require "gost.schema"
  local made = { services = {} }
  local fake = { ran = false }
  for _, name in ipairs { "chain", "hop", "node" } do
    fake[name] = function(definition) return objects[name](definition, 2) end
  end
  function fake.service(definition)
    made.services[#made.services + 1] = require("gost.services").new(definition).definition
  end
  function fake.configure(definition)
    local found, problems = schema.object("configuration", definition)
    assert.same({}, problems:lines())
    for key, value in pairs(found) do made[key] = value end
  end
  function fake.run() fake.ran = true end
  return fake, made
end

---Run a script against the recorder.
local function run(script)
  local fake, made = recorder()
  local env = setmetatable({
    require = function(name) return name == "gost" and fake or require(name) end,
  }, { __index = _G })
  assert(load(script, "script", "t", env))()
  assert.is_true(fake.ran)
  return made
end

---Plain tables: objects of scripts give way to what they are.
local function plain(value)
  if type(value) ~= "table" then return value end
  if getmetatable(value) then value = rawget(value, "definition") end
  local out = {}
  for key, item in pairs(value) do out[key] = plain(item) end
  return out
end

---Put what names refer to in the place of the names.
local function expand(configuration)
  local schema = require "gost.schema"
  local function named(list, name)
    for _, entry in ipairs(configuration[list] or {}) do
      if entry.name == name then return entry end
    end
  end
  local function walk(object, value)
    for _, field in ipairs(object.fields) do
      local item = value[field.key]
      if type(item) == "string" and field.kind == "ref" then
        value[field.key] = named(field.of, item)
      elseif type(item) == "table" and field.list then
        for i, one in ipairs(item) do
          if field.kind == "ref" and type(one) == "string" then item[i] = named(field.of, one)
          elseif field.object and type(one) == "table" then walk(field.object, one) end
        end
      elseif type(item) == "table" and field.object then
        walk(field.object, item)
      end
    end
    return value
  end
  for _, chain in ipairs(configuration.chains or {}) do
    for i, hop in ipairs(chain.hops) do
      if not hop.nodes then chain.hops[i] = named("hops", hop.name) end
    end
  end
  walk(schema.objects.configuration, configuration)
  return configuration
end

local function strip_metadata(owner, index)
  if type(owner.metadata) ~= "table" then return end
  local components = require "gost.schema.components"
  for key in pairs(owner.metadata) do
    if index and not components.find(index, key) then owner.metadata[key] = nil end
  end
  if next(owner.metadata) == nil then owner.metadata = nil end
end

local POLICIES = { "bypass", "admission", "resolver", "hosts", "limiter", "climiter", "rlimiter", "auther" }

---Policies without their names, their texts in one place.
local function plain_policies(owner)
  for _, key in ipairs(POLICIES) do
    local policy = owner[key]
    if type(policy) == "table" then
      local copy = { list = {} }
      for name, value in pairs(policy) do
        if name == "matchers" or name == "limits" then copy.list = value
        elseif math.type(name) == "integer" then copy.list[name] = value
        elseif name ~= "name" then copy[name] = value end
      end
      owner[key] = copy
    end
  end
end

local function drop_default(owner, key, default)
  if owner and owner[key] == default then owner[key] = nil end
  return owner and next(owner) and owner or nil
end

local function plain_selector(selector)
  drop_default(selector, "strategy", "round")
  return drop_default(selector, "maxFails", 1)
end

---The same meaning in the same words: names resolved, defaults and leftovers gone.
local function normal(configuration)
  local components = require "gost.schema.components"
  configuration = expand(plain(configuration))
  require("gost.complete").configuration(configuration)
  local function component(owner, kind)
    strip_metadata(owner[kind], components.index(kind, owner[kind].type))
  end
  local function node(one)
    strip_metadata(one, components.fixed_index "node")
    component(one, "connector")
    component(one, "dialer")
    local tls = drop_default(one.dialer.tls, "secure", false)
    one.dialer.tls = drop_default(tls, "serverName", (one.addr or ""):match "^(.*):%d+$")
    plain_policies(one)
    one.name = not (one.name or ""):match "^node%-%d+$" and one.name or nil
  end
  for _, service in ipairs(configuration.services) do
    strip_metadata(service, components.fixed_index "service")
    component(service, "handler")
    component(service, "listener")
    plain_policies(service)
    plain_policies(service.handler)
    if service.forwarder then service.forwarder.selector = plain_selector(service.forwarder.selector) end
    for _, owner in ipairs { service.handler, service.listener } do
      if owner.chain then
        owner.chain.name = nil
        for _, hop in ipairs(owner.chain.hops) do
          strip_metadata(hop, components.fixed_index "hop")
          hop.name = not (hop.name or ""):match "^hop%-%d+$" and hop.name or nil
          hop.selector = plain_selector(hop.selector)
          plain_policies(hop)
          for _, one in ipairs(hop.nodes) do node(one) end
        end
      end
    end
  end
  return { services = configuration.services, log = configuration.log, api = configuration.api,
    metrics = configuration.metrics }
end

describe("A script", function()
  local restore, core

  local function forget_modules()
    for name in pairs(package.loaded) do
      if name == "gost.objects" or name == "gost.services" or name:find "^gost%.build" then
        package.loaded[name] = nil
      end
    end
  end

  setup(function()
    library.load()
    require("gost.schema").use(library.components)
    restore = library.everything_implemented()
    core = package.loaded["gost.core"]
    package.loaded["gost.core"] = {} -- nothing of it is needed to make objects
    forget_modules()
  end)
  teardown(function()
    restore()
    package.loaded["gost.core"] = core
    forget_modules()
    require("gost.schema").use(nil)
  end)

  local function script_of(configuration)
    return require("gost.print_lua").script(configuration, { show_secrets = true })
  end

  local put_back = library.everything_implemented()
  for number, example in ipairs(examples) do
    local configuration, found = library.command(example.argv)
    found = type(found) == "table" and found or nil
    local known = configuration and #found:only("error", "missing") == 0
    local whole = example.yaml:find("type: tun", 1, true) or example.yaml:find("type: serial", 1, true)
      or example.yaml:find("type: ssh", 1, true) or example.yaml:find("stdio", 1, true)
      or example.yaml:find("http2", 1, true) or example.yaml:find("tunnel", 1, true) or example.yaml:find("type: dns", 1, true)
    local complete = known and #(configuration.services) > 0
    if complete and not whole and number ~= 78 then -- kinds that the fixed components do not have
      it(("printed for gost %s means the same"):format(table.concat(example.argv, " ")), function()
        local before = library.command(example.argv)
        local after = run(script_of(before))
        assert.same(normal(library.command(example.argv)), normal(after))
      end)
    end
  end

  put_back()

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
  log = { level = "debug" },
}

local people = { name = "people", auths = { { username = "u", password = "******" } } }

local ads = { name = "ads", whitelist = true, ".ads.test", "*.x.test:443", "10.0.0.1-10.0.0.5", "[::1]:80" }

local unused = { name = "unused", "quo\"te\\", "new\nline" }

local dns = { name = "dns", nameservers = { { addr = "1.1.1.1", chain = "plain", timeout = "2.5s" } } }

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
      dialer = { type = "tls", tls = { secure = true, server_name = "x" } },
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
  handler = "http",
  chain = out,
  auther = people,
  ["cache.status.200"] = "1m",
  enable_stats = "yes",
  labels = { Team = "A" },
  read_timeout = "5s",
}

gost.service { name = "local", addr = "127.0.0.1:0", handler = "socks5" }

gost.service {
  name = "fwd",
  addr = ":9",
  handler = "rtcp",
  listener = { type = "rtcp", chain = out },
  forward = { "x:1", "y:2" },
}

gost.run()
]], require("gost.print_lua").script(library.read(FILE)))
  end)

  it("with very many chains uses no more locals than Lua has", function()
    local lines = { "chains:" }
    for i = 1, 400 do lines[#lines + 1] = ("- {name: c%d, hops: [{nodes: [{addr: 'h:%d'}]}]}"):format(i, i) end
    lines[#lines + 1] = "services: [{name: s, handler: {chain: c7}}]"
    local after = run(script_of(library.read(table.concat(lines, "\n"))))
    assert.equal("h:7", normal(after).services[1].handler.chain.hops[1].nodes[1].addr)
  end)
end)
