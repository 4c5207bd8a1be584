/**
 * Serial ports as streams.
 */
#ifndef GOST_TRANSPORT_SERIAL_H
#define GOST_TRANSPORT_SERIAL_H

#include "core/net/stream.h"

#include <stdint.h>

/**
 * Open a port: raw, 8 data bits, one stop bit, no flow control. While it is open nobody else gets it
 * who asks (flock).
 * @param text     "port[,baud[,parity]]": /dev/ttyS0, 9600 and none; parity odd (o) or even (e)
 * @param silence  milliseconds without a byte from it that count as its end; 0: never
 * @return 0, GOST_ECONFIG, -EBUSY or another libuv code with diag
 */
int gost__serial_open(const char *text, uint64_t silence, struct gost_stream **out);

/** Check such a text. @return 0 or GOST_ECONFIG with diag */
int gost__serial_check(const char *text);

/** Call `fn` when the stream is closed. */
void gost__serial_on_close(struct gost_stream *s, void (*fn)(void *arg), void *arg);

#endif
