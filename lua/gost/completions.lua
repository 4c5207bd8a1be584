---Completions for bash, zsh and fish.
local commandline = require "gost.commandline"
local components = require "gost.schema.components"
local help = require "gost.help"
local registered = require "gost.schema.registered"
local schema = require "gost.schema"

local completions = {}

local function flag_words(flag)
  local dash = help.flag(flag):match "^(%-+)"
  return dash .. flag.name
end

---Schemes that can follow -L or -F.
local function schemes(kinds)
  local seen, list = {}, {}
  local function add(name)
    if not seen[name] then list[#list + 1] = name .. "://" end
    seen[name] = true
  end
  for _, kind in ipairs(kinds) do
    for _, name in ipairs(components.available() and components.names(kind) or registered[kind]) do add(name) end
  end
  table.sort(list)
  return list
end

---Names that `gost-lua help` takes.
local function topics()
  local seen, list = {}, {}
  local function add(name)
    if not seen[name] then list[#list + 1] = name end
    seen[name] = true
  end
  for _, kind in ipairs(help.kinds) do
    for _, name in ipairs(components.names(kind)) do add(name) end
  end
  for name in pairs(schema.objects) do add(name) end
  table.sort(list)
  return list
end

local function subcommands()
  local list = {}
  for _, row in ipairs(help.subcommands) do
    local name = row[1]:match "^%a+$" or row[1]:match "^(%a+) "
    if name then list[#list + 1] = name end
  end
  return list
end

local function all_flags()
  local list = {}
  for i, flag in ipairs(commandline.flags) do list[i] = flag_words(flag) end
  return list
end

local function bash()
  return [==[
# gost-lua completions for bash: source this file, or put it into bash_completion.d
_gost_lua() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    case $prev in
    -L) COMPREPLY=($(compgen -W "@SERVICES@" -- "$cur")); compopt -o nospace; return ;;
    -F) COMPREPLY=($(compgen -W "@NODES@" -- "$cur")); compopt -o nospace; return ;;
    -C) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    -O) COMPREPLY=($(compgen -W "yaml json lua" -- "$cur")); return ;;
    help) COMPREPLY=($(compgen -W "@TOPICS@" -- "$cur")); return ;;
    completions) COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur")); return ;;
    esac
    case $cur in
    -*) COMPREPLY=($(compgen -W "@FLAGS@" -- "$cur")) ;;
    *) [[ $COMP_CWORD -eq 1 ]] &&
        COMPREPLY=($(compgen -W "@COMMANDS@" -- "$cur") $(compgen -f -X '!*.lua' -- "$cur")) ;;
    esac
}
complete -F _gost_lua gost-lua
]==]
end

local function zsh()
  local lines = { "#compdef gost-lua", "# Put this file into a directory of $fpath, as _gost-lua.",
    "local -a services nodes topics commands", "services=(@SERVICES@)", "nodes=(@NODES@)", "topics=(@TOPICS@)",
    "commands=(@COMMANDS@)", "if (( CURRENT == 3 )) && [[ $words[2] == help ]]; then", "  compadd -a topics; return",
    "elif (( CURRENT == 3 )) && [[ $words[2] == completions ]]; then", "  compadd bash zsh fish; return",
    "elif (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then", "  compadd -a commands; _files -g '*.lua'; return", "fi",
    "_arguments \\" }
  local actions = { L = ":url:->services", F = ":url:->nodes", C = ":source:_files", O = ":form:(yaml json lua)" }
  for _, flag in ipairs(commandline.flags) do
    local action = actions[flag.name] or flag.value and (":%s:"):format(flag.value) or ""
    local about = flag.help:gsub("[%[%]:']", " ")
    lines[#lines + 1] = ("  '%s%s[%s]%s' \\"):format(flag.many and "*" or "", flag_words(flag), about, action)
  end
  lines[#lines] = lines[#lines]:gsub(" \\$", "")
  lines[#lines + 1] = "case $state in"
  lines[#lines + 1] = "services) compadd -S '' -a services ;;"
  lines[#lines + 1] = "nodes) compadd -S '' -a nodes ;;"
  lines[#lines + 1] = "esac"
  return table.concat(lines, "\n") .. "\n"
end

local function fish()
  local lines = { "# gost-lua completions for fish: put this file into ~/.config/fish/completions",
    "complete -c gost-lua -f" }
  local arguments = { L = "@SERVICES@", F = "@NODES@", O = "yaml json lua" }
  for _, flag in ipairs(commandline.flags) do
    local words = flag_words(flag)
    local option = words:match "^%-%-" and "-l" or #flag.name == 1 and "-s" or "-o"
    local line = ("complete -c gost-lua %s %s -d '%s'"):format(option, flag.name, (flag.help:gsub("'", "")))
    if arguments[flag.name] then line = line .. (" -x -a '%s'"):format(arguments[flag.name])
    elseif flag.name == "C" then line = line .. " -r -F"
    elseif flag.value then line = line .. " -x" end
    lines[#lines + 1] = line
  end
  lines[#lines + 1] = "complete -c gost-lua -n __fish_use_subcommand -a '@COMMANDS@'"
  lines[#lines + 1] = "complete -c gost-lua -n '__fish_seen_subcommand_from help' -a '@TOPICS@'"
  lines[#lines + 1] = "complete -c gost-lua -n '__fish_seen_subcommand_from completions' -a 'bash zsh fish'"
  return table.concat(lines, "\n") .. "\n"
end

local SHELLS = { bash = bash, zsh = zsh, fish = fish }

---@param shell "bash"|"zsh"|"fish"
---@return string?
function completions.script(shell)
  if not SHELLS[shell] then return nil end
  local words = {
    SERVICES = table.concat(schemes { "handler", "listener" }, " "),
    NODES = table.concat(schemes { "connector", "dialer" }, " "),
    TOPICS = table.concat(topics(), " "),
    FLAGS = table.concat(all_flags(), " "),
    COMMANDS = table.concat(subcommands(), " "),
  }
  return (SHELLS[shell]():gsub("@(%u+)@", words))
end

---@param args string[]
---@return integer exit_code
function completions.main(args, out, err)
  local script = completions.script(args[1] or "")
  if not script then
    err "usage: gost-lua completions bash|zsh|fish"
    return 2
  end
  out(script)
  return 0
end

return completions
