---Service discovery in Redis: a hash for each tunnel, `KEY:TUNNEL`, with a field for each client's connection. Its
---value is JSON: node, network, address, and until when it holds, by the server's clock.
local core = require "gost.core"
local json = require "gost.json"

local KEEP = 3          -- periods of renewal that a record outlives
local CLOCK_LASTS = 60  -- seconds after which the server's clock is asked again

---@param options { addr: string?, db: integer?, username: string?, password: string?, key: string? }
---@return fun(word: gost.SdWord, what: any): any, string?
return function(options)
  local client = require("gost.redis").client {
    addr = options.addr, db = options.db, username = options.username, password = options.password,
  }
  local prefix = options.key and options.key ~= "" and options.key or "gost"
  local offset, asked = nil, 0

  ---Seconds by the server's clock, which all hosts share.
  local function now()
    if not offset or core.now() - asked > CLOCK_LASTS then
      local time, message = client:call "TIME"
      if type(time) ~= "table" then return nil, message end
      asked = core.now()
      offset = tonumber(time[1]) - asked
    end
    return core.now() + offset
  end

  local function key_of(tunnel) return prefix .. ":" .. tunnel end

  local function write(record)
    local time, message = now()
    if not time then return nil, message end
    local keep = KEEP * math.max(record.ttl or 15, 1)
    local value = json.encode {
      node = record.node, network = record.network, address = record.address, ["until"] = math.ceil(time + keep),
    }
    local key = key_of(record.name)
    local replies
    replies, message = client:pipeline { { "HSET", key, record.id, value }, { "PTTL", key } }
    for _, reply in ipairs(replies or {}) do
      if type(reply) == "table" and reply.error then return nil, reply.error end
    end
    if not replies then return nil, message end
    if replies[2] >= keep * 1000 then return true end -- for another host's record, which lives longer
    local set
    set, message = client:call("PEXPIRE", key, math.ceil(keep * 1000))
    if not set then return nil, message end
    return true
  end

  local function read(tunnel)
    local time, message = now()
    if not time then return nil, message end
    local list
    list, message = client:call("HGETALL", key_of(tunnel))
    if type(list) ~= "table" then return nil, message end
    local records = {}
    for i = 1, #list, 2 do
      local value = json.decode(list[i + 1])
      if type(value) == "table" and (tonumber(value["until"]) or 0) > time then
        records[#records + 1] = {
          id = list[i], name = tunnel, node = value.node, network = value.network, address = value.address,
        }
      else
        client:call("HDEL", key_of(tunnel), list[i])
      end
    end
    return records
  end

  return function(word, what)
    if word == "get" then return read(what) end
    if word ~= "deregister" then return write(what) end
    local gone, message = client:call("HDEL", key_of(what.name), what.id)
    if gone == nil then return nil, message end
    return true
  end
end
