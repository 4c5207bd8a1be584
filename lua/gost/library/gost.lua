---@meta gost

---GOST as a library: compose proxies, hook into them, run them. See docs/scripting.md.
---
---Calls that wait suspend the calling fiber only; at the top level of a program they turn the loop meanwhile.
---What the network can cause is returned as `nil, message, code`; a mistake of the program raises.
---@class gost
---@field version string
---@field worker integer 0 in the first thread, 1 … in the others; each has its own Lua state
---@field json { encode: fun(value: any): string; decode: fun(text: string): any }
---@field yaml { encode: fun(value: any): string; decode: fun(text: string): any }
---@field base64 { encode: fun(bytes: string): string; decode: fun(text: string): string?, string?, string? }
local gost = {}

---A stable word for programs.
---@alias gost.Code
---| "timeout"|"refused"|"reset"|"unreachable"|"canceled"|"eof"|"dns"|"tls"|"certificate"|"auth"|"denied"|"no_node"
---| "upstream"|"protocol"|"limit"|"config"|"unsupported"|"hook"|"closed"|"io"|string

---A proxy: a URL as for -F, or the fields of a node in a file, with options of connector and dialer beside them.
---@param definition string|table
---@return gost.Node
function gost.node(definition) end

---Nodes of which one is taken: in the list part; `name`, `selector`, `bypass` … by name.
---@param definition table
---@return gost.Hop
function gost.hop(definition) end

---Hops in the order of travel: hops, nodes or URLs in the list part; or the name of a chain of a loaded file.
---@param definition table|string
---@return gost.Chain
function gost.chain(definition) end

---Something that listens: the fields of a service in a file, with options of handler and listener beside them, and
---`chain`, `auth`, `forward`, `tls`, `on`.
---@param definition table
---@return gost.Service
function gost.service(definition) end

---Make a file of GOST part of this script.
---@param path string
---@return gost.Service[]|table<string, gost.Service> services in order, and by name
function gost.load(path) end

---Sections of a configuration: `log`, lists that are referred to by name …
---@param definition table
function gost.configure(definition) end

---A hook of all services that are made afterwards.
---@param event gost.Event
---@param fn function
---@param opts? gost.HookOptions
function gost.on(event, fn, opts) end

---Start all services and serve until the program is ended.
---@return integer status
function gost.run() end

---Start what has not started, and turn the loop once.
---@param timeout? number wait at most so many seconds; nil: until something happens
function gost.step(timeout) end

---End gost.run(), in all workers.
function gost.stop() end

---Open a stream. Suspends.
---@param addr string "host:port", or the path of a Unix socket
---@param opts? { chain?: gost.Chain|gost.Hop|gost.Node|string, timeout?: number, tls?: true|table }
---@return gost.Stream? stream
---@return string? message
---@return gost.Code? code
function gost.dial(addr, opts) end

---A handler of your own; configurations name it as `handler = name`.
---@param name string
---@param fn fun(conn: gost.Conn)
function gost.handler(name, fn) end

---A connector of your own: ask the proxy at the far end of the stream to connect to the target.
---@param name string
---@param fn fun(stream: gost.Stream, target: gost.Target, cred: gost.Credentials): boolean?, string?
function gost.connector(name, fn) end

---A selector of your own: `selector = { strategy = name }`.
---@param name string
---@param fn gost.Select
function gost.selector(name, fn) end

---What hooks and policies may spend from now on. Returns what is in force.
---`wall`: seconds; `instructions`: without a pause; `memory`: bytes of the whole state, 0: no limit.
---@param limits? { wall?: number, instructions?: integer, memory?: integer }
---@return { wall: number, instructions: integer, memory: integer }
function gost.budget(limits) end

---A variable of the environment.
---@param name string
---@return string?
function gost.env(name) end

return gost
