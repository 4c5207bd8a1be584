/**
 * Scalars of YAML; see yaml.c for the rest.
 */
#ifndef GOST_BINDINGS_YAML_H
#define GOST_BINDINGS_YAML_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/** @param words  ended by NULL. @return whether `text` is one of them */
bool gostL_yaml_one_of(const char *text, const char *const *words);

/** Push the value of a plain scalar. @return false when it is null (nothing is pushed) */
bool gostL_yaml_plain(lua_State *L, const char *s, size_t len);

#endif
