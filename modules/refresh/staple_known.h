/* What is known of responders, for the next refresher: memory, and bytes. */
#ifndef STAPLE_KNOWN_H
#define STAPLE_KNOWN_H

#include "staple_responder.h"

/*
 * A refresher lives as long as its child.  What it knows of responders is kept
 * for the one after it, in another child, in the next generation or, by way of
 * the store, after a restart: a row each, of those of which there is something
 * to know.  A row names its responder by a digest, so there is no text in it
 * that could mislead a reader; one that no certificate names does nothing.
 */
#define STAPLE_KNOWN_MAX 4096

#define STAPLE_KNOWN_DOWN 1U
#define STAPLE_KNOWN_PROVEN 2U   /* an origin: its last exchange came well; a
                                    URL: it once gave an answer of use */
#define STAPLE_KNOWN_ANSWERED 4U /* ever */
#define STAPLE_KNOWN_SHA256 8U /* a URL: it wants CertIDs by SHA-256 */
#define STAPLE_KNOWN_FLAGS 15U

/* Rows in the store that are of others (another httpd with the same store, or a
 * configuration that will return) stay for so long. */
#define STAPLE_KNOWN_KEEP apr_time_from_sec(30 * 86400)

typedef struct staple_known_row_t {
    staple_responder_id_t id;
    apr_time_t known_at; /* when that was so, to the day */
    apr_time_t probe_at;
    apr_uint32_t probes;
    apr_uint32_t flags;
} staple_known_row_t;

/* ---- in shared memory ---- */

/* Two copies, one of which counts; one writer at a time, the refresher. */
typedef struct staple_known_t staple_known_t;

/* Room for STAPLE_KNOWN_MAX rows; those that are not used cost address space
 * alone. */
apr_size_t staple_known_size(void);

/* Makes it in `block`, zeroed bytes of that size, 8-byte aligned. */
staple_known_t *staple_known_format(void *block);

/* All rows anew: _begin(), _add() for each, _end(), which publishes them if
 * they differ from what was there.  What there is no room for is left out. */
void staple_known_begin(staple_known_t *known);
void staple_known_add(staple_known_t *known, const staple_known_row_t *row);
void staple_known_end(staple_known_t *known);

/* A number that changes whenever rows were published; 0: none ever were. */
apr_uint64_t staple_known_sequence(const staple_known_t *known);

/* Copies the rows to room for STAPLE_KNOWN_MAX, and returns how many.  Any
 * process, any time, without a lock. */
apr_uint32_t staple_known_get(staple_known_row_t *rows,
                              const staple_known_t *known);

/* Row number `i`, or NULL: there are not so many.  For the writer. */
const staple_known_row_t *staple_known_row(const staple_known_t *known,
                                           apr_uint32_t i);

/* Takes the rows of an earlier generation, if they are of this version. */
void staple_known_adopt(staple_known_t *known, const staple_known_t *older);

/* ---- in the store ---- */

/*
 * Big-endian, no padding:
 *
 *   magic "OCSPRSP1"  8     what this is, and which version of it
 *   count             4     of rows, at most STAPLE_KNOWN_MAX
 *   rows        count x 40  id 16, known_at 8, probe_at 8, probes 4, flags 4
 *   sha256           32     of everything before
 */
#define STAPLE_KNOWN_HEAD 12
#define STAPLE_KNOWN_ROW 40
#define STAPLE_KNOWN_TAIL 32
#define STAPLE_KNOWN_BYTES                                                     \
    (STAPLE_KNOWN_HEAD + STAPLE_KNOWN_MAX * STAPLE_KNOWN_ROW                   \
     + STAPLE_KNOWN_TAIL)

/* Writes rows to buf, of STAPLE_KNOWN_BYTES; returns the length. */
apr_size_t staple_known_encode(unsigned char *buf,
                               const staple_known_row_t *rows,
                               apr_uint32_t count);

/* Reads what staple_known_encode() wrote, into room for STAPLE_KNOWN_MAX rows.
 * Flags and numbers are within their bounds then; times may be any.
 * STAPLE_DAMAGED for anything else. */
staple_reason_e staple_known_decode(staple_known_row_t *rows,
                                    apr_uint32_t *count,
                                    const unsigned char *buf, apr_size_t len);

/* Adds those older rows, in bytes, that are of others and not too old, to
 * `count` rows of ours, as far as there is room for STAPLE_KNOWN_MAX; returns
 * how many rows there are then.  Bytes that are damaged add none. */
apr_uint32_t staple_known_merge(staple_known_row_t *rows, apr_uint32_t count,
                                const unsigned char *older, apr_size_t len,
                                apr_time_t now);

#endif
