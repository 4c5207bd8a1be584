/**
 * Option tables: what a component can be told, declared once.
 *
 * A component (handler, listener, dialer, connector, …) owns a struct with its settings and a static
 * table that names each of them. From the table come the defaults, the check of a user's values, the
 * help text, the JSON Schema and the reference pages; nothing else parses options.
 */
#ifndef GOST_BASE_OPTION_H
#define GOST_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gost_option_type {
    GOST_OPT_BOOL,     /**< field: bool */
    GOST_OPT_INT,      /**< field: int64_t, between min and max */
    GOST_OPT_DURATION, /**< field: int64_t, milliseconds (a negative one means "off") */
    GOST_OPT_SIZE,     /**< field: uint64_t, bytes */
    GOST_OPT_STRING, /**< field: char *, owned by the struct; NULL when neither set nor defaulted */
    GOST_OPT_PATH, /**< like STRING: a file that must be readable when the configuration is checked */
    GOST_OPT_ENUM, /**< field: int, the index into `choices` */
    GOST_OPT_LIST, /**< field: struct gost_strings; a list, or a string split at commas */
    GOST_OPT_MAP,  /**< field: struct gost_strings; key, value, key, value … */
};

/** A list of strings that its holder owns. */
struct gost_strings {
    char **item;
    size_t count;
};

struct gost_option {
    const char *key;     /**< the name to show; matched without case, as are the aliases */
    const char *aliases; /**< other names, separated by blanks, in order of precedence; or NULL */
    enum gost_option_type type;
    size_t offset;       /**< of the field inside the settings struct */
    const char *def;     /**< the default as a user would write it; NULL is zero/none */
    const char *choices; /**< for ENUM: the words, separated by blanks */
    int64_t min, max;    /**< for INT; both 0 means no bounds */
    const char *help;    /**< one line, no full stop */
};

/** The end of a table. */
#define GOST_OPTION_END                                                                            \
    {                                                                                              \
        .key = NULL                                                                                \
    }

/** A whole component: its name and what it can be told. */
struct gost_options {
    const struct gost_option *table; /**< ends with GOST_OPTION_END; NULL: no options at all */
    size_t size;                     /**< of the settings struct */
};

/** Allocate a settings struct filled with the defaults. Free it with gost_options_delete. */
void *gost_options_new(const struct gost_options *o);

/** Free the struct with all it owns; NULL is fine. */
void gost_options_delete(const struct gost_options *o, void *settings);

/** @return the option that `key` names (without case, aliases included), or NULL */
const struct gost_option *gost_option_find(const struct gost_option *table, const char *key);

/**
 * Set one option from text.
 * @return 0, or GOST_ECONFIG with a diag that tells what is wrong and what would be right
 */
int gost_option_set(void *settings, const struct gost_option *o, const char *value);

/** Set one option of type INT, BOOL, DURATION (seconds) or SIZE from a number. @return as gost_option_set */
int gost_option_set_number(void *settings, const struct gost_option *o, double value);

/** Append one item to an option of type LIST or MAP (then called with key and value in turn). */
int gost_option_append(void *settings, const struct gost_option *o, const char *item);

/** The word for a type: "bool", "int", "duration" … Static. */
const char *gost_option_type_name(enum gost_option_type type);

#endif
