---`gost-lua rules`: the firewall commands for a redirect service. Whether they work is told by redirect_spec.

local support = require "spec.support"

describe("gost-lua rules", function()
  after_each(support.cleanup)

  local function rules(...)
    return support.gost_run { "rules", ... }
  end

  ---The script; it must be one that a shell can read.
  local function script(...)
    local r = rules(...)
    assert.equal(0, r.status, r.stderr)
    support.check { "sh", "-n", support.files.with("rules.sh", r.stdout) }
    return r.stdout, r.stderr
  end

  it("prints nftables commands, and leaves our own connections alone by their mark", function()
    local text, told = script("-L", "redirect://:12345?so_mark=100")
    assert.equal("", told)
    assert.matches("hook prerouting .-\n    meta l4proto tcp redirect to :12345\n", text)
    assert.matches("hook output [^\n]*\n    meta mark 100 return\n.-redirect to :12345\n", text)
  end)

  it("leaves this host's connections alone when there is no mark", function()
    local text, told = script("-L", "redirect://:12345")
    assert.matches("has no so_mark", told)
    assert.is_nil(text:find("hook output", 1, true))
  end)

  it("leaves nodes alone: by their mark, or by their address", function()
    local text = script("-L", "redirect://:12345?so_mark=100", "-F", "socks5://192.0.2.1:1080?so_mark=7")
    assert.matches("meta mark 100 return\n    meta mark 7 return\n", text)
    text = script("-L", "redirect://:12345?so_mark=100", "-F", "socks5://192.0.2.1:1080")
    assert.matches("ip daddr 192.0.2.1 tcp dport 1080 return", text)
    local told
    text, told = script("-L", "redirect://:12345?so_mark=100", "-F", "socks5://exit.example:1080")
    assert.matches("node node%-0 has no so_mark and no fixed address", told)
    assert.is_nil(text:find("hook output", 1, true))
  end)

  it("prints routes beside TPROXY rules", function()
    local text = script("-L", "red://:12345?so_mark=100&tproxy=true")
    assert.matches("ip rule add fwmark (%d+) lookup (%d+)\n.*tproxy ip to :12345 meta mark set %1 accept", text)
    assert.matches("ip %-6 route replace local default dev lo table", text)
    assert.matches("tproxy ip6 to :12345", text)
  end)

  it("is for the family that the service listens with", function()
    local text = script("-L", "red://192.0.2.5:12345?so_mark=100&tproxy=true")
    assert.matches("tproxy ip to 192.0.2.5:12345", text)
    assert.is_nil(text:find("ip6", 1, true))
    assert.is_nil(text:find("ip -6", 1, true))
  end)

  it("prints iptables commands, exceptions, and what undoes them", function()
    local text = script("--iptables", "--except", "10.0.0.0/8", "--except=fd00::/8", "-L", "redir://:12345?so_mark=9")
    assert.matches("\niptables [^\n]* %-d 10.0.0.0/8 %-j RETURN\n", text)
    assert.matches("\nip6tables [^\n]* %-d fd00::/8 %-j RETURN\n", text)
    assert.matches("\niptables [^\n]* %-j REDIRECT %-%-to%-ports 12345\n", text)
    text = script("--iptables", "--delete", "-L", "redir://:12345?so_mark=9")
    assert.is_nil(text:find("-A", 1, true))
    assert.matches("%-X GOST_LUA_OWN", text)
    assert.matches("nft delete table inet gost%-lua", (script("--delete", "-L", "redir://:12345?so_mark=9")))
  end)

  it("reads files, and wants to know which of several services", function()
    local path = support.files.with("r.yml", [[
services:
- { name: one, addr: ":12345", handler: { type: redirect }, listener: { type: redirect }, metadata: { so_mark: 5 } }
- { name: two, addr: ":12346", handler: { type: redirect }, listener: { type: redirect }, metadata: { so_mark: 5 } }
]])
    assert.matches("several redirect services %(one, two%)", rules("-C", path).stderr)
    assert.matches("redirect to :12346", (script("-C", path, "--service", "two")))
    assert.matches('no redirect service "three"', rules("-C", path, "--service=three").stderr)
  end)

  it("says what is wrong", function()
    for text, words in pairs {
      ["no redirect service"] = { "-L", "http://:8080" },
      ["needs a fixed port"] = { "-L", "redirect://:0" },
      ["expected an address or a network"] = { "-L", "redirect://:1234", "--except", "lan" },
      ["nothing left to redirect"] = { "-L", "redirect://127.0.0.1:1234" },
      ["usage:"] = { "-L", "redirect://:1234", "what" },
    } do
      local r = rules(table.unpack(words))
      assert.not_equal(0, r.status)
      assert.truthy(r.stderr:find(text, 1, true), r.stderr)
      assert.equal("", r.stdout)
    end
  end)
end)
