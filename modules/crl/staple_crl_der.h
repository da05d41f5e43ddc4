/* DER where it lies: elements, times and extensions, read strictly. */
#ifndef STAPLE_CRL_DER_H
#define STAPLE_CRL_DER_H

#include <apr.h>
#include <apr_time.h>
#include <string.h>

/*
 * A reader of its own, because ASN1_get_object() takes BER (indefinite lengths
 * and lengths that are longer than need be), counts in `long`, adds to an error
 * queue and takes a quarter of a whole walk over a list of a million entries.
 * Here an element is one of X.690 10.1: a definite length in its shortest form,
 * of at most four octets, after a tag of one octet.  It never looks beyond
 * `end`.
 */
typedef struct staple_crl_der_t {
    const unsigned char *at;
    const unsigned char *end;
} staple_crl_der_t;

#define STAPLE_CRL_DER_BOOLEAN 0x01
#define STAPLE_CRL_DER_INTEGER 0x02
#define STAPLE_CRL_DER_BIT_STRING 0x03
#define STAPLE_CRL_DER_OCTET_STRING 0x04
#define STAPLE_CRL_DER_OID 0x06
#define STAPLE_CRL_DER_ENUMERATED 0x0a
#define STAPLE_CRL_DER_UTC_TIME 0x17
#define STAPLE_CRL_DER_GENERALIZED_TIME 0x18
#define STAPLE_CRL_DER_SEQUENCE 0x30
#define STAPLE_CRL_DER_EXPLICIT_0 0xa0

static inline apr_size_t staple_crl_der_len(staple_crl_der_t bytes)
{
    return (apr_size_t)(bytes.end - bytes.at);
}

static inline int staple_crl_der_is_empty(staple_crl_der_t bytes)
{
    return bytes.at == bytes.end;
}

static inline int staple_crl_der_same(staple_crl_der_t one,
                                      staple_crl_der_t other)
{
    apr_size_t len = staple_crl_der_len(one);

    return len == staple_crl_der_len(other)
           && (len == 0 || memcmp(one.at, other.at, len) == 0);
}

/* Has the next element this tag?  Not, where there is none. */
static inline int staple_crl_der_has(staple_crl_der_t in, unsigned char tag)
{
    return in.at < in.end && *in.at == tag;
}

/* The octets of a length in the long form, X.690 8.1.3.5; 0: it is no DER. */
static inline apr_size_t staple_crl_der_long_len(apr_size_t *len,
                                                 staple_crl_der_t in)
{
    apr_size_t octets = in.at[1] & 0x7fU;
    apr_size_t i;

    if (octets == 0 || octets > 4 || staple_crl_der_len(in) < 2 + octets
        || in.at[2] == 0) {
        return 0;
    }
    for (*len = 0, i = 0; i < octets; i++) {
        *len = *len << 8 | in.at[2 + i];
    }
    return *len < 0x80 ? 0 : octets;
}

/* Takes one element off `in`.  Returns 1 and sets its tag and its contents, or
 * 0 where there is none, or none in DER. */
static inline int staple_crl_der_next(staple_crl_der_t *in, unsigned char *tag,
                                      staple_crl_der_t *contents)
{
    apr_size_t left = staple_crl_der_len(*in);
    apr_size_t head = 2, len;

    if (left < 2 || (in->at[0] & 0x1f) == 0x1f) {
        return 0;
    }
    len = in->at[1];
    if (len >= 0x80) {
        apr_size_t octets = staple_crl_der_long_len(&len, *in);

        if (octets == 0) {
            return 0;
        }
        head += octets;
    }
    if (len > left - head) {
        return 0;
    }
    *tag = in->at[0];
    contents->at = in->at + head;
    contents->end = contents->at + len;
    in->at = contents->end;
    return 1;
}

/* The same for an element that must have this tag. */
static inline int staple_crl_der_take(staple_crl_der_t *in, unsigned char tag,
                                      staple_crl_der_t *contents)
{
    unsigned char is;

    return staple_crl_der_next(in, &is, contents) && is == tag;
}

/* Are these the contents of an INTEGER or ENUMERATED (X.690 8.3.2): not empty,
 * and no octet more than needed? */
static inline int staple_crl_der_is_integer(staple_crl_der_t contents)
{
    const unsigned char *at = contents.at;
    apr_size_t len = staple_crl_der_len(contents);

    return len == 1
           || (len > 1
               && !((at[0] == 0x00 && at[1] < 0x80)
                    || (at[0] == 0xff && at[1] >= 0x80)));
}

/* One Extension of RFC 5280 4.1. */
typedef struct staple_crl_der_extension_t {
    staple_crl_der_t oid;   /* contents */
    staple_crl_der_t value; /* what the OCTET STRING holds */
    int is_critical;
} staple_crl_der_extension_t;

/* Takes one off a list of them; 0 where there is none, or none in DER, which
 * leaves out a default: `critical` is TRUE where it is there at all. */
int staple_crl_der_extension(staple_crl_der_t *in,
                             staple_crl_der_extension_t *extension);

/* The last octet of an OID of id-ce (2.5.29.x); -1: it is none. */
int staple_crl_der_id_ce(staple_crl_der_t oid);

/* Reads the UTCTime or GeneralizedTime whose tag and contents these are, in
 * the forms of RFC 5280 4.1.2.5: in UTC, with seconds, without fractions.
 * Returns 1 and sets *at, or 0. */
int staple_crl_der_time(apr_time_t *at, unsigned char tag,
                        staple_crl_der_t contents);

#endif
