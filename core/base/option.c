#include "core/base/option.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *field(void *settings, const struct gost_option *o)
{
    return (char *)settings + o->offset;
}

void *gost_options_new(const struct gost_options *o)
{
    void *settings = calloc(1, o->size ? o->size : 1);
    if (!settings)
        return NULL;
    for (const struct gost_option *opt = o->table; opt && opt->key; opt++)
        if (opt->def)
            gost_option_set(settings, opt, opt->def);
    return settings;
}

static void strings_clear(struct gost_strings *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->item[i]);
    free(s->item);
    *s = (struct gost_strings){0};
}

void gost_options_delete(const struct gost_options *o, void *settings)
{
    if (!settings)
        return;
    for (const struct gost_option *opt = o->table; opt && opt->key; opt++) {
        if (opt->type == GOST_OPT_STRING || opt->type == GOST_OPT_PATH)
            free(*(char **)field(settings, opt));
        else if (opt->type == GOST_OPT_LIST || opt->type == GOST_OPT_MAP)
            strings_clear(field(settings, opt));
    }
    free(settings);
}

/* Is `word` one of the blank-separated words? Returns its index or -1. */
static int word_index(const char *words, const char *word)
{
    size_t n = strlen(word);
    int index = 0;
    for (const char *p = words; p && *p; index++) {
        size_t len = strcspn(p, " ");
        if (len == n && strncasecmp(p, word, n) == 0)
            return index;
        p += len;
        p += strspn(p, " ");
    }
    return -1;
}

const struct gost_option *gost_option_find(const struct gost_option *table, const char *key)
{
    for (const struct gost_option *o = table; o && o->key; o++)
        if (strcasecmp(o->key, key) == 0 || word_index(o->aliases, key) >= 0)
            return o;
    return NULL;
}

static int set_string(void *settings, const struct gost_option *o, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        return gost_fail_code(GOST_ENOMEM);
    free(*(char **)field(settings, o));
    *(char **)field(settings, o) = copy;
    return 0;
}

static int append_bytes(struct gost_strings *s, const char *item, size_t n)
{
    char **grown = realloc(s->item, (s->count + 1) * sizeof(*grown));
    if (!grown)
        return gost_fail_code(GOST_ENOMEM);
    s->item = grown;
    s->item[s->count] = strndup(item, n);
    if (!s->item[s->count])
        return gost_fail_code(GOST_ENOMEM);
    s->count++;
    return 0;
}

static int set_list(void *settings, const struct gost_option *o, const char *value)
{
    struct gost_strings *s = field(settings, o);
    strings_clear(s);
    while (*value) {
        value += strspn(value, " \t,");
        size_t n = strcspn(value, ",");
        size_t len = n;
        while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            len--;
        if (len > 0 && append_bytes(s, value, len) != 0)
            return GOST_ENOMEM;
        value += n;
    }
    return 0;
}

static int set_int(void *settings, const struct gost_option *o, int64_t value)
{
    bool bounded = o->min != 0 || o->max != 0;
    if (bounded && (value < o->min || value > o->max))
        return gost_fail(GOST_ECONFIG, "%lld is out of range, expected %lld to %lld",
                         (long long)value, (long long)o->min, (long long)o->max);
    *(int64_t *)field(settings, o) = value;
    return 0;
}

static int wrong(const char *value, const char *expected)
{
    return gost_fail(GOST_ECONFIG, "invalid value \"%.80s\", expected %s", value, expected);
}

int gost_option_set(void *settings, const struct gost_option *o, const char *value)
{
    int64_t number;
    switch (o->type) {
    case GOST_OPT_BOOL:
        if (!gost_parse_bool(value, field(settings, o)))
            return wrong(value, "true or false");
        return 0;
    case GOST_OPT_INT:
        return gost_parse_int(value, &number) ? set_int(settings, o, number)
                                              : wrong(value, "a whole number");
    case GOST_OPT_DURATION:
        if (!gost_parse_duration(value, &number))
            return wrong(value, "a duration like 300ms, 10s or 1h30m");
        /* a tiny positive duration must not become 0, which means "none" */
        *(int64_t *)field(settings, o) = number > 0 && number < 1000000 ? 1 : number / 1000000;
        return 0;
    case GOST_OPT_SIZE:
        if (!gost_parse_size(value, field(settings, o)))
            return wrong(value, "a size like 64KB or 1MiB");
        return 0;
    case GOST_OPT_STRING:
    case GOST_OPT_PATH:
        return set_string(settings, o, value);
    case GOST_OPT_ENUM:
        number = word_index(o->choices, value);
        if (number < 0)
            return gost_fail(GOST_ECONFIG, "invalid value \"%.80s\", expected one of: %s", value,
                             o->choices);
        *(int *)field(settings, o) = (int)number;
        return 0;
    case GOST_OPT_LIST:
        return set_list(settings, o, value);
    case GOST_OPT_MAP:
        return wrong(value, "a mapping of names to values");
    }
    return gost_fail_code(GOST_ECONFIG);
}

int gost_option_set_number(void *settings, const struct gost_option *o, double value)
{
    if (value < -9e15 || value > 9e15 || value != value)
        return gost_fail(GOST_ECONFIG, "number %g is out of range", value);
    switch (o->type) {
    case GOST_OPT_BOOL:
        *(bool *)field(settings, o) = value != 0;
        return 0;
    case GOST_OPT_INT:
        if (value != (double)(int64_t)value)
            return gost_fail(GOST_ECONFIG, "invalid value %g, expected a whole number", value);
        return set_int(settings, o, (int64_t)value);
    case GOST_OPT_DURATION:
        /* as in text, a tiny positive one must not become 0 */
        *(int64_t *)field(settings, o) = value > 0 && value < 0.001 ? 1 : (int64_t)(value * 1000);
        return 0;
    case GOST_OPT_SIZE:
        if (value < 0)
            return gost_fail(GOST_ECONFIG, "invalid value %g, expected a size", value);
        *(uint64_t *)field(settings, o) = (uint64_t)value;
        return 0;
    default:
        return gost_fail(GOST_ECONFIG, "invalid value %g, expected a %s", value,
                         gost_option_type_name(o->type));
    }
}

int gost_option_append(void *settings, const struct gost_option *o, const char *item)
{
    if (o->type != GOST_OPT_LIST && o->type != GOST_OPT_MAP)
        return wrong(item, gost_option_type_name(o->type));
    return append_bytes(field(settings, o), item, strlen(item));
}

const char *gost_option_type_name(enum gost_option_type type)
{
    static const char *const names[] = {"bool", "int",  "duration", "size", "string",
                                        "path", "enum", "list",     "map"};
    return names[type];
}
