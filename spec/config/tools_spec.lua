---Help, JSON Schema, completions, manual and reference pages, explain; and the time that checking takes.
-- luacheck: no max line length
local library = require "spec.config.library"

local function capture(main, ...)
  local text, errors = {}, {}
  local code = main(...)(function(s) text[#text + 1] = s end, function(s) errors[#errors + 1] = s end)
  return code, table.concat(text), table.concat(errors, "\n")
end

describe("The tools around a configuration", function()
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

  local function help(...)
    local args = { ... }
    return capture(function() return function(out, err) return require("gost.help").main(args, out, err) end end)
  end

  it("help names every flag, command and component", function()
    local code, text = help()
    assert.equal(0, code)
    for _, flag in ipairs(require("gost.commandline").flags) do
      assert.truthy(text:find("-" .. flag.name, 1, true), flag.name)
    end
    for _, word in ipairs { "explain", "completions", "socks5", "wss", "nameserver" } do
      assert.truthy(text:find(word, 1, true), word)
    end
  end)

  it("help prints the options of a component", function()
    local code, text = help "wss"
    assert.equal(0, code)
    assert.equal([[
listener wss
  ws.path  string  what ws.path does (default /ws; also path)

dialer wss
  ws.host  string  what ws.host does (also host)
  ws.path  string  what ws.path does (default /ws; also path)
]], text)
  end)

  it("help names what else a component is called", function()
    local _, text = help "socks5"
    assert.truthy(text:find("handler socks5\n  also called socks\n", 1, true))
    _, text = help "socks"
    assert.falsy(text:find("called socks\n", 1, true))
  end)

  it("help prints the fields of an object", function()
    local _, text = help "selector"
    assert.truthy(text:find("failTimeout  duration  for how long it is left out (default 10s)", 1, true))
  end)

  it("help suggests", function()
    local code, _, why = help "sock5"
    assert.equal(1, code)
    assert.equal('nothing is called "sock5", did you mean "socks"?', why)
  end)

  describe("JSON Schema", function()
    local document
    setup(function()
      document = require("gost.json").decode(require("gost.jsonschema").text())
    end)

    it("has every object and every field", function()
      local schema = require "gost.schema"
      for name, object in pairs(schema.objects) do
        local place = name == "configuration" and document or document["$defs"][name]
        for _, field in ipairs(object.fields) do
          assert.is_table(place.properties[field.key], name .. "." .. field.key)
        end
      end
    end)

    it("refers only to what it defines", function()
      local function walk(node)
        if type(node) ~= "table" then return end
        local ref = node["$ref"]
        if ref then assert.is_table(document["$defs"][ref:match "^#/%$defs/(%w+)$"], ref) end
        for _, child in pairs(node) do walk(child) end
      end
      walk(document)
    end)

    it("knows the options of components", function()
      local found = false
      for _, condition in ipairs(document["$defs"].listener.allOf) do
        if condition["if"].properties.type.const == "wss" then
          found = condition["then"].properties.metadata.properties.path ~= nil
        end
      end
      assert.is_true(found)
    end)
  end)

  it("completions are scripts that their shells take", function()
    local completions = require "gost.completions"
    for _, shell in ipairs { "bash", "zsh", "fish" } do
      local script = completions.script(shell)
      assert.truthy(script:find("socks5://", 1, true))
      assert.is_nil(script:find("@%u+@"))
    end
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(completions.script "bash")
    file:close()
    assert.is_true((os.execute("bash -n " .. path)))
    os.remove(path)
  end)

  it("the manual has every flag", function()
    local text = require("gost.manpage").text "0.1.0"
    for _, flag in ipairs(require("gost.commandline").flags) do
      assert.truthy(text:find(("\n.B [\\-]*%s"):format((flag.name:gsub("%-", "\\%%-")))), flag.name)
    end
    for line in text:gmatch "[^\n]+" do assert.is_nil(line:match "^'") end
  end)

  it("reference pages have every component and object", function()
    local pages = require("gost.reference").pages()
    assert.truthy(pages["listeners.md"]:find("## `wss`", 1, true))
    assert.truthy(pages["handlers.md"]:find("| `readTimeout` | duration | `15s` |", 1, true))
    assert.truthy(pages["objects.md"]:find("## nameserver", 1, true))
    assert.truthy(pages["commandline.md"]:find("-L URL", 1, true))
  end)
end)

describe("gost-lua explain", function()
  local explain, restore
  setup(function()
    library.load()
    require("gost.schema").use(library.components)
    restore = library.everything_implemented()
    explain = require "gost.explain"
  end)
  teardown(function()
    restore()
    require("gost.schema").use(nil)
  end)

  local FILE = [[
services:
- {name: proxy, addr: ':8080', admission: lan, bypass: ads, hosts: h, resolver: r, handler: {type: http, chain: out}}
admissions: [{name: lan, whitelist: true, matchers: [10.0.0.0/8, 127.0.0.1]}]
bypasses:
- {name: ads, matchers: [.ads.test]}
- {name: internal, matchers: ['*.corp.test', 192.168.0.0/16]}
- {name: us, whitelist: true, matchers: ['*.us.test']}
hosts: [{name: h, mappings: [{ip: 192.168.1.1, hostname: .home.test}]}]
resolvers: [{name: r, nameservers: [{addr: 1.1.1.1}, {addr: 'tls://9.9.9.9'}]}]
chains:
- name: out
  hops:
  - {name: first, bypass: internal, selector: {strategy: fifo},
     nodes: [{name: us, addr: 'u:1', bypass: us}, {name: a, addr: 'a:1', connector: socks5}, {name: b, addr: 'b:1'}]}
]]

  local function explained(target, client, file)
    local configuration = require("gost.complete").configuration((library.read(file or FILE)))
    local request = assert(explain.request(target))
    request.client = client or request.client
    return explain.lines(configuration, request)
  end

  it("tells which node is taken, and why the others are not", function()
    assert.same({
      "service proxy (:8080, http over tcp)",
      "  admission lan: 127.0.0.1 is admitted (whitelist, matches 127.0.0.1)",
      "  bypass ads: no match: www.example.test:80 is let through",
      "  hosts h: does not know www.example.test",
      "  resolver r: would ask 1.1.1.1, then tls://9.9.9.9",
      "  chain out",
      "    hop first",
      "      node us (u:1, http over tcp): left out (bypass us: whitelist, no match)",
      "      node a (a:1, socks5 over tcp): candidate",
      "      node b (b:1, http over tcp): candidate",
      "      takes a: first of the list (fifo)",
      "  result: a@a:1 > www.example.test:80",
    }, explained "http://www.example.test/path")
  end)

  it("ends a chain where a bypass of a hop matches the mapped address", function()
    local lines = explained "http://nas.home.test/"
    assert.equal("    hop first: the chain ends here (bypass internal: matches 192.168.0.0/16)", lines[#lines - 1])
    assert.equal("  result: directly to 192.168.1.1:80", lines[#lines])
  end)

  it("stops at an admission and at a bypass of the service", function()
    local lines = explained("http://x/", "192.0.2.1")
    assert.equal("  result: the connection is closed", lines[#lines])
    lines = explained "https://x.ads.test"
    assert.equal("  result: the request is refused", lines[#lines])
  end)

  it("asks the filters and rules of a forwarder's nodes", function()
    local file = [[
services:
- name: front
  addr: :80
  handler: {type: tcp, metadata: {sniffing: true}}
  listener: {type: tcp}
  forwarder:
    nodes:
    - {name: a, addr: "a:1", filter: {host: "*.a.test"}}
    - {name: b, addr: "b:1", matcher: {rule: "Host(`www.a.test`) && PathPrefix(`/api`)"}}
    - {name: c, addr: "c:1", protocol: tls}
]]
    local function taken(target, sniffing)
      local lines = explained(target, nil, sniffing == false and file:gsub("sniffing: true", "") or file)
      return lines[#lines - 1]:match "^%s*(.*)$"
    end
    assert.equal("takes b: the highest priority", taken "http://www.a.test/api/1")
    assert.equal("takes a: the only candidate", taken "http://www.a.test/other?x=/api")
    assert.equal("takes a: the only candidate", taken "http://A.test")
    assert.equal("takes c: the only candidate", taken "https://xa.test")
    assert.equal("takes none: no node is left", taken "http://b.test")
    assert.equal("takes none: no node is left", taken("http://a.test", false))
  end)

  it("wants a host and a port", function()
    local _, why = explain.request "http:///x"
    assert.equal('"http:///x" has no host', why)
    _, why = explain.request "example.test"
    assert.equal('"example.test" has no port', why)
  end)
end)

describe("A pattern", function()
  local pattern = require "gost.pattern"
  for _, case in ipairs {
    { "10.1.2.3", "10.1.2.3", 1, true }, { "10.1.2.3", "::ffff:10.1.2.3", 1, true }, { "10.1.2.3", "10.1.2.4", 1, false },
    { "10.0.0.0/30", "10.0.0.3", 1, true }, { "10.0.0.0/30", "10.0.0.4", 1, false }, { "fd00::/8", "fd12::1", 1, true },
    { "10.0.1.1-10.0.1.5", "10.0.1.5", 1, true }, { "10.0.1.1-10.0.1.5", "10.0.1.6", 1, false },
    { "10.0.2.1:80", "10.0.2.1", 80, true }, { "10.0.2.1:80", "10.0.2.1", 81, false },
    { "10.0.2.1:80-90", "10.0.2.1", 85, true }, { "name.test", "name.test", 1, true },
    { "name.test", "a.name.test", 1, false }, { "name.test", "NAME.test.", 1, true }, { ".name.test", "name.test", 1, true },
    { ".name.test", "a.b.name.test", 1, true }, { ".name.test", "xname.test", 1, false },
    { "*.name.test", "a.b.name.test", 1, true }, { "*.name.test", "name.test", 1, false },
    { "*.name.test:443", "a.name.test", 443, true }, { "*.name.test:443", "a.name.test", 80, false },
    { "q?.name.test:80-90", "q1.name.test", 80, true }, { "*:7777", "anything", 7777, true }, { "10.0.3.*", "10.0.3.9", 1, true },
    { "*.{x,y}.test", "a.y.test", 1, true }, { "*.{x,y}.test", "a.z.test", 1, false }, { "[::1]:9000", "::1", 9000, true },
  } do
    it(("%s %s %s:%d"):format(case[1], case[4] and "matches" or "does not match", case[2], case[3]), function()
      assert.equal(case[4], pattern.destination(case[1], pattern.host(case[2]), case[3]))
    end)
  end
end)

describe("Checking", function()
  setup(function() library.load() require("gost.schema").use(library.components) end)
  teardown(function() require("gost.schema").use(nil) end)

  it("5,000 services and 50,000 rules takes less than a second of processor time", function()
    local lines = { "services:" }
    for i = 1, 5000 do
      lines[#lines + 1] = ("- {name: s%d, addr: '127.0.0.1:%d', bypass: b, handler: {type: http, chain: c, metadata: {readTimeout: 5s}}, listener: {type: tcp}}"):format(i, i + 1000)
    end
    lines[#lines + 1] = "chains: [{name: c, hops: [{nodes: [{addr: 'h:1'}]}]}]\nbypasses:\n- name: b\n  matchers:"
    for i = 1, 50000 do
      lines[#lines + 1] = i % 2 == 0 and ("  - 10.%d.%d.0/24"):format(i // 256 % 256, i % 256) or ("  - host%d.test:443"):format(i)
    end
    local text = table.concat(lines, "\n")
    local before = os.clock()
    local configuration, found = library.read(text)
    require("gost.check").configuration(configuration, found)
    local took = os.clock() - before
    assert.same({}, found:lines())
    assert.is_true(took < 1, ("%.2f s"):format(took))
  end)
end)
