---From a checked configuration (canonical tables, see gost.schema) to objects of the core.
local Builder = require "gost.build.builder"

-- Each of them gives the builder the methods of its kind of object.
require "gost.build.nodes"
require "gost.build.groups"
require "gost.build.services"

return { new = Builder.new }
