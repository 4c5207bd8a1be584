-- A proxy for HTTP, SOCKS4 and SOCKS5 clients on one port. `scripts/up` runs this file.
-- $GOST_ADDR changes where it listens: GOST_ADDR=127.0.0.1:3128 scripts/up

local gost = require "gost"

local service = gost.service {
  name = "proxy",
  addr = os.getenv "GOST_ADDR" or ":8080",
  handler = "auto", -- looks at the first bytes: SOCKS4, SOCKS5 or HTTP
}

local addr = assert(service:start())

if gost.worker == 0 then -- each thread runs this file; one of them speaks
  local port = addr:match ":(%d+)$"
  print(("A proxy for HTTP, SOCKS4 and SOCKS5 on %s. In another terminal:"):format(addr))
  print(("  curl -x http://127.0.0.1:%s http://example.com"):format(port))
  print(("  curl -x socks5h://127.0.0.1:%s https://example.com"):format(port))
  print "Ctrl-C ends it; a copy of examples/proxy.lua is a good start for your own."
end

gost.run()
