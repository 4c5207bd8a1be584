---`gost.node "socks5+tls://user:pass@host:1080?secure=true"`: as -F on the command line.
local commandline = require "gost.commandline"
local problems = require "gost.problems"
local schema = require "gost.schema"

local node_url = {}

---@param text string
---@return table? node   the fields of a node
---@return string? message
function node_url.node(text)
  local found = problems.new()
  local options = commandline.parse { "-F", text }
  local hop
  for _, source in ipairs(commandline.sources(options, found)) do
    local loaded = schema.load(source, found)
    hop = hop or (loaded.chains and loaded.chains[1].hops[1])
  end
  local wrong = found:only("error", "missing", "strict")
  if #wrong > 0 then return nil, table.concat(wrong:lines(), "\n") end
  local node = hop and hop.nodes and hop.nodes[1]
  if not node then return nil, ("%q has no address"):format(text) end
  if hop.nodes[2] then return nil, ("%q has several hosts: write gost.hop with a node for each"):format(text) end
  node.name = nil
  return node
end

return node_url
