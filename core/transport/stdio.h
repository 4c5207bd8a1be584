/**
 * The program's standard input and output as one stream.
 */
#ifndef GOST_TRANSPORT_STDIO_H
#define GOST_TRANSPORT_STDIO_H

#include "core/net/stream.h"

/**
 * Take descriptors 0 and 1 as a stream: sockets, pipes, terminals, files. They are made non-blocking; as
 * they may be shared with other programs, closing the stream restores them.
 * @param on_close  called after the stream was closed, or NULL
 * @return 0 or a libuv code with diag
 */
int gost__stdio_stream(struct gost_stream **out, void (*on_close)(void));

#endif
