---Clients that say exactly what a spec wants, byte by byte; every operation has a limit.

local socket = require "socket"
local clock = require "spec.support.clock"

local client = {}

---@class support.Client
---@field sock table LuaSocket's
local Client = {}
Client.__index = Client

---@param sock table
---@return support.Client
local function wrap(sock)
  sock:settimeout(clock.scaled(10))
  sock:setoption("tcp-nodelay", true)
  return setmetatable({ sock = sock }, Client)
end

---One that somebody accepted.
---@param sock table LuaSocket's
---@return support.Client
function client.of(sock)
  return wrap(sock)
end

---@param port integer
---@param host? string default 127.0.0.1
---@return support.Client
function client.tcp(port, host)
  host = host or "127.0.0.1"
  local sock = host:find ":" and socket.tcp6() or socket.tcp4()
  sock:settimeout(clock.scaled(10))
  assert(sock:connect(host, port))
  return wrap(sock)
end

---@param bytes string
---@return support.Client self
function Client:send(bytes)
  assert(self.sock:send(bytes))
  return self
end

---Exactly so many bytes.
---@param count integer
---@return string
function Client:read(count)
  local bytes, why, part = self.sock:receive(count)
  if not bytes then
    error(("%s after %d of %d bytes: %q"):format(why, #part, count, part:sub(1, 200)), 2)
  end
  return bytes
end

---All up to the end of input.
---@return string
function Client:read_all()
  local bytes, why, part = self.sock:receive "*a"
  if not bytes then
    error(("%s after %d bytes"):format(why, #part), 2)
  end
  return bytes
end

---Up to and with the empty line that ends an HTTP head.
---@return string
function Client:read_head()
  local head = ""
  repeat head = head .. self:read(1) until head:find("\r\n\r\n", 1, true)
  return head
end

---Whether the peer has gone, by an end or a reset; waits for it. What comes before is dropped.
---@param seconds? number default 10
---@return boolean
function Client:gone(seconds)
  local limit = clock.scaled(seconds or 10) + socket.gettime()
  while socket.gettime() < limit do
    self.sock:settimeout(math.max(limit - socket.gettime(), 0.001))
    local _, why = self.sock:receive(1)
    if why and why ~= "timeout" then
      return true
    end
  end
  return false
end

---Sends what goes without waiting for long.
---@param bytes string
---@return integer count
function Client:send_some(bytes)
  self.sock:settimeout(0.2)
  local all, _, last = self.sock:send(bytes)
  return all or last or 0
end

---No more bytes from us; theirs may still come.
---@return support.Client self
function Client:finish()
  self.sock:shutdown "send"
  return self
end

function Client:close()
  self.sock:close()
end

---Closes so that the peer sees a reset.
function Client:reset()
  self.sock:setoption("linger", { on = true, timeout = 0 })
  self.sock:close()
end

---A SOCKS5 request to connect, for an IPv4 address or a name.
---@param host string
---@param port integer
---@return string bytes
function client.socks5_connect(host, port)
  local a, b, c, d = host:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  local addr = a and "\1" .. string.char(a, b, c, d) or "\3" .. string.pack("s1", host)
  return "\5\1\0" .. addr .. string.pack(">I2", port)
end

---Bytes of a SOCKS5 reply that carries an IPv4 address.
client.SOCKS5_REPLY = 10

---A connection through a SOCKS5 proxy without authentication.
---@param proxy integer its port
---@param port integer at 127.0.0.1
---@return support.Client
function client.socks5(proxy, port)
  local c = client.tcp(proxy):send "\5\1\0"
  assert(c:read(2) == "\5\0", "no authentication is not accepted")
  local reply = c:send(client.socks5_connect("127.0.0.1", port)):read(client.SOCKS5_REPLY)
  assert(reply:byte(2) == 0, "SOCKS5 reply " .. reply:byte(2))
  return c
end

---A connection through an HTTP proxy's CONNECT.
---@param proxy integer its port
---@param port integer at 127.0.0.1
---@return support.Client
function client.http_connect(proxy, port)
  local c = client.tcp(proxy):send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"):format(port, port))
  local head = c:read_head()
  assert(head:find "^HTTP/1%.%d 200 ", head)
  return c
end

return client
