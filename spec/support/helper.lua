---Loaded by busted before the specs (see .busted): when a file ends, whatever it left behind is stopped, and
---a sanitizer report or an unclean exit in it counts as an error of that file.

local busted = require "busted"
local built, support = pcall(require, "spec.support")

if not built then
  return -- no build with -DGOST_TESTS=ON: specs that need no processes run all the same
end

busted.subscribe({ "file", "end" }, function(file)
  local ok, complaint = pcall(support.cleanup)
  if not ok then
    busted.publish({ "error", "file" }, file, busted.parent(file), complaint, { traceback = "" })
  end
  return nil, true
end, { priority = 1 })

busted.subscribe({ "exit" }, function()
  support.files.remove()
  return nil, true
end)
