---Limits on connections and requests that a function says.

local support = require "spec.support"
local client = require "spec.support.client"

describe("A function as climiter or rlimiter", function()
  local origin

  before_each(function() origin = support.origin { "echo" } end)
  after_each(support.cleanup)

  local function service(key, fn)
    return support.gost_config(([[
      local gost = require "gost"
      gost.service { name = "s", addr = "127.0.0.1:0", handler = "tcp", forward = "%s", %s = %s }
      gost.run()
    ]]):format(origin:addr "echo", key, fn))
  end

  ---A connection that works, or nil: the service has closed it.
  local function connect(gost)
    local one = client.tcp(gost.ports[1])
    one.sock:send "a"
    if one.sock:receive(1) == "a" then return one end
    one:close()
  end

  local function connect_some(gost, n)
    local list = {}
    for i = 1, n do list[i] = assert(connect(gost)) end
    return list
  end

  for answer, most in pairs { ["ip == '127.0.0.1' and 2 or 99"] = 2, ["nil, 3"] = 3, ["0.5, 7"] = 1 } do
    it("says how many connections may be open: " .. answer, function()
      local gost = service("climiter", ("function(conn, ip) return %s end"):format(answer))
      local list = connect_some(gost, most)
      assert.is_nil(connect(gost))
      list[1]:close()
      support.eventually(function() return connect(gost) end)
    end)
  end

  it("says by 0 or nothing that there is no limit", function()
    for _, answer in ipairs { "", "0, 0", "false", "1e30, 1e30" } do
      connect_some(service("climiter", ("function() return %s end"):format(answer)), 5)
      connect_some(service("rlimiter", ("function() return %s end"):format(answer)), 5)
    end
  end)

  it("says how many requests may come in a second, of a client and in all", function()
    for answer, most in pairs { ["conn.service == 's' and 0.001"] = 1, ["nil, 2.001"] = 3 } do
      local gost = service("rlimiter", ("function(conn) return %s end"):format(answer))
      connect_some(gost, most)
      assert.is_nil(connect(gost))
    end
  end)

  it("lets nobody in when it fails, or answers what is no number", function()
    for _, key in ipairs { "climiter", "rlimiter" } do
      local gost = service(key, "function() error 'boom' end")
      assert.is_nil(connect(gost))
      gost:wait_log "boom"
      gost = service(key, "function() return {} end")
      assert.is_nil(connect(gost))
      gost:wait_log(key .. ": expected a number, got a table")
    end
  end)

  it("may stand in a file", function()
    local gost = support.gost_config(([[
services:
- { name: s, addr: "127.0.0.1:0", climiter: few, rlimiter: { lua: "return function() return 100000 end" },
    handler: { type: tcp }, listener: { type: tcp }, forwarder: { nodes: [ { name: t, addr: "%s" } ] } }
climiters:
- { name: few, lua: "return function(conn, ip) return 1 end" }
]]):format(origin:addr "echo"), { ext = "yml" })
    connect_some(gost, 1)
    assert.is_nil(connect(gost))
  end)
end)
