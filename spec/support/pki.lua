---Certificates for specs, from the openssl program: a CA, and what it signs.

local process = require "spec.support.process"
local files = require "spec.support.files"

---@class support.Pki
---@field ca string path of the CA's certificate
---@field key string path of the CA's key
local Pki = {}
Pki.__index = Pki

local EC = { "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes" }

local function openssl(words, extra)
  local argv = { "openssl", table.unpack(words) }
  for _, word in ipairs(extra or {}) do
    argv[#argv + 1] = word
  end
  process.check(argv)
end

---@param name? string the CA's common name
---@return support.Pki
function Pki.new(name)
  local self = setmetatable({ ca = files.path "ca.pem", key = files.path "ca.key" }, Pki)
  openssl({ "req", "-x509", table.unpack(EC) },
    { "-keyout", self.key, "-out", self.ca, "-subj", "/CN=" .. (name or "spec CA"), "-days", "30" })
  return self
end

---@class support.Certificate
---@field cert string path
---@field key string path
---@field pem string path of both in one file

---Signs a certificate: `pki:cert()` is good for 127.0.0.1, ::1 and localhost.
---@param options? {name?: string, san?: string, expired?: boolean} san as openssl writes it: "DNS:a.b,IP:::1"
---@return support.Certificate
function Pki:cert(options)
  options = options or {}
  local name = options.name or "localhost"
  local san = options.san or "DNS:localhost,IP:127.0.0.1,IP:::1"
  local made = {
    cert = files.path(name .. ".pem"), key = files.path(name .. ".key"), pem = files.path(name .. ".both"),
  }
  local request = files.path(name .. ".csr")
  openssl({ "req", "-new", table.unpack(EC) },
    { "-keyout", made.key, "-out", request, "-subj", "/CN=" .. name, "-addext", "subjectAltName=" .. san })
  openssl { "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial",
    "-days", options.expired and "-1" or "30", "-copy_extensions", "copy", "-out", made.cert }
  files.write(made.pem, files.read(made.cert) .. files.read(made.key))
  return made
end

---A client's certificate.
---@param name string
---@return support.Certificate
function Pki:client(name)
  return self:cert { name = name, san = "email:" .. name .. "@spec.test" }
end

return Pki
