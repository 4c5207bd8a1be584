---Every way to a service behind a port, and the programs that people put on it: ssh, iperf3, dig, curl with large files
---and a browser. $GOST_SPEC_MIB is the size of the files (default 64, under sanitizers 8).

local support = require "spec.support"
local files = support.files

local sanitized = (os.getenv "GOST_TREE" or "test") ~= "test"
local MIB = tonumber(os.getenv "GOST_SPEC_MIB") or sanitized and 8 or 64
local TUNNEL = "4d21094e-b74c-4916-86c1-d9fa36ea677b"

---@class ways.Way
---@field title string
---@field far? string[] schemes of the nodes on the way, the first one nearest; none: direct
---@field reverse? boolean the services are published at the far end by rtcp and rudp
---@field tcp_only? boolean

---@type ways.Way[]
local ways = {
  { title = "a forwarded port" },
  { title = "a port forwarded over SOCKS5", far = { "socks5" } },
  { title = "a port forwarded over HTTP", far = { "http" } },
  { title = "a port forwarded over relay and TLS", far = { "relay+tls" } },
  { title = "a port forwarded over relay and mtcp", far = { "relay+mtcp" } },
  { title = "a port forwarded over SOCKS5 and mtls", far = { "socks5+mtls" } },
  { title = "a port forwarded over two nodes", far = { "http", "relay" } },
  { title = "a port published over SOCKS5", far = { "socks5" }, reverse = true },
  { title = "a port published over relay", far = { "relay" }, reverse = true },
  { title = "a port published over relay and mtls", far = { "relay+mtls" }, reverse = true },
  { title = "a tunnel with an ID", far = { "tunnel" }, reverse = true },
}

---Servers that all ways lead to; each has TCP and UDP on its port where the protocol does.
local targets

local function start_targets()
  local origin, sshd = support.origin { "http" }, support.sshd()
  local dns, iperf = support.free_port "both", support.free_port "both"
  support.start { "iperf3", "-s", "-B", "127.0.0.1", "-p", iperf, "--forceflush", ready = iperf }
  local has_dns = support.has "dnsmasq" and support.has "dig"
  if has_dns then
    support.start { "dnsmasq", "--no-daemon", "--port=" .. dns, "--listen-address=127.0.0.1", "--bind-interfaces",
      "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--address=/name.test/192.0.2.7", "--user=root",
      "--pid-file=", ready = "started" }
  end
  targets = { sshd = sshd, has_dns = has_dns,
    ports = { http = origin.ports.http, ssh = sshd.port, dns = dns, iperf = iperf } }
end

local UDP = { dns = true, iperf = true }

---Starts the nodes of a way.
---@return string[] words "-F url …" for whoever goes the way
---@return support.Gost[]
local function nodes(way)
  local words, programs = {}, {}
  for _, scheme in ipairs(way.far or {}) do
    local query = scheme == "tunnel" and "?tunnel.direct=true" or "?bind=true&udp=true"
    local far = support.gost { "-L", ("%s://127.0.0.1:0%s"):format(scheme, query), listeners = 1 }
    programs[#programs + 1] = far
    words[#words + 1] = "-F"
    words[#words + 1] = ("%s://127.0.0.1:%d%s"):format(scheme, far.ports[1],
      scheme == "tunnel" and "?tunnel.id=" .. TUNNEL or "")
  end
  return words, programs
end

---One listening URL for each target and network.
---@param way ways.Way
---@param ports table<string, integer>
---@param prefix string "" or "r"
local function listeners(way, ports, prefix)
  local words, count = {}, 0
  for name, port in pairs(ports) do
    for _, network in ipairs { "tcp", "udp" } do
      if network == "tcp" or UDP[name] and not way.tcp_only then
        words[#words + 1] = "-L"
        words[#words + 1] = ("%s%s://127.0.0.1:%d/127.0.0.1:%d"):format(prefix, network, port, targets.ports[name])
        count = count + 1
      end
    end
  end
  return words, count
end

local function add(words, more)
  for _, word in ipairs(more) do words[#words + 1] = word end
  return words
end

---A tunnel is entered by a visitor's own connector; each service behind it has an ID of its own.
local function tunnel_way(far_words, programs, ports)
  local node = far_words[2]:match "^[^?]*"
  for name, port in pairs(ports) do
    local id = ("?tunnel.id=4d21094e-b74c-4916-86c1-%012x"):format(targets.ports[name])
    local inner, outer = { listeners = 0 }, { listeners = 0 }
    for _, network in ipairs { "tcp", UDP[name] and "udp" } do
      add(inner, { "-L", ("r%s://:0/127.0.0.1:%d"):format(network, targets.ports[name]) })
      add(outer, { "-L", ("%s://127.0.0.1:%d/name.test:80"):format(network, port) })
    end
    outer.listeners = #outer // 2
    local published = support.gost(add(inner, { "-F", node .. id }))
    published:wait_log(("over there.-"):rep(#inner // 2 - 1))
    programs[#programs + 1] = published
    programs[#programs + 1] = support.gost(add(outer, { "-F", node .. id }))
  end
end

---@return table<string, integer> ports where the targets are reached
---@return support.Gost[] programs
local function go(way)
  local ports = {}
  for name in pairs(targets.ports) do ports[name] = support.free_port "both" end
  local far, programs = nodes(way)
  if way.far and way.far[1] == "tunnel" then
    tunnel_way(far, programs, ports)
    return ports, programs
  end
  local words, count = listeners(way, ports, way.reverse and "r" or "")
  words.listeners = way.reverse and 0 or count
  local gost = support.gost(add(words, far))
  if way.reverse then gost:wait_log(("over there.-"):rep(count)) end
  programs[#programs + 1] = gost
  return ports, programs
end

---@param direction "" | "-R" -R: from the server to us
local function iperf(port, direction, ...)
  local words = { timeout = support.scaled(30), "iperf3", "-c", "127.0.0.1", "-p", port, "-J", "--connect-timeout",
    "5000", direction == "" and "-4" or direction }
  local report = require "cjson".decode((support.check(add(words, { ... }))))
  assert.is_nil(report.error)
  return report["end"]
end

---What is done, in this order.
local uses = {
  ---@param ports table<string, integer>
  { "large files, both ways", function(ports, file)
    local out = files.path "out"
    support.check { "curl", "-q", "-sS", "--noproxy", "*", "-m", tostring(support.scaled(60)), "-X", "POST", "-H",
      "Expect:", "-T", file, "-o", out, ("http://127.0.0.1:%d/echo"):format(ports.http), timeout = 80 }
    files.assert_same(file, out)
    os.remove(out)
  end },
  { "ssh", function(ports)
    local words = { input = ("line\n"):rep(100000) }
    add(words, targets.sshd.ssh)
    words[#words] = ports.ssh -- the last word was the port of the server itself
    add(words, { targets.sshd.user .. "@127.0.0.1", "cat; echo done" })
    assert.is_true(words.input .. "done\n" == support.check(words))
  end },
  { "iperf3, both ways", function(ports)
    for _, direction in ipairs { "", "-R" } do
      local report = iperf(ports.iperf, direction, "-n", "64M")
      -- what is under way when the sender has sent all is not counted
      assert.is_true(report.sum_received.bytes >= (1 << 20), "received " .. report.sum_received.bytes)
    end
  end },
  { "iperf3 with datagrams, both ways", function(ports, _, way)
    if way.tcp_only then return end
    for _, direction in ipairs { "", "-R" } do
      local report = iperf(ports.iperf, direction, "-u", "-l", "1200", "-b", "8M", "-n", "300K")
      assert.is_true(report.sum.packets >= 250, "sent " .. report.sum.packets)
      assert.is_true(report.sum.lost_packets <= report.sum.packets // 100, "lost " .. report.sum.lost_packets)
    end
  end },
  { "dig", function(ports, _, way)
    if not targets.has_dns or way.tcp_only then return end
    for _, how in ipairs { "+notcp", "+tcp" } do
      assert.equal("192.0.2.7\n", support.check { "dig", "@127.0.0.1", "-p", ports.dns, "+short", "+tries=3",
        "+time=2", how, "name.test" })
    end
  end },
  { "Chromium", function(ports)
    if sanitized or not support.has "chromium" then return end
    local r = support.run { "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
      "--user-data-dir=" .. files.mkdir "chromium", ("http://127.0.0.1:%d/hello"):format(ports.http), timeout = 60 }
    assert.matches("hello", r.stdout, r.stderr)
  end },
}

describe("What people run on a port works over", function()
  local file
  setup(function()
    start_targets()
    file = files.random(MIB << 20)
  end)
  teardown(support.cleanup)

  for _, way in ipairs(ways) do
    it(way.title, function()
      local ports, programs = go(way)
      for _, use in ipairs(uses) do
        local name, run = table.unpack(use)
        local ok, why = pcall(run, ports, file, way)
        if not ok then
          error(("%s: %s\n%s"):format(name, type(why) == "table" and tostring(why.message or why[1]) or why,
            programs[#programs]:output():sub(-2000)), 0)
        end
      end
      for i = 1, #programs do programs[i]:stop() end
    end)
  end
end)
