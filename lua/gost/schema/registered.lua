---Every kind of component that GOST 3.3 knows, whether it exists here yet or not: command lines
---need the names to tell a kind that is still missing from a word that was misspelt.
local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

return {
  handler = words [[
    api auto dns file forward http http2 http3 masque metrics red redir redirect redu relay router
    rtcp rudp runix serial sni socks socks4 socks4a socks5 ss sshd ssu tap tcp tun tungo tunnel udp unix
  ]],
  listener = words [[
    dns dtls ftcp grpc h2 h2c h3 http2 http3 icmp icmp6 kcp mtcp mtls mws mwss ohttp otls pht phts
    quic red redir redirect redu rtcp rudp runix serial ssh sshd stdio tap tcp tls tun tungo udp unix
    ws wss wt
  ]],
  connector = words [[
    direct forward http http2 masque relay router serial sni socks socks4 socks4a socks5 ss sshd ssu
    tcp tunnel unix virtual
  ]],
  dialer = words [[
    direct dtls ftcp grpc h2 h2c h3 h3-masque http2 http3 icmp icmp6 kcp mtcp mtls mws mwss ohttp
    ohttps otls pht phts quic serial ssh sshd tcp tls udp unix utls virtual ws wss wt
  ]],
}
