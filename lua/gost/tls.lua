---TLS of connections that scripts open, and of sources of policies.
local core = require "gost.core"
local parts = require "gost.parts"

local tls = {}

---TLS fine points lie one level deeper in files than in the core's table.
---@param definition? table  canonical
---@return table? flat
function tls.flat(definition)
  if not definition then return nil end
  local flat = {}
  for key, value in pairs(definition) do
    if key ~= "options" then flat[key] = value end
  end
  for key, value in pairs(definition.options or {}) do flat["options." .. key] = value end
  return flat
end

---Contexts are made once for each table that describes one: making one reads files.
local contexts = setmetatable({}, { __mode = "k" })
local verifying

---@param options true|table  `true`: verify by the system's roots; a table is a TLS object, `secure` unless it says no
---@return userdata? context
---@return string? message
---@return string? code
function tls.context(options)
  if options == true then
    local message, code
    if not verifying then verifying, message, code = core.tls_context { secure = true } end
    return verifying, message, code
  end
  if type(options) ~= "table" then parts.raise(("tls: expected true or a table, got a %s"):format(type(options))) end
  if contexts[options] then return contexts[options] end
  local flat = tls.flat(parts.check("tls", options)) --[[@as table]]
  if flat.secure == nil then flat.secure = true end
  local context, message, code = core.tls_context(flat)
  contexts[options] = context
  return context, message, code
end

---Speak TLS on a stream from now on; closes it when that fails. Suspends.
---@param stream gost.Stream
---@param options true|table
---@param host string  the name to ask for and to verify
---@param timeout? number
---@return gost.Stream? stream
---@return string? message
---@return string? code
function tls.start(stream, options, host, timeout)
  local context, message, code = tls.context(options)
  local ok = false
  if context then ok, message, code = core.start_tls(stream, context, host, timeout) end
  if ok then return stream end
  stream:close()
  return nil, message, code
end

return tls
