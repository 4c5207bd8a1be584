---Options of components that GOST 3.3 reads. A key that is here but not in a component's own table is
---no misspelling: it is something that is still missing, and is refused as such.
local GROUP = {
  KA = "keepalive keepalive.idle keepalive.interval keepalive.count",
  TKA = "tcp.keepalive tcp.keepalive.idle tcp.keepalive.interval tcp.keepalive.count",
  MUX = [[mux.type mux.version mux.keepaliveDisabled mux.keepaliveInterval mux.keepaliveTimeout
    mux.maxFrameSize mux.maxReceiveBuffer mux.maxStreamBuffer mux.maxStreamWindow]],
  SNIFF = "sniffing sniffing.timeout sniffing.websocket sniffing.websocket.sampleRate",
  MITM = "mitm.certFile mitm.caCertFile mitm.keyFile mitm.caKeyFile mitm.alpn mitm.bypass",
  OBS = "observePeriod observer.period observer.observePeriod observer.resetTraffic",
  LIM = "limiter.refreshInterval limiter.cleanupInterval",
  CACHE = "cache.ttl cache.status.* cache.serveStale cache.methods cache.maxBodyBytes",
  RESIST = "probeResist probe_resist knock",
  QUIC = "keepAlive ttl handshakeTimeout maxIdleTimeout maxStreams",
  WS = [[ws.path path ws.handshakeTimeout handshakeTimeout ws.readHeaderTimeout readHeaderTimeout
    ws.readBufferSize readBufferSize ws.writeBufferSize writeBufferSize ws.enableCompression
    enableCompression ws.header header]],
  KCP = [[kcp.configFile configFile c kcp.config config kcp.tcp tcp kcp.key kcp.crypt kcp.mode
    kcp.keepalive kcp.interval kcp.mtu kcp.rcvwnd kcp.sndwnd kcp.smuxver kcp.smuxbuf kcp.streambuf kcp.nocomp]],
  TUN = [[name tun.name net tun.net peer tun.peer mtu tun.mtu gw tun.gw route tun.route routes tun.routes
    router tun.router dns tun.dns guid tun.guid]],
  SSH = "handshakeTimeout privateKeyFile passphrase passphraseFromKeyring",
}

local KEYS = {
  listener = {
    tcp = "mptcp reuseport @KA",
    udp = [[backlog keepalive ttl keepalive.ttl readBufferSize udp.bufferSize readQueueSize recvQueueSize
      stateless]],
    tls = "mptcp @KA",
    mtls = "backlog mptcp @MUX @KA",
    mtcp = "backlog mptcp reuseport @MUX @KA",
    ws = "ws.backlog backlog mptcp @WS @KA",
    mws = "ws.backlog backlog mptcp @WS @KA @MUX",
    http2 = "backlog mptcp @KA",
    h2 = "path backlog mptcp",
    http3 = "backlog enableDatagrams @QUIC",
    h3 = [[pht.authorizePath authorizePath pht.pushPath pushPath pht.pullPath pullPath backlog @QUIC]],
    wt = "wt.path path backlog @QUIC",
    quic = "backlog cipherKey quic.enableDatagram enableDatagram @QUIC",
    icmp = "backlog keepAlive ttl handshakeTimeout maxIdleTimeout",
    pht = "authorizePath pushPath pullPath backlog mptcp",
    grpc = [[grpc.backlog backlog grpc.insecure grpcInsecure insecure grpc.path path grpc.keepalive keepalive
      grpc.keepalive.minTime keepalive.minTime grpc.keepalive.time keepalive.time grpc.keepalive.timeout
      keepalive.timeout grpc.keepalive.permitWithoutStream keepalive.permitWithoutStream
      grpc.keepalive.maxConnectionIdle keepalive.maxConnectionIdle mptcp @TKA]],
    kcp = "backlog @KCP",
    ohttp = "header mptcp",
    otls = "mptcp",
    dtls = "dtls.mtu mtu dtls.bufferSize bufferSize dtls.flightInterval flightInterval",
    ftcp = "ttl readBufferSize readQueueSize backlog",
    ssh = "privateKeyFile passphrase authorizedKeys backlog mptcp passphraseFromKeyring @KA",
    dns = "mode readBufferSize readTimeout writeTimeout backlog mptcp",
    redirect = "tproxy mptcp reuseport",
    redu = "ttl readBufferSize",
    rudp = "ttl readBufferSize readQueueSize backlog",
    serial = "timeout serial.timeout listener.serial.timeout",
    unix = "mode",
    tun = "@TUN",
    tap = "name net mtu gw route routes componentID",
  },
  handler = {
    auto = "@http @socks4 @socks5",
    http = [[readTimeout idleTimeout http.header header http.keepalive keepalive http.compression compression
      udp udp.bufferSize udpBufferSize hash authBasicRealm http.proxyAgent proxyAgent
      @RESIST @OBS @LIM @SNIFF @MITM @CACHE]],
    http2 = "http.header header hash authBasicRealm readTimeout read.timeout @RESIST @OBS @LIM",
    http3 = "header hash probeResistance probe_resist knock",
    masque = [[hash bufferSize udp.bufferSize authBasicRealm readTimeout read.timeout idleTimeout @OBS @LIM]],
    socks4 = "readTimeout hash @OBS @LIM @SNIFF @MITM",
    socks5 = [[readTimeout notls bind udp udp.bufferSize udpBufferSize udp.resolveDomain udpResolveDomain
      udp.bindRange.min udp.minPort udp.bindRange.max udp.maxPort socks.publicAddr publicAddr comp tor
      enableTor socks5.tor hash @MUX @OBS @LIM @SNIFF @MITM]],
    relay = "readTimeout udp.bufferSize udpBufferSize bind nodelay hash @MUX @OBS @LIM @SNIFF @MITM",
    tcp = [[readTimeout idleTimeout http.keepalive proxyProtocol stateless bufferSize readBufferSize
      udp.bufferSize @SNIFF @MITM @CACHE]],
    rtcp = "readTimeout idleTimeout http.keepalive proxyProtocol @SNIFF @MITM @CACHE",
    redirect = "readTimeout tproxy sniffing.fallback sniffing.dialOriginalDst @SNIFF @MITM",
    redu = "sniffing sniffing.timeout",
    sni = "readTimeout hash sniffing.websocket sniffing.websocket.sampleRate @MITM @CACHE",
    unix = "readTimeout sniffing sniffing.timeout @MITM",
    sshd = "readTimeout @SNIFF @MITM",
    dns = "dns timeout readTimeout ttl clientIP bufferSize async",
    tunnel = [[readTimeout entrypoint entrypoint.id entrypoint.ProxyProtocol entrypoint.keepalive
      entrypoint.compression entrypoint.readTimeout entrypoints ingress tunnel tunnel.ttl tunnel.direct sd
      sniffing.websocket sniffing.websocket.sampleRate @MUX @OBS @LIM]],
    router = [[readTimeout router.bufferSize bufferSize entrypoint ingress sd router sd.cache.expiration
      sd.renewInterval router.cache router.cache.expiration @OBS @LIM]],
    tun = "tun.keepalive keepalive tun.ttl ttl tun.token token passphrase tun.p2p p2p",
    tungo = [[udpTimeout tungo.udpTimeout udp.bufferSize udpBufferSize sniffing sniffing.udp sniffing.timeout
      sniffing.responseTimeout sniffing.fallback multicastGroups tungo.multicastGroups ipv6 tcpSendBufferSize
      tungo.tcpSendBufferSize tcpReceiveBufferSize tungo.tcpReceiveBufferSize tcpModerateReceiveBuffer
      tungo.tcpModerateReceiveBuffer @OBS @LIM]],
    serial = "timeout serial.timeout",
    file = "file.dir dir file.put put",
    api = "api.accessLog accessLog api.pathPrefix pathPrefix",
    metrics = "metrics.path path",
    ss = "users readTimeout hash key @SNIFF @MITM",
    ssu = "users udpBufferSize udp.bufferSize key readTimeout",
    tap = "key",
  },
  dialer = {
    tcp = "@KA",
    tls = "handshakeTimeout @KA",
    utls = "handshakeTimeout fingerprint @KA",
    mtls = "handshakeTimeout @MUX @KA",
    ws = "ws.host host ws.keepalive keepalive ttl keepalive.interval @WS @TKA",
    mws = "ws.host host ws.keepalive keepalive ttl keepalive.interval @WS @TKA @MUX",
    grpc = [[grpc.insecure grpcInsecure insecure grpc.authority grpc.host host grpc.path path grpc.keepalive
      keepalive grpc.keepalive.time keepalive.time grpc.keepalive.timeout keepalive.timeout
      grpc.keepalive.permitWithoutStream keepalive.permitWithoutStream grpc.minConnectTimeout
      minConnectTimeout @TKA]],
    h2 = "host path header",
    h3 = "pht.pushPath pushPath pht.pullPath pullPath host @QUIC",
    ["h3-masque"] = "host @QUIC",
    wt = "wt.host host wt.path path wt.header header @QUIC",
    quic = "cipherKey quic.enableDatagram enableDatagram @QUIC",
    icmp = "keepAlive ttl handshakeTimeout maxIdleTimeout",
    kcp = "handshakeTimeout @KCP",
    pht = "pushPath pullPath host header",
    ohttp = "obfs.host host obfs.path path obfs.header header",
    otls = "host",
    dtls = "dtls.mtu mtu dtls.bufferSize bufferSize dtls.flightInterval flightInterval",
    ssh = "keepalive ttl keepalive.interval keepalive.timeout keepalive.retries @SSH @TKA",
  },
  connector = {
    http = "timeout header",
    socks4 = "timeout disable4a",
    socks5 = "timeout notls relay udp.bufferSize udpBufferSize udp.timeout @MUX",
    relay = "connectTimeout nodelay @MUX",
    tunnel = "connectTimeout tunnelID tunnel.id tunnel.weight record.mode @MUX",
    router = "connectTimeout router.id",
    masque = "timeout connectTimeout",
    sni = "host timeout",
    direct = "action",
    ss = "timeout key",
    ssu = "timeout connectTimeout key udpBufferSize udp.bufferSize",
  },
}

---Names that share the keys of another.
local SAME = {
  listener = { wss = "ws", mwss = "mws", h2c = "h2", icmp6 = "icmp", phts = "pht", sshd = "ssh",
    redir = "redirect", red = "redirect", tungo = "tun" },
  handler = { socks = "socks5", socks4a = "socks4", udp = "tcp", forward = "tcp", rudp = "rtcp", runix = "rtcp",
    redir = "redirect", red = "redirect" },
  dialer = { mtcp = "mtls", wss = "ws", mwss = "mws", h2c = "h2", http3 = "h3", icmp6 = "icmp", phts = "pht",
    ohttps = "ohttp", sshd = "ssh" },
  connector = { http2 = "http", socks4a = "socks4", socks = "socks5", virtual = "direct" },
}

local gost_keys = {}
local sets = { handler = {}, listener = {}, connector = {}, dialer = {} }

local function fold(key)
  return (key:lower():gsub("_", ""))
end

local function add(set, kind, text)
  for word in text:gmatch "%S+" do
    local group = word:match "^@(.+)$"
    if group then
      add(set, kind, GROUP[group] or KEYS[kind][group])
    elseif word:find("*", 1, true) then
      set.prefixes[#set.prefixes + 1] = fold(word:match "^[^*]*")
    else
      set[fold(word)] = true
    end
  end
end

---Does GOST's component of this name read this key?
---@param kind "handler"|"listener"|"connector"|"dialer"
---@param name string
---@param key string
---@return boolean
function gost_keys.known(kind, name, key)
  local set = sets[kind][name]
  if not set then
    set = { prefixes = {} }
    add(set, kind, KEYS[kind][name] or KEYS[kind][SAME[kind][name] or ""] or "")
    sets[kind][name] = set
  end
  local folded = fold(key)
  if folded == "prefixes" then return false end
  if set[folded] then return true end
  for _, prefix in ipairs(set.prefixes) do
    if folded:sub(1, #prefix) == prefix then return true end
  end
  return false
end

---Does a value switch nothing on, so that it does no harm that nobody reads it?
function gost_keys.idle(value)
  return value == nil or value == "" or value == false or value == 0 or value == "0" or value == "false"
    or value == "0s" or type(value) == "table" and next(value) == nil
end

return gost_keys
