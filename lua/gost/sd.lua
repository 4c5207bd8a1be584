---Service discovery: where hosts tell each other which of them carries which tunnel. gost.sd{…} and `sds` of files.
local core = require "gost.core"
local inline = require "gost.inline"
local raise = require("gost.parts").raise

local sd = {}

---@alias gost.SdWord "register"|"renew"|"deregister"|"get"

---@class gost.SdRecord
---@field id string       UUID of a client's connection
---@field name string     UUID of its tunnel
---@field node string     UUID of the host
---@field network "tcp"|"udp"
---@field address string  of the host's public entry
---@field ttl? number     seconds: renewed so often, and worth nothing after three times as many

---@class gost.SdOptions
---@field register? fun(record: gost.SdRecord): any, string?
---@field renew? fun(record: gost.SdRecord): any, string?       not given: register
---@field deregister? fun(record: gost.SdRecord): any, string?
---@field get? fun(name: string): gost.SdRecord[]?, string?
---@field redis? { addr: string?, db: integer?, username: string?, password: string?, key: string? }

local FUNCTIONS = { "register", "renew", "deregister", "get" }
local KNOWN = { register = "function", renew = "function", deregister = "function", get = "function",
  redis = "table", name = "string" }

local Sd_meta = { __name = "gost.Sd" }

---@param options gost.SdOptions
function sd.new(options)
  if type(options) ~= "table" then raise(("sd: expected a table, got a %s"):format(type(options))) end
  for key, value in pairs(options) do
    local wanted = KNOWN[key]
    if not wanted then
      local names = {}
      for name in pairs(KNOWN) do names[#names + 1] = name end
      raise(("sd: unknown key %q%s"):format(tostring(key), require("gost.nearest").hint(tostring(key), names)))
    elseif type(value) ~= wanted then
      raise(("sd: %s: expected a %s, got a %s"):format(key, wanted, type(value)))
    end
  end
  if not options.redis and not (options.register and options.get) then
    raise "sd: expected register and get, or redis"
  end
  local own = {}
  for key, value in pairs(options) do own[key] = value end
  return setmetatable(own, Sd_meta)
end

---Of a definition with a function for each word, one for all.
---@return fun(word: gost.SdWord, what: any): any, string?
local function in_one(definition)
  local by_word = {}
  for _, word in ipairs(FUNCTIONS) do by_word[word] = definition[word] end
  by_word.renew = by_word.renew or by_word.register
  return function(word, what)
    local fn = by_word[word]
    if fn then return fn(what) end
    return true
  end
end

local function source_of(definition)
  if type(definition) == "function" then return definition end
  local fn = require("gost.plugin").of("sd", definition) or inline.of(definition)
  if fn then return fn end
  if definition.redis then return require "gost.sd_redis"(definition.redis) end
  if definition.register or definition.get then return in_one(definition) end
  error("sd: expected redis, or functions", 0)
end

---What this worker has told and not taken back, and how.
---@type table<table, fun(word: gost.SdWord, what: any)>
local told = {}
local leaving = false

---Remember what is told, for the end.
local function remembering(source)
  local records = {}
  return function(word, what)
    if word == "get" then return source(word, what) end
    if leaving and word ~= "deregister" then return true end
    local known = records[what.id]
    if word == "deregister" then
      records[what.id] = nil
      if known then told[known] = nil end
    elseif not known then
      known = { id = what.id, name = what.name, node = what.node }
      records[what.id], told[known] = known, source
    end
    return source(word, what)
  end
end

---@param _ gost.Builder
---@return userdata
function sd.make(_, definition)
  return core.sd(remembering(source_of(definition)))
end

---The program ends: other hosts should know before its connections are cut. Does not wait.
function sd.leave()
  leaving = true
  for record, source in pairs(told) do
    told[record] = nil
    core.spawn(function() source("deregister", record) end)
  end
end

return sd
