/** What the certificate files share among themselves. */
#ifndef GOST_TRANSPORT_CERT_INT_H
#define GOST_TRANSPORT_CERT_INT_H

#include "core/transport/cert.h"

/** An empty one with an empty chain; NULL without memory. */
struct gost_cert *gost__cert_new(void);

/**
 * Load the pair that this program keeps in `dir`, or generate and keep it. Processes that start at
 * the same time end up with the same one.
 * @return 0 or a negative code; what cannot be saved is only warned about
 */
int gost__cert_kept(const char *dir, const struct gost_cert_settings *s, struct gost_cert **out);

#endif
