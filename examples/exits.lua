-- Spreads connections over several proxies and leaves out those that fail.
--   gost-lua examples/exits.lua socks5://user:pass@10.0.0.1:1080 http://10.0.0.2:8080 relay+tls://10.0.0.3:8443

local gost = require "gost"

local proxies = { ... }
if #proxies == 0 then
  error("name at least one proxy: gost-lua examples/exits.lua socks5://host:1080 …", 0)
end

local nodes = {}
for i, url in ipairs(proxies) do
  nodes[i] = gost.node(url)
end

local exits = gost.hop {
  selector = { strategy = "round", max_fails = 1, fail_timeout = "10s" }, -- one failure: out for ten seconds
  table.unpack(nodes),
}

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  handler = "auto",
  retries = 1, -- a failed dial is tried once more, through the next proxy
  chain = gost.chain { exits },
  on = {
    dial_error = function(conn, target, message)
      gost.log.warn("%s: %s: %s", conn.client, target, message)
    end,
  },
}

gost.run()
