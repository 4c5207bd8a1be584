---@meta gost

---@alias gost.Event "accept"|"preread"|"auth"|"route"|"resolve"|"select"|"connect"|"dial_error"|"stream"|"close"

---@class gost.HookOptions
---@field fail? "open"|"closed" what an error or an overrun budget means; default "closed"
---@field timeout? number seconds for one call; 0: no limit
---@field instructions? integer without a pause; 0: no limit

---@class gost.Target what a client asks for; tostring gives "host:port"
---@field host string
---@field port integer
---@field network string "tcp", "udp", "unix"
---@field protocol? string "http", "tls" … where it is known
---@field path? string of an HTTP request

---@class gost.Credentials
---@field user? string nil: the client gave none
---@field password? string
---@field scheme? string "basic", "socks5" …

---@class gost.DialError tostring gives the message
---@field message string
---@field code gost.Code

---@class gost.Candidate
---@field name string
---@field addr string
---@field weight integer
---@field failures integer

---@class gost.ConnStats
---@field bytes_in integer
---@field bytes_out integer
---@field duration number seconds
---@field error? string
---@field code? gost.Code

---@alias gost.Way gost.Chain|gost.Hop|gost.Node|"direct"
---@alias gost.Route gost.Way|"deny"|{ chain?: gost.Way, addr?: string }|boolean|nil
---@alias gost.AuthAnswer string|boolean|{ delay: number }|nil the client's id; anything else refuses
---@alias gost.Choice integer|string|gost.Candidate|nil
---@alias gost.Select fun(conn: gost.Conn?, candidates: gost.Candidate[], target: gost.Target): gost.Choice

---@class gost.Hooks
---@field accept? fun(conn: gost.Conn): false|"reject"|nil
---@field preread? fun(conn: gost.Conn, bytes: string): string|true|nil the handler to use; true: more bytes are wanted
---@field auth? fun(conn: gost.Conn, cred: gost.Credentials): gost.AuthAnswer
---@field route? fun(conn: gost.Conn, target: gost.Target): gost.Route
---@field resolve? fun(conn: gost.Conn, name: string, family: string): string[]|string|false|nil
---@field select? gost.Select
---@field connect? fun(conn: gost.Conn, upstream: { addr?: string, route?: string })
---@field dial_error? fun(conn: gost.Conn, target: gost.Target, err: gost.DialError): "retry"|boolean|nil
---@field stream? fun(conn: gost.Conn, direction: "in"|"out", chunk: string): string|false|nil
---@field close? fun(conn: gost.Conn, stats: gost.ConnStats)
