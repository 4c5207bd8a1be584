---Programs that decide instead of lists: plugins asked over HTTP.

local support = require "spec.support"
local files = support.files

local origin

before_each(function() origin = support.origin { "http" } end)
after_each(support.cleanup)
teardown(support.cleanup)

---A plugin: a gost-lua script that answers every request by a function, and logs what it was asked.
---@param answer string  body of function(method, path, fields): status, reply
local function start_plugin(answer)
  local script = files.with("plugin.lua", ([[
    local gost = require "gost"
    local function answer(method, path, fields) %s end
    local connections = 0
    gost.handler("plugin", function(conn)
      connections = connections + 1
      while true do
        local line = conn:readline(20)
        if not line then return end
        local method, path = line:match "^(%%u+) (%%S+) HTTP/1.1$"
        local headers = {}
        repeat
          line = conn:readline(5)
          local key, value = line:match "^([^:]+): (.*)$"
          if key then headers[key:lower()] = value end
        until line == ""
        local length = tonumber(headers["content-length"] or 0)
        local body = length > 0 and conn:read_exact(length, 5) or ""
        gost.log.info("asked %%s %%s %%s token=%%s on=%%d", method, path, body, headers.authorization, connections)
        local status, reply = answer(method, path, body ~= "" and gost.json.decode(body) or {})
        local text = type(reply) == "table" and gost.json.encode(reply) or reply or ""
        conn:write(("HTTP/1.1 %%d X\r\nContent-Length: %%d\r\n\r\n%%s"):format(status, #text, text))
      end
    end)
    gost.service { addr = "127.0.0.1:0", handler = "plugin" }
    gost.run()
  ]]):format(answer))
  return support.gost { "--workers", "1", script, name = "plugin" }
end

local function start(plugin, list, key, more)
  local entry = ('{ name: p, plugin: { type: http, addr: "http://127.0.0.1:%d/x", token: T0, timeout: 2s } }'):format(
    plugin.ports[1])
  return support.gost_config(([[
services:
- name: web
  addr: 127.0.0.1:0
  %s
%s: [%s]
]]):format(key, list, entry .. (more or "")), { ext = "yml", args = { "--workers", "1" } })
end

local function get(port, user, url)
  return support.curl { "-x", ("http://%s127.0.0.1:%d"):format(user and user .. "@" or "", port),
    url or origin:url "/hello" }.http_code
end

---What the plugin was asked, as its log has it.
local function asked(plugin)
  local list = {}
  for line in plugin:output():gsub('\\"', '"'):gmatch "asked ([^\n]- on=%d+)" do list[#list + 1] = line end
  return list
end

it("An auther's plugin decides and gives the id; connections to it are kept", function()
  local plugin = start_plugin [[return 200, { ok = fields.password == "right", id = "id-" .. fields.username }]]
  local gost = start(plugin, "authers", "handler: { type: http, auther: p }")
  assert.equal(200, get(gost.ports[1], "ann:right"))
  assert.equal(407, get(gost.ports[1], "ann:wrong"))
  gost:wait_log '"clientID":"id%-ann"'
  local list = asked(plugin)
  assert.matches("^POST /x {", list[1])
  for _, part in ipairs { '"username":"ann"', '"password":"right"', '"service":"web"', '"client":"127.0.0.1:%d+"',
    "token=Bearer T0 on=1" } do
    assert.matches(part, list[1])
  end
  assert.matches("on=1$", list[#list])
end)

it("A plugin that fails, or talks nonsense, lets nobody in", function()
  local plugin = start_plugin [[
    if fields.username == "a" then return 500, { ok = true } end
    if fields.username == "b" then return 200, "ok" end
    return 200, { ok = "yes" }]]
  local gost = start(plugin, "authers", "handler: { type: http, auther: p }")
  for _, user in ipairs { "a:x", "b:x", "c:x" } do assert.not_equal(200, get(gost.ports[1], user)) end
  assert.matches("plugin http://127.0.0.1:%d+/x: status 500", gost:output())
  assert.matches("the answer is no JSON object", gost:output())
  plugin:terminate()
  assert.not_equal(200, get(gost.ports[1], "d:x"))
  assert.not_matches("T0", gost:output())
end)

it("An admission's and a bypass's plugin say yes and no", function()
  local plugin = start_plugin [[
    if fields.host then return 200, { ok = fields.addr:find "^no" ~= nil } end
    return 200, { ok = fields.addr:find "^127.0.0.1:" ~= nil and fields.service == "web" }]]
  local gost = start(plugin, "admissions", "admission: p\n  bypass: p\n  handler: { type: http }",
    ('\nbypasses: [{ name: p, plugin: { type: http, addr: "http://127.0.0.1:%d/x" } }'):format(plugin.ports[1]):gsub(
      "^", "]") )
  assert.equal(200, get(gost.ports[1]))
  assert.equal(403, get(gost.ports[1], nil, "http://no.test/"))
  plugin:terminate()
  assert.equal(0, get(gost.ports[1]))
end)

it("Hosts' and resolvers' plugins give addresses", function()
  local plugin = start_plugin [[
    local known = { ["a.test"] = { "127.0.0.1" } }
    return 200, { ips = known[fields.host] or gost.json.array {}, ok = known[fields.host] ~= nil }]]
  for list, key in pairs { hosts = "hosts", resolvers = "resolver" } do
    local gost = start(plugin, list, key .. ": p\n  handler: { type: http }")
    assert.equal(200, get(gost.ports[1], nil, ("http://a.test:%d/hello"):format(origin.ports.http)))
    assert.not_equal(200, get(gost.ports[1], nil, "http://b.test/"))
    gost:terminate()
  end
  assert.matches('"host":"a.test"', asked(plugin)[1])
  assert.matches('"network":"ip', asked(plugin)[1])
end)

it("An ingress's plugin is asked by GET", function()
  local plugin = start_plugin [[
    if path == "/x?host=a.test&service=" then return 200, { endpoint = "4d21094e-b74c-4916-86c1-d9fa36ea677b" } end
    return 200, { endpoint = "" }]]
  local script = files.with("s.lua", ([[
    local make = require("gost.policies").ingress(require("gost.build").new {},
      { plugin = { type = "http", addr = "http://127.0.0.1:%d/x" } })
    print(make:find "a.test", make:find "b.test")
  ]]):format(plugin.ports[1]))
  local r = support.gost_run { "--workers", "1", script }
  assert.equal("4d21094e-b74c-4916-86c1-d9fa36ea677b", r.stdout:match "%S+", r.stderr)
end)

it("A limiter's plugin gives the rates of a service, a connection and a client", function()
  local plugin = start_plugin [[
    if fields.scope == "service" then return 200, {} end
    if fields.scope == "conn" then return 200, { ["in"] = 0, out = fields.src ~= "" and 20000 or 0 } end
    return 500, {}]]
  local gost = start(plugin, "limiters", "limiter: p\n  handler: { type: http }")
  local function seconds(n)
    local before = support.now()
    assert.equal(200, get(gost.ports[1], nil, origin:url("/bytes/" .. n)))
    return support.now() - before
  end
  assert.is_true(seconds(30000) > 0.4)
  local list = asked(plugin)
  assert.matches('"scope":"service"', list[1])
  assert.matches('"scope":"conn".-"src":"127.0.0.1:%d+"', list[2])
  plugin:terminate()
  assert.is_true(seconds(30000) < 0.4) -- as in GOST: nobody says how much
  gost:wait_log "limiter: plugin http"
end)

it("A script's function limits clients by what they are", function()
  local gost = support.gost_config([[
    local gost = require "gost"
    gost.service {
      addr = "127.0.0.1:0", handler = "http",
      auth = function(_, user) return user end,
      limiter = function(conn, scope)
        if scope == "client" and conn.client_id == "slow" then return 0, 20000 end
      end,
    }
    gost.run()
  ]])
  local function seconds(user)
    local before = support.now()
    assert.equal(200, get(gost.ports[1], user .. ":x", origin:url "/bytes/30000"))
    return support.now() - before
  end
  assert.is_true(seconds "fast" < 0.4)
  assert.is_true(seconds "slow" > 0.4)
end)

it("A plugin for service discovery is told by POST, PUT and DELETE, and asked by GET", function()
  local plugin = start_plugin [[
    if method == "GET" and path == "/x?name=t1" then return 200, { services = { { id = "i", node = "n" } } } end
    if method == "GET" then return 500, "" end
    return 200, ""]]
  local script = files.with("s.lua", ([[
    local sd = require("gost.plugin").of("sd", { plugin = { type = "http", addr = "http://127.0.0.1:%d/x" } })
    local record = { id = "i", name = "t1", node = "n", network = "tcp", address = "a:1", ttl = 5 }
    print(sd("register", record), sd("renew", record), sd("deregister", record))
    print(sd("get", "t1")[1].node)
    print(sd("get", "t2"))
  ]]):format(plugin.ports[1]))
  local r = support.gost_run { "--workers", "1", script }
  assert.matches("^true\ttrue\ttrue.*\nn\nnil\tplugin http://[%d.:]+/x: status 500\n$", (r.stdout:gsub("\tnil", "", 1)))
  local list = asked(plugin)
  for i, method in ipairs { "POST", "PUT", "DELETE" } do
    assert.matches("^" .. method .. ' /x .*"address":"a:1"', list[i])
  end
  assert.not_matches("ttl", list[1])
end)

it("gRPC is refused, and so is what is no URL", function()
  local function check(plugin)
    return support.gost_run({ "-t", "-C", files.with("gost.yml", ([[
services: [{ name: w, addr: ":0", handler: { type: http, auther: p } }]
authers: [{ name: p, plugin: %s }]
]]):format(plugin)) }).stderr
  end
  assert.matches("authers%[0%].plugin.type: not implemented yet: gRPC; http is", check '{ addr: "127.0.0.1:8000" }')
  assert.matches("a plugin of type http needs a URL", check '{ type: http, addr: "127.0.0.1:8000" }')
  assert.equal("", check '{ type: http, addr: "http://127.0.0.1:8000/auth" }')
end)
