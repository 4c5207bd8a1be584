-- A protocol of one's own: the client says "GET host:port" in a line and is connected; "TIME" tells the time.
-- The bytes of a connected client are moved in C.
--   gost-lua examples/handler.lua        then: printf 'TIME\n' | nc 127.0.0.1 8080

local gost = require "gost"

gost.handler("line", function(conn)
  conn:write "what? "
  local line = conn:readline(10) -- seconds
  if not line then
    return
  elseif line == "TIME" then
    conn:write(os.date "!%Y-%m-%dT%H:%M:%SZ\n")
    return
  end
  local target = line:match "^GET (%S+:%d+)$"
  if not target then
    conn:write "TIME, or GET host:port\n"
    return
  end
  local upstream, message = conn:dial(target) -- by the rules of the service: chain, bypass, hooks …
  if not upstream then
    conn:write("no: " .. message .. "\n")
    return
  end
  conn:write "yes\n"
  conn:pipe(upstream)
end)

gost.service {
  addr = os.getenv "GOST_ADDR" or ":8080",
  handler = "line",
  bypass = { "*.internal" },
}

gost.run()
