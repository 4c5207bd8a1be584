---The query of a -L or -F value: keys with a meaning of their own are taken out, the rest becomes
---metadata of every part that the URL makes.
local base64 = require "gost.base64"
local components = require "gost.schema.components"
local duration = require "gost.duration"
local gost_keys = require "gost.schema.gost_keys"
local nearest = require "gost.nearest"
local size = require "gost.size"
local values = require "gost.schema.values"

---@class gost.Query
---@field pairs {[1]: string, [2]: string}[]  what is left, in order, one for each spelling
---@field fail fun(message: string)
local Query = {}
Query.__index = Query

local query = {}

---@param url gost.URL
---@param fail fun(message: string)
---@return gost.Query
function query.new(url, fail)
  local list, seen = {}, {}
  for _, pair in ipairs(url.query) do
    if not seen[pair[1]] then list[#list + 1] = pair end
    seen[pair[1]] = true
  end
  return setmetatable({ pairs = list, fail = fail }, Query)
end

---Take out the first of the named keys that is there (in any case); later names yield to earlier.
---@param ... string
---@return string? value
---@return string key
function Query:take(...)
  local found, name
  for _, wanted in ipairs { ... } do
    for i = #self.pairs, 1, -1 do
      local pair = self.pairs[i]
      if pair[1]:lower() == wanted:lower() then
        table.remove(self.pairs, i)
        if not found or name == wanted then found, name = pair[2], wanted end
      end
    end
  end
  return found, name or (...)
end

---A whole number above 0; nil when absent or 0.
function Query:take_count(...)
  local value, key = self:take(...)
  if not value then return nil end
  local number, message = values.int(value)
  if not number then self.fail(("%s: %s"):format(key, message)) end
  return number and number > 0 and number or nil
end

---Credentials of `auth=`, base64 of "user:password".
---@return table?
function Query:take_auth(url)
  local value = self:take "auth"
  if not value or url.user then return nil end
  local text, message = base64.decode(value)
  if not text then self.fail("auth: " .. message) return nil end
  local user, password = text:match "^([^:]*):(.*)$"
  return { username = user or text, password = password }
end

---`strategy`, `maxFails`, `failTimeout`: if any is there, the others get defaults.
---@return table?
function Query:take_selector()
  local strategy = self:take "strategy"
  local fails, fails_key = self:take("maxFails", "max_fails")
  local timeout, timeout_key = self:take("failTimeout", "fail_timeout")
  if not (strategy or fails or timeout) then return nil end
  local count, seconds, message
  if fails then
    count, message = values.int(fails)
    if not count then self.fail(("%s: %s"):format(fails_key, message)) end
  end
  if timeout then
    seconds, message = duration.parse(timeout)
    if not seconds then self.fail(("%s: %s"):format(timeout_key, message)) end
  end
  return { strategy = strategy or "round", maxFails = count or 1, failTimeout = seconds or 30 }
end

---"a,b" in its items; blanks around them are not part of them.
function query.items(text)
  local list = {}
  for item in text:gmatch "[^,]+" do
    item = item:match "^%s*(.-)%s*$"
    if item ~= "" then list[#list + 1] = item end
  end
  return list
end

---"~a,b" as an object with matchers.
function query.matchers(name, text)
  local rest = text:match "^~(.*)$"
  return { name = name, whitelist = rest and true or nil, matchers = query.items(rest or text) }
end

---"name:ip,name:ip" as mappings. Items without a colon say nothing, and are told.
---@param warn fun(message: string)
function query.mappings(name, text, warn)
  local list = {}
  for _, item in ipairs(query.items(text)) do
    local host, ip = item:match "^([^:]*):(.*)$"
    if host then
      list[#list + 1] = { ip = ip:match "^%[(.*)%]$" or ip, hostname = host }
    else
      warn(("hosts: %q maps nothing, expected name:address"):format(item))
    end
  end
  return { name = name, mappings = list }
end

function query.resolver(name, text, prefer)
  local list = {}
  for _, item in ipairs(query.items(text)) do list[#list + 1] = { addr = item, prefer = prefer } end
  return { name = name, nameservers = list }
end

---Sizes of a traffic limit: "$ in", "$ in out", "$ 0 out".
function query.limit_line(key, incoming, outgoing, fail)
  local option = key == "$" and "limiter." or "limiter.conn."
  local function checked(name, text)
    local ok, message = true, nil
    if text then ok, message = size.parse(text) end
    if not ok then fail(("%s%s: %s"):format(option, name, message)) end
    return ok and text or "0"
  end
  incoming, outgoing = checked("in", incoming), outgoing and checked("out", outgoing)
  if not outgoing then return ("%s %s"):format(key, incoming) end
  return ("%s %s %s"):format(key, incoming, outgoing)
end

---Split what is left into the parts of the prefixes ("handler.x") and the rest.
---@param prefixes string[]  without dot
---@return table<string, table<string, any>> parts
---@return table<string, any> rest
function Query:split(prefixes)
  local parts, rest = {}, {}
  for _, prefix in ipairs(prefixes) do parts[prefix] = {} end
  for _, pair in ipairs(self.pairs) do
    local prefix, key = pair[1]:match "^(%l+)%.(.+)$"
    local value = pair[2]
    if pair[1]:lower() == "dns" then value = query.items(value) end
    if prefix and parts[prefix] then
      parts[prefix][key] = value
    else
      rest[pair[1]] = value
    end
  end
  return parts, rest
end

---A table with what both have, or nil when that is nothing; `first` wins.
function query.join(first, second)
  local out = {}
  for key, value in pairs(second) do out[key] = value end
  for key, value in pairs(first) do out[key] = value end
  return out
end

function query.unless_empty(t)
  return next(t) ~= nil and t or nil
end

---Complain of keys that no part knows.
---@param rest table<string, any>     keys for every part
---@param parts table<string, table>  keys for one part each
---@param indexes table<string, table|false>  of each part; false: options are not known
---@param types table<string, string>  kinds of components: what each is
---@param say {missing: fun(message: string), warn: fun(message: string)}
function query.check_keys(rest, parts, indexes, types, say)
  local everything = {}
  local function absent(key, value, wanted)
    for kind, type_ in pairs(types) do
      if (not wanted or wanted == kind) and gost_keys.known(kind, type_, key) then
        if not gost_keys.idle(value) then say.missing(("not implemented yet: %s"):format(key)) end
        return true
      end
    end
    return false
  end
  for _, index in pairs(indexes) do
    if not index then return end
    for _, key in ipairs(components.keys(index)) do everything[#everything + 1] = key end
  end
  for key, value in pairs(rest) do
    local known = false
    for _, index in pairs(indexes) do known = known or components.find(index, key) ~= nil end
    if not known and not absent(key, value) then
      say.warn(("unknown key %q%s"):format(key, nearest.hint(key, everything)))
    end
  end
  for part, list in pairs(parts) do
    for key, value in pairs(list) do
      if not components.find(indexes[part], key) and not absent(key, value, part) then
        local hint = nearest.hint(key, components.keys(indexes[part]))
        say.warn(("unknown key %q of the %s%s"):format(key, part, hint))
      end
    end
  end
end

return query
