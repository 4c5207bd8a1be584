---Services, chains, hops and nodes.
return function(define)
  define("service", "Something that listens", {
    { "name", "name", "its name" },
    { "addr", "string", "address to listen at, host:port; without port: any free one" },
    { "interface", "string", "better use interface in the metadata", deprecated = true },
    { "sockopts", "sockopts", "better use so_mark in the metadata", deprecated = true },
    { "admission", "ref admissions", "who may connect" },
    { "admissions", "list ref admissions", "all of these must admit" },
    { "bypass", "ref bypasses", "destinations that are refused" },
    { "bypasses", "list ref bypasses", "further ones" },
    { "resolver", "ref resolvers", "how names become addresses" },
    { "hosts", "ref hosts", "names known beforehand" },
    { "limiter", "ref limiters", "bytes per second" },
    { "quotas", "list ref quotas", "volumes" },
    { "climiter", "ref climiters", "connections at a time" },
    { "rlimiter", "ref rlimiters", "connections per second" },
    { "logger", "ref loggers", "where its log lines go" },
    { "loggers", "list ref loggers", "further ones" },
    { "observer", "ref observers", "who is told of its events" },
    { "rewriter", "ref rewriters", "rewriter of bodies" },
    { "cache", "ref caches", "cache of HTTP responses" },
    { "recorders", "list recorderRef", "what is recorded, and where to" },
    { "handler", "handler", "the protocol that is spoken", shorthand = "type" },
    { "listener", "listener", "the transport that is listened on", shorthand = "type" },
    { "forwarder", "forwarder", "targets of a forwarding handler" },
    { "metadata", "metadata service", "further options" },
    { "status", "ignored", "what the Web API reports; ignored when read" },
  }, { group = true })

  define("recorderRef", "One thing to record", {
    { "name", "ref recorders", "the recorder" },
    { "record", "string", "what to record", choices = "records" },
    { "metadata", "metadata recorder", "further options" },
  })

  define("handler", "The protocol that a service speaks", {
    { "type", "component handler", "which protocol", default = "auto", always = true },
    { "retries", "int", "further attempts to reach a target", default = 0 },
    { "chain", "ref chains", "the way out" },
    { "chainGroup", "chainGroup", "several ways out" },
    { "auther", "ref authers", "who is let in" },
    { "authers", "list ref authers", "further ones; one accepting is enough" },
    { "auth", "auth", "a single user, when no auther is named" },
    { "tls", "tls", "TLS inside the protocol (socks5)" },
    { "limiter", "ref limiters", "bytes per second of each client" },
    { "observer", "ref observers", "who is told what each client does" },
    { "metadata", "metadata handler", "options of the protocol" },
  })

  define("listener", "The transport that a service listens on", {
    { "type", "component listener", "which transport", default = "tcp", always = true },
    { "chain", "ref chains", "where a remote listener (rtcp, rudp, runix) listens" },
    { "chainGroup", "chainGroup", "several of these" },
    { "auther", "ref authers", "who is let in (ssh, sshd)" },
    { "authers", "list ref authers", "further ones; one accepting is enough" },
    { "auth", "auth", "a single user, when no auther is named (ssh, sshd)" },
    { "tls", "tls", "certificate and the like" },
    { "metadata", "metadata listener", "options of the transport" },
  })

  define("chainGroup", "Several chains, of which one is taken", {
    { "chains", "list chainEntry", "the chains" },
    { "selector", "selector", "how to choose" },
  })

  define("chainEntry", "A chain of a group", {
    { "chain", "ref chains", "the chain" },
    { "matcher", "matcher", "which requests it is for" },
    { "probe", "probe", "health check through the chain" },
  }, { shorthand = "chain" })

  define("forwarder", "Where a forwarding handler sends what it gets", {
    { "name", "ref hops", "same as hop", deprecated = true },
    { "hop", "ref hops", "a hop whose nodes are the targets" },
    { "selector", "selector", "how to choose" },
    { "nodes", "list forwardNode", "the targets", always = true },
    { "hopGroup", "hopGroup", "several hops" },
  })

  define("hopGroup", "Several hops, of which one is taken", {
    { "hops", "list hopEntry", "the hops" },
    { "selector", "selector", "how to choose" },
  })

  define("hopEntry", "A hop of a group", {
    { "hop", "ref hops", "the hop" },
    { "matcher", "matcher", "which requests it is for" },
    { "probe", "probe", "health check" },
  }, { shorthand = "hop" })

  define("forwardNode", "A target", {
    { "name", "string", "its name" },
    { "addr", "string", "host:port, socket path, device or URL; empty: the host of the request" },
    { "network", "string", "tcp, udp, unix …; default: as the service" },
    { "bypass", "ref bypasses", "destinations that it is not for" },
    { "bypasses", "list ref bypasses", "further ones" },
    { "protocol", "string", "better use matcher", deprecated = true },
    { "host", "string", "better use matcher", deprecated = true },
    { "path", "string", "better use matcher", deprecated = true },
    { "filter", "filter", "better use matcher", deprecated = true },
    { "matcher", "matcher", "which requests it is for" },
    { "auth", "auth", "better use http.auth", deprecated = true },
    { "http", "nodeHTTP", "treatment of HTTP" },
    { "tls", "nodeTLS", "TLS towards the target" },
    { "probe", "probe", "health check" },
    { "metadata", "metadata node", "further options" },
  }, { shorthand = "addr", group = true })

  define("nodeTLS", "TLS towards a target", {
    { "serverName", "string", "name to ask for" },
    { "secure", "bool", "verify the certificate", default = false },
    { "options", "tlsOptions", "versions, cipher suites and application protocols" },
  })

  define("nodeHTTP", "Treatment of HTTP requests and responses", {
    { "host", "string", "new Host header" },
    { "header", "map", "same as requestHeader", deprecated = true },
    { "requestHeader", "map", "headers to set in requests" },
    { "responseHeader", "map", "headers to set in responses" },
    { "rewrite", "list rewriteURL", "same as rewriteURL", deprecated = true },
    { "rewriteURL", "list rewriteURL", "rewriting of paths" },
    { "rewriteBody", "list rewriteBody", "rewriting of response bodies", deprecated = true },
    { "rewriteRequestBody", "list rewriteBody", "rewriting of request bodies" },
    { "rewriteResponseBody", "list rewriteBody", "rewriting of response bodies" },
    { "failCodes", "string", "statuses that mark the node as failed: 429,5xx" },
    { "auth", "auth", "basic authentication asked of clients" },
  })

  define("rewriteURL", "One rewriting of a path", {
    { "match", "regexp", "regular expression", always = true },
    { "replacement", "string", "new text, with $1 for groups", always = true },
  })

  define("rewriteBody", "One rewriting of a body", {
    { "type", "string", "content types it is for; empty: text/html, *: all", always = true },
    { "match", "regexp", "regular expression, or json:path[=expression]", always = true },
    { "replacement", "string", "new text", always = true },
    { "rewriter", "ref rewriters", "plugin that rewrites" },
    { "maxChunkSize", "int", "largest piece of a streamed body", default = 0 },
  })

  define("chain", "A way through proxies", {
    { "name", "name", "its name" },
    { "hops", "list hop", "the proxies, in order", always = true },
    { "metadata", "metadata chain", "weight, backup, maxFails, failTimeout in a group" },
  })

  define("hop", "One stage of a chain: proxies of which one is taken", {
    { "name", "name", "its name" },
    { "interface", "string", "better use interface in the metadata", deprecated = true },
    { "sockopts", "sockopts", "better use so_mark in the metadata", deprecated = true },
    { "selector", "selector", "how to choose" },
    { "bypass", "ref bypasses", "destinations that leave the chain here" },
    { "bypasses", "list ref bypasses", "further ones" },
    { "resolver", "ref resolvers", "how names of nodes become addresses" },
    { "hosts", "ref hosts", "names known beforehand" },
    { "nodes", "list node", "the proxies" },
    { "reload", "duration", "period for the sources below; 0s: once", default = "0s" },
    { "file", "sourceFile", "JSON array of further nodes", shorthand = "path" },
    { "redis", "sourceRedis", "the same in Redis" },
    { "http", "sourceHTTP", "the same from a web server", shorthand = "url" },
    { "plugin", "plugin", "a program that chooses" },
    { "lua", "string", "a Lua file, or the text of one, that returns the function that chooses a node" },
    { "metadata", "metadata hop", "further options, passed on to the nodes" },
  }, { group = true, shorthand = "name" })

  define("node", "A proxy", {
    { "name", "string", "its name" },
    { "addr", "string", "host:port, or the path of a socket" },
    { "network", "string", "network to dial" },
    { "bypass", "ref bypasses", "destinations that it is not for" },
    { "bypasses", "list ref bypasses", "further ones" },
    { "resolver", "ref resolvers", "how its name becomes an address" },
    { "hosts", "ref hosts", "names known beforehand" },
    { "connector", "connector", "the protocol that is spoken", shorthand = "type" },
    { "dialer", "dialer", "the transport that is dialled", shorthand = "type" },
    { "interface", "string", "better use interface in the metadata", deprecated = true },
    { "netns", "string", "better use netns in the metadata", deprecated = true },
    { "sockopts", "sockopts", "better use so_mark in the metadata", deprecated = true },
    { "filter", "filter", "better use matcher", deprecated = true },
    { "matcher", "matcher", "which requests it is for" },
    { "http", "nodeHTTP", "treatment of HTTP" },
    { "tls", "nodeTLS", "TLS towards the target" },
    { "probe", "probe", "health check" },
    { "metadata", "metadata node", "further options" },
  }, { group = true })

  define("connector", "The protocol that a node speaks", {
    { "type", "component connector", "which protocol", default = "http", always = true },
    { "auth", "auth", "credentials" },
    { "tls", "tls", "TLS inside the protocol (socks5)" },
    { "metadata", "metadata connector", "options of the protocol" },
  })

  define("dialer", "The transport to a node", {
    { "type", "component dialer", "which transport", default = "tcp", always = true },
    { "auth", "auth", "credentials (ssh, sshd)" },
    { "tls", "tls", "TLS towards the node" },
    { "metadata", "metadata dialer", "options of the transport" },
  })
end
