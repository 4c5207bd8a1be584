---What `cmake --install` puts where, and that it works from there and from the build tree.

local support = require "spec.support"
local files = support.files

local PRINT = 'local gost = require "gost"; print(type(gost.service), type(require "gost.core"))'

describe("An installed gost", function()
  local prefix

  setup(function()
    prefix = files.mkdir "prefix"
    support.check { "cmake", "--install", support.build, "--prefix", prefix, timeout = 60 }
  end)

  it("is a module that plain Lua 5.4 loads", function()
    local env = {
      LUA_PATH = prefix .. "/share/lua/5.4/?.lua;" .. prefix .. "/share/lua/5.4/?/init.lua",
      LUA_CPATH = prefix .. "/lib/lua/5.4/?.so",
    }
    local out = support.check { "lua5.4", "-e", PRINT, env = env, cwd = "/" }
    assert.equal("function\ttable\n", out)
  end)

  it("is a program that finds its Lua files beside itself", function()
    local env = { LUA_PATH = "", LUA_CPATH = "" }
    local out = support.check { prefix .. "/bin/gost-lua", "-V", env = env, cwd = "/" }
    assert.matches("%d+%.%d+", out)
    local program = files.with("config.lua", 'print(package.searchpath("gost", package.path))')
    out = support.check { prefix .. "/bin/gost-lua", program, env = env, cwd = "/" }
    assert.equal(prefix .. "/share/lua/5.4/gost/init.lua\n", (support.check { "realpath", out:match "[^\n]*" }))
  end)

  it("does not bring its own liblua into another Lua", function()
    local out = support.check { "ldd", prefix .. "/lib/lua/5.4/gost/core.so" }
    assert.is_nil(out:match "liblua")
  end)
end)

describe("The build tree's gost.so", function()
  it("is loaded by plain Lua 5.4 with the sources' Lua files", function()
    local env = { LUA_PATH = "lua/?.lua;lua/?/init.lua", LUA_CPATH = support.build .. "/?.so" }
    assert.equal("function\ttable\n", (support.check { "lua5.4", "-e", PRINT, env = env }))
  end)
end)
