---Parts that many objects share: TLS, credentials, selectors, sources, plugins.
return function(define)
  define("auth", "A user and a password", {
    { "username", "string", "user name; empty means no authentication at all" },
    { "password", "secret", "password, ${VARIABLE} or file:/path" },
    { "file", "path", "file whose first line is \"user password\"; wins over the two above (clients)" },
  })

  define("tls", "TLS of a listener, dialer, handler or connector", {
    { "certFile", "path", "certificate chain (PEM)" },
    { "keyFile", "path", "key of the certificate (PEM)" },
    { "caFile", "path", "server: authorities that client certificates must come from; client: roots" },
    { "secure", "bool", "client: verify the certificate and the name of the server", default = false },
    { "serverName", "string", "client: name to ask for and to verify" },
    { "options", "tlsOptions", "versions, cipher suites and application protocols" },
    { "rejectUnknownSNI", "bool", "server: refuse clients that name no known server", default = false },
    { "serverNames", "list string", "server: the names that rejectUnknownSNI lets in" },
    { "validity", "duration", "life of the generated certificate", default = "8760h" },
    { "commonName", "string", "subject of the generated certificate" },
    { "organization", "string", "organization of the generated certificate" },
  })

  define("tlsOptions", "Fine points of TLS", {
    { "minVersion", "string", "lowest version", choices = "tlsVersions" },
    { "maxVersion", "string", "highest version", choices = "tlsVersions" },
    { "cipherSuites", "list string", "suites for TLS 1.2 and below, by their IANA names" },
    { "alpn", "list string", "application protocols, in order of preference" },
  })

  define("selector", "How one of several is chosen, and when one counts as failed", {
    { "strategy", "string", "how to choose", default = "round", choices = "strategies", always = true },
    { "maxFails", "int", "failures in a row after which one is left out", default = 1, always = true },
    { "failTimeout", "duration", "for how long it is left out", default = "10s", always = true },
    { "maxLatency", "duration", "leave out what a probe found slower; 0s: no limit", default = "0s" },
  })

  define("sourceFile", "Content from a file", {
    { "path", "path", "the file" },
  })

  define("sourceRedis", "Content from Redis", {
    { "addr", "string", "host:port of the server" },
    { "db", "int", "number of the database", default = 0 },
    { "username", "string", "user name" },
    { "password", "secret", "password" },
    { "key", "string", "the key that holds the content", default = "gost" },
    { "type", "string", "kind of value: set, list, hash …" },
  })

  define("sourceHTTP", "Content from a web server", {
    { "url", "url", "address of the content" },
    { "timeout", "duration", "time limit; 0s: none", default = "0s" },
  })

  define("plugin", "A program that decides instead", {
    { "type", "string", "http or grpc", default = "grpc", choices = "pluginTypes", always = true },
    { "addr", "url", "URL (http) or host:port (grpc)", always = true },
    { "tls", "tls", "TLS towards a gRPC plugin" },
    { "timeout", "duration", "limit for one call; 0s: none", default = "0s" },
    { "token", "secret", "bearer token" },
  })

  define("probe", "Active health check", {
    { "type", "string", "tcp, http or cmd", default = "tcp", choices = "probeTypes", always = true },
    { "addr", "string", "what to reach; empty switches the probe off (but not cmd)", always = true },
    { "interval", "duration", "time between two checks", default = "30s", always = true },
    { "timeout", "duration", "limit for one check", default = "10s", always = true },
    { "httpPath", "string", "path to GET", default = "/" },
    { "httpHost", "string", "Host header; default: addr" },
    { "httpHeaders", "map", "further request headers" },
    { "expectedStatus", "int", "status that means healthy", default = 200 },
    { "command", "string", "cmd: run by sh -c, status 0 means healthy" },
  })

  define("matcher", "Rule that says which requests an entry is for", {
    { "rule", "rule", "expression such as Host(`x.test`) && PathPrefix(`/a`)" },
    { "priority", "int", "higher wins; 0: length of the rule", default = 0 },
    { "bodySize", "int", "bytes of a body that the Body functions see", default = 1048576 },
  })

  define("filter", "Older form of a matcher", {
    { "host", "string", "host name, .x and *.x for what is below x" },
    { "protocol", "string", "protocol that was recognised" },
    { "path", "string", "prefix of the path" },
  })

  define("sockopts", "Options of sockets", {
    { "mark", "int", "SO_MARK; better use so_mark in the metadata", default = 0 },
  })

  define("rotation", "When a log file is started anew", {
    { "maxSize", "int", "megabytes", default = 100 },
    { "maxAge", "int", "days to keep old files; 0: for ever", default = 0 },
    { "maxBackups", "int", "how many old files to keep; 0: all", default = 0 },
    { "localTime", "bool", "names of old files in local time", default = false },
    { "compress", "bool", "compress old files", default = false },
  })
end
