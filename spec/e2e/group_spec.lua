---Groups of chains and of hops: which member is taken, and what becomes of members that fail.

local support = require "spec.support"
local files = support.files

describe("A group", function()
  local origin, nodes

  setup(function()
    origin = support.origin { "http" }
    nodes = { support.gost { "-L", "socks5://127.0.0.1:0" }, support.gost { "-L", "socks5://127.0.0.1:0" } }
  end)
  teardown(support.cleanup)

  local function get(gost, url)
    return support.curl { "-x", ("http://127.0.0.1:%d"):format(gost.ports[1]), url or origin:url "/hello" }
  end

  ---@param ports integer[] of the nodes of chain-1, chain-2 …
  ---@param group string YAML of the chainGroup
  ---@param options? { handler?: string, metadata?: string[] } metadata of each chain
  local function front(ports, group, options)
    local lines = { "chains:" }
    options = options or {}
    for i, port in ipairs(ports) do
      lines[#lines + 1] = ("- name: chain-%d\n  metadata: {%s}\n  hops:"):format(i, (options.metadata or {})[i] or "")
      lines[#lines + 1] = ("  - nodes: [{name: n%d, addr: '127.0.0.1:%d', connector: socks5, dialer: tcp}]"):format(i,
        port)
    end
    lines[#lines + 1] = "services:\n- name: front\n  addr: 127.0.0.1:0\n  handler:\n    type: http"
    lines[#lines + 1] = "    " .. (options.handler or "retries: 0")
    lines[#lines + 1] = "    chainGroup: " .. group
    return support.gost { "-C", files.with("group.yaml", table.concat(lines, "\n") .. "\n") }
  end

  ---The chains that so many requests took, in order: "1 2 1".
  local function taken(gost, count)
    local list = {}
    for i = 1, count do
      local mark = gost:mark()
      local r = get(gost)
      assert.equal("hello\n", r.body, r.stderr .. gost:output())
      list[i] = gost:wait_log('"route":"n(%d)@', 10, mark)
    end
    return table.concat(list, " ")
  end

  it("of chains takes turns", function()
    local gost = front({ nodes[1].ports[1], nodes[2].ports[1] }, "{chains: [chain-1, {chain: chain-2}]}",
      { handler = "retries: 0" })
    local order = taken(gost, 4)
    assert.truthy(order == "1 2 1 2" or order == "2 1 2 1", order)
  end)

  it("sets a chain aside that failed, and tries another one at once when there are retries", function()
    local gost = front({ support.free_port(), nodes[2].ports[1] },
      "{chains: [chain-1, chain-2], selector: {strategy: fifo}}", { handler = "retries: 1" })
    assert.equal("2 2 2", taken(gost, 3))
    gost:wait_log "node chain%-1 is set aside after 1 failure"
    local _, dials = gost:output():gsub("attempt 1 of 2", "")
    assert.equal(1, dials)
  end)

  it("minds weight, backup and maxFails in the metadata of its chains", function()
    local gost = front({ nodes[1].ports[1], nodes[2].ports[1] }, "{chains: [chain-1, chain-2]}",
      { metadata = { "backup: true" } })
    assert.equal("2 2 2", taken(gost, 3))
    gost = front({ support.free_port(), nodes[2].ports[1] },
      "{chains: [chain-1, chain-2], selector: {strategy: fifo}}", { metadata = { "maxFails: 2, failTimeout: 1m" } })
    assert.equal(503, get(gost).http_code)
    assert.equal(503, get(gost).http_code)
    assert.equal("2 2", taken(gost, 2))
    gost = front({ nodes[1].ports[1], nodes[2].ports[1] }, "{chains: [chain-1, chain-2], selector: {strategy: random}}",
      { metadata = { "weight: 9", "weight: 1" } })
    local _, ones = taken(gost, 10):gsub("1", "")
    assert.equal(9, ones)
  end)

  it("does not blame a chain for its target", function()
    local gost = front({ nodes[1].ports[1], nodes[2].ports[1] },
      "{chains: [chain-1, chain-2], selector: {strategy: fifo}}")
    assert.equal(503, get(gost, ("http://127.0.0.1:%d/"):format(support.free_port())).http_code)
    assert.equal("1 1", taken(gost, 2))
  end)

  it("has matchers, which see the target as it was named; what fits none is refused", function()
    local gost = front({ nodes[1].ports[1], nodes[2].ports[1] },
      "{chains: [{chain: chain-1, matcher: {rule: Host(`one.test`)}}, "
        .. "{chain: chain-2, matcher: {rule: Host(`localhost`)}}]}")
    local mark = gost:mark()
    assert.equal("hello\n", get(gost, ("http://localhost:%d/hello"):format(origin.ports.http)).body)
    assert.equal("2", (gost:wait_log('"route":"n(%d)@', 10, mark)))
    local r = get(gost)
    assert.equal(503, r.http_code)
    gost:wait_log "no member fits the request"
  end)

  it("has the single chain as its first member", function()
    local gost = front({ nodes[1].ports[1], nodes[2].ports[1] },
      "{chains: [chain-2], selector: {strategy: fifo}}", { handler = "chain: chain-1" })
    assert.equal("1 1", taken(gost, 2))
  end)

  it("of chains leads to the far end at which a service listens", function()
    local far = support.gost { "-L", "relay://127.0.0.1:0?bind=true" }
    local port = support.free_port()
    local gost = support.gost { listeners = 0, "-C", files.with("bind.yaml", ([[
services:
- name: back
  addr: 127.0.0.1:%d
  handler: {type: rtcp}
  listener:
    type: rtcp
    chainGroup: {chains: [dead, far], selector: {strategy: fifo}}
  forwarder: {nodes: [{name: t, addr: '%s'}]}
chains:
- {name: dead, hops: [{nodes: [{name: d, addr: '127.0.0.1:%d', connector: relay, dialer: tcp}]}]}
- {name: far, hops: [{nodes: [{name: f, addr: '127.0.0.1:%d', connector: relay, dialer: tcp}]}]}
]]):format(port, origin:addr "http", support.free_port(), far.ports[1])) }
    gost:wait_log "node dead is set aside"
    support.eventually(function() return support.connects(port) end, 10, "nobody listens at the far end")
    assert.equal("hello\n", support.curl { ("http://127.0.0.1:%d/hello"):format(port) }.body)
  end)

  it("of hops has a member for each, which is set aside when its nodes fail", function()
    local other = support.origin { "http" }
    local gost = support.gost { "-C", files.with("hops.yaml", ([[
services:
- name: front
  addr: 127.0.0.1:0
  handler: {type: tcp, retries: 0}
  listener: {type: tcp}
  forwarder:
    hopGroup:
      hops: [dead, {hop: live}]
      selector: {strategy: fifo, failTimeout: 1m}
hops:
- {name: dead, nodes: [{name: x, addr: '127.0.0.1:%d'}, {name: y, addr: '127.0.0.1:%d'}]}
- {name: live, nodes: [{name: a, addr: '%s'}, {name: b, addr: '%s'}]}
]]):format(support.free_port(), support.free_port(), origin:addr "http", other:addr "http")) }
    local function ask() return support.curl { ("http://127.0.0.1:%d/hello"):format(gost.ports[1]) } end
    assert.equal(0, ask().http_code)
    local before = { origin:accepted "http", other:accepted "http" }
    for _ = 1, 4 do assert.equal("hello\n", ask().body) end
    assert.same({ 2, 2 }, { origin:accepted "http" - before[1], other:accepted "http" - before[2] })
    gost:wait_log "node dead is set aside"
  end)

  it("of hops goes by what a client speaks, if its members have rules", function()
    local other = support.origin { "http" }
    local gost = support.gost { "-C", files.with("rules.yaml", ([[
services:
- name: front
  addr: 127.0.0.1:0
  handler: {type: tcp, metadata: {sniffing: true}}
  listener: {type: tcp}
  forwarder:
    hopGroup:
      hops: [{hop: a, matcher: {rule: "Host(`a.test`)"}}, {hop: b, matcher: {rule: "Host(`b.test`)"}}]
hops:
- {name: a, nodes: [{name: x, addr: '%s'}]}
- {name: b, nodes: [{name: y, addr: '%s'}]}
]]):format(origin:addr "http", other:addr "http")) }
    local url = ("http://127.0.0.1:%d/hello"):format(gost.ports[1])
    local before = other:accepted "http"
    assert.equal("hello\n", support.curl { "-H", "Host: b.test", url }.body)
    assert.equal(before + 1, other:accepted "http")
    assert.equal(502, support.curl { "-H", "Host: c.test", url }.http_code)
  end)

  it("wants members that there are", function()
    local function check(text)
      return support.gost_run { "-t", "-C", files.with("wrong.yaml", text) }
    end
    local r = check "services:\n- {name: s, addr: ':0', handler: {type: http, chainGroup: {chains: [nosuch]}}}\n"
    assert.not_equal(0, r.status)
    assert.matches("nosuch", r.stderr .. r.stdout)
  end)
end)
