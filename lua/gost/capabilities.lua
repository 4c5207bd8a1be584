---What a configuration may say but this build cannot do yet. Whoever implements something removes
---its line; a value for anything listed here is refused ("not implemented yet"), never ignored.
---
---A line names a list of the configuration ("sds"), a field of an object ("service.cache"), a word of a field
---("selector.strategy=parallel"), or an option in the metadata of services, hops, nodes and chains
---("metadata.service.labels").
return {
  -- objects
  "routers", "observers", "rewriters", "recorders", "caches", "quotas",
  "profiling", "api", "metrics",

  -- services
  "service.quotas", "service.observer", "service.rewriter",
  "service.cache", "service.recorders",
  "handler.limiter", "handler.observer", "handler.tls",
  "listener.auther", "listener.authers", "listener.auth",
  "metadata.service.labels",
  "metadata.service.observer.period", "metadata.service.observer.resetTraffic",

  -- forwarding
  "nodeHTTP.rewriteBody", "nodeHTTP.rewriteRequestBody", "nodeHTTP.rewriteResponseBody",
  "matcher.bodySize",

  -- chains
  "hop.plugin",
  "connector.tls", "dialer.auth",

  -- policies
  "climiter.plugin", "rlimiter.plugin",
  "nameserver.chain", "nameserver.clientIP", "nameserver.hostname",

  -- the program
  "log.rotation",
}
