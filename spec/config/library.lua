-- luacheck: no max line length
---Gives the specs of the configuration what they need: the two C modules, and components with known options.
local library = {}

local function compile()
  local directory = os.tmpname()
  os.remove(directory)
  assert(os.execute(("mkdir -p %s/gost"):format(directory)))
  for name, libs in pairs { yaml = "-lyaml", json = "-lm" } do
    local command = ("cc -shared -fPIC -O1 -I. -D_GNU_SOURCE $(pkg-config --cflags lua5.4) bindings/%s*.c -o %s/gost/%s.so %s")
    assert(os.execute(command:format(name, directory, name, libs)))
  end
  package.cpath = directory .. "/?.so;" .. package.cpath
end

---Make gost.yaml and gost.json loadable: from the build when there is one, else compiled on the spot.
function library.load()
  if pcall(require, "gost.yaml") then return end
  pcall(require, "gost.core")
  if pcall(require, "gost.yaml") then return end
  compile()
  require "gost.yaml"
end

local function option(key, kind, default, more)
  local o = { key = key, type = kind, default = default, help = "what " .. key .. " does" }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

---Components as the core would describe them, but the same for ever.
library.components = {
  handler = {
    auto = { options = {}, delegates = { "http", "socks5" } },
    http = {
      help = "HTTP proxy",
      options = {
        option("readTimeout", "duration", "15s"),
        option("idleTimeout", "duration", "0s"),
        option("http.keepalive", "bool", "false", { aliases = { "keepalive" } }),
        option("probeResist", "string", nil, { aliases = { "probe_resist" } }),
        option("hash", "enum", "", { choices = { "host" } }),
        option("http.header", "map", nil, { aliases = { "header" } }),
        option("udp.bufferSize", "size", "4096", { aliases = { "udpBufferSize" } }),
        option("mitm.certFile", "path", nil, { aliases = { "mitm.caCertFile" } }),
        option("mitm.bypass", "string"),
        option("cache.status.*", "duration"),
      },
    },
    socks5 = {
      aliases = { "socks" },
      options = {
        option("bind", "bool", "false"),
        option("udp", "bool", "false"),
        option("readTimeout", "duration", "15s"),
        option("udp.bindRange.min", "int", "0", { min = 0, max = 65535 }),
      },
    },
    relay = { options = { option("bind", "bool", "false"), option("nodelay", "bool", "false") } },
    tcp = {
      aliases = { "udp", "forward" },
      options = { option("sniffing", "bool", "false"), option("proxyProtocol", "int", "0") },
    },
    rtcp = { aliases = { "rudp", "runix" }, options = {} },
    unix = { options = {} },
  },
  listener = {
    tcp = { options = { option("reuseport", "bool", "false"), option("mptcp", "bool", "false") } },
    udp = { options = { option("ttl", "duration", "5s"), option("backlog", "int", "128") } },
    tls = { options = {} },
    ws = { options = { option("ws.path", "string", "/ws", { aliases = { "path" } }), option("backlog", "int", "128") } },
    wss = { options = { option("ws.path", "string", "/ws", { aliases = { "path" } }) } },
    rtcp = { options = {} },
    rudp = { options = {} },
    unix = { options = {} },
    dns = { options = { option("mode", "enum", "udp", { choices = { "udp", "tcp", "tls", "https" } }) } },
  },
  connector = {
    http = { options = { option("timeout", "duration", "0s"), option("header", "map") } },
    socks5 = { aliases = { "socks" }, options = { option("notls", "bool", "false") } },
    relay = { options = { option("nodelay", "bool", "false") } },
    direct = { aliases = { "virtual" }, options = { option("action", "enum", "", { choices = { "reject" } }) } },
    forward = { aliases = { "tcp", "unix" }, options = {} },
  },
  dialer = {
    tcp = { options = {} },
    udp = { options = {} },
    tls = { options = { option("handshakeTimeout", "duration", "0s") } },
    wss = { options = { option("ws.host", "string", nil, { aliases = { "host" } }),
      option("ws.path", "string", "/ws", { aliases = { "path" } }) } },
    ws = { options = { option("ws.host", "string", nil, { aliases = { "host" } }),
      option("ws.path", "string", "/ws", { aliases = { "path" } }) } },
    direct = { aliases = { "virtual" }, options = { option("action", "enum", "", { choices = { "reject" } }) } },
    unix = { options = {} },
  },
}

---Let every field count as implemented while `fn` runs, so that specs do not depend on what is.
function library.everything_implemented()
  local schema = require "gost.schema"
  local before, words = {}, {}
  local function have(list)
    for _, field in ipairs(list) do
      before[field], field.missing = field.missing, nil
      words[field], field.missing_words = field.missing_words, field.missing_words and {}
    end
  end
  for _, object in pairs(schema.objects) do have(object.fields) end
  for _, options in pairs(require "gost.schema.metadata") do have(options) end
  return function()
    for field, missing in pairs(before) do field.missing = missing end
    for field, missing in pairs(words) do field.missing_words = missing end
  end
end

---Read YAML text as file "gost.yml", with the fixed components.
---@return table configuration
---@return gost.Problems problems
function library.read(text)
  library.load()
  local schema = require "gost.schema"
  local value, positions = require("gost.yaml").decode(text, { name = "gost.yml" })
  if value == nil and type(positions) == "string" then error(positions, 0) end
  return schema.load { name = "gost.yml", value = value, positions = positions, kind = "file" }
end

---The configuration of a command line.
---@param argv string[]
---@return table? configuration
---@return gost.Problems|string problems
function library.command(argv)
  library.load()
  local options = assert(require("gost.commandline").parse(argv))
  return require("gost.load").configuration(options, function() return nil end)
end

return library
