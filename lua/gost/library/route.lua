---@meta gost

---@class gost.Node
---@field name string
---@field addr string
---@field stats { name: string, addr: string, failures: integer, weight: integer, backup: boolean }
local Node = {}

---Open a stream through this node. Suspends.
---@param addr string "host:port"
---@param timeout? number seconds for everything together
---@return gost.Stream?, string?, gost.Code?
function Node:dial(addr, timeout) end

---@class gost.Hop
---@field name string
---@field nodes gost.Node[]
local Hop = {}

---@class gost.Chain
---@field name string
---@field hops gost.Hop[]
local Chain = {}

---Open a stream through this chain. Suspends.
---@param addr string "host:port"
---@param timeout? number seconds for everything together; default 15
---@return gost.Stream?, string?, gost.Code?
function Chain:dial(addr, timeout) end
