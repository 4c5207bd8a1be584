---@meta gost

---@class gost
local gost = {}

gost.redis = {}

---@class gost.RedisOptions
---@field addr? string "host:port", or the path of a Unix socket; default "127.0.0.1:6379"
---@field db? integer
---@field username? string
---@field password? string
---@field timeout? number seconds for a call, with the connecting; default 5
---@field tls? true|table `true`: verified by the system's roots; or a TLS object, `secure` unless it says no
---@field chain? gost.Chain|gost.Node|string
---@field max_reply? integer bytes of one reply; default 16 MiB
---@field size? integer connections of a client at most; default 4

---A reply: text, a number, or a list of replies, where a nil is `false` and an error is `{error = text}`.
---@alias gost.RedisReply string|integer|false|table

---One connection. Suspends.
---@param options string|gost.RedisOptions
---@return gost.RedisConnection?
---@return string? message
---@return gost.Code? code "auth": the server refuses the password
function gost.redis.connect(options) end

---Connections that are opened when they are needed, and kept for the next call.
---@param options string|gost.RedisOptions
---@return gost.RedisClient
function gost.redis.client(options) end

---A connection that failed stays closed. Fibers that use it at the same time take turns.
---@class gost.RedisConnection
local RedisConnection = {}

---A command. `nil` alone is Redis's nil. Suspends.
---@param ... string|number|boolean `"HGET", key, field`
---@return gost.RedisReply? reply
---@return string? message
---@return gost.Code|"redis"|"auth"|"denied"|nil code "redis": the server answered with an error
function RedisConnection:call(...) end

---Several commands in one go. Suspends.
---@param commands (string|number|boolean)[][] `{ {"GET", "a"}, {"INCR", "n"} }`
---@return gost.RedisReply[]? replies in their order
---@return string? message
---@return gost.Code? code
function RedisConnection:pipeline(commands) end

---Listen to channels, on a further connection. Suspends.
---@param ... string a channel; with `*`, `?` or `[` a pattern
---@return gost.RedisSubscription?
---@return string? message
---@return gost.Code? code
function RedisConnection:subscribe(...) end

function RedisConnection:close() end

---As gost.RedisConnection, but it comes back by itself, and several fibers' calls run side by side.
---@class gost.RedisClient: gost.RedisConnection
local RedisClient = {}

---@class gost.RedisSubscription
local RedisSubscription = {}

---The next message. Suspends.
---@param timeout? number seconds; nil: for ever
---@return {channel: string, payload: string, pattern: string?}? message
---@return string? why
---@return gost.Code? code
function RedisSubscription:next(timeout) end

function RedisSubscription:close() end
