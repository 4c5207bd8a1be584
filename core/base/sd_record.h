/**
 * Service discovery: what hosts tell each other about the tunnels that they carry.
 */
#ifndef GOST_BASE_SD_RECORD_H
#define GOST_BASE_SD_RECORD_H

#include "core/base/addr.h"
#include "core/base/uuid.h"

/** A client of a tunnel, and the host that it is connected to. */
struct gost_sd_record {
    uint8_t id[GOST_UUID_BYTES];     /**< of the client's connection */
    uint8_t tunnel[GOST_UUID_BYTES]; /**< what records are looked up by */
    uint8_t node[GOST_UUID_BYTES];   /**< of the host's tunnels, as long as its process lives */
    bool udp;
    int64_t ttl_ms;                  /**< it is renewed so often; not known of one that was found */
    char address[GOST_HOSTPORT_MAX]; /**< of the host's public entry */
};

enum { GOST_SD_RECORDS_MAX = 64 /**< that a look-up yields */ };

enum gost_sd_word {
    GOST_SD_REGISTER,
    GOST_SD_RENEW,
    GOST_SD_FORGET,     /**< take it away */
    GOST_SD_DEREGISTER, /**< the same, without waiting for it */
};

#endif
