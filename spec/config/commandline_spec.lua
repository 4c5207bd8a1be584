-- luacheck: no max line length
---Flags, sources and the order in which they count.
local library = require "spec.config.library"
library.load()
local commandline = require "gost.commandline"
local load = require "gost.load"
local print_ = require "gost.print"
local source = require "gost.source"

local function environment(values)
  return function(name) return (values or {})[name] end
end

describe("Flags", function()
  it("are the same with one dash or two, with = or without", function()
    for _, argv in ipairs { { "-L", "x" }, { "-L=x" }, { "--L", "x" }, { "--L=x" } } do
      assert.same({ "x" }, commandline.parse(argv).L)
    end
  end)

  it("keep what follows = whole", function()
    assert.same({ "http://:1?a=b" }, commandline.parse { "-L=http://:1?a=b" }.L)
  end)

  it("may switch something off", function()
    assert.is_false(commandline.parse { "-D=false" }.debug)
    assert.is_true(commandline.parse { "-D" }.debug)
  end)

  it("end at the first other argument", function()
    assert.same({ "x", "-L", "y" }, table.move(commandline.parse { "-D", "x", "-L", "y" }, 1, 3, 1, {}))
  end)

  for message, argv in pairs {
    ["flag provided but not defined: -X"] = { "-X" },
    ["flag provided but not defined: -version, did you mean -V?"] = { "--version" },
    ["flag provided but not defined: -show-secret, did you mean --show-secrets?"] = { "--show-secret" },
    ["flag needs an argument: -L"] = { "-L" },
    ['invalid value "10" for flag -R: expected a duration such as 30s'] = { "-R", "10" },
    ['invalid value "x" for flag --workers: expected a number from 1 to 1024'] = { "--workers", "x" },
    ['invalid value "xml" for flag -O: expected yaml, json or lua'] = { "-O", "xml" },
    ['invalid value "maybe" for flag -t: expected true or false'] = { "-t=maybe" },
  } do
    it("refuse " .. table.concat(argv, " "), function()
      local options, why = commandline.parse(argv)
      assert.is_nil(options)
      assert.equal(message, why)
    end)
  end

  it("split at -- into one group for each process", function()
    assert.same({ { "-L", ":1" }, { "-L", ":2" } }, commandline.groups { "-L", ":1", "--", "-L", ":2" })
    assert.same({ { "--", "-L", ":1" } }, commandline.groups { "--", "-L", ":1" })
    assert.same({ { "-L", ":1", "--" } }, commandline.groups { "-L", ":1", "--" })
  end)
end)

describe("A configuration", function()
  local system, files
  before_each(function()
    system = source.system
    files = {}
    source.system = setmetatable({
      read = function(path) return files[path], "open " .. path .. ": No such file or directory" end,
      list = function() return nil end,
    }, { __index = system })
    require("gost.schema").use(library.components)
  end)
  after_each(function()
    source.system = system
    require("gost.schema").use(nil)
  end)

  local function read(argv, env)
    local configuration, found = load.configuration(assert(commandline.parse(argv)), environment(env))
    return configuration, found
  end

  it("is the sum of its sources: lists are joined, sections replaced", function()
    files["a.yml"] = "services: [{name: a}]\nlog: {level: debug, format: text}\n"
    files["b.json"] = '{"services":[{"name":"b"}],"log":{"level":"warn"}}'
    local configuration = read { "-C", "a.yml", "-C", "b.json", "-L", ":1" }
    assert.same({ "a", "b", "service-0" },
      { configuration.services[1].name, configuration.services[2].name, configuration.services[3].name })
    assert.same({ level = "warn" }, configuration.log)
  end)

  it("puts the environment over files and flags over the environment", function()
    files["a.yml"] = "log: {level: warn, format: text}\n"
    local env = { GOST_LOGGER_LEVEL = "error" }
    assert.same({ level = "error", format = "text" }, read({ "-C", "a.yml" }, env).log)
    assert.same({ level = "debug", format = "text" }, read({ "-C", "a.yml", "-D" }, env).log)
    assert.same({ level = "trace", format = "text" }, read({ "-C", "a.yml", "-D", "-DD" }, env).log)
  end)

  it("comes from the environment too", function()
    local configuration = read({ "-L", ":1" },
      { GOST_API = "u:p@:22901", GOST_METRICS = ":1", GOST_PROFILING = ":2" })
    assert.equal("u:p@:22901", configuration.api.addr)
    assert.equal(":1", configuration.metrics.addr)
    assert.equal(":2", configuration.profiling.addr)
  end)

  it("may be inline JSON, read like any other", function()
    local configuration, found = read { "-C", ' {"services":[{"Name":"a","handler":"http"}],"hops":[{"name":"h","nodes":[],"selector":{"failTimeout":"5s"}}]} ' }
    assert.same({}, found:only "error":lines())
    assert.equal("http", configuration.services[1].handler.type)
    assert.equal(5, configuration.hops[1].selector.failTimeout)
  end)

  it("comes from standard input, JSON when it begins with a brace", function()
    source.system.read_stdin = function() return '{"services":[{"name":"json"}]}' end
    assert.equal("json", read { "-C", "-" }.services[1].name)
    source.system.read_stdin = function() return "services: [{name: yaml}]" end
    assert.equal("yaml", read { "-C", "-" }.services[1].name)
    source.system.read_stdin = function() return "" end
    local configuration, message = read { "-C", "-" }
    assert.is_nil(configuration)
    assert.equal("stdin: it is empty", message)
  end)

  it("comes from the web, in the form that the server names", function()
    source.system.fetch = function(address)
      if address:find "json" then return '{"services":[{"name":"j"}]}', "application/json" end
      if address:find "yaml" then return "services: [{name: y}]", "text/plain" end
      return nil, "404 Not Found"
    end
    assert.equal("j", read { "-C", "http://u:p@h/json" }.services[1].name)
    assert.equal("y", read { "-C", "http://h/yaml" }.services[1].name)
    local _, message = read { "-C", "http://u:p@h/none" }
    assert.equal("fetch config from http://h/none: 404 Not Found", message)
  end)

  it("comes from a directory, in the order of the names", function()
    source.system.list = function(path) return path == "d/" and { "b.yml", "a.json", "c.txt", ".x.yml" } or nil end
    files["d/a.json"] = '{"services":[{"name":"a"}]}'
    files["d/b.yml"] = "services: [{name: b}]"
    local services = read { "-C", "d/" }.services
    assert.same({ "a", "b" }, { services[1].name, services[2].name })
    assert.equal(2, #services)
  end)

  it("in a form that is not read is refused", function()
    local _, message = read { "-C", "gost.toml" }
    assert.equal("gost.toml: configurations in toml form are not implemented yet, use yaml or json", message)
  end)

  it("that cannot be read is refused", function()
    local _, message = read { "-C", "nope.yml" }
    assert.equal("open nope.yml: No such file or directory", message)
  end)

  it("skips blank sources and blank -L", function()
    local configuration = read { "-C", " ", "-L", " ", "-L", ":1" }
    assert.equal(1, #configuration.services)
  end)

  it("numbers what command lines make over the whole line, nodes first", function()
    local configuration = read { "-L", ":1?bypass=a", "-F", "http://h:1?bypass=b", "-F", "http://h:2?bypass=c" }
    assert.same({ "bypass-0", "bypass-1" },
      { configuration.chains[1].hops[1].bypass, configuration.chains[1].hops[2].bypass })
    assert.equal("bypass-2", configuration.services[1].bypass)
  end)

  it("names targets by the process when there are several", function()
    local configuration = read({ "-L", "tcp://:1/h:2,h:3" }, { _GOST_ID = "1" })
    local nodes = configuration.services[1].forwarder.nodes
    assert.same({ "go-1@target-0", "go-1@target-1" }, { nodes[1].name, nodes[2].name })
    assert.equal("target-0", read({ "-L", "tcp://:1/h:2" }).services[1].forwarder.nodes[1].name)
  end)

  it("knows a key of the command line when any part knows it", function()
    local _, found = read { "-L", "ws://:1?path=/x&backlog=5&handler.readTimeout=5s&dialTimeout=3s" }
    assert.same({}, found:lines())
  end)

  it("does not call its own output unknown", function()
    local configuration = read { "-L", "ws://:1?path=/x&bypass=a&retries=2&limiter.in=1MB",
      "-F", "http+tls://h:1?secure=true&handshakeTimeout=1s" }
    files["out.yml"] = print_.yaml(configuration)
    local _, found = read { "-C", "out.yml" }
    assert.same({}, found:lines())
  end)

  it("prints JSON that reads back as the same", function()
    local configuration = read { "-L", "tcp://:1/h:2?maxFails=3&failTimeout=250ms", "-F", "wss://u:p@h:1?path=/x" }
    local text = print_.json(configuration, { show_secrets = true })
    assert.truthy(text:find('"failTimeout": 250000000', 1, true))
    files["out.json"] = text
    local again = read { "-C", "out.json" }
    assert.equal(text, print_.json(again, { show_secrets = true }))
  end)

  it("covers secrets unless they are asked for", function()
    files["a.yml"] = [[
services:
- name: a
  handler: {type: http, auth: {username: u, password: hush}, metadata: {tun.token: hush}}
authers: [{name: x, auths: [{username: u, password: "${PASSWORD}"}], redis: {password: hush}}]
]]
    local configuration = read { "-C", "a.yml" }
    local covered = print_.yaml(configuration)
    assert.is_nil(covered:find("hush", 1, true))
    assert.truthy(covered:find("${PASSWORD}", 1, true))
    assert.truthy(print_.yaml(configuration, { show_secrets = true }):find("hush", 1, true))
    assert.is_nil(print_.json(configuration):find("hush", 1, true))
  end)

  it("takes secrets from variables and files", function()
    files["/run/secret"] = "from file\n"
    files["a.yml"] = [[
services:
- {name: a, handler: {auth: {username: u, password: "${PASSWORD}"}}}
- {name: b, handler: {auth: {username: u, password: "file:/run/secret"}}}
- {name: c, handler: {auth: {username: u, password: "${NOT_SET}"}}}
]]
    local configuration, found = read { "-C", "a.yml" }
    require("gost.secrets").expand(configuration, environment { PASSWORD = "from variable" }, found)
    assert.equal("from variable", configuration.services[1].handler.auth.password)
    assert.equal("from file", configuration.services[2].handler.auth.password)
    assert.same({ "a.yml:4:43: services[2].handler.auth.password: environment variable NOT_SET is not set" },
      found:lines())
  end)

  it("does not show secrets of URLs in messages", function()
    local _, found = read { "-L", "nosuch://user:hush@:1?auth=hush&passphrase=hush" }
    assert.same({ '-L nosuch://user:***@:1?auth=***&passphrase=***: unknown scheme "nosuch"' }, found:lines())
  end)
end)

describe("A completed configuration", function()
  it("has names and kinds everywhere", function()
    local configuration = library.read [[
services: [{addr: ':1'}, {name: service-1}, {addr: ':3'}]
chains: [{name: c, hops: [{nodes: [{addr: 'h:1'}, {addr: 'h:2', dialer: tls}]}]}]
admissions: [{name: a, reverse: true, matchers: [1.1.1.1]}]
]]
    require("gost.complete").configuration(configuration)
    assert.same({ "service-0", "service-1", "service-2" },
      { configuration.services[1].name, configuration.services[2].name, configuration.services[3].name })
    assert.same({ type = "auto" }, configuration.services[1].handler)
    assert.same({ type = "tcp" }, configuration.services[1].listener)
    local nodes = configuration.chains[1].hops[1].nodes
    assert.same({ "node-1", { type = "http" }, { type = "tls" } }, { nodes[2].name, nodes[2].connector, nodes[2].dialer })
    assert.is_true(configuration.admissions[1].whitelist)
  end)
end)
