---Every example runs, and so does what the README shows.

local support = require "spec.support"
local files = support.files

---Blocks of a language in a Markdown file.
local function blocks(path, language)
  local found = {}
  for text in files.read(path):gmatch("```" .. language .. "\n(.-)```") do
    found[#found + 1] = text
  end
  return found
end

describe("Each example", function()
  for _, name in ipairs(files.list "examples") do
    if name:match "%.ya?ml$" then
      it(name .. " passes gost-lua -t", function()
        local r = support.gost_run { "-t", "-C", "examples/" .. name }
        assert.equal(0, r.status, r.stdout .. r.stderr)
        assert.not_matches("warning", r.stderr)
      end)
    end
  end
end)

describe("examples/proxy.lua", function()
  after_each(support.cleanup)

  it("serves HTTP and SOCKS clients on one port, and says how to try it", function()
    local origin = support.origin { "http" }
    local proxy = support.gost { "examples/proxy.lua", env = { GOST_ADDR = "127.0.0.1:0" } }
    for _, scheme in ipairs { "http", "socks4", "socks5", "socks5h" } do
      local r = support.curl { "-x", ("%s://127.0.0.1:%d"):format(scheme, proxy.ports[1]), origin:url "/hello" }
      assert.equal("hello\n", r.body, scheme .. ": " .. r.stderr)
    end
    assert.matches("curl %-x", proxy:output())
    assert.matches("127%.0%.0%.1:" .. proxy.ports[1], proxy:output())
  end)
end)

describe("examples/exits.lua", function()
  after_each(support.cleanup)

  it("spreads connections and goes on when a proxy is dead", function()
    local origin = support.origin { "http" }
    local exit = support.gost { "-L", "socks5://127.0.0.1:0" }
    local dead = "http://127.0.0.1:" .. support.free_port()
    local proxy = support.gost { "examples/exits.lua", dead, "socks5://127.0.0.1:" .. exit.ports[1],
      env = { GOST_ADDR = "127.0.0.1:0" } }
    for _ = 1, 4 do
      local r = support.curl { "-x", "http://127.0.0.1:" .. proxy.ports[1], origin:url "/hello" }
      assert.equal("hello\n", r.body, r.stderr)
    end
    proxy:wait_log("127%.0%.0%.1:%d+: .*refused")
  end)

  it("asks for proxies when there are none", function()
    local r = support.gost_run { "examples/exits.lua" }
    assert.equal(1, r.status)
    assert.matches("name at least one proxy", r.stderr)
  end)
end)

describe("examples/users.lua", function()
  local proxy, origin

  setup(function()
    origin = support.origin { "http" }
    proxy = support.gost { "examples/users.lua", env = { GOST_ADDR = "127.0.0.1:0" } }
  end)
  teardown(support.cleanup)

  local function get(user, url)
    return support.curl { "-p", "-x", ("http://%s@127.0.0.1:%d"):format(user, proxy.ports[1]), url }
  end

  it("lets its users through and counts their bytes", function()
    assert.equal("hello\n", get("ann:secret", origin:url "/hello").body)
    proxy:wait_log "ann has moved %d+ bytes"
    assert.equal("hello\n", support.curl { "-x", ("socks5h://bob:hunter2@127.0.0.1:%d"):format(proxy.ports[1]),
      origin:url "/hello" }.body)
  end)

  it("makes each wrong password slower", function()
    local first = get("ann:wrong", origin:url "/hello")
    local second = get("ann:wrong", origin:url "/hello")
    assert.equal("", first.body)
    assert.matches("407", first.stderr)
    assert.is_true(first.seconds >= 0.25 and second.seconds >= 0.5)
  end)

  it("closes some places", function()
    assert.matches("403", get("ann:secret", "http://printer.internal/").stderr)
    assert.matches("403", get("ann:secret", "http://127.0.0.1:25/").stderr)
  end)
end)

describe("examples/gost.yml", function()
  after_each(support.cleanup)

  it("serves through its exits", function()
    local origin = support.origin { "http", "echo" }
    local exit = support.gost { "-L", "socks5://user:secret@127.0.0.1:0" }
    local text = files.read "examples/gost.yml"
    local replaced = 0
    for from, to in pairs {
      ["127.0.0.1:8080"] = "127.0.0.1:0", ["127.0.0.1:2222"] = "127.0.0.1:0", ["127.0.0.0/8"] = "172.16.0.0/12",
      ["192.0.2.1:1080"] = "127.0.0.1:" .. exit.ports[1], ["192.0.2.10:22"] = origin:addr "echo",
      ["192.0.2.2:8443"] = "127.0.0.1:" .. support.free_port(),
    } do
      local n
      text, n = text:gsub(from:gsub("%p", "%%%0"), to)
      replaced = replaced + n
    end
    assert.equal(6, replaced)
    local gost = support.gost_config(text, { ext = "yml", listeners = 2 })
    local through = "http://ann:secret@127.0.0.1:" .. gost.ports[1]
    assert.equal("hello\n", support.curl { "-x", through, origin:url "/hello" }.body)
    local echo = { "socat", "-t5", "STDIO", "TCP:127.0.0.1:" .. gost.ports[2], input = "over two hops" }
    local answers = support.run(echo).stdout .. support.run(echo).stdout -- one of the exits is dead, until it is marked
    assert.matches("over two hops", answers)
    assert.equal(0, support.curl { "-x", through, "http://10.0.0.1/" }.http_code == 200 and 1 or 0)
  end)
end)

describe("The README's", function()
  it("YAML passes gost-lua -t", function()
    for _, text in ipairs(blocks("README.md", "yaml")) do
      text = text:gsub("/etc/gost/inside%.txt", function() return files.with("inside.txt", "10.0.0.0/8\n") end)
      local r = support.gost_run { "-t", "-C", files.with("readme.yml", text) }
      assert.equal(0, r.status, r.stdout .. r.stderr)
      assert.not_matches("warning", r.stderr)
    end
  end)

  it("command lines are understood", function()
    local seen = 0
    for _, text in ipairs(blocks("README.md", "sh")) do
      for line in text:gmatch "[^\n]+" do
        local arguments = line:match "^gost%-lua (%-L[^#]*)"
        if arguments then
          local r = support.run { "sh", "-c", support.program() .. " -t " .. arguments }
          assert.equal(0, r.status, line .. "\n" .. r.stdout .. r.stderr)
          seen = seen + 1
        end
      end
    end
    assert.is_true(seen >= 5)
  end)

  it("Lua is Lua", function()
    for _, text in ipairs(blocks("README.md", "lua")) do
      assert.is_truthy(load(text))
    end
  end)
end)
