---@meta gost

---@class gost
local gost = {}

gost.http = {}

---@class gost.HttpResponse
---@field status integer
---@field reason string
---@field headers table<string, string> by lower-case name; repeated ones joined by ", "
---@field body string

---@class gost.HttpRequest
---@field url string
---@field method? string default GET; POST with a body
---@field headers? table<string, string>
---@field body? string
---@field timeout? number seconds for everything together; default 30
---@field chain? gost.Chain|gost.Node|string
---@field max_body? integer bytes; default 16 MiB

---Ask a web server. The certificate of an https:// server is verified. Redirects are not followed. Suspends.
---@param options string|gost.HttpRequest
---@return gost.HttpResponse?, string?, gost.Code?
function gost.http.request(options) end

gost.dns = {}

---Addresses of a name. Suspends.
---@param name string
---@param family? "any"|"ipv4"|"ipv6"
---@param timeout? number
---@return string[]?, string?, gost.Code?
function gost.dns.lookup(name, family, timeout) end

gost.fs = {}

---A file's content. Suspends; a thread of the pool reads.
---@param path string
---@param max? integer bytes; default 64 MiB
---@return string?, string?, gost.Code?
function gost.fs.read(path, max) end

---@param algorithm "sha256"|"sha1"|"sha384"|"sha512"|"md5"
---@param text string
---@return string hexadecimal
function gost.hash(algorithm, text) end

---@param algorithm "sha256"|"sha1"|"sha384"|"sha512"|"md5"
---@param key string
---@param text string
---@return string hexadecimal
function gost.hmac(algorithm, key, text) end

---Compare secrets: the time tells nothing about where they differ.
---@param given string
---@param secret string
---@return boolean
function gost.equal(given, secret) end

---A client's connection that carries a tunnel, and its host.
---@class gost.SdRecord
---@field id string UUID of the connection
---@field name string UUID of the tunnel
---@field node string UUID of the host
---@field network "tcp"|"udp"
---@field address string of the host's public entry
---@field ttl? number seconds: renewed so often

---@class gost.SdOptions
---@field register? fun(record: gost.SdRecord): any, string?
---@field renew? fun(record: gost.SdRecord): any, string? not given: `register`
---@field deregister? fun(record: gost.SdRecord): any, string?
---@field get? fun(name: string): gost.SdRecord[]?, string?
---@field redis? { addr: string?, db: integer?, username: string?, password: string?, key: string? }

---Service discovery of tunnel services: `sd = gost.sd{…}`. The functions may wait; nil and a message is a failure.
---@param options gost.SdOptions
---@return gost.Sd
function gost.sd(options) end

---@class gost.Sd

---@class gost.CidrSet
local CidrSet = {}

---@param list? string[] addresses, networks (CIDR), ranges a-b
---@return gost.CidrSet
function gost.cidr_set(list) end

---@param text string
---@return gost.CidrSet self
function CidrSet:add(text) end

---@param addr string an address, with a port or without
---@return boolean
function CidrSet:contains(addr) end

---@class gost.DomainSet
local DomainSet = {}

---@param list? string[] "x": the name alone; ".x": it and all below; "*.x": all below
---@return gost.DomainSet
function gost.domain_set(list) end

---@param text string
---@return gost.DomainSet self
function DomainSet:add(text) end

---@param name string with a port or without
---@return boolean
function DomainSet:contains(name) end

---@class gost.Log
---@field trace fun(format: string, ...: any)
---@field debug fun(format: string, ...: any)
---@field info fun(format: string, ...: any)
---@field warn fun(format: string, ...: any)
---@field error fun(format: string, ...: any)
gost.log = {}
