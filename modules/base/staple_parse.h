/* Text of a directive or certificate -> bounded number, duration, URL. */
#ifndef STAPLE_PARSE_H
#define STAPLE_PARSE_H

#include "staple_types.h"

/* Reads a whole decimal number in min .. max.  Returns 1 and sets *value, or
 * 0 and leaves it.  Signs, spaces, and anything after the digits are wrong. */
int staple_parse_number(apr_int64_t *value, const char *text, apr_int64_t min,
                        apr_int64_t max);

/* Reads a decimal number with at most one digit after a point as tenths: "4.5"
 * is 45.  Bounds in tenths.  Returns 1 and sets *value, or 0 and leaves it. */
int staple_parse_tenths(apr_int64_t *value, const char *text, apr_int64_t min,
                        apr_int64_t max);

/* Reads a duration: whole seconds, or a whole number with unit s, mi, h or d;
 * min and max are in seconds.  Returns 1 and sets *value (in APR's unit,
 * microseconds), or 0 and leaves it. */
int staple_parse_duration(apr_interval_time_t *value, const char *text,
                          apr_int64_t min, apr_int64_t max);

/* Judges a responder URL of len characters, which need not end in NUL: http
 * or https, a host, an optional port, no credentials, no control characters,
 * at most STAPLE_MAX_URL characters.  A URL in a certificate is material from
 * outside, and what passes here goes to libcurl as it is. */
staple_reason_e staple_parse_url(const char *url, apr_size_t len);

/* Writes scheme, host and port of such a URL to buf, in one form for all that
 * mean the same: "http://ocsp.example:8080", in small letters, without the
 * scheme's usual port.  Cut where it does not fit. */
void staple_parse_origin(char *buf, apr_size_t size, const char *url);

#endif
