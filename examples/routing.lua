-- Each request goes its own way: names of this house and private networks directly, mail nowhere, some names
-- elsewhere, and all the rest through a proxy, if one is named.
--   gost-lua examples/routing.lua socks5://user:pass@10.0.0.1:1080

local gost = require "gost"

local exit = ... and gost.node(...) or "direct"
local at_home = gost.domain_set { ".home.test", "localhost" }
local private = gost.cidr_set { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8" }

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  on = {
    resolve = function(_, name) -- names that only this proxy knows
      if name:find "%.home%.test$" then
        return { "127.0.0.1" }
      end
    end,

    route = function(conn, dst)
      if dst.port == 25 then
        return "deny"
      elseif dst.host == "old.test" then
        return { addr = "new.home.test:" .. dst.port, chain = "direct" }
      elseif at_home:contains(dst.host) or private:contains(dst.host) then
        return "direct"
      end
      gost.log.info("%s goes out to %s", conn.client, tostring(dst))
      return exit
    end,

    dial_error = function(conn, dst, err) -- once more, after a moment
      local tries = (conn:get "tries" or 0) + 1
      conn:set("tries", tries)
      gost.log.warn("%s: %s", tostring(dst), err.message)
      return tries < 2 and gost.sleep(0.1) and "retry"
    end,
  },
}

gost.run()
