---@meta gost

---@class gost.Service
---@field name string
---@field addr string where it listens, once it runs; before, where it will
local Service = {}

---Attach a hook, before the service runs.
---@param event gost.Event
---@param fn function
---@param opts? gost.HookOptions
---@return gost.Service self
function Service:on(event, fn, opts) end

---Listen now, in this worker. gost.run() does it for all services.
---@return string? addr, string? message
function Service:start() end

---Stop listening; open connections go on. `local s <close> = …` does it as well.
function Service:stop() end

---Change it while it runs; open connections go on as they began.
---@param changes table as for gost.service
---@return boolean? ok
---@return string? message nothing has changed then
function Service:reload(changes) end

---Of all workers.
---@return { total: integer, current: integer, errors: integer, bytes_in: integer, bytes_out: integer }
function Service:stats() end
