/* Values as people and programs read them: instants, lengths of time. */
#ifndef STAPLE_TEXT_H
#define STAPLE_TEXT_H

#include <apr_time.h>

#define STAPLE_TEXT_SIZE 40 /* bytes that each of these needs */

/* An instant in UTC, to the second (RFC 3339).  Returns buf. */
const char *staple_text_time(char *buf, apr_time_t at);

/* A length of time in its two largest units: "3 d 4 h", "59 s"; what is below
 * zero is "0 s".  Returns buf. */
const char *staple_text_span(char *buf, apr_interval_time_t span);

#endif
