rockspec_format = "3.0"
package = "gost-lua"
version = "scm-1"
source = {
  url = "git+file://.", -- built from a checkout: luarocks make rockspec/gost-lua-scm-1.rockspec
}
description = {
  summary = "A proxy and tunnel toolkit: GOST's surface as a C library that Lua scripts",
  detailed = [[
    Proxies, chains, tunnels and policies configured by command line, YAML or Lua, where every policy may be a Lua
    function that waits for I/O. The bytes move in C.
  ]],
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = {
  "lua ~> 5.4",
}
external_dependencies = {
  LIBUV = { header = "uv.h" },
  OPENSSL = { header = "openssl/ssl.h" },
  CARES = { header = "ares.h" },
  YAML = { header = "yaml.h" },
  CJSON = { header = "cjson/cJSON.h" },
  HIREDIS = { header = "hiredis/hiredis.h" },
}
build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "RelWithDebInfo",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    CMAKE_INSTALL_BINDIR = "$(BINDIR)",
    GOST_LUA_DIR = "$(LUADIR)",
    GOST_CLUA_DIR = "$(LIBDIR)",
  },
}
