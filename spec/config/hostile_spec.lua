-- luacheck: no max line length
---Texts that are no configurations, or try to be too much: always a message, in bounded time and memory.
local library = require "spec.config.library"
local has_support, support = pcall(require, "spec.support")
local program = has_support and support.program()
local built = program and io.open(program, "rb")
if built then built:close() end

---A generator of numbers that is the same everywhere.
local function numbers(seed)
  local state = seed
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n + 1
  end
end

describe("A mutated command line", function()
  setup(function()
    library.load()
    require("gost.schema").use(library.components)
  end)
  teardown(function() require("gost.schema").use(nil) end)

  local SEEDS = {
    { "-L", "http://user:pass@:8080?limiter.in=100KB&bypass=~a.test,10.0.0.0/8&admission=127.0.0.1&hosts=a:1.1.1.1" },
    { "-L", "tcp://127.0.0.1:2000-2005/10.0.0.1:80,10.0.0.2:8080-8085?strategy=fifo&maxFails=2&failTimeout=5s" },
    { "-L", "socks5+tls://[::1]:1080?certFile=a.pem&keyFile=b.pem&resolver=tls://1.1.1.1&auth=dTpw&climiter=5",
      "-F", "relay+wss://u:p@h1:443,h2?path=/x&host=y.test&serverName=z&secure=true&hop.x=1&node.y=2" },
    { "-L", "rtcp://:0/127.0.0.1:22", "-F", "socks5://h:1080?so_mark=3&interface=eth0&retries=2", "-D", "-R", "30s" },
    { "-L", "unix:///run/a.sock", "-L", "redirect://:12345?sniffing=true", "-api", "u:p@:1?pathPrefix=/x", "-metrics", ":2" },
    { "-C", '{"services":[{"name":"a","addr":":1","handler":{"type":"http","chain":"c","metadata":{"readTimeout":"5s"}}}]}',
      "-C", '{"chains":[{"name":"c","hops":[{"nodes":[{"addr":"h:1","connector":{"type":"socks5"}}]}]}]}' },
  }
  local PIECES = {
    ":", "/", "?", "&", "=", "%", "%zz", "%00", "@", "#", ",", "-", "[", "]", "::", "://", "{", "}", '"', "\\", "\0", "\n",
    "\xff", "\xc3\xa9", " ", "+", "0", "65536", "99999999999999999999", "-1", "1e999", "nan", "true", "${X}", "file:/x",
    "file:", "~", "*", "..", ".", "%s", "%d%n", ("a"):rep(300), ("[" ):rep(200), "'", "`", "$", "$$", "null", "http", "tls",
  }

  local function mutated(text, pick)
    for _ = 1, pick(3) do
      local at, kind = pick(#text + 1), pick(5)
      if kind == 1 then text = text:sub(1, at - 1) .. PIECES[pick(#PIECES)] .. text:sub(at)
      elseif kind == 2 then text = text:sub(1, at - 1) .. text:sub(at + pick(4))
      elseif kind == 3 then text = text:sub(1, at - 1) .. PIECES[pick(#PIECES)] .. text:sub(at + pick(3))
      elseif kind == 4 then
        local to = math.min(#text, at + pick(20))
        text = text:sub(1, to) .. text:sub(at, to) .. text:sub(to + 1)
      else text = text:sub(1, at - 1) .. string.char(pick(256) - 1) .. text:sub(at + 1) end
    end
    return text
  end

  ---All that the program would do with it, short of running it.
  local function process(argv)
    local options, message = require("gost.commandline").parse(argv)
    if not options then return message end
    for i, source in ipairs(options.C) do -- only inline texts: no files, no network
      if not source:match "^%s*{.*}%s*$" then options.C[i] = "{" .. source .. "}" end
    end
    if #options.C + #options.L == 0 then return "nothing to do" end
    local configuration, found = require("gost.load").configuration(options, function() end)
    if not configuration then return found end
    require("gost.secrets").expand(configuration, function() end, found)
    require("gost.check").configuration(configuration, found, {
      readable = function() return true end, tls_check = function() return true end,
    })
    local lines = found:lines()
    if #found:only("error", "missing") == 0 then
      require("gost.print").yaml(configuration, {})
      require("gost.print").json(configuration, {})
      assert(load(require("gost.print_lua").script(configuration, {})))
      require("gost.complete").configuration(configuration)
    end
    return #lines > 0 and table.concat(lines, "\n") or true
  end

  it("is understood or refused with a message, never more: 4,000 of them", function()
    local pick, refused, fine = numbers(20260131), 0, 0
    for i = 1, 4000 do
      local argv = table.move(SEEDS[i % #SEEDS + 1], 1, #SEEDS[i % #SEEDS + 1], 1, {})
      local at = pick(#argv)
      argv[at] = mutated(argv[at], pick)
      local ok, result = xpcall(process, debug.traceback, argv)
      assert(ok, ("%q: %s"):format(table.concat(argv, " "), result))
      if result == true then fine = fine + 1 else
        refused = refused + 1
        assert.is_string(result)
        assert(#result > 5 and not result:find("%.lua:%d+:") and not result:find("attempt to", 1, true),
          ("%q: %s"):format(table.concat(argv, " "), result))
      end
    end
    assert.is_true(refused > 100 and fine > 100, ("%d refused, %d fine"):format(refused, fine))
  end)
end)

describe("A hostile file", function()
  if not built then
    pending "the program is not built"
    return
  end
  after_each(support.cleanup)

  local MEMORY = 900 * 1024 -- KiB of address space

  ---What -t says, within limits of time and memory.
  local function check(name, text)
    local path = support.files.path(name)
    if text then support.files.write(path, text) else path = name end
    local limit = program:find "san" and "" or ("ulimit -v %d; "):format(MEMORY)
    local began = support.now()
    local result = support.run { "sh", "-c", limit .. 'exec "$0" -t -C "$1"', program, path, timeout = support.scaled(40) }
    assert.equal(1, result.status, result.stderr:sub(1, 300))
    assert.is_true(support.now() - began < support.scaled(20))
    assert.not_matches("traceback", result.stderr)
    assert.not_matches("not enough memory", result.stderr)
    return result.stderr:gsub("^[^:]*%f[%w]" .. name:match "[^/]*$":gsub("%p", "%%%0"), name)
  end

  local bomb = { "x: &x [" .. ("a.test,"):rep(1000) .. "]\nbypasses:\n" }
  for i = 1, 4800 do bomb[#bomb + 1] = ("- {name: b%d, matchers: *x}\n"):format(i) end
  local keys = {}
  for i = 1, 100000 do keys[i] = ("k%d: 1\n"):format(i) end

  for name, case in pairs {
    ["aliases.yml"] = { table.concat(bomb), "x: unknown key" },
    ["keys.yml"] = { table.concat(keys), "100000 mistakes" },
    ["large.yml"] = { "a: " .. ("x"):rep(100 << 20), "too large (limit 64 MiB)" },
    ["scalar.yml"] = { '"' .. ("a"):rep(60000000), "while scanning a quoted scalar" },
    ["flow.yml"] = { ("a: {"):rep(30000), "nested too deeply (limit 64)" },
    ["block.yml"] = { ("- "):rep(100000), "nested too deeply (limit 64)" },
    ["question.yml"] = { ("? "):rep(1000000), "a key must be a plain word" },
    ["deep.json"] = { ("["):rep(1000000), "nested too deeply (limit 100)" },
    ["nul.yml"] = { "services: [{name: a\0b}]\n", "control characters are not allowed" },
    ["latin.yml"] = { "services: [{name: \xe9}]\n", "invalid trailing UTF-8 octet" },
    ["half.yml"] = { "\xff\xfes\0e\0r", "" },
    ["binary.yml"] = { "\x7fELF\x02\x01\x01\0\0\0", "control characters are not allowed" },
    ["/dev/zero"] = { nil, "too large (limit 64 MiB)" },
  } do
    it(name .. " is refused", function()
      assert.matches(case[2], check(name, case[1]), 1, true)
    end)
  end

  it("in UTF-16 is read", function()
    local text = ("services: [{name: a, addr: ':1'}]\n"):gsub(".", "%0\0")
    local path = support.files.with("wide.yml", "\xff\xfe" .. text)
    assert.equal("configuration is fine\n", support.gost_run({ "-t", "-C", path }).stdout)
  end)
end)
