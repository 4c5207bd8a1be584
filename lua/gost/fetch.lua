---A text from a web server, for configurations: `-C https://host/gost.yml`.
local SECONDS, BYTES, REDIRECTS = 30, 10 * 1024 * 1024, 10

local function absolute(location, base)
  if location:match "^%a[%w+.-]*://" then return location end
  local scheme, authority, path = base:match "^(%a+:)//([^/?#]*)([^?#]*)"
  if location:sub(1, 2) == "//" then return scheme .. location end
  if location:sub(1, 1) == "/" then return ("%s//%s%s"):format(scheme, authority, location) end
  return ("%s//%s%s%s"):format(scheme, authority, path:match "^.*/" or "/", location)
end

---Without what may only go to the server that the user named.
local function without_user(address)
  return (address:gsub("^(%a+://)[^/?#]*@", "%1"))
end

---@class gost.FetchOptions
---@field seconds? number    for everything together; default 30
---@field bytes? integer     of the body; default 10 MiB

---The body behind a URL: status 200 or nothing. Suspends.
---@param address string
---@param options? gost.FetchOptions
---@return string? body
---@return string? type_or_message  what Content-Type says, or what went wrong
return function(address, options)
  local core, http = require "gost.core", require "gost.http"
  local seconds = options and options.seconds or SECONDS
  local deadline = core.now() + seconds
  for _ = 0, REDIRECTS do
    local left = deadline - core.now()
    if left <= 0 then break end
    local ok, response, message, code = pcall(http.request, {
      url = address, timeout = left, max_body = options and options.bytes or BYTES,
      headers = { Accept = "*/*" },
    })
    if not ok then return nil, tostring(response) end
    if not response then
      return nil, code == "timeout" and ("no answer within %g s"):format(seconds) or message
    end
    local location = response.headers.location
    local moved = response.status // 100 == 3 and location
    if response.status == 200 then return response.body, response.headers["content-type"] end
    if not moved then return nil, (("%d %s"):format(response.status, response.reason):gsub("[%c%s]+$", "")) end
    local target = absolute(location, address)
    address = target:match "^%a+://([^/?#]*)" == address:match "^%a+://([^/?#]*)" and target or without_user(target)
  end
  return nil, "too many redirects"
end
