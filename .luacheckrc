std = "lua54"
max_line_length = 120
codes = true
exclude_files = { "build", "build-*" }
files["spec/**/*_spec.lua"] = { std = "+busted" }
files["lua/gost/library"] = { ignore = { "111", "112", "113", "211", "212", "241" } } -- ---@meta files only declare
