/**
 * Every kind of handler, connector, listener and dialer that this build has, in one readable list.
 */
#ifndef GOST_REGISTRY_H
#define GOST_REGISTRY_H

#include "core/proto/connector.h"
#include "core/proto/handler.h"
#include "core/transport/transport.h"

/** The lists, each ended by NULL. */
extern const struct gost_handler_kind *const gost_handler_kinds[];
extern const struct gost_connector_kind *const gost_connector_kinds[];
extern const struct gost_listener_kind *const gost_listener_kinds[];
extern const struct gost_dialer_kind *const gost_dialer_kinds[];

/** Find by name or alias, exactly as written. @return the kind, or NULL */
const struct gost_handler_kind *gost_handler_kind_find(const char *name);
const struct gost_connector_kind *gost_connector_kind_find(const char *name);
const struct gost_listener_kind *gost_listener_kind_find(const char *name);
const struct gost_dialer_kind *gost_dialer_kind_find(const char *name);

#endif
