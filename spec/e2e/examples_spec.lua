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

describe("The README's", function()
  it("YAML passes gost-lua -t", function()
    for _, text in ipairs(blocks("README.md", "yaml")) do
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
