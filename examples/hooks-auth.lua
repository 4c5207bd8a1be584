-- Users and passwords in a table, and what may be done about those who guess: each failure of an address
-- makes its next answer slower, after five it is closed to it for a minute. All threads count together.
--   GOST_ADDR=127.0.0.1:8080 gost-lua examples/hooks-auth.lua

local gost = require "gost"

local users = { ann = "secret", bob = "hunter2" }
local failures = gost.dict "failures"

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  on = {
    accept = function(conn)
      if (failures:get(conn.client_ip) or 0) >= 5 then
        return "reject"
      end
    end,

    auth = function(conn, cred) -- the id of the client, or something that is no id
      if not cred.user then
        return false -- it has not been asked yet
      end
      local password = users[cred.user]
      if password and gost.equal(cred.password or "", password) then
        return cred.user
      end
      local count = failures:incr(conn.client_ip, 1, 60)
      gost.log.warn("%s: wrong password no. %d for %q", conn.client, count, cred.user)
      return { delay = count / 4 } -- only this client waits
    end,

    close = function(conn, stats)
      gost.log.info("%s moved %d bytes in %.1f s", conn.client_id or "nobody", stats.bytes_in + stats.bytes_out,
        stats.duration)
    end,
  },
}

gost.run()
