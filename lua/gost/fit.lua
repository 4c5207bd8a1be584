---Which nodes a request fits, as core/route says it, for those who only want to know.
local metadata = require "gost.metadata"

local fit = {}

---@return boolean
function fit.is_backup(node)
  return metadata.bool(node.metadata, "backup") or false
end

---Is the host of a filter that of the request? "x", or ".x" and "*.x" for x and below.
local function host_fits(filter, host)
  filter, host = filter:lower():gsub("^%*%.", "."), host:lower()
  return filter == host or filter:sub(1, 1) == "." and ("." .. host):sub(-#filter) == filter
end

---@return string? reason  why a node's rule, or its older filter, leaves it out
function fit.unfit(node, known)
  local rule = node.matcher and node.matcher.rule
  if rule and rule ~= "" then
    local ok, core = pcall(require, "gost.core")
    if not ok or core.rule_matches(rule, known) then return nil end
    return "it is for " .. rule
  end
  local filter = node.filter or {}
  local host, protocol = filter.host or node.host, filter.protocol or node.protocol
  local path = filter.path or node.path
  if host and not (known.host and host_fits(host, known.host)) then return "it is for host " .. host end
  if protocol and protocol ~= known.protocol then return "it is for protocol " .. protocol end
  if path and (known.path or ""):sub(1, #path) ~= path then return "it is for paths " .. path end
end

local function priority(node)
  local matcher = node.matcher or {}
  return matcher.priority and matcher.priority ~= 0 and matcher.priority or #(matcher.rule or "")
end

---Those of the highest priority that is not for backups alone.
function fit.foremost(candidates)
  local best
  for _, backups in ipairs { false, true } do
    for _, node in ipairs(best and {} or candidates) do
      if fit.is_backup(node) == backups and (not best or priority(node) > best) then best = priority(node) end
    end
  end
  local list = {}
  for _, node in ipairs(candidates) do
    if priority(node) == best then list[#list + 1] = node end
  end
  return list
end

return fit
