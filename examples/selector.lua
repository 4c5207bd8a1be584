-- A selector of one's own: a client keeps its proxy while that works, new ones get the least used.
--   gost-lua examples/selector.lua socks5://10.0.0.1:1080 socks5://10.0.0.2:1080

local gost = require "gost"

local homes = gost.dict("homes", { size = 100000 }) -- client -> node, for all threads
local load = {} -- node -> how often it was chosen

gost.selector("sticky", function(conn, candidates)
  local client = conn and (conn.client_id or conn.client_ip) or ""
  local home, best = homes:get(client), nil
  for _, node in ipairs(candidates) do -- those that failed of late are not among them
    if node.name == home then
      return node
    end
    if not best or (load[node.name] or 0) < (load[best.name] or 0) then
      best = node
    end
  end
  load[best.name] = (load[best.name] or 0) + 1
  homes:set(client, best.name, 3600)
  return best
end)

local nodes = {}
for i, url in ipairs { ... } do
  nodes[i] = gost.node(url)
end

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  chain = gost.chain { gost.hop { selector = { strategy = "sticky", max_fails = 1, fail_timeout = "30s" },
    table.unpack(nodes) } },
  on = {
    connect = function(conn)
      gost.log.info("%s by %s", conn.client, conn.route)
    end,
  },
}

gost.run()
