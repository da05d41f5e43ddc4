/* Material that costs OpenSSL much to decode, made on the spot. */
#include "make_hostile.h"

#include <apr_strings.h>
#include <openssl/bn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEQUENCE (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)
#define FIELD 67 /* octets of an element of the field */

static void must(int condition)
{
    if (!condition) {
        fputs("make_hostile.c failed\n", stderr);
        exit(99);
    }
}

/* Of `len` octets, or as a positive INTEGER wants it (0). */
static make_der_t octets(apr_pool_t *p, const BIGNUM *number, int len)
{
    make_der_t der;

    der.len = (apr_size_t)(len > 0 ? len : BN_num_bytes(number) + 1);
    der.bytes = apr_palloc(p, der.len);
    must(BN_bn2binpad(number, der.bytes, (int)der.len) > 0);
    if (len == 0 && der.bytes[1] < 0x80) {
        der.bytes++;
        der.len--;
    }
    return der;
}

static make_der_t join2(apr_pool_t *p, make_der_t one, make_der_t other)
{
    make_der_t parts[] = {one, other, {NULL, 0}};

    return make_join(p, parts);
}

static make_der_t text(const char *bytes, apr_size_t len)
{
    return (make_der_t){(unsigned char *)(uintptr_t)bytes, len};
}

/* y^2 = x^3 + x + b through the point (5, 7^5). */
static make_der_t parameters(apr_pool_t *p, make_der_t *point)
{
    BIGNUM *prime = BN_new(), *b = BN_new(), *y = BN_new(), *one = BN_new();
    BN_CTX *ctx = BN_CTX_new();
    make_der_t fields[7] = {{NULL, 0}};
    unsigned char x[1 + FIELD] = {0};

    must(prime && b && y && one && ctx && BN_set_word(prime, 3)
         && BN_lshift(prime, prime, 534) && BN_add_word(prime, 1)
         && BN_set_word(y, 16807) && BN_set_word(one, 1)
         && BN_sqr(b, y, ctx) && BN_sub_word(b, 5 * 5 * 5 + 5));
    x[0] = 3; /* compressed, y is odd */
    x[FIELD] = 5;
    *point = (make_der_t){apr_pmemdup(p, x, sizeof(x)), sizeof(x)};
    fields[0] = make_wrap(p, V_ASN1_INTEGER, text("\1", 1));
    fields[1] = make_wrap(
        p, SEQUENCE,
        join2(p, text("\6\7\x2a\x86\x48\xce\x3d\1\1", 9), /* prime-field */
              make_wrap(p, V_ASN1_INTEGER, octets(p, prime, 0))));
    fields[2] = make_wrap(
        p, SEQUENCE,
        join2(p, make_wrap(p, V_ASN1_OCTET_STRING, octets(p, one, FIELD)),
              make_wrap(p, V_ASN1_OCTET_STRING, octets(p, b, FIELD))));
    fields[3] = make_wrap(p, V_ASN1_OCTET_STRING, *point);
    must(BN_sub_word(prime, 2)); /* what it says of the order */
    fields[4] = make_wrap(p, V_ASN1_INTEGER, octets(p, prime, 0));
    fields[5] = make_wrap(p, V_ASN1_INTEGER, text("\1", 1));
    BN_free(prime);
    BN_free(b);
    BN_free(y);
    BN_free(one);
    BN_CTX_free(ctx);
    return make_wrap(p, SEQUENCE, make_join(p, fields));
}

make_der_t make_hostile_key(apr_pool_t *p)
{
    make_der_t point, curve = parameters(p, &point);
    make_der_t algorithm = make_wrap(
        p, SEQUENCE,
        join2(p, text("\6\7\x2a\x86\x48\xce\x3d\2\1", 9), curve));

    return make_wrap(p, SEQUENCE,
                     join2(p, algorithm,
                           make_wrap(p, V_ASN1_BIT_STRING,
                                     join2(p, text("\0", 1), point))));
}

make_der_t make_with_key(apr_pool_t *p, X509 *x509, make_der_t key,
                         EVP_PKEY *issuer_key)
{
    make_der_t whole = make_x509_der(p, x509);
    make_der_t tbs = make_child(whole, 0);
    make_der_t fields[12] = {{NULL, 0}};
    unsigned i;

    for (i = 0; i < 11; i++) {
        fields[i] = make_child(tbs, i);
    }
    fields[6] = key;
    fields[0] = make_wrap(p, SEQUENCE, make_join(p, fields));
    fields[1] = make_child(whole, 1);
    fields[2] = issuer_key != NULL
                    ? make_signed(p, fields[0], issuer_key).signature
                    : make_child(whole, 2);
    fields[3] = (make_der_t){NULL, 0};
    return make_wrap(p, SEQUENCE, make_join(p, fields));
}

double make_cpu_seconds(void)
{
    struct timespec at;

    must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at) == 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif

double make_slowness(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)              \
    || __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return 20;
#endif
    /* valgrind, memcheck */
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL ? 50 : 1;
}
