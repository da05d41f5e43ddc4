/* DER made by hand, for what OpenSSL does not make. */
#ifndef TOOL_DER_H
#define TOOL_DER_H

#include "tool_util.h"

#include <openssl/asn1.h>
#include <string.h>

#define TOOL_DER_SEQUENCE 0x30
#define TOOL_DER_CONTEXT0 0xa0    /* [0], constructed */

/* One element at the end of out. */
void tool_der_add(tool_buf_t *out, int tag, const void *content, size_t len);

/* The same with the elements in part, which is empty afterwards. */
void tool_der_wrap(tool_buf_t *out, int tag, tool_buf_t *part);

/* The bytes of the element at the front of der, its content alone at *content;
 * NULL and 0 when they are not there. */
size_t tool_der_read(const unsigned char **content, size_t *content_len,
                     const unsigned char *der, size_t len);

#endif
