---Objects that decide: who may come in, where to, how fast; and what names mean.
local function sources(fields, plugin)
  fields[#fields + 1] = { "reload", "duration", "period for the sources below; 0s: once", default = "0s" }
  fields[#fields + 1] = { "file", "sourceFile", "further lines in a file", shorthand = "path" }
  fields[#fields + 1] = { "redis", "sourceRedis", "further lines in Redis" }
  fields[#fields + 1] = { "http", "sourceHTTP", "further lines from a web server", shorthand = "url" }
  if plugin ~= false then
    fields[#fields + 1] = { "plugin", "plugin", "a program that decides instead" }
    if plugin == "lua" then
      fields[#fields + 1] = { "lua", "string", "a Lua file, or the text of one, that returns the function to ask" }
    end
  end
  return fields
end

return function(define)
  define("auther", "Who is who", sources({
    { "name", "name", "its name" },
    { "auths", "list auth", "users and passwords" },
  }, "lua"), { shorthand = "auths" })

  define("admission", "Who may connect", sources({
    { "name", "name", "its name" },
    { "reverse", "bool", "same as whitelist", deprecated = true, default = false },
    { "whitelist", "bool", "true: only those that match are admitted", default = false },
    { "matchers", "list string", "addresses, networks (CIDR) and names" },
  }, "lua"), { shorthand = "matchers" })

  define("bypass", "Destinations to be left out", sources({
    { "name", "name", "its name" },
    { "reverse", "bool", "same as whitelist", deprecated = true, default = false },
    { "whitelist", "bool", "true: all but those that match are left out", default = false },
    { "network", "string", "only for this network", choices = "bypassNetworks" },
    { "matchers", "list string", "addresses, networks, ranges, names, wildcards; with port or without" },
  }, "lua"), { shorthand = "matchers" })

  define("resolver", "How names become addresses", {
    { "name", "name", "its name" },
    { "nameservers", "list nameserver", "asked in order until one answers" },
    { "plugin", "plugin", "a program that resolves" },
    { "lua", "string", "a Lua file, or the text of one, that returns the function to ask" },
  }, { shorthand = "nameservers" })

  define("nameserver", "A DNS server", {
    { "addr", "string", "[udp|tcp|tls|https://]host[:port]" },
    { "chain", "ref chains", "the way to it" },
    { "prefer", "string", "family that is asked for first", choices = "families", default = "ipv4" },
    { "clientIP", "string", "address for the client subnet option" },
    { "hostname", "string", "name that its certificate must have" },
    { "ttl", "duration", "life of an answer; 0s: as it says, negative: not kept", default = "0s" },
    { "timeout", "duration", "limit for one question", default = "5s" },
    { "async", "bool", "answer from expired entries while a new answer is fetched", default = false },
    { "only", "string", "never ask for the other family", choices = "families" },
  }, { shorthand = "addr" })

  define("hostMapper", "Names known beforehand", sources({
    { "name", "name", "its name" },
    { "mappings", "list mapping", "the names" },
  }, "lua"), { shorthand = "mappings" })

  define("mapping", "An address and its names", {
    { "ip", "string", "the address" },
    { "hostname", "string", "x, .x (x and all below) or . (everything)" },
    { "aliases", "list string", "further names" },
  })

  define("ingress", "Which tunnel a host name leads to", sources({
    { "name", "name", "its name" },
    { "rules", "list ingressRule", "the rules" },
  }, "lua"), { shorthand = "rules" })

  define("ingressRule", "A host name and its tunnel", {
    { "hostname", "string", "x, .x or *.x" },
    { "endpoint", "string", "id of the tunnel" },
  })

  define("router", "Routes of virtual networks", sources({
    { "name", "name", "its name" },
    { "routes", "list route", "the routes" },
  }, "lua"), { shorthand = "routes" })

  define("route", "A route", {
    { "net", "string", "same as dst", deprecated = true },
    { "dst", "string", "network (CIDR) or name" },
    { "gateway", "string", "where it leads" },
  })

  define("limiter", "Bytes per second", sources({
    { "name", "name", "its name" },
    { "limits", "list trafficLimit", "lines \"key in [out [burst]]\"; key: $, $$, address or network" },
  }, "lua"), { shorthand = "limits" })

  define("climiter", "Connections at a time", sources({
    { "name", "name", "its name" },
    { "limits", "list connLimit", "lines \"key count\"; key: $, $$, address or network" },
  }, "lua"), { shorthand = "limits" })

  define("rlimiter", "Connections per second", sources({
    { "name", "name", "its name" },
    { "limits", "list rateLimit", "lines \"key rate\"; key: $, $$, address or network" },
  }, "lua"), { shorthand = "limits" })

  define("quota", "A volume that may be moved", {
    { "name", "name", "its name" },
    { "limit", "size", "how much; empty: count only" },
    { "startsAt", "time", "from when on (RFC 3339)" },
    { "expiresAt", "time", "until when (RFC 3339)" },
    { "direction", "string", "what counts", choices = "directions", default = "total" },
    { "flush", "duration", "how often the counter is stored", default = "10s" },
    { "store", "quotaStore", "where the counter is stored" },
    { "status", "ignored", "what the Web API reports; ignored when read" },
  })

  define("quotaStore", "Where counters are stored", {
    { "type", "string", "file or redis", default = "file", choices = "quotaStores" },
    { "file", "string", "the file", default = "gost-quota.json" },
    { "redis", "sourceRedis", "the Redis server" },
  })
end
