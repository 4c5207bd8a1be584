-- A chain as a thing in its own right: what it opens is a stream that the script reads and writes.
--   gost-lua examples/chain.lua example.com:80 socks5://10.0.0.1:1080 http://10.0.0.2:8080

local gost = require "gost"

local target = assert(..., "say where to: host:port, then the proxies on the way")
local way = gost.chain { select(2, ...) }

local stream, message, code = way:dial(target, 10)
if not stream then
  io.stderr:write(("%s (%s)\n"):format(message, code))
  os.exit(1, true)
end

local host = target:match "^(.*):%d+$"
stream:write(("GET / HTTP/1.0\r\nHost: %s\r\n\r\n"):format(host))
print(stream:readline())
stream:close()

-- the same, with less to write
local response = assert(gost.http.request { url = "http://" .. target .. "/", chain = way })
print(#response.body .. " bytes")
