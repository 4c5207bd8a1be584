-- A proxy that keeps everything in Redis: users (HSET users ann secret), places that are closed to all
-- (SADD closed "*.bad.test"), and how much everyone has moved (HGETALL moved). Both lists are followed
-- while it runs; what Redis said last stays in force while it is away.

local gost = require "gost"

local server = os.getenv "GOST_REDIS" or "127.0.0.1:6379"
local redis = gost.redis.client { addr = server, timeout = 2 }

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  handler = "auto",
  bypass = { redis = { addr = server, key = "closed" }, reload = "1s" },
  auther = { redis = { addr = server, key = "users" }, reload = "1s" },

  on = {
    close = function(conn, stats) -- waits for Redis; only this connection does
      if not conn.user then
        return
      end
      local total, message = redis:call("HINCRBY", "moved", conn.user, stats.bytes_in + stats.bytes_out)
      if total then
        gost.log.info("%s has moved %d bytes", conn.user, total)
      else
        gost.log.warn("not counted: %s", message)
      end
    end,
  },
}

gost.run()
