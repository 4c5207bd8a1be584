---`gost.load "gost.yml"`: a file of GOST as objects of a script.
local load_file = {}

---Read, check and complete a file, as `-C` does.
---@param path string
---@return table? configuration
---@return string? message  every mistake, one a line
function load_file.configuration(path)
  local main = require "gost.main"
  local options, message = require("gost.commandline").parse { "-C", path }
  if not options then return nil, message end
  local configuration, found = main.prepare(options, os.getenv)
  if not configuration then return nil, found --[[@as string]] end
  local wrong = found:only("error", "missing", "strict")
  if #wrong > 0 then return nil, table.concat(wrong:lines(), "\n") end
  return configuration
end

return load_file
