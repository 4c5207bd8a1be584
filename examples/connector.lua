-- How to ask a proxy that no connector knows: here one that wants "GET host:port" in a line, as
-- examples/handler.lua does. Clients speak HTTP or SOCKS to this one.
--   gost-lua examples/connector.lua 127.0.0.1:8081

local gost = require "gost"

gost.connector("line", function(stream, target)
  local ok, message = stream:write(("GET %s:%d\n"):format(target.host, target.port))
  local answer
  if ok then
    answer, message = stream:readline()
  end
  if answer ~= "what? yes" then
    return nil, message or answer
  end
  return true -- from here on the stream has the target's bytes
end)

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  chain = gost.chain { gost.node { addr = ... or "127.0.0.1:8081", connector = "line" } },
}

gost.run()
