---What scripts have at hand: fibers, time, shared values, HTTP, names, files, digests.

local support = require "spec.support"
local client = require "spec.support.client"

local origin

setup(function() origin = support.origin { "http", "echo", "silent" } end)
teardown(support.cleanup)

---What a script prints; it runs in one worker, and ends by itself.
local function prints(text, values)
  text = text:gsub("%$(%u+)", values or {})
  local path = support.files.with("script.lua", 'local gost = require "gost"\n' .. text)
  local r = support.gost_run { "--workers", "1", path, timeout = 15 }
  assert.equal(0, r.status, r.stderr)
  return r.stdout
end

describe("Fibers", function()
  it("are joined for their results, and cancelled", function()
    assert.equal("true 3 x\ntrue\nnil canceled canceled\nnil hook\nnil timeout\n", prints [[
      print((table.concat({ tostring((gost.spawn(function(a, b) return a + b, "x" end, 1, 2):join())), 3, "x" }, " ")))
      local f = gost.spawn(function() gost.sleep(60) end)
      f:cancel()
      print((f:join(5)))
      local g = gost.spawn(function() return select(3, gost.sleep(60)), "canceled" end)
      g:cancel()
      local _, code, word = g:join(5)
      print(nil, code, word)
      local bad = gost.spawn(function() error "x" end)
      local ok, _, why = bad:join()
      print(ok, why)
      local slow = gost.spawn(function() gost.sleep(60) end)
      print((select(1, slow:join(0.01))), (select(3, slow:join(0.01))))
      slow:cancel()
    ]]:gsub("\t", " "))
  end)

  it("run side by side: all of them, or the first", function()
    assert.equal("1 2 3\nnil broken refused\nfast 2\nnil no result nil\nnil timed out timeout\n", prints([[
      local function three() return 3 end
      local got = gost.all { function() gost.sleep(0.02) return 1 end, function() return 2 end, three }
      print(table.concat(got, " "))
      print(gost.all { function() return nil, "broken", "refused" end, function() gost.sleep(60) end })
      print(gost.any { function() gost.sleep(60) end, function() gost.sleep(0.01) return "fast" end })
      print(gost.any { function() end, function() return false end })
      print(gost.all({ function() gost.sleep(60) end }, 0.05))
    ]]):gsub("\t", " "):gsub("fiber limit reached", "timed out"))
  end)

  it("are called every so often, or later", function()
    assert.equal("3\nlater\n", prints [[
      local n = 0
      local f = gost.every(0.01, function()
        n = n + 1
        if n == 2 then error "this does not end it" end
      end)
      while n < 3 do gost.sleep(0.005) end
      f:cancel()
      print(n)
      print(select(2, gost.after(0.01, function() return "later" end):join()))
    ]])
  end)

  it("work together by semaphores and channels", function()
    assert.equal("2\n1 2 3 4 5 nil\ntimeout\nclosed\n", prints [[
      local s, inside, most = gost.semaphore(2), 0, 0
      local jobs = {}
      for i = 1, 10 do
        jobs[i] = function()
          s:with(function()
            inside = inside + 1
            most = math.max(most, inside)
            gost.sleep(0.002)
            inside = inside - 1
          end)
          return true
        end
      end
      assert(gost.all(jobs))
      print(most)
      local c = gost.channel(2)
      gost.spawn(function()
        for i = 1, 5 do c:put(i) end
        c:close()
      end)
      local got = {}
      for _ = 1, 6 do got[#got + 1] = tostring((c:get())) end
      print(table.concat(got, " "))
      print((select(3, gost.channel():get(0.01))))
      print((select(3, c:put(1))))
    ]])
  end)

  it("do not stop others while they wait or find bytes without end", function()
    local gost = support.gost { "--workers", "1", support.files.with("s.lua", ([[
      local gost = require "gost"
      gost.handler("flood", function(conn)
        local chunk = ("x"):rep(65536)
        while conn:write(chunk) do end
      end)
      gost.service { addr = "127.0.0.1:0", handler = "flood" }
      gost.service { addr = "127.0.0.1:0" }
      gost.run()
    ]])), listeners = 2 }
    local flood = support.start { "sh", "-c", ("exec socat -u TCP:127.0.0.1:%d - >/dev/null"):format(gost.ports[1]) }
    for _ = 1, 5 do
      assert.equal("hello\n", support.curl { "-x", "http://127.0.0.1:" .. gost.ports[2], origin:url "/hello" }.body)
    end
    flood:terminate()
  end)
end)

describe("Shared values", function()
  it("of a dict: get, set, add, incr, cas, expire", function()
    assert.equal("nil\n1 2.5 true text\ntrue false\n3 -2\ntrue false b\nnil\nnil the dict is full limit\n", (prints [[
      local d = gost.dict "d"
      print(d:get "nothing")
      d:set("i", 1) d:set("n", 2.5) d:set("b", true) d:set("s", "text")
      print(d:get "i", d:get "n", d:get "b", d:get "s")
      print(d:add("new", 1), d:add("new", 2))
      print(d:incr("c", 3), d:incr("c", -5))
      print(d:cas("x", nil, "a"), d:cas("x", "b", "c"), d:cas("x", "a", "b") and d:get "x")
      d:set("short", 1, 0.02)
      gost.sleep(0.05)
      print(d:get "short")
      local small = gost.dict("small", { size = 2 })
      small:set("a", 1) small:set("b", 2)
      print(small:set("c", 3))
      assert(not pcall(d.set, d, "t", {}))
      assert(not pcall(d.incr, d, "s"))
    ]]:gsub("\t", " ")))
  end)

  it("are the same in every worker", function()
    local gost = support.gost { "--workers", "2", support.files.with("s.lua", [[
      local gost = require "gost"
      local dict, counter = gost.dict "hits", gost.counter "hits"
      gost.handler("count", function(conn)
        conn:write(("%d %d %d\n"):format(gost.worker, dict:incr "n", counter:add()))
      end)
      gost.service { addr = "127.0.0.1:0", handler = "count" }
      gost.run()
    ]]) }
    local seen, i = {}, 0
    support.eventually(function() -- the second worker may begin a little later
      i = i + 1
      local worker, n, c = client.tcp(gost.ports[1]):read_all():match "^(%d) (%d+) (%d+)\n$"
      assert(tostring(i) == n and n == c)
      seen[worker] = true
      return seen["0"] and seen["1"]
    end, 20)
  end)

  it("of buckets ration", function()
    assert.equal("true true false\ntrue\nnil\n", (prints [[
      local b = gost.bucket("b", 20, 2)
      print(b:take(), b:take(), (b:take()))
      local began = gost.now()
      assert(b:wait(2, 5))
      print(gost.now() - began >= 0.045)
      print((select(2, b:take(100))))
    ]]:gsub("\t", " ")))
  end)
end)

describe("HTTP", function()
  it("requests have status, headers and body, whatever its framing", function()
    assert.equal("200 hello\n text/plain\n70000\n503\nPOST me\n", (prints([[
      local r = gost.http.request "$URL/hello"
      print(r.status, r.body .. "", (r.headers["content-type"] or "text/plain"):match "^[^;]+")
      print(#gost.http.request("$URL/chunked/70000").body)
      print(gost.http.request("$URL/status/503").status)
      print("POST", gost.http.request { url = "$URL/echo", method = "POST", body = "me" }.body)
    ]], { URL = origin:url "" }):gsub("\t", " ")))
  end)

  it("failures are values: refused, timeout, too large", function()
    assert.equal("refused\ntimeout\nlimit\nfalse\n", prints([[
      print((select(3, gost.http.request "http://127.0.0.1:1/")))
      print((select(3, gost.http.request { url = "http://$SILENT/", timeout = 0.1 })))
      print((select(3, gost.http.request { url = "$URL/bytes/100000", max_body = 1000 })))
      print((pcall(gost.http.request, "gopher://x")))
    ]], { URL = origin:url "", SILENT = origin:addr "silent" }))
  end)
end)

describe("Helpers", function()
  it("look up names, read files, make digests and decode", function()
    local file = support.files.with("data", "some text")
    assert.equal([[
127.0.0.1
dns
some text
io
limit
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8
true	false
aGk=	hi	protocol
[1,2,{"a":"b"}]	2
3
value
]], prints([[
      print(gost.dns.lookup("127.0.0.1")[1])
      print((select(3, gost.dns.lookup "no such name")))
      print(gost.fs.read "$FILE")
      print((select(3, gost.fs.read "/nonexistent")))
      print((select(3, gost.fs.read("$FILE", 3))))
      print(gost.hash("sha256", "abc"))
      print(gost.hmac("sha256", "key", "The quick brown fox jumps over the lazy dog"))
      print(gost.equal("a", "a"), gost.equal("a", "b"))
      print(gost.base64.encode "hi", gost.base64.decode "aGk=", select(3, gost.base64.decode "?"))
      print(gost.json.encode { 1, 2, { a = "b" } }, gost.json.decode "[1,2]"[2])
      print(gost.yaml.decode("a: [1, 2, 3]").a[3])
      print(gost.env "HOME" and "value")
    ]], { FILE = file }))
  end)

  it("hold many networks and names", function()
    assert.equal("true true false false\ntrue false true true false\n", (prints [[
      local nets = gost.cidr_set { "10.0.0.0/8", "2001:db8::/32" }
      print(nets:contains "10.1.2.3", nets:contains "[2001:db8::1]:443", nets:contains "11.0.0.1", nets:contains "x")
      local names = gost.domain_set { "one.test", "*.two.test" }
      names:add ".three.test"
      print(names:contains "ONE.test:80", names:contains "sub.one.test", names:contains "a.two.test",
        names:contains "three.test", names:contains "two.test")
      assert(not pcall(gost.cidr_set, { "nonsense" }))
    ]]:gsub("\t", " ")))
  end)
end)

describe("Streams", function()
  it("read lines, exactly so many bytes, with limits of time", function()
    assert.equal("line\nab\ncd\ntimeout\nxyz\nrest\ntrue\n", prints([[
      local s = assert(gost.dial "$ECHO")
      s:write "line\r\nabcd"
      print(s:readline())
      print(s:read_exact(2))
      print(s:read())
      print((select(3, s:read(10, 0.05))))
      s:unread "xyz"
      print(s:read())
      s:write "rest"
      s:shutdown()
      print(s:read_exact(4))
      local bytes, message, code = s:read()
      print(bytes == nil and code == "eof")
      s:close()
      s:close()
    ]], { ECHO = origin:addr "echo" }))
  end)

  it("closed by another fiber end its wait; two readers are a mistake", function()
    assert.equal("canceled\nanother fiber reads this stream\n", prints([[
      local s = assert(gost.dial "$SILENT")
      local reader = gost.spawn(function() return select(3, s:read()) end)
      gost.sleep(0.01)
      local ok, message = pcall(s.read, s)
      s:close()
      print((select(2, reader:join(5))))
      print(message:match "another.*")
    ]], { SILENT = origin:addr "silent" }))
  end)

  it("are joined by pipe", function()
    assert.equal("4\n", (prints([[
      local a, b = assert(gost.dial "$ECHO"), assert(gost.dial "$ECHO")
      a:write "ping"
      a:shutdown()
      print((a:pipe(b))) -- what echoes back finds a's way out shut
    ]], { ECHO = origin:addr "echo" }):gsub("\t", " ")))
  end)
end)
