---The manual page, from the tables of flags.
local commandline = require "gost.commandline"
local help = require "gost.help"

local manpage = {}

---Text that roff takes as it is.
local function roff(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("\n([.'])", "\n\\&%1")
  return (text:gsub("^([.'])", "\\&%1"))
end

local ENVIRONMENT = {
  { "GOST_LOGGER_LEVEL", "log level; stands above files and below -D" },
  { "GOST_API", "address of the web API" },
  { "GOST_METRICS", "address of the server of metrics" },
  { "GOST_PROFILING", "address of the profiling server" },
  { "HOME", "where the default configuration ($HOME/.gost) is looked for" },
}

local EXAMPLES = {
  { "gost-lua -L :8080", "an HTTP, SOCKS4 and SOCKS5 proxy on one port" },
  { "gost-lua -L socks5://user:password@:1080 -F http+tls://proxy.example:443",
    "a SOCKS5 proxy whose traffic goes through an HTTPS proxy" },
  { "gost-lua -L tcp://:2222/192.0.2.1:22", "forward a TCP port" },
  { "gost-lua -t -C gost.yml", "check a configuration" },
  { "gost-lua -C gost.yml -O lua", "turn a configuration into a Lua script" },
}

---@param version string
---@return string
function manpage.text(version)
  local lines = {
    ('.TH GOST\\-LUA 1 "" "gost\\-lua %s" "User commands"'):format(version),
    ".ad l", ".SH NAME", "gost\\-lua \\- proxies and tunnels, composed and scripted in Lua",
    ".SH SYNOPSIS", ".B gost\\-lua", "[\\fIflags\\fR] [\\fB\\-\\-\\fR \\fIflags\\fR...]", ".br",
    ".B gost\\-lua", "\\fIscript.lua\\fR [\\fIargument\\fR...]", ".br",
    ".B gost\\-lua", "\\fIcommand\\fR [\\fIargument\\fR...]",
    ".SH DESCRIPTION",
    roff "Runs configurations and command lines of GOST 3, and Lua scripts that compose the same parts.",
    roff "Arguments between -- and -- start one process each.",
    ".SH OPTIONS",
  }
  local function add(...)
    for _, line in ipairs { ... } do lines[#lines + 1] = line end
  end
  for _, flag in ipairs(commandline.flags) do
    add(".TP", ".B " .. roff(help.flag(flag)), roff(flag.help .. (flag.many and "; may be repeated" or "")))
  end
  add ".SH COMMANDS"
  for _, row in ipairs(help.subcommands) do add(".TP", ".B " .. roff(row[1]), roff(row[2])) end
  add ".SH ENVIRONMENT"
  for _, row in ipairs(ENVIRONMENT) do add(".TP", ".B " .. roff(row[1]), roff(row[2])) end
  add(".SH FILES", roff "/etc/gost/gost.yml, $HOME/.gost/gost.yml, ./gost.yml (or .json, .yaml)",
    roff "are looked for in this order when neither -L, -C nor -api is given.",
    ".SH SIGNALS", roff "SIGHUP reads the configuration again; a wrong one is reported and changes nothing.",
    roff "SIGINT and SIGTERM end the program after its open connections had a little time.",
    ".SH EXIT STATUS", roff "0: ended in order; 1: the configuration is wrong or nothing could be started;",
    roff "2: wrong flags.", ".SH EXAMPLES")
  for _, row in ipairs(EXAMPLES) do add(".TP", ".B " .. roff(row[1]), roff(row[2])) end
  return table.concat(lines, "\n") .. "\n"
end

return manpage
