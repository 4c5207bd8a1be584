---Words that a field may hold, each list with the word to use first.
---A table instead of a list maps further spellings to it.
return {
  strategies = {
    "round", "rr", "random", "rand", "fifo", "ha", "hash", "parallel", "lowestlatency", "lowest", "ll",
  },
  levels = { "trace", "debug", "info", "warn", "error", "fatal" },
  logFormats = { "json", "text" },
  pluginTypes = { "grpc", "http" },
  probeTypes = { "tcp", "http", "cmd" },
  bypassNetworks = { "tcp", "udp" },
  families = { "ipv4", "ipv6", "ip4", "ip6" },
  directions = { "total", "in", "out" },
  quotaStores = { "file", "redis" },
  evictions = { "oldest", "lru" },
  tlsVersions = { "VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13" },
  records = {
    "recorder.service.handler", "recorder.service.handler.serial", "recorder.service.handler.tunnel",
    "recorder.service.client.address",
    "recorder.service.router.dial.address", "recorder.service.router.dial.address.error",
  },
}
