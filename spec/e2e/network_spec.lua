---A network that goes away under published services: both ends notice, visitors are refused meanwhile, and the
---services are back soon after the network is. $GOST_SPEC_DOWN is how many seconds the link stays down (default: until
---both ends have noticed).

local support = require "spec.support"
local netns = support.netns

local DOWN = tonumber(os.getenv "GOST_SPEC_DOWN") or 0
local TUNNEL = "4d21094e-b74c-4916-86c1-d9fa36ea677b"
local HOST = "10.77.1.1"

---How each publishes a server of the inside at a port of the host.
local schemes = { "relay", "relay+mtls", "socks5", "tunnel" }

describe("A network that goes away", function()
  local possible = netns.available()
  local net, origin
  local ways ---@type {scheme: string, port: integer, host: support.Gost, inside: support.Gost, seen: integer}[]

  local function start(scheme, port)
    local server = ("%s://%s:%d"):format(scheme, HOST, port + 1000)
    local listen, query, node = ("rtcp://%s:%d/"):format(HOST, port), "bind=true", server
    if scheme == "tunnel" then
      listen, query = "rtcp://:0/", ("entrypoint=%s:%d&tunnel=%s:%s"):format(HOST, port, HOST, TUNNEL)
      node = server .. "?tunnel.id=" .. TUNNEL
    end
    local host = support.gost { prefix = net:exec "host", "-L", server .. "?" .. query, listeners = 1 }
    local inside = support.gost { prefix = net:exec "inside", "-L", listen .. origin:addr "http", "-F", node,
      listeners = 0 }
    inside:wait_log "over there"
    return { scheme = scheme, port = port, host = host, inside = inside }
  end

  before_each(function()
    if not possible then return end
    net = netns.new({ "host", "inside" }, { { "host", HOST .. "/24", "inside", "10.77.1.2/24" } })
    origin = support.origin { prefix = net:exec "inside", "http" }
    ways = {}
    for i, scheme in ipairs(schemes) do
      ways[i] = start(scheme, 8000 + i)
    end
  end)
  after_each(support.cleanup)

  ---Starts a visitor at the host.
  ---@return support.Process
  local function visitor(way, limit)
    local words = net:exec "host"
    for _, word in ipairs { "curl", "-q", "-fsS", "--noproxy", "*", "-m", ("%g"):format(support.scaled(limit)),
      ("http://%s:%d/hello"):format(HOST, way.port) } do
      words[#words + 1] = word
    end
    return support.start(words)
  end

  ---All ways at once: is each answered within the limit, as expected?
  local function visit(expected, limit)
    local began, visitors = support.now(), {}
    for i, way in ipairs(ways) do visitors[i] = visitor(way, limit + 10) end
    for i, curl in ipairs(visitors) do
      curl:wait(support.scaled(limit + 15))
      local what = ("%s: %s"):format(ways[i].scheme, curl:output())
      assert.equal(expected, curl.code == 0 and curl:output() or "", what)
      local took = support.now() - began
      assert.is_true(took < support.scaled(limit), ("%s after %.1f s"):format(what, took))
    end
  end

  it("is noticed, refuses visitors, and is forgotten soon after it is back", function()
    if not possible then return pending "no network namespaces here" end
    visit("hello\n", 5)
    local began = support.now()
    for _, way in ipairs(ways) do way.seen = way.inside:mark() end
    net:check("inside", "ip", "link", "set", "veth1", "down")
    visit("", 14)
    for _, way in ipairs(ways) do way.inside:wait_log("again in", 20, way.seen) end
    visit("", 1)
    support.sleep(math.max(DOWN - (support.now() - began), 0))
    for _, way in ipairs(ways) do way.seen = way.inside:mark() end
    net:check("inside", "ip", "link", "set", "veth1", "up")
    local up = support.now()
    for _, way in ipairs(ways) do
      way.inside:wait_log("over there", 20, way.seen)
      local back = support.now() - up
      assert.is_true(back < support.scaled(2.5), ("%s took %.1f s"):format(way.scheme, back))
    end
    visit("hello\n", 5)
    for _, way in ipairs(ways) do
      way.inside:stop()
      way.host:stop()
    end
  end)
end)
