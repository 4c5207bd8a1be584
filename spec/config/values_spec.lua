-- luacheck: no max line length
---Conversions of single values.
local library = require "spec.config.library"

describe("A value", function()
  local schema
  setup(function()
    library.load()
    schema = require "gost.schema"
    schema.use(library.components)
  end)
  teardown(function() schema.use(nil) end)

  ---What one line of a service becomes.
  local function field(object, text)
    local wrapped = {
      service = "services: [{name: s, %s}]",
      handler = "services: [{name: s, handler: {%s}}]",
      selector = "chains: [{name: c, hops: [{name: h, nodes: [], selector: {%s}}]}]",
      tls = "services: [{name: s, listener: {tls: {%s}}}]",
      probe = "chains: [{name: c, hops: [{nodes: [{addr: 'h:1', probe: {%s}}]}]}]",
    }
    local configuration, found = library.read(wrapped[object]:format(text))
    local at = {
      service = function(c) return c.services[1] end,
      handler = function(c) return c.services[1].handler end,
      selector = function(c) return c.chains[1].hops[1].selector end,
      tls = function(c) return c.services[1].listener.tls end,
      probe = function(c) return c.chains[1].hops[1].nodes[1].probe end,
    }
    local errors = found:only("error", "strict")
    return at[object](configuration), errors[1] and errors[1].message
  end

  local GOOD = {
    -- text
    { "service", "addr: 22000", "addr", "22000" },
    { "service", "addr: 0777", "addr", "511" },
    { "service", "addr: 007", "addr", "7" },
    { "service", "addr: 1.50", "addr", "1.5" },
    { "service", "addr: 1e3", "addr", "1000" },
    { "service", "addr: 12345678901234567890", "addr", "12345678901234567890" },
    { "service", "addr: '0777'", "addr", "0777" },
    { "service", "addr: true", "addr", "true" },
    { "service", "addr: 2024-01-01", "addr", "2024-01-01" },
    { "service", "addr: null", "addr", nil },
    { "service", "addr: ''", "addr", nil },
    -- whole numbers
    { "handler", "retries: 3", "retries", 3 },
    { "handler", "retries: '3'", "retries", 3 },
    { "handler", "retries: '0x10'", "retries", 16 },
    { "handler", "retries: '012'", "retries", 10 },
    { "handler", "retries: ''", "retries", 0 },
    { "handler", "retries: true", "retries", 1 },
    { "handler", "retries: 2.0", "retries", 2 },
    { "handler", "retries: -1", "retries", -1 },
    -- switches
    { "tls", "secure: true", "secure", true },
    { "tls", "secure: 'T'", "secure", true },
    { "tls", "secure: 1", "secure", true },
    { "tls", "secure: 0", "secure", false },
    { "tls", "secure: ''", "secure", false },
    { "tls", "secure: yes", "secure", true },
    { "tls", "secure: ON", "secure", true },
    { "tls", "secure: off", "secure", false },
    -- spans of time, in seconds
    { "selector", "failTimeout: 300ms", "failTimeout", 0.3 },
    { "selector", "failTimeout: 1h30m", "failTimeout", 5400 },
    { "selector", "failTimeout: '30'", "failTimeout", 30 },
    { "selector", "failTimeout: 30", "failTimeout", 30 },
    { "selector", "failTimeout: 30000000000", "failTimeout", 30 },
    { "selector", "failTimeout: 1.5", "failTimeout", 1.5 },
    { "selector", "failTimeout: -1s", "failTimeout", -1 },
    -- words
    { "selector", "strategy: ROUND", "strategy", "round" },
    { "tls", "options: {minVersion: versiontls12}", "options", { minVersion = "VersionTLS12" } },
    -- lists: a single value is a list of one, and is not split
    { "service", "bypasses: a", "bypasses", { "a" } },
    { "service", "bypasses: 'a,b'", "bypasses", { "a,b" } },
    { "service", "bypasses: [a, null, b]", "bypasses", { "a", "b" } },
    { "service", "bypasses: [1, 2]", "bypasses", { "1", "2" } },
    -- mappings keep the case of their keys
    { "probe", "httpHeaders: {X-Foo: 1, x-BAR: yes}", "httpHeaders", { ["X-Foo"] = "1", ["x-BAR"] = "yes" } },
    { "service", "metadata: {Foo.bar: 1, labels: {TEAM: A}}", "metadata", { ["Foo.bar"] = 1, labels = { TEAM = "A" } } },
    -- keys in any spelling
    { "service", "ADDR: ':1'", "addr", ":1" },
    { "selector", "max_fails: 2", "maxFails", 2 },
    { "selector", "MaxFails: 2", "maxFails", 2 },
    { "selector", "FAIL_TIMEOUT: 2s", "failTimeout", 2 },
    -- a word in place of a component
    { "service", "handler: socks5", "handler", { type = "socks5" } },
  }
  for _, case in ipairs(GOOD) do
    it(("%s means %s"):format(case[2], tostring(case[4])), function()
      local object = field(case[1], case[2])
      assert.same(case[4], object[case[3]])
    end)
  end

  local BAD = {
    { "handler", "retries: abc", 'expected a whole number, not "abc"' },
    { "handler", "retries: 1.5", "expected a whole number, not 1.5" },
    { "handler", "retries: ' 1'", 'expected a whole number, not " 1"' },
    { "handler", "retries: [1]", "expected a whole number, not a list" },
    { "tls", "secure: maybe", 'expected true or false, not "maybe"' },
    { "selector", "failTimeout: 365d", 'unknown unit "d" in duration "365d" (units: ns us ms s m h)' },
    { "selector", "failTimeout: ''", 'expected a duration such as "30s" or "1m30s"' },
    { "selector", "failTimeout: 1h30", '"1h30" is not a duration, write for example "30s" or "1m30s"' },
    { "selector", "failTimeout: [1s]", 'expected a duration such as "30s", not a list' },
    { "service", "addr: [a]", "expected text, not a list" },
    { "service", "addr: {a: b}", "expected text, not a mapping" },
    { "service", "addr: a, ADDR: b", nil },
    { "service", "metadata: 5", "expected a mapping" },
    { "service", "handler: [http]", "expected a mapping, not a list" },
    { "tls", "options: {minVersion: TLS1.2}", 'unknown value "TLS1.2", expected VersionTLS10, VersionTLS11, VersionTLS12, VersionTLS13' },
  }
  for _, case in ipairs(BAD) do
    if case[3] then
      it(("%s is refused"):format(case[2]), function()
        local _, message = field(case[1], case[2])
        assert.equal(case[3], message)
      end)
    end
  end

  it("given in two spellings is refused", function()
    local _, message = field("service", "addr: a, ADDR: b")
    assert.truthy(message:match "^given twice, as \"[adr]+\" and in another spelling$"
      or message:match "^given twice, as \"[ADR]+\" and in another spelling$")
  end)

  it("may be a number in the metadata of JSON", function()
    local value, positions = require("gost.json").decode(
      '{"services":[{"name":"s","handler":{"type":"http","metadata":{"readTimeout":5,"keepalive":1.0}}}]}',
      { name = "gost.json", positions = true })
    local configuration, found = schema.load { name = "gost.json", value = value, positions = positions, kind = "file" }
    assert.same({}, found:lines())
    assert.same({ readTimeout = 5, keepalive = 1.0 }, configuration.services[1].handler.metadata)
  end)

  it("with a dot at the top belongs to a section", function()
    local configuration, found = library.read "log.level: debug\nlog.format: text\n"
    assert.same({}, found:lines())
    assert.same({ level = "debug", format = "text" }, configuration.log)
  end)

  it("that is an empty mapping leaves a section out", function()
    local configuration = library.read "api: {}\nlog: {}\n"
    assert.is_nil(configuration.api)
    assert.is_nil(configuration.log)
  end)
end)

describe("A duration", function()
  local duration = require "gost.duration"
  for seconds, text in pairs { [0] = "0s", [1.5] = "1.5s", [60] = "1m0s", [90] = "1m30s", [3600] = "1h0m0s",
    [0.25] = "250ms", [0.0015] = "1.5ms", [10] = "10s", [100] = "1m40s", [-5] = "-5s", [1e-9] = "1ns" } do
    it(("of %s seconds prints as %s and reads back"):format(seconds, text), function()
      assert.equal(text, duration.format(seconds))
      assert.is_true(math.abs(seconds - duration.parse(text)) < 1e-12)
    end)
  end
end)

describe("A size", function()
  local size = require "gost.size"
  for text, bytes in pairs { ["0"] = 0, ["1B"] = 1, ["100KB"] = 102400, ["1.5MB"] = 1572864, ["10MiB"] = 10485760,
    ["1MB512KB"] = 1572864, ["2GB"] = 2147483648 } do
    it(text .. " counts powers of 1024", function() assert.equal(bytes, size.parse(text)) end)
  end
  for text, message in pairs {
    ["100"] = "100 needs a unit, such as 100KB or 100B",
    ["10K"] = 'unknown unit "K" in size "10K", did you mean "10KB"?',
    ["10kb"] = 'unknown unit "kb" in size "10kb", did you mean "10KB"?',
    ["fast"] = '"fast" is not a size, write for example "100KB" or "1.5MB"',
  } do
    it(text .. " is refused", function()
      local value, why = size.parse(text)
      assert.is_nil(value)
      assert.equal(message, why)
    end)
  end
end)
