-- luacheck: no max line length
---Wrong files and wrong command lines, each with exactly what `-t` says about it.
local library = require "spec.config.library"

---Files: text, then the lines that `-t` reports, "gost.yml:" left out.
local FILES = {
  -- nothing wrong
  { "services: [{name: a, handler: {auther: '', authers: [], auth: {username: u, password: p}}}]" },
  { "[]" },
  { "services: [{name: a, handler: {auth: {username: u, file: x}}}]",
    ":1:52: services[0].handler.auth.file: is for nodes; clients are let in by an auther with a file" },
  -- the shape of the text
  { "- a", ":1:1: a configuration is a mapping, not a list" },
  { "services: http", ":1:1: services: expected a mapping, not \"http\"" },
  { "services: [[a]]", ":1:12: services[0]: expected a mapping, not a list" },
  { "services: [{name: a, handler: {type: http, tls: x}}]", ":1:44: services[0].handler.tls: expected a mapping, not \"x\"" },
  { "log: debug", ":1:1: log: expected a mapping, not \"debug\"" },
  { "log: [a]", ":1:1: log: expected a mapping, not a list" },

  -- unknown keys
  { "service: []", ':1:1: service: unknown key, did you mean "services"?' },
  { "chian: []", ':1:1: chian: unknown key, did you mean "chains"?' },
  { "zzzzzz: 1", ":1:1: zzzzzz: unknown key" },
  { "services: [{name: a, adr: ':1'}]", ':1:22: services[0].adr: unknown key, did you mean "addr"?' },
  { "services: [{name: a, hanlder: {type: http}}]", ':1:22: services[0].hanlder: unknown key, did you mean "handler"?' },
  { "services: [{name: a, handler: {typ: http}}]", ':1:32: services[0].handler.typ: unknown key, did you mean "type"?' },
  { "services: [{name: a, handler: {type: http, metadata: {readTimout: 5s}}}]",
    ':1:55: services[0].handler.metadata.readTimout: unknown key, did you mean "readTimeout"?' },
  { "services: [{name: a, handler: {type: http, metadata: {sniffing.websocket: true}}}]",
    ":1:55: services[0].handler.metadata.sniffing.websocket: not implemented yet" },
  { "services: [{name: a, listener: {type: ws, metadata: {pth: /x}}}]",
    ':1:54: services[0].listener.metadata.pth: unknown key, did you mean "path"?' },
  { "services: [{name: a, handler: {type: http, metadata: {backlog: 5}}}]",
    ":1:55: services[0].handler.metadata.backlog: unknown key" },
  { "services: [{name: a, handler: {type: http, metadata: {compression: true, udp: false}}}]",
    ":1:55: services[0].handler.metadata.compression: not implemented yet" },
  { "services: [{name: a, metadata: {dialTimeuot: 5s}}]",
    ':1:33: services[0].metadata.dialTimeuot: unknown key, did you mean "dialTimeout"?' },
  { "chains: [{name: c, selector: {}, hops: [{nodes: [{addr: 'h:1'}]}]}]", ":1:20: chains[0].selector: unknown key" },
  { "hops: [{name: h, nodes: [{addr: 'h:1', connector: {type: http, metadata: {timout: 1s}}}]}]",
    ':1:75: hops[0].nodes[0].connector.metadata.timout: unknown key, did you mean "timeout"?' },
  { "hops: [{name: h, nodes: [{addr: 'h:1', metadata: {wieght: 1}}]}]",
    ':1:51: hops[0].nodes[0].metadata.wieght: unknown key, did you mean "weight"?' },
  { "hops: [{name: h, metadata: {interfce: e}, nodes: [{addr: 'h:1'}]}]",
    ':1:29: hops[0].metadata.interfce: unknown key, did you mean "interface"?' },
  { "profiling: {enabled: true, addr: ':1'}", ":1:13: profiling.enabled: unknown key" },
  { "log: {levle: debug}", ':1:7: log.levle: unknown key, did you mean "level"?' },

  -- kinds of components
  { "services: [{name: a, handler: {type: htpp}}]", ':1:32: services[0].handler.type: unknown handler "htpp", did you mean "http"?' },
  { "services: [{name: a, handler: {type: HTTP}}]", ':1:32: services[0].handler.type: unknown handler "HTTP", did you mean "http"?' },
  { "services: [{name: a, listener: {type: tls2}}]", ':1:33: services[0].listener.type: unknown listener "tls2", did you mean "tls"?' },
  { "services: [{name: a, listener: wsss}]", ':1:22: services[0].listener.type: unknown listener "wsss", did you mean "wss"?' },
  { "hops: [{name: h, nodes: [{addr: 'h:1', connector: {type: sock5}}]}]",
    ':1:52: hops[0].nodes[0].connector.type: unknown connector "sock5", did you mean "socks"?' },
  { "hops: [{name: h, nodes: [{addr: 'h:1', dialer: {type: quick}}]}]",
    ':1:49: hops[0].nodes[0].dialer.type: unknown dialer "quick", did you mean "quic"?' },
  { "services: [{name: a, handler: {type: tun}}]", ':1:32: services[0].handler.type: not implemented yet: handler "tun"' },
  { "services: [{name: a, listener: {type: kcp}}]", ':1:33: services[0].listener.type: not implemented yet: listener "kcp"' },
  { "hops: [{name: h, nodes: [{addr: 'h:1', connector: masque}]}]",
    ':1:40: hops[0].nodes[0].connector.type: not implemented yet: connector "masque"' },
  { "hops: [{name: h, nodes: [{addr: 'h:1', dialer: utls}]}]",
    ':1:40: hops[0].nodes[0].dialer.type: not implemented yet: dialer "utls"' },
  { "sds: [{name: x, plugin: {addr: 'h:1'}}]", ":1:25: sds[0].plugin.type: not implemented yet: gRPC; http is" },
  { "sds: [{name: x}]", ":1:7: sds[0]: says nothing: expected redis or lua" },
  { "services: [{name: a, cache: c}]", ":1:22: services[0].cache: not implemented yet",
    ':1:22: services[0].cache: there is no cache "c"', missing = "service.cache" },

  -- values
  { "services: [{name: a, handler: {retries: many}}]", ':1:32: services[0].handler.retries: expected a whole number, not "many"' },
  { "services: [{name: a, addr: ':1', listener: {tls: {secure: perhaps}}}]",
    ':1:51: services[0].listener.tls.secure: expected true or false, not "perhaps"' },
  { "chains: [{name: c, hops: [{selector: {failTimeout: 1d}, nodes: [{addr: 'h:1'}]}]}]",
    ':1:39: chains[0].hops[0].selector.failTimeout: unknown unit "d" in duration "1d" (units: ns us ms s m h)' },
  { "chains: [{name: c, hops: [{selector: {strategy: roundrobin}, nodes: [{addr: 'h:1'}]}]}]",
    ':1:39: chains[0].hops[0].selector.strategy: unknown value "roundrobin", expected round, rr, random, rand, fifo, ha, '
      .. "hash, parallel, lowestlatency, lowest, ll" },
  { "log: {level: verbose}", ':1:7: log.level: unknown value "verbose", expected trace, debug, info, warn, error, fatal' },
  { "log: {format: xml}", ':1:7: log.format: unknown value "xml", expected json, text' },
  { "bypasses: [{name: b, network: icmp}]", ':1:22: bypasses[0].network: unknown value "icmp", expected tcp, udp' },
  { "services: [{name: a, handler: {type: http, metadata: {readTimeout: fast}}}]",
    ':1:55: services[0].handler.metadata.readTimeout: "fast" is not a duration, write for example "30s" or "1m30s"' },
  { "services: [{name: a, handler: {type: http, metadata: {keepalive: x}}}]",
    ':1:55: services[0].handler.metadata.keepalive: expected true or false, not "x"' },
  { "services: [{name: a, handler: {type: http, metadata: {hash: hots}}}]",
    ':1:55: services[0].handler.metadata.hash: unknown value "hots", did you mean "host"?' },
  { "services: [{name: a, handler: {type: http, metadata: {header: x}}}]",
    ':1:55: services[0].handler.metadata.header: expected a mapping of names to values, not "x"' },
  { "services: [{name: a, handler: {type: http, metadata: {udpBufferSize: 4k}}}]",
    ':1:55: services[0].handler.metadata.udpBufferSize: unknown unit "k" in size "4k", did you mean "4KB"?' },
  { "services: [{name: a, handler: {type: socks5, metadata: {udp.bindRange.min: 70000}}}]",
    ":1:57: services[0].handler.metadata.udp.bindRange.min: 70000 is out of range, expected 0 to 65535" },
  { "services: [{name: a, handler: {type: http, metadata: {readTimeout: 1s, READTIMEOUT: 2s}}}]",
    pattern = '^gost.yml:1:%d+: services%[0%]%.handler%.metadata%.%w+: the same key as "%w+"$' },
  { "services: [{name: a, metadata: {so_mark: x}}]", ':1:33: services[0].metadata.so_mark: expected a whole number, not "x"' },
  { "services: [{name: a, metadata: {limiter.scope: user}}]",
    ':1:33: services[0].metadata.limiter.scope: unknown value "user", expected , service, conn, client' },
  { "services: [{name: a, handler: {auth: {username: u, password: '******'}}}]",
    ":1:52: services[0].handler.auth.password: this is only a mask: the configuration was printed without --show-secrets" },
  { "quotas: [{name: q, limit: 5}]", ":1:20: quotas[0].limit: 5 needs a unit, such as 5KB or 5B" },
  { "quotas: [{name: q, startsAt: tomorrow}]",
    ':1:20: quotas[0].startsAt: "tomorrow" is not a time, write for example "2026-01-31T00:00:00Z"' },

  -- limits
  { "limiters: [{name: l, limits: ['$ 100']}]", ":1:31: limiters[0].limits[0]: 100 needs a unit, such as 100KB or 100B" },
  { "limiters: [{name: l, limits: ['$ 10K 1MB']}]",
    ':1:31: limiters[0].limits[0]: unknown unit "K" in size "10K", did you mean "10KB"?' },
  { "limiters: [{name: l, limits: ['$']}]",
    ':1:31: limiters[0].limits[0]: "$" is not a limit, write "<key> <in> [<out> [<burst>]]", for example "$ 1MB 512KB"' },
  { "limiters: [{name: l, limits: ['10.0.0.0/33 1MB']}]", ':1:31: limiters[0].limits[0]: "10.0.0.0/33" is not a network' },
  { "limiters: [{name: l, limits: ['host.test 1MB']}]",
    ':1:31: limiters[0].limits[0]: "host.test" is neither $, $$, an address nor a network' },
  { "climiters: [{name: l, limits: ['$ many']}]", ':1:32: climiters[0].limits[0]: "many" is not a whole number' },
  { "climiters: [{name: l, limits: ['$ 1 2']}]",
    ':1:32: climiters[0].limits[0]: "$ 1 2" is not a limit, write "<key> <count>", for example "$ 1000"' },
  { "rlimiters: [{name: l, limits: ['$$ x']}]", ':1:32: rlimiters[0].limits[0]: "x" is not a number' },

  -- names
  { "services: [{name: a, addr: ':1'}, {name: a, addr: ':2'}]",
    ':1:36: services[1].name: "a" is the name of another one already (gost.yml:1:13)' },
  { "bypasses: [{name: b}, {name: b}]", ':1:24: bypasses[1].name: "b" is the name of another one already (gost.yml:1:13)' },
  { "chains: [{hops: [{nodes: [{addr: 'h:1'}]}]}]", ":1:10: chains[0]: has no name, so nothing can refer to it" },
  { "services: [{name: a, handler: {chain: chan}}]\nchains: [{name: chain, hops: [{nodes: [{addr: 'h:1'}]}]}]",
    ':1:32: services[0].handler.chain: there is no chain "chan", did you mean "chain"?' },
  { "services: [{name: a, listener: {type: rtcp, chain: x}, forwarder: {nodes: [{addr: 'h:1'}]}, handler: rtcp}]",
    ':1:45: services[0].listener.chain: there is no chain "x"' },
  { "services: [{name: a, admission: x}]", ':1:22: services[0].admission: there is no admission "x"' },
  { "services: [{name: a, bypasses: [x, y]}]", ':1:33: services[0].bypasses[0]: there is no bypass "x"',
    ':1:36: services[0].bypasses[1]: there is no bypass "y"' },
  { "services: [{name: a, resolver: x}]", ':1:22: services[0].resolver: there is no resolver "x"' },
  { "services: [{name: a, hosts: x}]", ':1:22: services[0].hosts: there is no hosts "x"' },
  { "services: [{name: a, limiter: x}]", ':1:22: services[0].limiter: there is no limiter "x"' },
  { "services: [{name: a, climiter: x}]", ':1:22: services[0].climiter: there is no climiter "x"' },
  { "services: [{name: a, rlimiter: x}]", ':1:22: services[0].rlimiter: there is no rlimiter "x"' },
  { "services: [{name: a, handler: {auther: x}}]", ':1:32: services[0].handler.auther: there is no auther "x"' },
  { "services: [{name: a, handler: {type: http, metadata: {mitm.bypass: x}}}]",
    ':1:55: services[0].handler.metadata.mitm.bypass: there is no bypass "x"' },
  { "chains: [{name: c, hops: [{name: h}]}]", ':1:28: chains[0].hops[0].name: there is no hop "h"' },
  { "chains: [{name: c, hops: [h]}]", ':1:27: chains[0].hops[0].name: there is no hop "h"' },
  { "chains: [{name: c, hops: [{selector: {}}]}]",
    ":1:27: chains[0].hops[0]: a hop needs nodes, or the name of an entry of hops" },
  { "services: [{name: a, handler: tcp, forwarder: {hop: h}}]", ':1:48: services[0].forwarder.hop: there is no hop "h"' },
  { "hops: [{name: h, bypass: b, nodes: [{addr: 'h:1', resolver: r}]}]", ':1:18: hops[0].bypass: there is no bypass "b"',
    ':1:51: hops[0].nodes[0].resolver: there is no resolver "r"' },
  { "resolvers: [{name: r, nameservers: [{addr: 1.1.1.1, chain: c}]}]",
    ':1:53: resolvers[0].nameservers[0].chain: there is no chain "c"' },
  { "api: {addr: ':1', auther: x}", ':1:19: api.auther: there is no auther "x"' },

  -- chains
  { "chains: [{name: c}]", ":1:10: chains[0]: has no hops, so nothing can be reached through it" },
  { "chains: [{name: c, hops: [{nodes: []}]}]", ":1:27: chains[0].hops[0]: has no nodes, so nothing can be reached through it" },
  { [[
chains: [{name: c, hops: [{resolver: r, nodes: [{addr: 'h:1'}]}]}]
resolvers: [{name: r, nameservers: [{addr: 1.1.1.1, chain: c}]}]
]], ':1:11: chain "c": needs itself: chain c > resolver r > chain c' },
  { [[
chains:
- {name: c, hops: [{nodes: [{addr: 'h:1', resolver: r}]}]}
- {name: d, hops: [h]}
hops: [{name: h, resolver: s, nodes: [{addr: 'h:1'}]}]
resolvers: [{name: r, nameservers: [{addr: 1.1.1.1, chain: d}]}, {name: s, nameservers: [{addr: 1.1.1.1, chain: c}]}]
]], ':2:4: chain "c": needs itself: chain c > resolver r > chain d > resolver s > chain c' },
  { "hops: [{name: h, nodes: [{name: n}]}]", ":1:26: hops[0].nodes[0]: a node needs an addr" },
  { "hops: [{name: h, nodes: [{addr: host}]}]", ':1:27: hops[0].nodes[0].addr: "host" has no port' },
  { "hops: [{name: h, nodes: [{addr: 'h:http'}]}]",
    ':1:27: hops[0].nodes[0].addr: "h:http": "http" is not a port (a number up to 65535)' },

  -- addresses
  { "services: [{name: a, addr: 22000}]", ':1:22: services[0].addr: "22000" has no host, did you mean ":22000"?' },
  { "services: [{name: a, addr: '::1:80'}]",
    ':1:22: services[0].addr: "::1:80": an IPv6 address needs brackets, as in [::1]:8080' },
  { "services: [{name: a, addr: ':99999'}]",
    ':1:22: services[0].addr: ":99999": "99999" is not a port (a number up to 65535)' },
  { "services: [{name: a, addr: ':80-90'}]", ':1:22: services[0].addr: ":80-90": a range of ports works only with -L' },
  { "services: [{name: a, addr: ':80'}, {name: b, addr: '127.0.0.1:80'}]",
    ":1:46: services[1].addr: tcp port 80 is taken by services[0] already (gost.yml:1:22)" },
  { "services: [{name: a, addr: ':80'}]\nmetrics: {addr: ':80'}",
    ":2:11: metrics.addr: tcp port 80 is taken by services[0] already (gost.yml:1:22)" },
  { "services: [{name: a, addr: ':53', handler: udp, listener: udp, forwarder: {nodes: ['h:1']}}, "
    .. "{name: b, addr: ':53', handler: udp, listener: dns, forwarder: {nodes: ['h:1']}}]",
    ":1:104: services[1].addr: udp port 53 is taken by services[0] already (gost.yml:1:22)" },

  -- policies
  { "bypasses: [{name: b, matchers: ['h:90-80']}]",
    ':1:33: bypasses[0].matchers[0]: "h:90-80": the range of ports runs backwards' },
  { "bypasses: [{name: b, matchers: ['h:http']}]", ':1:33: bypasses[0].matchers[0]: "h:http": "http" is not a port' },
  { "bypasses: [{name: b, matchers: ['10.0.0.0/40']}]", ':1:33: bypasses[0].matchers[0]: "10.0.0.0/40" is not a network' },
  { "bypasses: [{name: b, reverse: true, whitelist: false}]",
    ":1:22: bypasses[0]: reverse and whitelist contradict each other (they mean the same)" },
  { "admissions: [{name: b, reverse: false, whitelist: true}]",
    ":1:24: admissions[0]: reverse and whitelist contradict each other (they mean the same)" },
  { "hosts: [{name: h, mappings: [{ip: 1.2.3, hostname: x}]}]",
    ':1:31: hosts[0].mappings[0]: "1.2.3" is not an IP address' },
  { "hosts: [{name: h, mappings: [{ip: 1.2.3.4}]}]", ":1:30: hosts[0].mappings[0]: a mapping needs a hostname" },
  { "resolvers: [{name: r, nameservers: [{addr: 'htps://h/x'}]}]",
    ':1:38: resolvers[0].nameservers[0].addr: unknown scheme "htps", did you mean "https"?' },
  { "resolvers: [{name: r, nameservers: [{addr: 'udp://h:dns'}]}]",
    ':1:38: resolvers[0].nameservers[0].addr: "dns" is not a port' },
  { "resolvers: [{name: r, nameservers: [{prefer: ipv4}]}]", ":1:37: resolvers[0].nameservers[0]: a name server needs an addr" },
  { "quotas: [{name: q, startsAt: '2026-02-01T00:00:00Z', expiresAt: '2026-01-01T00:00:00Z'}]",
    ":1:54: quotas[0]: expiresAt is not after startsAt" },

  -- contradictions
  { "services: [{name: a, listener: {type: tls, tls: {certFile: /dev/null}}}]",
    ":1:50: services[0].listener.tls: certFile needs keyFile beside it" },
  { "services: [{name: a, listener: {type: tls, tls: {keyFile: /dev/null}}}]",
    ":1:50: services[0].listener.tls: keyFile needs certFile beside it" },
  { "services: [{name: a, listener: {type: tls, tls: {caFile: /no/such.pem}}}]",
    ":1:50: services[0].listener.tls.caFile: cannot be read: /no/such.pem: No such file or directory" },
  { "services: [{name: a, listener: {type: tcp, tls: {caFile: /dev/null}}}]",
    ':1:44: services[0].listener.tls: listener "tcp" does no TLS, so the certificate is of no use' },
  { "services: [{name: a, listener: {type: tls, tls: {options: {minVersion: VersionTLS13, maxVersion: VersionTLS12}}}}]",
    ":1:60: services[0].listener.tls.options: minVersion VersionTLS13 is above maxVersion VersionTLS12" },
  { "services: [{name: a, handler: {type: http, metadata: {mitm.certFile: /no/such.pem}}}]",
    ":1:55: services[0].handler.metadata.mitm.certFile: cannot be read: /no/such.pem: No such file or directory" },
  { "authers: [{name: x, file: {path: /no/such}}]",
    ":1:28: authers[0].file.path: cannot be read: /no/such: No such file or directory" },
  { "services: [{name: a, handler: {auther: x, auth: {username: u}}}]\nauthers: [{name: x}]",
    ":1:43: services[0].handler.auth: is ignored where an auther is named" },
  { "services: [{name: a, handler: {auth: {password: p}}}]",
    ":1:39: services[0].handler.auth: a password without username means no authentication at all" },
  { "services: [{name: a, handler: {chain: c}, metadata: {ignoreChain: yes}}]\nchains: [{name: c, hops: [{nodes: [{addr: 'h:1'}]}]}]",
    ":1:32: services[0].handler.chain: is ignored because of ignoreChain" },
  { "services: [{name: a, handler: tcp}]", ':1:22: services[0].handler: handler "tcp" has no forwarder, so it has no target' },
  { "services: [{name: a, handler: tcp, forwarder: {hop: h, nodes: ['x:1']}}]\nhops: [{name: h, nodes: ['x:1']}]",
    ":1:56: services[0].forwarder: nodes are ignored where a hop is named",
    ":2:8: hops[0]: has no nodes, so nothing can be reached through it",
    ':2:26: hops[0].nodes[0]: expected a mapping, not "x:1"' },

  -- several at once, in the order of the text
  { [[
services:
- name: a
  handler: {type: httpp}
  nme: x
- name: a
  addr: 5
]],
    ':3:13: services[0].handler.type: unknown handler "httpp", did you mean "http"?',
    ':4:3: services[0].nme: unknown key, did you mean "name"?',
    ':5:3: services[1].name: "a" is the name of another one already (gost.yml:2:3)',
    ':6:3: services[1].addr: "5" has no host, did you mean ":5"?' },
}

---Command lines: arguments, then the lines, the flag and value left out.
local COMMANDS = {
  { "-L", "http:/:8080", 'did you mean "http://:8080"?' },
  { "-L", "socks5//:1080", 'did you mean "socks5://:1080"?' },
  { "-L", "localhost:8080/h:1" },
  { "-L", "tcp://:8080/h", 'services[0].forwarder.nodes[0].addr: "h" has no port' },
  { "-L", "http://:8080?limiter.in=10K", 'limiter.in: unknown unit "K" in size "10K", did you mean "10KB"?' },
  { "-L", "http://:8080?limiter.conn.out=5", "limiter.conn.out: 5 needs a unit, such as 5KB or 5B" },
  { "-L", "http://u:a/b@:8080", shown = "http://u:***@:8080",
    '"u:a": "a" is not a port (a number up to 65535, or a range such as 8000-8010); in a user or a password "/" is '
      .. 'written %2F, "?" %3F, "#" %23' },
  { "-L", "http://:1?hosts=a.test:1.1.1.1,b.test", 'hosts: "b.test" maps nothing, expected name:address' },
  { "-L", "http://:1-3?readTimeout=x", -- once, though there are three services
    'services[0].handler.metadata.readTimeout: "x" is not a duration, write for example "30s" or "1m30s"' },
  { "-L", "ws://:1?backlog=x", 'services[0].listener.metadata.backlog: expected a whole number, not "x"' },
  { "-L", "nosuch://:1", 'unknown scheme "nosuch"' },
  { "-L", "htp://:1", 'unknown scheme "htp", did you mean "http"?' },
  { "-L", "socks5h://:1", 'unknown scheme "socks5h", did you mean "socks5"?' },
  { "-L", "utls://:1", 'unknown scheme "utls" (it is a dialer, for -F)' },
  { "-L", "http+wsss://:1", 'scheme "http+wsss": unknown listener "wsss", did you mean "wss"?' },
  { "-L", "htp+ws://:1", 'scheme "htp+ws": unknown handler "htp", did you mean "http"?' },
  { "-L", "http+tls+ws://:1", 'scheme "http+tls+ws" has more than two parts' },
  { "-L", "ht tp://:1", 'invalid scheme "ht tp"' },
  { "-L", "http://:99999", '":99999": "99999" is not a port (a number up to 65535, or a range such as 8000-8010)' },
  { "-L", "http://:1-70000", '":1-70000": a port is at most 65535' },
  { "-L", "http://:9-1", '":9-1": the range runs backwards, did you mean 1-9?' },
  { "-L", "http://host", '"host" has no port' },
  { "-L", "http://::1:80", '"::1:80": an IPv6 address needs brackets, as in [::1]:8080' },
  { "-L", "http://:1,:2", '":1,:2": one address for each -L' },
  { "-L", "tcp://:1/h:x", 'target "h:x": "x" is not a port (a number up to 65535, or a range such as 8000-8010)' },
  { "-L", "tcp://:1/h:9-8", 'target "h:9-8": the range runs backwards, did you mean 8-9?' },
  { "-L", "tcp://:1/h:1/x", 'target "h:1/x": "1/x" is not a port (a number up to 65535, or a range such as 8000-8010)' },
  { "-L", "http://:1?auth=!!", 'auth: not base64: unexpected "!"', shown = "http://:1?auth=***" },
  { "-L", "http://%zz@:1", 'user: invalid escape "%zz"', shown = "http://***@:1" },
  { "-L", "http://u:%4@:1", 'password: invalid escape "%4"', shown = "http://u:***@:1" },
  { "-L", "http://:1?a=%g1", 'query key "a": invalid escape "%g1"' },
  { "-L", "http://:1?maxFails=x&strategy=fifo", 'maxFails: expected a whole number, not "x"' },
  { "-L", "http://:1?failTimeout=1d", 'failTimeout: unknown unit "d" in duration "1d" (units: ns us ms s m h)' },
  { "-L", "http://:1?so_mark=x", 'so_mark: expected a whole number, not "x"' },
  { "-L", "http://:1?retries=x", 'retries: expected a number, not "x"' },
  { "-L", "http://:1?climiter=x", 'climiter: expected a number, not "x"' },
  { "-L", "http://:1?limiter.in=100", "limiter.in: 100 needs a unit, such as 100KB or 100B" },
  { "-L", "http://:1?readTimout=5s", 'unknown key "readTimout", did you mean "readTimeout"?' },
  { "-L", "http://:1?handler.readTimout=5s", 'unknown key "readTimout" of the handler, did you mean "readTimeout"?' },
  { "-L", "http://:1?listener.readTimeout=5s", 'unknown key "readTimeout" of the listener' },
  { "-L", "http://:1?readTimeout=soon",
    more = { 'services[0].handler.metadata.readTimeout: "soon" is not a duration, write for example "30s" or "1m30s"' } },
  { "-L", "tun://:1", more = { 'services[0].handler.type: not implemented yet: handler "tun"',
    'services[0].listener.type: not implemented yet: listener "tun"' } },
  { "-L", "tls://:1?cert=/dev/null", more = { "services[0].listener.tls: certFile needs keyFile beside it" } },
  { "-F", "", "empty" },
  { "-F", "http://", "an address is missing" },
  { "-F", "socks5h://h:1", 'unknown scheme "socks5h", did you mean "socks5"?' },
  { "-F", "dns://h:1", 'unknown scheme "dns" (it is a handler, for -L)' },
  { "-F", "http://h", '"h" has no port' },
  { "-F", "http://h:1-2", '"h:1-2": "1-2" is not a port (a number up to 65535)' },
  { "-F", "http://h1:1,h2:x", '"h2:x": "x" is not a port (a number up to 65535)' },
  { "-F", "http://::1:80", '"::1:80": an IPv6 address needs brackets, as in [::1]:8080' },
  { "-F", "http+tls://h:1?secure=perhaps", 'secure: expected true or false, not "perhaps"' },
  { "-L", "http://:1?compression=true", "not implemented yet: compression" },
  { "-L", "http://:1?handler.compression=true&udp=0", "not implemented yet: compression" },
  { "-F", "wss://h:1?pth=/x", 'unknown key "pth", did you mean "path"?' },
  { "-F", "wss://h:1?dialer.timeout=1s", 'unknown key "timeout" of the dialer' },
}

describe("-t on a file", function()
  local restore, schema
  setup(function()
    library.load()
    schema = require "gost.schema"
    schema.use(library.components)
    restore = library.everything_implemented()
  end)
  teardown(function()
    restore()
    schema.use(nil)
  end)

  local function mistakes(configuration, found)
    require("gost.check").configuration(configuration, found, { tls_check = function() return true end })
    return found:only("error", "missing", "strict"):lines()
  end

  for _, case in ipairs(FILES) do
    it("with " .. case[1]:gsub("\n", "↵"), function()
      local field
      if case.missing then
        local object, key = case.missing:match "^(%w+)%.(%w+)$"
        field = schema.objects[object].by_key[key]
        field.missing = true
      end
      local lines = mistakes(library.read(case[1]))
      if field then field.missing = nil end
      if case.pattern then
        assert.equal(1, #lines)
        assert.truthy(lines[1]:match(case.pattern), lines[1])
        return
      end
      local expected = {}
      for i = 2, #case do expected[i - 1] = "gost.yml" .. case[i] end
      assert.same(expected, lines)
    end)
  end

  for _, case in ipairs(COMMANDS) do
    it(("with %s %s"):format(case[1], case[2]), function()
      local argv = { case[1], case[2] }
      if case[1] == "-F" then argv[3], argv[4] = "-L", ":9" end
      local configuration, found = library.command(argv)
      assert.is_table(configuration, found)
      local shown = ("%s %s: "):format(case[1], case.shown or case[2])
      local expected = {}
      for i = 3, #case do expected[#expected + 1] = shown .. case[i] end
      for _, message in ipairs(case.more or {}) do expected[#expected + 1] = shown .. message end
      local lines = mistakes(configuration, found)
      for i = #lines, 1, -1 do -- a chain that could not be made is missing as well
        if lines[i]:find('there is no chain "chain-0"', 1, true) then table.remove(lines, i) end
      end
      assert.same(expected, lines)
    end)
  end

  it("asks the TLS library about pairs of certificate and key", function()
    local configuration, found = library.read(
      "services: [{name: a, listener: {type: tls, tls: {certFile: /dev/null, keyFile: /dev/zero}}}]")
    require("gost.check").configuration(configuration, found, {
      tls_check = function(settings)
        assert.is_true(settings.server)
        return nil, ("the key in %s does not belong to the certificate in %s"):format(settings.keyFile, settings.certFile)
      end,
    })
    assert.same({ "gost.yml:1:50: services[0].listener.tls: the key in /dev/zero does not belong to the certificate "
      .. "in /dev/null" }, found:lines())
  end)

  it("finds nothing in a file that is right", function()
    local configuration, found = library.read [[
services:
- name: proxy
  addr: :8080
  admission: lan
  bypass: ads
  handler: {type: http, chain: out, auther: people, metadata: {readTimeout: 5s, cache.status.200: 1m}}
  listener: {type: tcp}
  metadata: {enableStats: yes, labels: {Team: A}}
- {name: local, addr: '127.0.0.1:0', handler: socks5}
chains:
- name: out
  hops:
  - name: first
    nodes:
    - {name: n, addr: 'h:1', connector: {type: socks5}, dialer: {type: tls, tls: {secure: false, serverName: x}}}
  - second
hops: [{name: second, bypass: ads, nodes: [{addr: 'h:2', metadata: {weight: 5, backup: false}}]}]
authers: [{name: people, auths: [{username: u, password: p}]}]
admissions: [{name: lan, whitelist: true, matchers: [10.0.0.0/8]}]
bypasses: [{name: ads, matchers: [.ads.test, '*.x.test:443', 10.0.0.1-10.0.0.5, '[::1]:80']}]
]]
    assert.same({}, mistakes(configuration, found))
  end)
end)
