---busted's output for scripts/test: nothing for what passes, all of what fails, and one closing line
---"N passed, N failed" (", N skipped" when there are any) that the script reads.

local base = require "busted.outputHandlers.base"

return function()
  local busted = require "busted"
  local handler = base()

  local function describe(kind, item)
    local where = item.trace and item.trace.short_src
    local message = item.message
    if type(message) ~= "string" then
      message = message == nil and "no message" or require "pl.pretty".write(message)
    end
    io.stdout:write(("%s: %s\n  at %s:%s\n%s\n"):format(kind, item.name or "?", where or "?",
      item.trace and item.trace.currentline or "?", message))
    if item.trace and item.trace.traceback then
      io.stdout:write(item.trace.traceback, "\n")
    end
    io.stdout:write "\n"
  end

  handler.suiteEnd = function()
    for _, item in ipairs(handler.failures) do
      describe("FAILED", item)
    end
    for _, item in ipairs(handler.errors) do
      describe("ERROR", item)
    end
    for _, item in ipairs(handler.pendings) do
      local why = type(item.message) == "string" and ": " .. item.message or ""
      io.stdout:write("skipped: ", item.name or "?", why, "\n")
    end
    local skipped = handler.pendingsCount > 0 and (", %d skipped"):format(handler.pendingsCount) or ""
    io.stdout:write(("%d passed, %d failed%s\n"):format(handler.successesCount,
      handler.failuresCount + handler.errorsCount, skipped))
    return nil, true
  end

  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end
