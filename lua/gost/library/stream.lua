---@meta gost

---Bytes both ways. All calls but `close` and `unread` suspend. One fiber may read while another writes.
---@class gost.Stream
local Stream = {}

---Some bytes, as soon as there are any; nil, message, "eof" at the end.
---@param n? integer at most; default 65536
---@param timeout? number seconds
---@return string? bytes, string? message, gost.Code? code
function Stream:read(n, timeout) end

---Exactly so many bytes.
---@param n integer
---@param timeout? number
---@return string? bytes, string? message, gost.Code? code
function Stream:read_exact(n, timeout) end

---A line without its end, up to 64 KiB.
---@param timeout? number
---@return string? line, string? message, gost.Code? code
function Stream:readline(timeout) end

---Bytes that stay to be read.
---@param n? integer at most; default 1024
---@param timeout? number
---@return string? bytes, string? message, gost.Code? code
function Stream:peek(n, timeout) end

---@param bytes string
---@param timeout? number
---@return true?, string? message, gost.Code? code
function Stream:write(bytes, timeout) end

---No more bytes from here; theirs may still come.
---@param timeout? number
---@return true?, string? message, gost.Code? code
function Stream:shutdown(timeout) end

---Give bytes back, to be read again.
---@param bytes string
function Stream:unread(bytes) end

---Let bytes flow between two streams, in C, until both directions have ended. Both are closed then.
---@param other gost.Stream
---@return integer? there, integer|string back_or_message, gost.Code? code
function Stream:pipe(other) end

---May be called twice; `local s <close> = …` works. Whoever waits on it gets "canceled".
function Stream:close() end

---@return string? "ip:port"
function Stream:local_addr() end

---@return string? "ip:port"
function Stream:peer_addr() end
