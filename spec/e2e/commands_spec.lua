---Commands that a service runs when it comes and goes.

local support = require "spec.support"
local files = support.files

describe("The commands of a service", function()
  after_each(support.cleanup)

  local out

  ---A service that writes a line for each event.
  local function config(port, names)
    local lines = { "services:" }
    for _, name in ipairs(names) do
      lines[#lines + 1] = ("- {name: %s, addr: '127.0.0.1:%d', handler: http, listener: tcp, metadata: {")
        :format(name, port)
      for _, event in ipairs { "preUp", "postUp", "preDown", "postDown" } do
        lines[#lines + 1] = ("    %s: ['sh -c \"echo %s %s $(true) >> %s\"'],"):format(event, name, event, out)
      end
      lines[#lines + 1] = "  }}"
    end
    return table.concat(lines, "\n") .. "\n"
  end

  local function wait_for(text)
    support.eventually(function() return files.exists(out) and files.read(out) == text end, 10,
      "the commands did not run as expected")
  end

  ---TSan may lose a signal that comes while a fiber runs.
  local loses_signals = os.getenv "GOST_TREE" == "tsan"

  before_each(function() out = files.path "out" .. support.free_port() end)

  it("run in order, by one worker, when it starts and when it ends", function()
    if loses_signals then return pending "signals are lost here" end
    local gost = support.gost { "--workers", "3", "-C", files.with("c.yaml", config(0, { "a" })) }
    wait_for "a preUp\na postUp\n"
    gost:wait_log '"msg":"preUp: sh '
    gost:stop()
    assert.equal("a preUp\na postUp\na preDown\na postDown\n", files.read(out))
  end)

  it("run when a reload takes it away, or brings it", function()
    if loses_signals then return pending "signals are lost here" end
    local path = files.with("c.yaml", config(0, { "a" }))
    local gost = support.gost { "-C", path }
    wait_for "a preUp\na postUp\n"
    files.write(path, config(0, { "b" }))
    gost:kill "HUP"
    wait_for "a preUp\na postUp\na preDown\na postDown\nb preUp\nb postUp\n"
    gost:kill "HUP"
    gost:wait_log "config reloaded.*config reloaded"
    gost:stop()
    assert.equal("a preUp\na postUp\na preDown\na postDown\nb preUp\nb postUp\nb preDown\nb postDown\n",
      files.read(out))
  end)

  it("are words, without a shell; failures are told, and nothing more", function()
    local gost = support.gost { "-C", files.with("c.yaml", ([[
services:
- name: a
  addr: 127.0.0.1:0
  handler: {type: http}
  listener: {type: tcp}
  metadata:
    preUp:
    - touch %s/a;b "%s/x \" y" '%s/$HOME' %s/c\ d
    - "false"
    - /nosuch/program
]]):format(files.dir(), files.dir(), files.dir(), files.dir())) }
    gost:wait_log "preUp: false: status 1"
    gost:wait_log "preUp: /nosuch/program: [^\"]*no such file or directory"
    for _, name in ipairs { "a;b", 'x " y', "$HOME", "c d" } do
      assert.is_true(files.exists(files.dir() .. "/" .. name), name)
    end
    assert.equal(1, #gost.ports)
  end)

  it("have an end to their quotes", function()
    local r = support.gost_run { "-C", files.with("c.yaml", [[
services: [{name: a, addr: "127.0.0.1:0", handler: {type: http}, listener: {type: tcp}, metadata: {preUp: ["echo 'x"]}}]
]]) }
    assert.not_equal(0, r.status)
    assert.matches("preUp of service a: echo 'x: a ' without its end", r.stderr)
  end)
end)
