/**
 * The program's standard input and output as one stream.
 */
#ifndef GOST_TRANSPORT_STDIO_H
#define GOST_TRANSPORT_STDIO_H

#include "core/net/stream.h"

/**
 * Take descriptors 0 and 1 as a stream: sockets, pipes, terminals, files. They are made
 * non-blocking; as they may be shared with other programs, closing the stream restores them.
 * @return 0 or a libuv code with diag
 */
int gost__stdio_stream(struct gost_stream **out);

/**
 * Tell when the stream is of no more use: it was closed, or nobody reads standard output any more,
 * which a tunnel whose target is silent would not notice.
 * @param fn  called once, in the event loop
 */
void gost__stdio_on_over(struct gost_stream *s, void (*fn)(void));

#endif
