---The commands of scripts/ themselves. What they run is small, so that the suite does not run itself.

local support = require "spec.support"
local files = support.files

local function test(...)
  return support.run { "scripts/test", "--no-build", timeout = 60, ... }
end

local function spec_file(text)
  return files.write(files.path "inner_spec.lua", text)
end

describe("scripts/test", function()
  it("counts what passed and failed in its last line", function()
    local good = spec_file [[it("is fine", function() end) it("is fine too", function() end)]]
    local r = test(good)
    assert.equal(0, r.status)
    assert.equal("2 passed, 0 failed", r.stdout:match "([^\n]*)\n$")
  end)

  it("shows what fails and exits with 1", function()
    local bad = spec_file [[it("is fine", function() end) it("is wrong", function() assert.equal(1, 2) end)]]
    local r = test(bad)
    assert.equal(1, r.status)
    assert.matches("FAILED: is wrong", r.stdout)
    assert.matches("\n1 passed, 1 failed\n$", r.stdout)
  end)

  it("counts a file that does not load", function()
    local r = test(spec_file "this is not Lua")
    assert.equal(1, r.status)
    assert.matches("\n0 passed, 1 failed\n$", r.stdout)
  end)

  it("counts a file that ends the process", function()
    local r = test(spec_file [[it("leaves", function() os.exit(0) end)]])
    assert.equal(1, r.status)
    assert.matches("no closing line", r.stdout)
  end)

  it("fails when nothing was tested", function()
    assert.equal(1, test(spec_file "").status)
  end)

  it("tells what is skipped", function()
    local r = test(spec_file [[it("is fine", function() end) pending "not here"]])
    assert.matches("skipped: not here", r.stdout)
    assert.matches("\n1 passed, 0 failed, 1 skipped\n$", r.stdout)
  end)

  it("fails a file whose program leaves a sanitizer's report", function()
    local r = test(spec_file [[
      local support = require "spec.support"
      it("starts one", function()
        support.start { "sh", "-c", "echo 'WARNING: ThreadSanitizer: data race'; read x", ready = "race" }
      end)]])
    assert.equal(1, r.status)
    assert.matches("has a sanitizer report", r.stdout)
  end)
end)

describe("scripts/deps", function()
  it("is quick and quiet when nothing is missing", function()
    local r = support.run { "scripts/deps", "run", "test" }
    assert.same({ 0, "", "" }, { r.status, r.stdout, r.stderr })
    assert.is_true(r.seconds < support.scaled(1))
  end)

  it("knows its groups", function()
    local r = support.run { "scripts/deps", "everything" }
    assert.equal(2, r.status)
    assert.matches("run|test|bench", r.stderr, 1, true)
  end)

  it("says what to install when it may not", function()
    local bin = files.mkdir "bin" -- a dpkg-query that knows no package, and no sudo
    support.check { "ln", "-s", "/usr/bin/sort", "/usr/bin/sed", bin }
    support.check { "install", "-m", "755", files.with("none", "#!/bin/sh\nexit 1\n"), bin .. "/dpkg-query" }
    local nobody = { "/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/bin/bash" }
    if support.run { "setpriv", "--reuid=65534", "--clear-groups", "test", "-r", "scripts/deps" }.status ~= 0 then
      return pending "cannot become another user here"
    end
    nobody[#nobody + 1], nobody.env = "scripts/deps", { PATH = bin }
    local r = support.run(nobody)
    assert.equal(1, r.status)
    assert.matches("as root, please run: apt%-get install .*libuv1%-dev", r.stderr)
  end)
end)

describe("scripts/pre-commit", function()
  ---A repository with the scripts and one staged file.
  local function staged(name, text)
    local dir = files.mkdir "repo"
    support.check { "cp", "-r", "scripts", ".luacheckrc", ".clang-format", dir }
    files.write(dir .. "/" .. name, text)
    support.check { "git", "init", "-q", cwd = dir }
    support.check { "git", "add", name, cwd = dir }
    return support.run { "scripts/pre-commit", cwd = dir }
  end

  it("lets good files pass", function()
    assert.equal(0, staged("a.c", "int a;\n").status)
    assert.equal(0, staged("a.lua", "return 1\n").status)
  end)

  it("stops what is not formatted, not clean, not Bash or not finished", function()
    assert.matches("would change", staged("a.c", "int  a;\n").stdout)
    assert.matches("undefined variable", staged("a.lua", "return nothing\n").stdout)
    assert.not_equal(0, staged("a.sh", "#!/bin/bash\nif then\n").status)
    assert.matches("leftovers", staged("a.c", "/* TO" .. "DO: more */\n").stdout)
  end)
end)
