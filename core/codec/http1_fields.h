/**
 * The rules on HTTP/1.x fields that the head's parser applies; internal to the codec.
 */
#ifndef GOST_CODEC_HTTP1_FIELDS_H
#define GOST_CODEC_HTTP1_FIELDS_H

#include "core/codec/http1.h"

/** Look at field `i`, which was added last. @return 0 or GOST_EPROTO */
int gost__http1_check_field(struct gost_http1 *h, size_t i);

/** Look at the head as a whole. @return 0 or GOST_EPROTO */
int gost__http1_check_head(struct gost_http1 *h);

#endif
