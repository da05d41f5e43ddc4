/* CRLs made wrong on purpose: each byte, each length, and how long it takes. */
#include "../tap.h"

#include <stdlib.h>
#include <time.h>

#include "../make_crl.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define MIB ((apr_size_t)1024 * 1024)

static apr_pool_t *p;
static make_pki_t *pki;
static const staple_crl_cert_t *leaf;

/* What comes of these bytes, in memory of just their size. */
static staple_reason_e judge(const unsigned char *bytes, apr_size_t len)
{
    const staple_crl_cert_t *certs[] = {leaf, NULL};
    unsigned char *exact = malloc(len > 0 ? len : 1);
    staple_reason_e reason;
    staple_crl_t *crl;
    apr_pool_t *sub;

    memcpy(exact, bytes, len);
    apr_pool_create(&sub, p);
    reason = make_checked(&crl, sub, (make_der_t){exact, len}, certs);
    apr_pool_destroy(sub);
    free(exact);
    return reason;
}

static make_der_t small_list(void)
{
    make_crl_t knobs = {
        .signer = pki->issuer,
        .conf = "authorityKeyIdentifier=keyid,issuer\n"
                "issuingDistributionPoint=critical,@i\n[i]\n"
                "fullname=URI:http://crl.example/1\nonlyuser=TRUE\n",
        .entries = {{.serial = "1001", .reason = "1"},
                    {.serial = "77", .reason = "6"},
                    {.serial = "1002"}}};

    return make_crl(p, &knobs);
}

/* ---- each byte, each length ---- */

static void check_flips(make_der_t list)
{
    static const unsigned char masks[] = {0xff, 0x01, 0x80, 0x20, 0x40};
    unsigned taken = 0, tried = 0, i;
    apr_size_t at;

    is_reason(judge(list.bytes, list.len), STAPLE_OK, "as it is");
    for (at = 0; at < list.len; at++) {
        for (i = 0; i < COUNT(masks); i++) {
            list.bytes[at] ^= masks[i];
            taken += judge(list.bytes, list.len) == STAPLE_OK;
            list.bytes[at] ^= masks[i];
            tried++;
        }
    }
    is_int(taken, 0, "a byte is flipped: %u lists, and none is taken", tried);
}

static void check_lengths(make_der_t list)
{
    unsigned taken = 0;
    apr_size_t len;

    for (len = 0; len < list.len; len++) {
        taken += judge(list.bytes, len) == STAPLE_OK;
    }
    is_int(taken, 0, "cut off at each length: none is taken");
}

/* ---- time ---- */

/* The least of three runs, in milliseconds of processor time. */
static double cost(staple_reason_e *reason, make_der_t list)
{
    double least = 0;
    int i;

    for (i = 0; i < 3; i++) {
        struct timespec began, ended;
        double took;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
        *reason = judge(list.bytes, list.len);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
        took = (double)(ended.tv_sec - began.tv_sec) * 1e3
               + (double)(ended.tv_nsec - began.tv_nsec) / 1e6;
        least = i == 0 || took < least ? took : least;
    }
    return least;
}

/* The same bytes again and again, up to so many. */
static make_der_t repeat(const char *hex, apr_size_t len)
{
    make_der_t one = make_hex(p, hex);
    make_der_t all = {apr_palloc(p, len + one.len), 0};

    while (all.len < len) {
        memcpy(all.bytes + all.len, one.bytes, one.len);
        all.len += one.len;
    }
    return all;
}

/* Elements in elements, until they are so long. */
static make_der_t nested(unsigned char tag, apr_size_t len)
{
    unsigned char *bytes = apr_pcalloc(p, len);
    apr_size_t at;

    for (at = 0; at + 6 <= len; at += 6) {
        apr_size_t rest = len - at - 6;

        bytes[at] = tag;
        bytes[at + 1] = 0x84;
        bytes[at + 2] = (unsigned char)(rest >> 24);
        bytes[at + 3] = (unsigned char)(rest >> 16);
        bytes[at + 4] = (unsigned char)(rest >> 8);
        bytes[at + 5] = (unsigned char)rest;
    }
    return (make_der_t){bytes, len};
}

#define ENTRY "302f 0210 41424344454647484940414243444546" \
    " 170d3233313131333030303030305a 300c300a0603551d1504030a0101"

/* A part of a list that is right in all else, and signed. */
static make_der_t list_of(const make_der_t *usual, int part, make_der_t der)
{
    make_der_t parts[MAKE_CRL_PARTS];

    memcpy(parts, usual, sizeof(parts));
    parts[part] = der;
    return make_crl_join(p, parts, &pki->issuer);
}

static make_der_t in_sequence(make_der_t contents)
{
    return make_wrap(p, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, contents);
}

/* Extensions: this, within what goes around them. */
static make_der_t extensions(make_der_t contents)
{
    return make_wrap(p, V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED,
                     in_sequence(contents));
}

/* An extension 2.5.29.x with this value. */
static make_der_t extension(const char *oid, make_der_t value)
{
    make_der_t parts[] = {make_hex(p, oid),
                          make_wrap(p, V_ASN1_OCTET_STRING, value),
                          {NULL, 0}};

    return in_sequence(make_join(p, parts));
}

/* A list, and what is wrong with it or odd. */
typedef struct hostile_t {
    const char *what;
    make_der_t list;
} hostile_t;

/* None costs more than some times a list of the same size that is right, whose
 * time is the yardstick: sanitizers slow down both. */
static void check_costs(const hostile_t *rows, unsigned count,
                        double yardstick)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        staple_reason_e reason;
        double took = cost(&reason, rows[i].list);

        ok(took < 10 * yardstick + 5, "1 MiB: %s: in time, %s", rows[i].what,
           staple_reason_name(reason));
        printf("# %.2f ms\n", took);
    }
}

/* What surrounds the entries. */
static void check_head(const make_der_t *usual, double yardstick)
{
    const hostile_t rows[] = {
        {"nested sequences", nested(0x30, MIB)},
        {"nested sets", nested(0x31, MIB)},
        {"nested in the issuer",
         list_of(usual, MAKE_CRL_ISSUER, nested(0x30, MIB))},
        {"nested in the issuer, as small as a part",
         list_of(usual, MAKE_CRL_ISSUER, nested(0x30, 16000))},
        {"nested in the extensions",
         list_of(usual, MAKE_CRL_EXTENSIONS, nested(0xa0, MIB))},
        {"nested in an issuing distribution point",
         list_of(usual, MAKE_CRL_EXTENSIONS,
                 extensions(extension("0603551d1c", nested(0x30, 16000))))},
        {"a huge OID of an extension",
         list_of(usual, MAKE_CRL_EXTENSIONS,
                 extensions(in_sequence(make_wrap(p, V_ASN1_OBJECT,
                                                  repeat("81", MIB)))))},
        {"a huge number",
         list_of(usual, MAKE_CRL_EXTENSIONS,
                 extensions(extension("0603551d14",
                                      make_wrap(p, V_ASN1_INTEGER,
                                                repeat("41", MIB)))))},
        {"many extensions",
         list_of(usual, MAKE_CRL_EXTENSIONS,
                 extensions(repeat("3009 06032a0304 04020500", MIB)))},
        {"many names of a point",
         list_of(usual, MAKE_CRL_EXTENSIONS,
                 extensions(extension(
                     "0603551d1c",
                     in_sequence(make_wrap(
                         p, 0xa0,
                         make_wrap(p, 0xa0, repeat("860161", 16000)))))))},
        {"many parts of the issuer's name",
         list_of(usual, MAKE_CRL_ISSUER,
                 in_sequence(repeat("310c300a06035504030c0361c381", 16000)))},
        {"the same byte", repeat("30", MIB)},
        {"zeroes", repeat("00", MIB)},
    };

    check_costs(rows, COUNT(rows), yardstick);
}

static void check_entries(const make_der_t *usual, double yardstick)
{
    const hostile_t rows[] = {
        {"nested in the entries",
         list_of(usual, MAKE_CRL_ENTRIES, nested(0x30, MIB))},
        {"a huge serial number",
         list_of(usual, MAKE_CRL_ENTRIES,
                 in_sequence(in_sequence(make_wrap(
                     p, V_ASN1_INTEGER, repeat("41", MIB)))))},
        {"large serial numbers",
         list_of(usual, MAKE_CRL_ENTRIES,
                 in_sequence(repeat("30820210 028201fd"
                                    " 414141414141414141414141", MIB)))},
        {"entries with many extensions",
         list_of(usual, MAKE_CRL_ENTRIES,
                 in_sequence(in_sequence(make_join(
                     p, (make_der_t[]){
                            make_hex(p, "02021001"
                                        "170d3233313131333030303030305a"),
                            in_sequence(repeat("300906032a030404020500",
                                               16000)),
                            {NULL, 0}}))))},
        {"the smallest entries",
         list_of(usual, MAKE_CRL_ENTRIES,
                 in_sequence(repeat("3012 020101"
                                    " 170d3233313131333030303030305a",
                                    MIB)))},
        {"entries of a certificate of ours",
         list_of(usual, MAKE_CRL_ENTRIES,
                 in_sequence(repeat("3013 02021001"
                                    " 170d3233313131333030303030305a",
                                    MIB)))},
    };

    check_costs(rows, COUNT(rows), yardstick);
}

static void check_budget(const make_der_t *usual)
{
    staple_reason_e reason;
    double yardstick
        = cost(&reason, list_of(usual, MAKE_CRL_ENTRIES,
                                in_sequence(repeat(ENTRY, MIB))));

    is_reason(reason, STAPLE_OK, "the yardstick: 1 MiB that is right");
    printf("# %.2f ms\n", yardstick);
    check_head(usual, yardstick);
    check_entries(usual, yardstick);
}

int main(void)
{
    make_der_t usual[MAKE_CRL_PARTS], list;

    p = make_begin();
    pki = make_pki(p);
    leaf = make_staple_crl_cert(p, pki->leaf.x509, pki->issuer.x509);
    list = small_list();
    check_flips(list);
    check_lengths(list);
    make_crl_split(usual, p, list);
    check_budget(usual);
    is_int(ERR_peek_error(), 0, "OpenSSL's error queue is as it was");
    make_end(p);
    return tap_done();
}
