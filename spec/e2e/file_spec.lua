---The file handler: a directory over HTTP.

local support = require "spec.support"
local client = require "spec.support.client"
local files = support.files

describe("The file handler", function()
  local dir, gost, base

  before_each(function()
    dir = files.mkdir("www" .. math.random(1 << 30))
    files.write(dir .. "/hello.txt", "hello, world\n")
    files.write(dir .. "/empty", "")
    support.check { "mkdir", "-p", dir .. "/sub dir/deep", dir .. "/site" }
    files.write(dir .. "/sub dir/a<b>&.html", "<p>x")
    files.write(dir .. "/site/index.html", "the site\n")
    files.write(dir .. "-secret", "secret\n")
    support.check { "ln", "-s", dir .. "-secret", dir .. "/leak" }
    support.check { "ln", "-s", "..", dir .. "/up" }
    support.check { "ln", "-s", "hello.txt", dir .. "/inside" }
    support.check { "mkfifo", dir .. "/fifo" }
  end)
  after_each(support.cleanup)

  local function serve(query, user)
    gost = support.gost { "-L", ("file://%s127.0.0.1:0?dir=%s%s"):format(user and user .. "@" or "", dir, query or "") }
    base = ("http://127.0.0.1:%d"):format(gost.ports[1])
  end

  local function get(path, ...)
    return support.curl { "--path-as-is", base .. path, ... }
  end

  ---curl's answer with its head.
  local function head_of(path, ...)
    local head = files.path "head"
    local r = get(path, "-D", head, ...)
    return r, files.read(head)
  end

  it("sends files, of any size", function()
    serve()
    assert.equal("hello, world\n", get("/hello.txt").body)
    assert.equal("hello, world\n", get("//hello.txt?x=1").body)
    assert.equal("hello, world\n", get("/inside").body)
    assert.equal("hello, world\n", get("/sub%20dir/../hello.txt").body)
    local r, head = head_of "/empty"
    assert.equal(200, r.http_code)
    assert.matches("Content%-Length: 0\r\n", head)
    r, head = head_of "/hello.txt"
    assert.equal(200, r.http_code)
    assert.matches("Content%-Type: text/plain; charset=utf%-8\r\n", head)
    assert.matches("Last%-Modified: %u%l%l, %d%d %u%l%l %d%d%d%d %d%d:%d%d:%d%d GMT\r\n", head)
    local big = files.random(20 << 20)
    support.check { "cp", big, dir .. "/big" }
    local got = files.path "got"
    assert.equal(0, support.run({ "curl", "-sS", "-o", got, base .. "/big" }).status)
    files.assert_same(big, got)
  end)

  it("answers HEAD without a body, and keeps the connection", function()
    serve()
    local r = support.run { "curl", "-sS", "-I", base .. "/hello.txt" }
    assert.matches("^HTTP/1.1 200 OK\r\n.*Content%-Length: 13\r\n", r.stdout)
    r = support.run { "curl", "-sS", "-w", "%{num_connects}", base .. "/hello.txt", base .. "/nothing",
      base .. "/inside" }
    assert.equal("hello, world\n1404 page not found\n0hello, world\n0", r.stdout)
  end)

  it("sends ranges", function()
    serve()
    for range, expected in pairs { ["0-4"] = "hello", ["7-"] = "world\n", ["-6"] = "world\n", ["7-1000"] = "world\n",
      ["-1000"] = "hello, world\n" } do
      local r, head = head_of("/hello.txt", "-r", range)
      assert.equal(206, r.http_code)
      assert.equal(expected, r.body)
      assert.matches("Content%-Range: bytes %d+%-%d+/13\r\n", head)
    end
    local r, head = head_of("/hello.txt", "-r", "13-")
    assert.equal(416, r.http_code)
    assert.matches("Content%-Range: bytes %*/13\r\n", head)
    for _, range in ipairs { "bytes=0-1,3-4", "bytes=x", "bytes=5-2", "lines=1-2", "bytes=99999999999999999999-" } do
      r = get("/hello.txt", "-H", "Range: " .. range)
      assert.equal(200, r.http_code)
      assert.equal("hello, world\n", r.body)
    end
    r = get("/hello.txt", "-r", "0-4", "-H", "If-Range: Sat, 01 Jan 2000 00:00:00 GMT")
    assert.equal(200, r.http_code)
  end)

  it("says when a file has not changed", function()
    serve()
    local _, head = head_of "/hello.txt"
    local r = get("/hello.txt", "-H", "If-Modified-Since: " .. head:match "Last%-Modified: ([^\r]+)")
    assert.equal(304, r.http_code)
    assert.equal("", r.body)
  end)

  it("lists directories, with every name escaped", function()
    serve()
    local r, head = head_of "/sub%20dir/"
    assert.equal(200, r.http_code)
    assert.matches("text/html", head)
    assert.truthy(r.body:find('<a href="./a%3Cb%3E%26.html">a&lt;b&gt;&amp;.html</a>\n<a href="./deep/">deep/</a>', 1,
      true))
    r, head = head_of "/sub%20dir"
    assert.equal(301, r.http_code)
    assert.matches("Location: %./sub%%20dir/\r\n", head)
    assert.equal("the site\n", get("/site/").body)
    assert.equal("the site\n", get("/site", "-L").body)
    assert.truthy(get("/").body:find('<a href="./hello.txt">', 1, true))
  end)

  it("lets nothing out of its directory", function()
    serve "&put=true"
    for _, path in ipairs { "/leak", "/up/", "/../" .. dir:match "[^/]+$" .. "-secret", "/%2e%2e/%2e%2e/etc/passwd",
      "/..%2f..%2fetc%2fpasswd", "/sub%20dir/../../../etc/passwd", "/up/etc/passwd", "/fifo", "//../../etc/passwd" } do
      local r = get(path)
      assert.equal(403, r.http_code, path)
      assert.is_nil(r.body:find("secret", 1, true))
    end
    for _, path in ipairs { "/%00", "/a%00b", "/%2fetc/passwd", "/%zz" } do
      assert.equal(400, get(path).http_code, path)
    end
    for _, path in ipairs { "/nothing", "/hello.txt/", "/hello.txt/x" } do
      assert.equal(404, get(path).http_code, path)
    end
    for _, path in ipairs { "/../out", "/up/out", "/leak/out", "/sub%20dir/..%2f..%2fout" } do
      assert.truthy(({ [403] = true, [409] = true })[get(path, "-T", dir .. "/hello.txt").http_code], path)
    end
    assert.equal(409, get("/leak", "-T", dir .. "/hello.txt").http_code)
    assert.equal("secret\n", files.read(dir .. "-secret"))
    assert.is_false(files.exists(dir .. "/../out"))
  end)

  it("takes uploads when it is to", function()
    serve "&put=true"
    local big = files.random(3 << 20)
    local r = get("/new/folder/big", "-T", big)
    assert.equal(201, r.http_code, r.body)
    files.assert_same(big, dir .. "/new/folder/big")
    assert.equal(201, get("/hello.txt", "-T", "-", "-H", "Transfer-Encoding: chunked", "-X", "PUT").http_code)
    assert.equal(201, support.curl({ "-T", "-", base .. "/hello.txt", input = "other\n" }).http_code)
    assert.equal("other\n", files.read(dir .. "/hello.txt"))
    assert.equal(201, get("/small", "-X", "PUT", "-H", "Content-Length: 0").http_code)
    assert.equal("", files.read(dir .. "/small"))
    assert.equal(409, get("/hello.txt/below", "-T", big).http_code)
    assert.equal(400, get("/folder/", "-X", "PUT", "-d", "x").http_code)
    assert.equal(409, get("/site", "-T", big).http_code)
  end)

  it("keeps what is not complete under another name, and away", function()
    serve "&put=true"
    local c = client.tcp(gost.ports[1])
    c:send "PUT /hello.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"
    support.eventually(function()
      return support.run({ "ls", "-A", dir }).stdout:find(".upload-", 1, true)
    end, 10, "no upload begins")
    assert.equal("hello, world\n", files.read(dir .. "/hello.txt"))
    c:close()
    support.eventually(function()
      return not support.run({ "ls", "-A", dir }).stdout:find(".upload-", 1, true)
    end, 10, "the half file stays")
    assert.equal("hello, world\n", files.read(dir .. "/hello.txt"))
  end)

  it("refuses uploads and other methods otherwise", function()
    serve()
    local r, head = head_of("/hello.txt", "-X", "PUT", "-d", "x")
    assert.equal(405, r.http_code)
    assert.matches("Allow: GET, HEAD\r\n", head)
    assert.equal(405, get("/hello.txt", "-X", "DELETE").http_code)
    assert.equal("hello, world\n", files.read(dir .. "/hello.txt"))
  end)

  it("asks for credentials", function()
    serve("&put=true", "anna:geheim")
    local r, head = head_of "/hello.txt"
    assert.equal(401, r.http_code)
    assert.matches('WWW%-Authenticate: Basic realm="gost"\r\n', head)
    assert.equal(401, get("/hello.txt", "-u", "anna:falsch").http_code)
    assert.equal(401, get("/new", "-T", dir .. "/hello.txt").http_code)
    assert.equal("hello, world\n", get("/hello.txt", "-u", "anna:geheim").body)
  end)

  it("answers nonsense with 400", function()
    serve()
    for _, text in ipairs { "GET /a b HTTP/1.1\r\n\r\n", "GET * HTTP/1.0\r\n\r\n", "nonsense\r\n\r\n" } do
      local c = client.tcp(gost.ports[1])
      c:send(text)
      assert.matches("^HTTP/1.1 400 ", c:read_all())
      c:close()
    end
    gost:assert_running()
  end)

  it("wants a directory", function()
    local r = support.gost_run { "-L", "file://127.0.0.1:0?dir=/nonexistent/dir" }
    assert.not_equal(0, r.status)
    assert.matches("dir: /nonexistent/dir: no such file or directory", r.stdout .. r.stderr)
  end)
end)
