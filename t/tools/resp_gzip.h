/* The gzip format without compression (RFC 1952, stored blocks). */
#ifndef RESP_GZIP_H
#define RESP_GZIP_H

#include "tool_util.h"

void resp_gzip(tool_buf_t *out, const char *data, size_t len);

#endif
