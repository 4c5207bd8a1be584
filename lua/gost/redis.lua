---Redis for scripts: gost.redis.connect{…} is one connection, gost.redis.client{…} several that come and go.
---
---The protocol is hiredis's, the bytes go over our own streams: calls suspend, have deadlines, and may take a chain
---and TLS. Messages never contain arguments of commands.
local core = require "gost.core"
local parts = require "gost.parts"
local sync = require "gost.sync"

local redis = {}

local PORT, TIMEOUT, IDLE = 6379, 5, 4

---@class gost.RedisOptions
---@field addr? string      "host:port" or the path of a socket; default "127.0.0.1:6379"
---@field db? integer
---@field username? string
---@field password? string
---@field timeout? number   seconds for a call, the connecting included; default 5
---@field tls? true|table
---@field chain? any
---@field max_reply? integer  bytes of one reply; default 16 MiB
---@field size? integer     of gost.redis.client: connections at most; default 4

local KNOWN = { addr = "string", db = "number", username = "string", password = "string", timeout = "number",
  tls = "tls", chain = "any", max_reply = "number", size = "number" }

local function check_options(options)
  if type(options) == "string" then options = { addr = options } end
  if type(options) ~= "table" then parts.raise(("expected a table, got a %s"):format(type(options))) end
  for key, value in pairs(options) do
    local wanted = KNOWN[key]
    if not wanted then
      local names = {}
      for name in pairs(KNOWN) do names[#names + 1] = name end
      parts.raise(("redis: unknown key %q%s"):format(tostring(key), require("gost.nearest").hint(tostring(key), names)))
    elseif wanted ~= "any" and wanted ~= "tls" and type(value) ~= wanted then
      parts.raise(("redis: %s: expected a %s, got a %s"):format(key, wanted, type(value)))
    end
  end
  local own = parts.copy(options)
  own.tls = options.tls or nil -- the caller's own table: contexts are kept by it
  own.addr = own.addr and own.addr ~= "" and own.addr or "127.0.0.1"
  if not own.addr:find "^[/@]" and not own.addr:find ":%d+$" then own.addr = ("%s:%d"):format(own.addr, PORT) end
  own.timeout = own.timeout or TIMEOUT
  return own
end

-- one connection ----------------------------------------------------------------------------------

---@class gost.RedisConnection
---@field package options gost.RedisOptions
---@field package stream? gost.Stream
---@field package reader userdata
---@field package turn table
local Connection = {}
Connection.__index = Connection
Connection.__name = "gost.RedisConnection"

function Connection:__tostring()
  return ("gost.RedisConnection %s%s"):format(self.options.addr, self.stream and "" or " (closed)")
end

---A failure of the connection: it is of no use any more.
function Connection:broken(message, code)
  self:close()
  return nil, ("redis %s: %s"):format(self.options.addr, message), code
end

local function left(deadline) return math.max(deadline - core.now(), 0.001) end

---The next reply: kind and value, or nil, message, code. Suspends.
function Connection:reply(deadline)
  local bytes, size = nil, 4096
  while true do
    local kind, value, code = self.reader:reply(bytes)
    if kind then return kind, value end
    if kind == nil then return self:broken((value:gsub("^redis: ", "")), code) end
    bytes, value, code = self.stream:read(size, left(deadline))
    if not bytes then
      if code == "eof" then value = "the server has closed the connection" end
      return self:broken(value, code)
    end
    if #bytes == size and size < 65536 then size = size * 4 end
  end
end

---What an error of the server is called in programs.
local function code_of(text)
  local word = text:match "^%u+"
  if word == "NOAUTH" or word == "WRONGPASS" then return "auth" end
  return word == "NOPERM" and "denied" or "redis"
end

---Send some commands, which lie in one text, and read their replies.
---@return table? replies  each {kind, value}
function Connection:exchange(text, count, deadline)
  local ok, message, code = self.stream:write(text, left(deadline))
  if not ok then return self:broken(message, code) end
  local replies = {}
  for i = 1, count do
    local kind, value, why = self:reply(deadline)
    if not kind then return nil, value, why end
    replies[i] = { kind, value }
  end
  return replies
end

---Whoever comes while another fiber is at it waits for its turn.
function Connection:in_turn(text, count, timeout)
  local deadline = core.now() + (timeout or self.options.timeout)
  local ok, message, code = self.turn:acquire(left(deadline))
  if not ok then return nil, message, code end
  local replies
  if self.stream then
    ok, replies, message, code = pcall(self.exchange, self, text, count, deadline)
  else
    message, code = ("redis %s: the connection is closed"):format(self.options.addr), "closed"
  end
  self.turn:release()
  if not ok then
    self:close() -- replies may be under way that nobody waits for
    error(replies, 0)
  end
  return replies, message, code
end

local function result(addr, kind, value)
  if kind == "error" then return nil, ("redis %s: %s"):format(addr, value), code_of(value) end
  return value
end

---The bytes of a command; raises on what cannot be one.
local function command_text(words)
  local ok, text = pcall(core.redis_command, words)
  if not ok then parts.raise("redis: " .. text) end
  return text
end

---@param ... string|number|boolean  a command and its arguments
function Connection:call(...)
  local text = command_text { ... }
  local replies, message, code = self:in_turn(text, 1)
  if not replies then return nil, message, code end
  return result(self.options.addr, replies[1][1], replies[1][2])
end

---The bytes of several commands.
local function pipeline_text(commands)
  if type(commands) ~= "table" or type(commands[1]) ~= "table" then
    parts.raise "redis: expected a list of commands, each a list"
  end
  local texts = {}
  for i, command in ipairs(commands) do texts[i] = command_text(command) end
  return table.concat(texts), #texts
end

---A reply in a list, where nil would be a hole.
local function item(reply)
  if reply[1] == "error" then return { error = reply[2] } end
  if reply[2] == nil then return false end
  return reply[2]
end

---@return table?
local function items(replies, message, code)
  if not replies then return nil, message, code end
  for i, reply in ipairs(replies) do replies[i] = item(reply) end
  return replies
end

function Connection:pipeline(commands)
  return items(self:in_turn(pipeline_text(commands)))
end

function Connection:close()
  local stream = self.stream
  self.stream = nil
  if stream then stream:close() end
end

Connection.__close = Connection.close

---Say who we are and which database is meant.
local function greet(self, deadline)
  local options, commands = self.options, {}
  if options.password and options.password ~= "" then
    local named = options.username and options.username ~= ""
    commands[1] = named and { "AUTH", options.username, options.password } or { "AUTH", options.password }
  end
  if (options.db or 0) ~= 0 then commands[#commands + 1] = { "SELECT", math.tointeger(options.db) } end
  if #commands == 0 then return true end
  local replies, message, code = self:exchange(pipeline_text(commands), #commands, deadline)
  if not replies then return nil, message, code end
  for i, reply in ipairs(replies) do
    if reply[1] == "error" then -- only its first word: a server may repeat what it was sent
      local word = reply[2]:match "^%u+" or "error"
      local what = commands[i][1] == "AUTH" and "the server refuses the user or the password (%s)"
        or "there is no database " .. options.db .. " (%s)"
      return self:broken(what:format(word), commands[i][1] == "AUTH" and "auth" or "redis")
    end
  end
  return true
end

---@return gost.RedisConnection?
local function open(options, deadline)
  local stream, message, code = require("gost").dial(options.addr, { chain = options.chain, tls = options.tls,
    timeout = left(deadline) })
  if not stream then return nil, ("redis %s: %s"):format(options.addr, message), code end
  local self = setmetatable({ options = options, stream = stream, turn = sync.semaphore(1),
    reader = core.redis_reader(options.max_reply) }, Connection)
  local ok
  ok, message, code = greet(self, deadline)
  if not ok then return nil, message, code end
  return self
end

---One connection. Suspends.
---@param options string|gost.RedisOptions
---@return gost.RedisConnection?
---@return string? message
---@return string? code
function redis.connect(options)
  options = check_options(options)
  return open(options, core.now() + options.timeout)
end

-- several -----------------------------------------------------------------------------------------

---@class gost.RedisClient
---@field package options gost.RedisOptions
---@field package idle gost.RedisConnection[]
---@field package slots table
---@field package closed boolean
local Client = {}
Client.__index = Client
Client.__name = "gost.RedisClient"

function Client:__tostring() return ("gost.RedisClient %s (%d idle)"):format(self.options.addr, #self.idle) end

---Has the server left, or said something that nobody asked for?
local function is_stale(connection)
  local _, _, code = connection.stream:peek(1, 0)
  return code ~= "timeout"
end

---@return gost.RedisConnection?
function Client:take(deadline)
  while #self.idle > 0 do
    local connection = table.remove(self.idle)
    if not is_stale(connection) then return connection end
    connection:close()
  end
  return open(self.options, deadline)
end

function Client:with(fn)
  if self.closed then return nil, ("redis %s: the client is closed"):format(self.options.addr), "closed" end
  local deadline = core.now() + self.options.timeout
  local ok, message, code = self.slots:acquire(left(deadline))
  if not ok then return nil, ("redis %s: %s"):format(self.options.addr, message), code end
  local connection
  local results = table.pack(pcall(function()
    connection, message, code = self:take(deadline)
    if connection then return fn(connection, deadline) end
    return nil, message, code
  end))
  if connection and (self.closed or not results[1]) then connection:close() end
  if connection and connection.stream then self.idle[#self.idle + 1] = connection end
  self.slots:release()
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

function Client:call(...)
  local text = command_text { ... }
  return self:with(function(connection, deadline)
    local replies, message, code = connection:in_turn(text, 1, left(deadline))
    if not replies then return nil, message, code end
    return result(self.options.addr, replies[1][1], replies[1][2])
  end)
end

function Client:pipeline(commands)
  local text, count = pipeline_text(commands)
  return self:with(function(connection, deadline)
    return items(connection:in_turn(text, count, left(deadline)))
  end)
end

function Client:close()
  self.closed = true
  for _, connection in ipairs(self.idle) do connection:close() end
  self.idle = {}
end

Client.__close = Client.close

---Connections that are opened when they are needed and kept for the next call.
---@param options string|gost.RedisOptions
---@return gost.RedisClient
function redis.client(options)
  options = check_options(options)
  return setmetatable({ options = options, idle = {}, slots = sync.semaphore(options.size or IDLE), closed = false },
    Client)
end

-- messages ----------------------------------------------------------------------------------------

---@class gost.RedisSubscription
---@field package connection gost.RedisConnection
local Subscription = {}
Subscription.__index = Subscription
Subscription.__name = "gost.RedisSubscription"

---The next message. Suspends.
---@param timeout? number  seconds; nil: for ever
---@return {channel: string, payload: string, pattern: string?}? message
---@return string? why
---@return string? code
function Subscription:next(timeout)
  local connection = self.connection
  if not connection.stream then return nil, "the subscription is closed", "closed" end
  local deadline = timeout and core.now() + timeout or math.huge
  while true do
    local kind, value, code = connection.reader:reply()
    if kind == false then
      local bytes
      bytes, value, code = connection.stream:read(65536, timeout and left(deadline))
      if not bytes and code == "timeout" then return nil, value, code end
      if not bytes then return connection:broken(value, code) end
      kind, value, code = connection.reader:reply(bytes)
    end
    if kind == nil then return connection:broken(value, code) end
    if kind == "error" then return connection:broken(value, code_of(value)) end
    if kind and type(value) == "table" and value[1] == "message" then
      return { channel = value[2], payload = value[3] }
    elseif kind and type(value) == "table" and value[1] == "pmessage" then
      return { pattern = value[2], channel = value[3], payload = value[4] }
    end
  end
end

function Subscription:close() self.connection:close() end

Subscription.__close = Subscription.close

local function subscribe(self, ...)
  local connection, message, code = open(self.options, core.now() + self.options.timeout)
  if not connection then return nil, message, code end
  local plain, patterns = { "SUBSCRIBE" }, { "PSUBSCRIBE" }
  for _, channel in ipairs { ... } do
    local list = channel:find "[%*%?%[]" and patterns or plain
    list[#list + 1] = channel
  end
  local text = (#plain > 1 and core.redis_command(plain) or "")
    .. (#patterns > 1 and core.redis_command(patterns) or "")
  local ok
  ok, message, code = connection.stream:write(text, self.options.timeout)
  if not ok then return connection:broken(message, code) end
  return setmetatable({ connection = connection }, Subscription)
end

---Listen for messages, on a connection of its own. A channel with `*`, `?` or `[` is a pattern. Suspends.
Connection.subscribe, Client.subscribe = subscribe, subscribe

return redis
