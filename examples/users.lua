-- A proxy with users of its own: each wrong password makes the next answer slower, some places are
-- closed to all, and the log says how much everyone moved.

local gost = require "gost"

local passwords = { ann = "secret", bob = "hunter2" }
local failures = gost.dict("failures") -- all threads see it
local moved = gost.dict("moved")

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  handler = "auto",
  bypass = { "*.internal", "169.254.0.0/16" },

  auth = function(conn, user, password) -- returns the client's id, or false
    local ip = conn.client:match "^(.*):%d+$"
    if password and passwords[user] == password then
      failures:set(ip, 0)
      return user
    end
    gost.sleep(math.min(failures:incr(ip, 1) / 4, 5)) -- only this client waits
    return false
  end,

  on = {
    route = function(_, dst)
      if dst.port == 25 then
        return "deny"
      end
    end,
    close = function(conn, stats)
      local user = conn.user or "nobody"
      local total = moved:incr(user, stats.bytes_in + stats.bytes_out)
      gost.log.info("%s has moved %d bytes", user, total)
    end,
  },
}

gost.run()
