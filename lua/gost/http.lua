---HTTP and HTTPS requests from scripts: gost.http.request{url=…}. Suspends.
local core = require "gost.core"

local http = {}

local HEAD_LINES, BODY_MAX = 200, 16 * 1024 * 1024

---@class gost.HttpResponse
---@field status integer
---@field reason string
---@field headers table<string, string>  by lower-case name; repeated ones joined by ", "
---@field body string

local PORT = { http = "80", https = "443" }

local function parse_url(url)
  local scheme, rest = tostring(url):match "^(%a[%w+.-]*)://(.*)$"
  scheme = scheme and scheme:lower()
  if not PORT[scheme] or url:find "[%c ]" then
    return nil, ("%q: expected an http:// or https:// URL"):format(require("gost.url").mask(tostring(url)))
  end
  local authority, path = rest:match "^([^/?#]*)([^#]*)"
  local user, host = authority:match "^(.*)@(.*)$"
  host = host or authority
  if host == "" then return nil, ("%q has no host"):format(require("gost.url").mask(url)) end
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  return {
    host = host, path = path,
    user = user and user:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end) or nil,
    tls = scheme == "https", addr = host:match ":%d+$" and host or host .. ":" .. PORT[scheme],
  }
end

local function request_text(method, target, headers, body, keep)
  local lines = { ("%s %s HTTP/1.1"):format(method, target.path) }
  local given = {}
  for name, value in pairs(headers or {}) do
    if (name .. tostring(value)):find "[\r\n]" then return nil, "a header with a line break" end
    given[name:lower()] = true
    lines[#lines + 1] = ("%s: %s"):format(name, value)
  end
  if not given.host then table.insert(lines, 2, "Host: " .. target.host) end
  if not given["user-agent"] then lines[#lines + 1] = "User-Agent: gost-lua/" .. core.version end
  if target.user and not given.authorization then
    lines[#lines + 1] = "Authorization: Basic " .. core.base64_encode(target.user)
  end
  if body then lines[#lines + 1] = "Content-Length: " .. #body end
  if not keep then lines[#lines + 1] = "Connection: close" end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

---@param left fun(): number  seconds that are left for the whole request
local function read_head(stream, left)
  local line, message, code = stream:readline(left())
  if not line then return nil, message, code end
  local status, reason = line:match "^HTTP/1%.[01] (%d%d%d) ?(.*)$"
  if not status then return nil, "not an HTTP response", "protocol" end
  local response = { status = math.tointeger(tonumber(status)), reason = reason, headers = {} }
  response.keep = line:find "^HTTP/1%.1" ~= nil
  for _ = 1, HEAD_LINES do
    line, message, code = stream:readline(left())
    if not line then return nil, message, code end
    if line == "" then return response end
    local name, value = line:match "^([^%s:]+):%s*(.-)%s*$"
    if not name then return nil, "malformed response header", "protocol" end
    name = name:lower()
    local before = response.headers[name]
    response.headers[name] = before and (before .. ", " .. value) or value
  end
  return nil, "too many response headers", "limit"
end

local function read_chunked(stream, left, limit)
  local parts, total = {}, 0
  while true do
    local line, message, code = stream:readline(left())
    if not line then return nil, message, code end
    local digits = line:match "^(%x+)%s*$" or line:match "^(%x+)%s*;"
    local size = digits and #digits < 16 and tonumber(digits, 16)
    if not size then return nil, "malformed chunk", "protocol" end
    total = total + size
    if total > limit then return nil, "the body is too large", "limit" end
    if size == 0 then
      for _ = 1, HEAD_LINES do
        line, message, code = stream:readline(left())
        if not line then return nil, message, code end
        if line == "" then return table.concat(parts) end
      end
      return nil, "too many trailers", "limit"
    end
    local chunk
    chunk, message, code = stream:read_exact(size, left())
    if not chunk then return nil, message, code end
    parts[#parts + 1] = chunk
    if stream:readline(left()) ~= "" then return nil, "malformed chunk", "protocol" end
  end
end

local function read_rest(stream, left, limit)
  local parts, total = {}, 0
  while true do
    local chunk, message, code = stream:read(65536, left())
    if not chunk then
      if code == "eof" then return table.concat(parts) end
      return nil, message, code
    end
    total = total + #chunk
    if total > limit then return nil, "the body is too large", "limit" end
    parts[#parts + 1] = chunk
  end
end

local function read_body(stream, method, response, left, limit)
  if method == "HEAD" or response.status == 204 or response.status == 304 then return "" end
  if (response.headers["transfer-encoding"] or ""):lower():find "chunked" then
    return read_chunked(stream, left, limit)
  end
  local length = response.headers["content-length"]
  if not length then return read_rest(stream, left, limit) end
  length = math.tointeger(tonumber(length))
  if not length or length < 0 then return nil, "malformed Content-Length", "protocol" end
  if length > limit then return nil, "the body is too large", "limit" end
  if length == 0 then return "" end
  return stream:read_exact(length, left())
end

---@class gost.HttpRequest
---@field url string
---@field method? string
---@field headers? table<string, string>
---@field body? string
---@field timeout? number
---@field chain? any
---@field tls? table         for https: a TLS object; nil: verified by the system's roots
---@field max_body? integer
---@field keep? gost.Stream[]  connections to that server which are kept; the caller's, empty at first

---Connections that a caller keeps at most.
local KEPT = 8

---A connection that is kept, or a new one.
local function connect(target, options, left)
  local kept = options.keep
  while kept and #kept > 0 do
    local stream = table.remove(kept)
    local _, _, code = stream:peek(1, 0)
    if code == "timeout" then return stream end -- neither has it gone nor said what nobody asked for
    stream:close()
  end
  return require("gost").dial(target.addr, {
    chain = options.chain, timeout = left(), tls = target.tls and (options.tls or true) or nil,
  })
end

---May another request follow on the connection? Its end must not be that of the body.
local function may_stay(response, method)
  local headers = response.headers
  return response.keep and response.body and not (headers.connection or ""):lower():find "close"
    and (headers["content-length"] or headers["transfer-encoding"] or method == "HEAD" or response.status == 204)
end

local function exchange(stream, text, method, options, left)
  local ok, message, code = stream:write(text, left())
  if not ok then return nil, message, code end
  local response
  repeat
    response, message, code = read_head(stream, left)
    if not response then return nil, message, code end
  until response.status >= 200
  response.body, message, code = read_body(stream, method, response, left, options.max_body or BODY_MAX)
  if not response.body then return nil, message, code end
  return response
end

---Ask a web server. Suspends.
---@param options string|gost.HttpRequest
---@return gost.HttpResponse? response
---@return string? message
---@return string? code
function http.request(options)
  if type(options) == "string" then options = { url = options } end
  local target, message = parse_url(options.url or error("url is missing", 2))
  if not target then error(message, 2) end
  local timeout = options.timeout or 30
  local deadline = core.now() + timeout
  local function left() return math.max(deadline - core.now(), 0.001) end
  local method = options.method or (options.body and "POST" or "GET")
  local text, wrong = request_text(method, target, options.headers, options.body, options.keep)
  if not text then error(wrong, 2) end
  local stream, why, code = connect(target, options, left)
  if not stream then return nil, why, code end
  local response
  response, why, code = exchange(stream, text, method, options, left)
  local kept = options.keep
  if response and kept and #kept < KEPT and may_stay(response, method) then
    kept[#kept + 1] = stream
  else
    stream:close()
  end
  return response, why, code
end

return http
