---Options in the `metadata` of services, hops, nodes, chains and recorder references. (Those of
---handlers, listeners, connectors and dialers come from the components themselves.)
local STATS = {
  { key = "observer.period", aliases = { "observePeriod", "observer.observePeriod" }, type = "duration",
    default = "5s", help = "how often the observer is told the counters" },
  { key = "observer.resetTraffic", type = "bool", default = "false",
    help = "report what was added since the last report" },
  { key = "limiter.refreshInterval", type = "duration", default = "30s",
    help = "how long an answer of a limiter plugin is kept; others are asked for nothing" },
  { key = "limiter.cleanupInterval", type = "duration", default = "60s",
    help = "accepted for GOST's configurations: nothing unused piles up" },
}

local SOCKET = {
  { key = "interface", type = "string",
    help = "interface or address that outgoing connections use; several: tried in order" },
  { key = "so_mark", aliases = { "soMark" }, type = "int", default = "0",
    help = "SO_MARK of outgoing sockets" },
  { key = "proxyProtocol", type = "int", default = "0", min = 0, max = 2, help = "version of the PROXY header" },
  { key = "netns", type = "string", help = "network namespace" },
}

local NODE = {
  { key = "weight", type = "int", default = "1", help = "weight for the strategy random" },
  { key = "backup", type = "bool", default = "false", help = "only when nothing else is left" },
  { key = "maxFails", aliases = { "max_fails" }, type = "int", help = "instead of the selector's" },
  { key = "failTimeout", aliases = { "fail_timeout" }, type = "duration", help = "instead of the selector's" },
}

---One list of copies, so that one kind may lack what another has.
local function join(...)
  local all = {}
  for _, list in ipairs { ... } do
    for _, option in ipairs(list) do
      local copy = {}
      for key, value in pairs(option) do copy[key] = value end
      all[#all + 1] = copy
    end
  end
  return all
end

return {
  service = join(SOCKET, STATS, {
    { key = "netns.out", type = "string", help = "network namespace of outgoing connections" },
    { key = "dialTimeout", type = "duration", default = "15s", help = "limit for one attempt to reach a target" },
    { key = "ignoreChain", type = "bool", default = "false", help = "go directly, whatever the chain" },
    { key = "preUp", type = "list", help = "commands run when the address is bound" },
    { key = "postUp", type = "list", help = "commands run when serving begins" },
    { key = "preDown", type = "list", help = "commands run before closing" },
    { key = "postDown", type = "list", help = "commands run after closing" },
    { key = "enableStats", type = "bool", default = "false", help = "connections and bytes are counted in any case" },
    { key = "limiter.scope", type = "enum", choices = { "", "service", "conn", "client" },
      help = "what the limiter of the service applies to; empty: everything" },
    { key = "labels", type = "map", help = "labels for log lines and records" },
  }),
  hop = join(SOCKET),
  node = join(SOCKET, NODE),
  chain = join(NODE),
  recorder = {
    { key = "direction", type = "bool", default = "false", help = "mark the direction of each dump" },
    { key = "timeStampFormat", type = "string", help = "form of the time before each dump" },
    { key = "hexdump", type = "bool", default = "false", help = "dump bytes in hexadecimal" },
    { key = "http.body", type = "bool", default = "false", help = "record bodies" },
    { key = "http.maxBodySize", type = "int", default = "65536", help = "how much of a body, in bytes" },
  },
  ---Read for every kind of handler.
  anyHandler = {
    { key = "skipauth", type = "list", help = "clients (addresses, networks) that need not authenticate" },
  },
}
