-- gost as a library of any Lua 5.4 program: no gost-lua is needed, only gost.so on LUA_CPATH and lua/ on LUA_PATH.
--   lua5.4 examples/plain-lua.lua 8080

local gost = require "gost"

local port = ... or "8080"
local proxy <close> = gost.service { addr = "127.0.0.1:" .. port }

print(("a proxy on %s"):format(assert(proxy:start())))

-- several things at once, in straight lines: each function has a fiber of its own
gost.spawn(function()
  while gost.sleep(1) do
    io.write(("%d connections so far\n"):format(proxy:stats().total))
    io.flush()
  end
end)

gost.run()
