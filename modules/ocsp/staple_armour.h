/* A response as a file has it: DER, or that in PEM or base64. */
#ifndef STAPLE_ARMOUR_H
#define STAPLE_ARMOUR_H

#include "base/staple_types.h"

/* Room that the longest response needs in any of these forms, with lines of 64
 * characters, CR and LF behind each, and some words around it. */
#define STAPLE_ARMOUR_MAX 98304

/*
 * Turns what is in `bytes` into DER, in its place, and returns its length: PEM
 * "OCSP RESPONSE" with whatever stands around it, or base64 and nothing else.
 * What is neither stays as it is.
 */
apr_size_t staple_armour_remove(unsigned char *bytes, apr_size_t len);

#endif
