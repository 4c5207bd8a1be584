---The program's own sections, what it tells the world, and the list of everything.
return function(define)
  define("sd", "Which host holds which tunnel", {
    { "name", "name", "its name" },
    { "redis", "sourceRedis", "Redis, which the hosts share; a hash for each tunnel, key:UUID" },
    { "plugin", "plugin", "the program that knows" },
    { "lua", "string", "a Lua file, or the text of one, that returns function(word, what): \"register\", \"renew\" "
      .. "and \"deregister\" with a record, \"get\" with a tunnel's UUID" },
  })

  define("observer", "Who is told of events", {
    { "name", "name", "its name" },
    { "plugin", "plugin", "the program that is told" },
    { "lua", "string", "a Lua file, or the text of one, that returns the function to call" },
  })

  define("rewriter", "Who rewrites bodies", {
    { "name", "name", "its name" },
    { "plugin", "plugin", "the program that rewrites" },
    { "lua", "string", "a Lua file, or the text of one, that returns the function to call" },
  })

  define("recorder", "Where records go", {
    { "name", "name", "its name" },
    { "file", "recorderFile", "a file" },
    { "tcp", "recorderTCP", "a TCP server" },
    { "http", "recorderHTTP", "a web server" },
    { "redis", "sourceRedis", "Redis" },
    { "plugin", "plugin", "a program" },
    { "lua", "string", "a Lua file, or the text of one, that returns the function to call" },
  })

  define("recorderFile", "Records in a file", {
    { "path", "string", "the file; its directories are made" },
    { "sep", "string", "text after each record" },
    { "rotation", "rotation", "when the file is started anew" },
  }, { shorthand = "path" })

  define("recorderTCP", "Records to a TCP server", {
    { "addr", "string", "host:port" },
    { "timeout", "duration", "time limit; 0s: none", default = "0s" },
  })

  define("recorderHTTP", "Records to a web server", {
    { "url", "string", "where to POST them" },
    { "timeout", "duration", "time limit; 0s: none", default = "0s" },
    { "header", "map", "further headers" },
  })

  define("cache", "Cache of HTTP responses", {
    { "name", "name", "its name" },
    { "memory", "cacheMemory", "in memory" },
    { "redis", "cacheRedis", "in Redis" },
  })

  define("cacheMemory", "Cache in memory", {
    { "ttl", "duration", "life of an entry; 0s: no limit", default = "0s" },
    { "maxSize", "int", "entries; 0: no limit", default = 0 },
    { "maxBytes", "int", "bytes; 0: no limit", default = 0 },
    { "cleanupInterval", "duration", "how often expired entries are removed", default = "0s" },
    { "eviction", "string", "which entry goes first", choices = "evictions", default = "oldest" },
  })

  define("cacheRedis", "Cache in Redis", {
    { "addr", "string", "host:port of the server" },
    { "db", "int", "number of the database", default = 0 },
    { "username", "string", "user name" },
    { "password", "secret", "password" },
    { "ttl", "duration", "life of an entry", default = "0s" },
    { "key", "string", "prefix of the keys", default = "gost:cache:" },
  })

  define("logger", "A further log", {
    { "name", "name", "its name" },
    { "log", "log", "where it goes and what it looks like" },
  })

  define("log", "Where log lines go and what they look like", {
    { "output", "string", "stderr, stdout, none, or a file", default = "stderr" },
    { "level", "string", "least important line that is written", default = "info", choices = "levels" },
    { "format", "string", "json or text", default = "json", choices = "logFormats" },
    { "rotation", "rotation", "when a log file is started anew" },
  })

  define("profiling", "Profiling server", {
    { "addr", "string", "address to listen at", default = ":6060", always = true },
  })

  define("api", "Web API", {
    { "addr", "string", "host:port or unix:///path", always = true },
    { "pathPrefix", "string", "prefix of all paths" },
    { "accesslog", "bool", "a log line for each request", default = false },
    { "auth", "auth", "a single user" },
    { "auther", "ref authers", "who is let in" },
  })

  define("metrics", "Server of metrics", {
    { "addr", "string", "host:port or unix:///path", always = true },
    { "path", "string", "where they are", default = "/metrics" },
    { "auth", "auth", "a single user" },
    { "auther", "ref authers", "who is let in" },
  })

  define("configuration", "Everything", {
    { "services", "list service", "what listens", always = true },
    { "chains", "list chain", "ways through proxies" },
    { "hops", "list hop", "stages of chains" },
    { "authers", "list auther", "who is who" },
    { "admissions", "list admission", "who may connect" },
    { "bypasses", "list bypass", "destinations to be left out" },
    { "resolvers", "list resolver", "how names become addresses" },
    { "hosts", "list hostMapper", "names known beforehand" },
    { "ingresses", "list ingress", "which tunnel a host name leads to" },
    { "routers", "list router", "routes of virtual networks" },
    { "sds", "list sd", "which host holds which tunnel" },
    { "observers", "list observer", "who is told of events" },
    { "rewriters", "list rewriter", "who rewrites bodies" },
    { "recorders", "list recorder", "where records go" },
    { "caches", "list cache", "caches of HTTP responses" },
    { "limiters", "list limiter", "bytes per second" },
    { "climiters", "list climiter", "connections at a time" },
    { "rlimiters", "list rlimiter", "connections per second" },
    { "quotas", "list quota", "volumes that may be moved" },
    { "loggers", "list logger", "further logs" },
    { "tls", "tls", "the certificate of listeners that have none", section = true },
    { "log", "log", "the log", section = true },
    { "profiling", "profiling", "profiling server", section = true },
    { "api", "api", "Web API", section = true },
    { "metrics", "metrics", "server of metrics", section = true },
  })
end
