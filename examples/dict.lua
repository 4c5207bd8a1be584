-- What threads share: a limit on requests of each client, and counters that a second service shows.
--   gost-lua examples/dict.lua        then: curl -x http://127.0.0.1:8080 http://example.com; nc 127.0.0.1 8081

local gost = require "gost"

local hosts = gost.dict("hosts", { size = 1000 })
local denied = gost.counter "denied"

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  on = {
    route = function(conn, dst)
      local bucket = gost.bucket("client:" .. conn.client_ip, 2, 5) -- two a second, five at once
      if not bucket:take() then
        denied:add()
        return "deny"
      end
      hosts:incr(dst.host)
    end,
  },
}

gost.handler("report", function(conn)
  conn:write(("%d denied, %d hosts\n"):format(denied:get(), hosts:count()))
end)

gost.service { addr = os.getenv "GOST_REPORT_ADDR" or ":8081", handler = "report" }

gost.run()
