-- A file of GOST, and what it cannot say: hooks, and a change while it runs.
--   gost-lua examples/load.lua examples/gost.yml

local gost = require "gost"

local services = gost.load((...))

for _, service in ipairs(services) do
  service:on("close", function(conn, stats)
    gost.log.info("%s: %s moved %d bytes", conn.service, conn.client, stats.bytes_in + stats.bytes_out)
  end)
end

gost.every(60, function()
  for _, service in ipairs(services) do
    local stats = service:stats()
    gost.log.info("%s: %d connections, %d open", service.name, stats.total, stats.current)
  end
end)

gost.run()
