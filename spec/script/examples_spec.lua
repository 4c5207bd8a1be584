---Each example of scripting is started and used.

local support = require "spec.support"
local client = require "spec.support.client"

local origin

setup(function() origin = support.origin { "http", "echo" } end)
teardown(support.cleanup)

local function example(name, args, env)
  local spec = { "examples/" .. name, env = env or {}, listeners = env and env.listeners, name = name }
  spec.env.listeners = nil
  spec.env.GOST_ADDR = "127.0.0.1:0"
  for _, word in ipairs(args or {}) do spec[#spec + 1] = word end
  return support.gost(spec)
end

local function through(port, url, user)
  return support.curl { "-x", ("http://%s127.0.0.1:%d"):format(user and user .. "@" or "", port),
    url or origin:url "/hello" }
end

it("hooks-auth.lua lets users in and locks guessers out", function()
  local gost = example "hooks-auth.lua"
  assert.equal("hello\n", through(gost.ports[1], nil, "ann:secret").body)
  gost:wait_log "ann moved %d+ bytes"
  for _ = 1, 5 do assert.equal(407, through(gost.ports[1], nil, "ann:guess").http_code) end
  assert.equal(0, through(gost.ports[1], nil, "ann:secret").http_code)
end)

it("routing.lua sends each request its own way", function()
  local exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" }
  local gost = example("routing.lua", { "socks5://127.0.0.1:" .. exit.ports[1] })
  assert.equal("hello\n", through(gost.ports[1]).body)
  local named = ("http://x.home.test:%d/hello"):format(origin.ports.http)
  assert.equal("hello\n", through(gost.ports[1], named).body)
  assert.equal("hello\n", through(gost.ports[1], (named:gsub("x.home", "old"))).body)
  assert.not_matches("goes out", gost:output())
  assert.equal(403, through(gost.ports[1], "http://mail.test:25/").http_code)
  through(gost.ports[1], "http://elsewhere.test/")
  gost:wait_log "goes out to elsewhere%.test:80"
end)

it("selector.lua keeps a client at its proxy", function()
  local urls = {}
  for i = 1, 2 do
    local exit = support.gost { "-L", "socks5://127.0.0.1:0", name = "exit" .. i }
    urls[i] = "socks5://127.0.0.1:" .. exit.ports[1]
  end
  local gost = example("selector.lua", urls)
  for _ = 1, 4 do assert.equal("hello\n", through(gost.ports[1]).body) end
  gost:wait_log(("by node.-"):rep(4))
  local first = gost:output():match "by (node%-%d)"
  assert.equal(4, select(2, gost:output():gsub("by " .. first:gsub("%-", "%%-"), "")))
end)

it("handler.lua and connector.lua speak a protocol of their own", function()
  local server = example "handler.lua"
  assert.matches("^what%? %d%d%d%d%-%d%d", client.tcp(server.ports[1]):send "TIME\n":read_all())
  assert.matches("no: ", client.tcp(server.ports[1]):send "GET x.internal:1\n":read_all())
  local gost = example("connector.lua", { "127.0.0.1:" .. server.ports[1] })
  assert.equal("hello\n", through(gost.ports[1]).body)
  assert.not_equal(200, through(gost.ports[1], "http://127.0.0.1:1/").http_code)
  gost:wait_log "what%? no: "
end)

it("dict.lua rations clients in all threads together", function()
  local gost = example("dict.lua", { }, { GOST_REPORT_ADDR = "127.0.0.1:0", listeners = 2 })
  local denied = 0
  for _ = 1, 8 do denied = denied + (through(gost.ports[1]).http_code == 403 and 1 or 0) end
  assert.is_true(denied >= 1)
  assert.equal(denied .. " denied, 1 hosts\n", client.tcp(gost.ports[2]):read_all())
end)

it("chain.lua dials through proxies", function()
  local exits = {}
  for i, scheme in ipairs { "socks5", "http" } do
    exits[i] = scheme .. "://127.0.0.1:" .. support.gost({ "-L", scheme .. "://127.0.0.1:0", name = scheme }).ports[1]
  end
  local r = support.gost_run { "examples/chain.lua", origin:addr "http", exits[1], exits[2] }
  assert.equal(0, r.status, r.stderr)
  assert.matches("^HTTP/1%.%d %d+.*\n%d+ bytes\n$", r.stdout)
  r = support.gost_run { "examples/chain.lua", "127.0.0.1:1", exits[1] }
  assert.equal(1, r.status)
  assert.matches("%(upstream%)", r.stderr)
end)

it("load.lua adds hooks to a file of GOST", function()
  local path = support.files.with("gost.yml", "services: [ { name: web, addr: '127.0.0.1:0' } ]")
  local gost = example("load.lua", { path })
  assert.equal("hello\n", through(gost.ports[1]).body)
  gost:wait_log "web: 127%.0%.0%.1:%d+ moved %d+ bytes"
end)

it("plain-lua.lua is a program of a plain Lua", function()
  if support.program():find "san" then return pending "the module is sanitized, lua5.4 is not" end
  local module = support.program():match "^(.*)/[^/]*$"
  local p = support.start { "lua5.4", "examples/plain-lua.lua", "0", exits_cleanly = true,
    env = { LUA_PATH = "./lua/?.lua;./lua/?/init.lua;;", LUA_CPATH = module .. "/?.so;;" } }
  local port = tonumber((p:wait_log "listening on 127%.0%.0%.1:(%d+)"))
  assert.equal("hello\n", through(port).body)
  p:wait_log "a proxy on 127%.0%.0%.1:%d+"
  p:wait_log "1 connections so far"
  p:stop()
end)

it("redis.lua has its users in Redis, and counts there", function()
  local redis, redis_port = support.redis()
  local function cli(...) return support.check { "redis-cli", "-p", tostring(redis_port), ... } end
  cli("HSET", "users", "ann", "secret")
  cli("SADD", "closed", "*.bad.test")
  local gost = example("redis.lua", {}, { GOST_REDIS = "127.0.0.1:" .. redis_port })
  assert.equal("hello\n", through(gost.ports[1], nil, "ann:secret").body)
  assert.equal(407, through(gost.ports[1], nil, "ann:guess").http_code)
  assert.equal(403, through(gost.ports[1], "http://www.bad.test/", "ann:secret").http_code)
  gost:wait_log "ann has moved %d+ bytes"
  assert.matches("^%d+", cli("HGET", "moved", "ann"))
  cli("HSET", "users", "bob", "b")
  support.eventually(function() return through(gost.ports[1], nil, "bob:b").http_code == 200 end)
  gost:terminate()
  redis:terminate()
end)
