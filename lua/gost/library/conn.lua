---@meta gost

---A client's connection, in hooks and handlers. It has all methods of a stream; after the connection has ended the
---object is blank.
---@class gost.Conn: gost.Stream
---@field id integer unique within the worker
---@field client string "ip:port"
---@field client_ip string
---@field local string where it came in, "ip:port"
---@field local_addr string the same
---@field service string name of the service
---@field handler string kind that serves it
---@field user? string as the client says
---@field client_id? string as the auther says
---@field target? string "host:port" that was asked for
---@field sniffed? string the host that TLS or HTTP of the client is for, where `sniffing` found one
---@field route? string nodes that were taken; nil: direct
---@field bytes_in integer received from the client so far
---@field bytes_out integer sent to it
---@field tags table yours
local Conn = {}

---Remember a value with the connection.
---@param key string
---@param value any
function Conn:set(key, value) end

---@param key string
---@return any
function Conn:get(key) end

---Open a stream by the rules of the service. On the connection's own fiber. Suspends.
---@param addr string "host:port"
---@return gost.Stream?, string?, gost.Code?
function Conn:dial(addr) end

---Ask the service's authers. Suspends.
---@param user string
---@param password string
---@return string? client_id, string?, gost.Code?
function Conn:auth(user, password) end

---Let the bytes flow between client and `stream`, in C; the handler may return at once.
---@param stream gost.Stream is handed over
---@return true?, string?, gost.Code?
function Conn:pipe(stream) end

---Let another handler serve it. Suspends.
---@param handler string
---@return true?, string?, gost.Code?
function Conn:serve_as(handler) end

---End it, whatever it does.
function Conn:kill() end

---End it; in a handler: close the client's side.
function Conn:close() end
