---Where configurations come from: several at once, directories, standard input, web servers; and from there again
---on SIGHUP.

local support = require "spec.support"

local files = support.files

after_each(support.cleanup)

---A web server: what a request gets is the file ROOT/<path>, read anew each time. Files that begin with "HTTP/" are
---the whole answer; "HANG" never answers, "DRIP" sends a byte of a header now and then.
local SERVER = [[
local gost = require "gost"
local root, cert, key = ...
local function answer(conn)
  local path, auth = (conn:readline(10) or ""):match "^%u+ /([%w._/-]*)", nil
  for _ = 1, 50 do
    local line = conn:readline(10)
    if not line or line == "" then break end
    auth = line:match "^Authorization: (.*)" or auth
  end
  gost.log.info("asked for %s with %s", path, auth)
  local text = gost.fs.read(root .. "/" .. (path or "?"))
  if not text then return conn:write "HTTP/1.1 404 File not found\r\nContent-Length: 0\r\n\r\n" end
  if text == "HANG" then return gost.sleep(60) end
  if text == "DRIP" then
    for _ = 1, 600 do
      if not conn:write "X" then return end
      gost.sleep(0.1)
    end
  end
  if text:sub(1, 5) == "HTTP/" then return conn:write(text) end
  conn:write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " .. #text .. "\r\n\r\n" .. text)
end
gost.handler("web", function(conn)
  answer(conn)
  conn:close()
end)
gost.service { addr = "127.0.0.1:0", handler = "web", listener = cert and "tls" or "tcp",
  tls = cert and { certFile = cert, keyFile = key } or nil }
gost.run()
]]

---@param contents table<string, string>  by path
---@return string base of the URLs, ending with "/"
---@return string root directory
---@return support.Gost
local function serve(contents, certificate)
  local root = files.path "root"
  support.check { "mkdir", "-p", root .. "/deep" }
  for name, text in pairs(contents) do files.write(root .. "/" .. name, text) end
  local argv = { "--workers", "1", files.with("server.lua", SERVER), root, listeners = 1, name = "web" }
  if certificate then
    argv[#argv + 1], argv[#argv + 2] = certificate.cert, certificate.key
  end
  local server = support.gost(argv)
  return ("%s://127.0.0.1:%d/"):format(certificate and "https" or "http", server.ports[1]), root, server
end

---The names of the services that -O prints.
local function names(...)
  local spec = { "-O", "yaml", ... }
  local options = table.remove(spec)
  if type(options) == "table" then
    for key, value in pairs(options) do spec[key] = value end
  else
    spec[#spec + 1] = options
  end
  local result = support.gost_run(spec)
  local found = {}
  for name in result.stdout:gmatch "%- name: ([%w-]+)\n    addr" do found[#found + 1] = name end
  return #found > 0 and table.concat(found, " ") or result.stderr
end

local function service(name) return ("services: [ { name: %s, addr: '127.0.0.1:0' } ]\n"):format(name) end

describe("-C", function()
  it("takes files, a directory, inline JSON and standard input together, in order", function()
    local directory = files.path "conf.d"
    support.check { "mkdir", directory }
    files.write(directory .. "/20.yaml", service "z")
    files.write(directory .. "/10.json", '{"services": [{"name": "x", "addr": ":1"}]}')
    files.write(directory .. "/note.txt", "no configuration")
    files.write(directory .. "/.hidden.yml", "no configuration: [")
    assert.equal("a x z s j service-0", names("-C", files.with("a.yml", service "a"), "-C", directory, "-C", " ", "-C",
      "-", "-C", '{"services": [{"name": "j", "addr": ":2"}]}', "-L", "http://:3", { input = service "s" }))
  end)

  it("replaces sections and appends lists", function()
    local one = files.with("1.yml", "log: {level: debug, format: text}\nbypasses: [{name: b, matchers: [a.test]}]\n")
    local two = files.with("2.yml", "log: {level: warn}\nbypasses: [{name: c, matchers: [b.test]}]\n")
    local result = support.gost_run { "-O", "json", "-C", one, "-C", two, env = { GOST_LOGGER_LEVEL = "error" } }
    local text = result.stdout:gsub("%s", "")
    assert.matches('"log":{"level":"error"}', text, 1, true)
    assert.matches('"bypasses":[{"name":"b","matchers":["a.test"]},{"name":"c","matchers":["b.test"]}]', text, 1, true)
  end)

  it("says which directory has nothing", function()
    local directory = files.path "empty"
    support.check { "mkdir", directory }
    local result = support.gost_run { "-t", "-C", directory }
    assert.equal(1, result.status)
    assert.equal(directory .. ": no .yml, .yaml or .json file in this directory\n1 mistake\n", result.stderr)
  end)

  it("reads standard input only once, and keeps what it said over a reload", function()
    local result = support.gost_run { "-t", "-C", "-", "-C", "-", input = service "a" }
    assert.equal("-C -: standard input can be read only once\n1 mistake\n", result.stderr)
    local path = files.with("more.yml", service "b")
    local gost = support.gost { "--workers", "1", "-C", "-", "-C", path,
      stdin = files.with("a.yml", service "a"), listeners = 2 }
    files.write(path, service "c")
    gost:kill "HUP"
    gost:wait_log "%- service b"
    gost:wait_log "config reloaded"
    assert.not_matches("service a", (gost:output():gsub("listening[^\n]*", "")))
  end)
end)

describe("-C http://", function()
  it("is fetched before anything starts; the form is the server's, else the name's", function()
    local url = serve {
      ["gost.yml"] = service "yaml",
      ["gost.json"] = '{"services": [{"name": "json", "addr": ":1"}]}',
      typed = 'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n'
        .. '10\r\n{"services": [{"\r\n1b;x=y\r\nname": "typed","addr":":2"}\r\n2\r\n]}\r\n0\r\nT: x\r\n\r\n',
      moved = "HTTP/1.1 302 Found\r\nLocation: deep/gost.yml\r\nContent-Length: 0\r\n\r\n",
      ["deep/gost.yml"] = service "deep",
    }
    assert.equal("yaml json typed deep", names("-C", url .. "gost.yml", "-C", url .. "gost.json?x=1#f.yml", "-C",
      url .. "typed", "-C", url .. "moved"))
  end)

  it("sends user and password, and shows neither", function()
    local url, _, server = serve { ["gost.yml"] = service "a" }
    url = url:gsub("//", "//user:s3cr%%74@")
    assert.equal("a", names("-C", url .. "gost.yml"))
    server:wait_log "with Basic dXNlcjpzM2NydA==" -- user:s3crt
    local result = support.gost_run { "-t", "-C", url .. "none?token=s3crt" }
    assert.equal(1, result.status)
    assert.matches("^fetch config from http://127%.0%.0%.1:%d+/none%?token=%*%*%*: 404 File not found\n1 mistake\n$",
      result.stderr)
  end)

  it("fails with a message for whatever a server does", function()
    local url = serve {
      garbage = "HTTP/1.1 ok\r\n\r\n",
      chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
      long = "HTTP/1.1 200 OK\r\nContent-Length: 10485761\r\n\r\n",
      short = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nservices: []",
      circle = "HTTP/1.1 301 Moved\r\nLocation: /circle\r\n\r\n",
      ftp = "HTTP/1.1 301 Moved\r\nLocation: ftp://h/x\r\n\r\n",
      empty = "HTTP/1.1 204 No Content\r\n\r\n",
      wrong = "services: [{nam: a}]",
    }
    for path, message in pairs {
      garbage = "not an HTTP response", chunk = "malformed chunk", chunks = "malformed chunk",
      long = "the body is too large", short = "closed", circle = "too many redirects",
      ftp = '"ftp://h/x": expected an http:// or https:// URL', empty = "204 No Content", none = "404 File not found",
      wrong = 'wrong:1:13: services[0].nam: unknown key, did you mean "name"?',
    } do
      local result = support.gost_run { "-t", "-C", url .. path, timeout = 20 }
      assert.equal(1, result.status, path)
      assert.matches(message, result.stderr, 1, true)
      assert.not_matches("traceback", result.stderr)
    end
    local result = support.gost_run { "-t", "-C", "http://127.0.0.1:" .. support.free_port() .. "/gost.yml" }
    assert.matches("fetch config from http://127.0.0.1:%d+/gost.yml: .*refused", result.stderr)
    result = support.gost_run { "-t", "-C", "http:///gost.yml" }
    assert.matches("has no host", result.stderr)
  end)

  it("verifies the certificate of an https server", function()
    local pki = support.pki()
    local url = serve({ ["gost.yml"] = service "safe" }, pki:cert())
    local result = support.gost_run { "-O", "yaml", "-C", url .. "gost.yml", env = { SSL_CERT_FILE = pki.ca } }
    assert.matches("name: safe", result.stdout, 1, true)
    result = support.gost_run { "-O", "yaml", "-C", url .. "gost.yml" }
    assert.equal(1, result.status)
    assert.matches("certificate", result.stderr)
  end)

  it("is fetched again on SIGHUP; when that fails the old configuration stays", function()
    local url, root = serve { ["gost.yml"] = service "a" }
    local gost = support.gost { "--workers", "1", "-C", url .. "gost.yml" }
    files.write(root .. "/gost.yml", service "b")
    gost:kill "HUP"
    gost:wait_log "%+ service b"
    gost:wait_log "config reloaded"
    gost:wait_listening(2)
    os.remove(root .. "/gost.yml")
    gost:kill "HUP"
    gost:wait_log "fetch config from http://127%.0%.0%.1:%d+/gost%.yml: 404 File not found"
    gost:wait_log "the old one stays"
    assert.is_true(support.connects(gost.ports[2]))
    files.write(root .. "/gost.yml", service "c")
    gost:kill "HUP"
    gost:wait_log "%+ service c"
  end)

  it("has one deadline for everything, however slowly bytes come", function()
    local url = serve { hang = "HANG", drip = "DRIP" }
    local script = files.with("fetch.lua", [[
      for _, url in ipairs { ... } do
        local text, message = require "gost.fetch"(url, { seconds = 0.5 })
        print(text, message)
      end]])
    local before = support.now()
    local result = support.gost_run { script, url .. "hang", url .. "drip" }
    assert.equal(("nil\tno answer within 0.5 s\n"):rep(2), result.stdout, result.stderr)
    assert.is_true(support.now() - before < support.scaled(5))
  end)

  it("serves on while a reload waits for an answer, and can be ended meanwhile", function()
    local url, root, server = serve { ["gost.yml"] = service "a" }
    local gost = support.gost { "--workers", "1", "-C", url .. "gost.yml" }
    files.write(root .. "/gost.yml", "HANG")
    gost:kill "HUP"
    server:wait_log "asked for gost%.yml[^\n]*\n.-asked for gost%.yml"
    assert.is_true(support.connects(gost.ports[1]))
    gost:stop()
  end)
end)
