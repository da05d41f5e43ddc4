/* One walk over a CRL: every entry read, ours found, the signature verified. */
#include "staple_crl_check.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "ocsp/staple_signature.h"

/* Extensions of an entry, the last octets of 2.5.29.x (RFC 5280 5.3). */
#define ID_CE_REASON 21
#define ID_CE_INVALIDITY_DATE 24
#define ID_CE_CERTIFICATE_ISSUER 29

/* Bytes that are hashed, and then walked while a processor has them at hand. */
#define CHUNK ((apr_size_t)16384)

/* Bits of the filter: 64 for each certificate, within these bounds. */
#define FILTER_MIN 10U /* 2 to the power of it */
#define FILTER_MAX 22U

/* The serials to look for.  Nearly every entry is settled by one bit: of what
 * is not ours one in sixty gets as far as the binary search, which takes no
 * longer for what somebody chose. */
typedef struct wanted_t {
    staple_crl_row_t *rows; /* sorted, without repeats */
    apr_size_t count;
    apr_uint64_t *filter;
    unsigned filter_shift;
} wanted_t;

struct staple_crl_check_t {
    staple_crl_t *crl;
    X509 *issuers[STAPLE_CRL_MAX_SIGNERS];
    unsigned issuer_count;
    staple_signature_t signature;
    EVP_MD_CTX *digest;          /* NULL: of a kind that has none */
    const unsigned char *hashed; /* up to here */
    staple_der_t entries;        /* those that are left */
    apr_size_t entry_count;
    wanted_t wanted;
    staple_policy_t policy;
    apr_time_t now;
};

/* ---- the serials to look for ---- */

static int compare(const void *one, const void *other)
{
    const staple_crl_row_t *a = one, *b = other;
    apr_size_t len = a->serial.len;
    apr_size_t other_len = b->serial.len;

    return len != other_len ? (len > other_len) - (len < other_len)
                            : memcmp(a->serial.at, b->serial.at, len);
}

/* The place of a serial's bit in the filter. */
static inline apr_uint64_t bit_of(const wanted_t *wanted, staple_der_t serial)
{
    apr_size_t len = serial.len;
    apr_uint64_t last = 0;

    /* The end of a serial is what differs, counted or drawn. */
    if (len >= sizeof(last)) {
        memcpy(&last, serial.at + len - sizeof(last), sizeof(last));
    }
    else {
        memcpy(&last, serial.at, len);
    }
    return last * APR_UINT64_C(0x9e3779b97f4a7c15) >> wanted->filter_shift;
}

static void make_filter(wanted_t *wanted, apr_pool_t *p)
{
    unsigned bits = FILTER_MIN;
    apr_size_t i;

    while (bits < FILTER_MAX && ((apr_size_t)1 << bits) < 64 * wanted->count) {
        bits++;
    }
    wanted->filter_shift = 64 - bits;
    wanted->filter = apr_pcalloc(p, ((apr_size_t)1 << bits) / 8);
    for (i = 0; i < wanted->count; i++) {
        apr_uint64_t bit = bit_of(wanted, wanted->rows[i].serial);

        wanted->filter[bit / 64] |= (apr_uint64_t)1 << bit % 64;
    }
}

static void make_wanted(wanted_t *wanted, apr_pool_t *rows_pool, apr_pool_t *p,
                        const staple_crl_whose_t *whose)
{
    staple_crl_row_t *rows =
        apr_pcalloc(rows_pool, (whose->cert_count + 1) * sizeof(*rows));
    apr_size_t i;

    for (i = 0; i < whose->cert_count; i++) {
        staple_der_t from = whose->certs[i]->serial;
        apr_size_t len = from.len;

        rows[i].serial.at = apr_pmemdup(rows_pool, from.at, len);
        rows[i].serial.len = len;
        rows[i].reason = -1;
    }
    qsort(rows, whose->cert_count, sizeof(*rows), compare);
    for (i = 0; i < whose->cert_count; i++) {
        if (wanted->count == 0
            || compare(&rows[wanted->count - 1], &rows[i]) != 0) {
            rows[wanted->count++] = rows[i];
        }
    }
    wanted->rows = rows;
    make_filter(wanted, p);
}

static const staple_crl_row_t *find(const staple_crl_row_t *rows,
                                    apr_size_t count, staple_der_t serial)
{
    staple_crl_row_t key = {.serial = serial};

    return count > 0 ? bsearch(&key, rows, count, sizeof(key), compare) : NULL;
}

const staple_crl_row_t *staple_crl_check_row(const staple_crl_t *crl,
                                             staple_der_t serial)
{
    return find(crl->rows, crl->row_count, serial);
}

/* An entry is about this serial.  A list that has one twice keeps the first
 * entry, but that it is revoked outweighs that it is not any more. */
static void note(wanted_t *wanted, staple_der_t serial, int reason,
                 apr_time_t revoked_at)
{
    apr_uint64_t bit = bit_of(wanted, serial);
    const staple_crl_row_t *found;
    staple_crl_row_t *row;

    if ((wanted->filter[bit / 64] >> bit % 64 & 1) == 0) {
        return;
    }
    found = find(wanted->rows, wanted->count, serial);
    if (found == NULL) {
        return;
    }
    row = &wanted->rows[found - wanted->rows];
    if (!row->is_listed || row->reason == CRL_REASON_REMOVE_FROM_CRL) {
        row->is_listed = 1;
        row->reason = reason;
        row->revoked_at = revoked_at;
    }
}

/* ---- entries ---- */

/* reasonCode (RFC 5280 5.3.1).  A reason that RFC 5280 does not know, such as
 * X.509's weakAlgorithmOrKey, revokes as all do.  removeFromCRL is for deltas
 * only. */
static int take_reason(int *reason, const staple_crl_t *crl, staple_der_t value)
{
    staple_der_t code;

    if (*reason >= 0
        || !staple_der_take(&code, NULL, &value, STAPLE_DER_ENUMERATED)
        || value.len > 0 || code.len != 1 || *code.at >= 0x80) {
        return 0;
    }
    *reason = *code.at;
    return *reason != CRL_REASON_REMOVE_FROM_CRL || crl->is_delta;
}

/* crlEntryExtensions, what is left of an entry.  invalidityDate changes
 * nothing: it is when a key may have become known, not a status. */
static staple_reason_e
take_entry_extensions(int *reason, const staple_crl_t *crl, staple_der_t in)
{
    staple_crl_der_extension_t extension;
    staple_der_t list;

    if (!crl->is_v2 || !staple_der_take(&list, NULL, &in, STAPLE_DER_SEQUENCE)
        || in.len > 0 || list.len == 0) {
        return STAPLE_CRL_MALFORMED;
    }
    while (list.len > 0) {
        if (!staple_crl_der_extension(&list, &extension)) {
            return STAPLE_CRL_MALFORMED;
        }
        switch (staple_crl_der_id_ce(extension.oid)) {
        case ID_CE_REASON:
            if (!take_reason(reason, crl, extension.value)) {
                return STAPLE_CRL_MALFORMED;
            }
            break;
        case ID_CE_CERTIFICATE_ISSUER:
            return STAPLE_CRL_INDIRECT; /* 5.3.3: in indirect lists only */
        case ID_CE_INVALIDITY_DATE:
            break;
        default:
            if (extension.is_critical) {
                return STAPLE_CRL_CRITICAL;
            }
        }
    }
    return STAPLE_OK;
}

/* One entry of revokedCertificates (RFC 5280 5.1.2.6). */
static inline staple_reason_e take_entry(staple_crl_check_t *check)
{
    staple_der_t entry, serial, date;
    unsigned char tag;
    apr_time_t revoked_at;
    int reason = -1;

    if (!staple_der_take(&entry, NULL, &check->entries, STAPLE_DER_SEQUENCE)
        || entry.len > STAPLE_CRL_MAX_ENTRY
        || !staple_der_take(&serial, NULL, &entry, STAPLE_DER_INTEGER)
        || !staple_der_is_integer(serial)
        || !staple_der_next(&tag, &date, &entry)
        || !staple_crl_der_time(&revoked_at, tag, date)) {
        return STAPLE_CRL_MALFORMED;
    }
    if (entry.len > 0) {
        staple_reason_e why = take_entry_extensions(&reason, check->crl, entry);

        if (why != STAPLE_OK) {
            return why;
        }
    }
    check->entry_count++;
    note(&check->wanted, serial, reason, revoked_at);
    return STAPLE_OK;
}

/* ---- the signer ---- */

/* RFC 5280 6.3.3 (f): where there is a key usage it has cRLSign. */
static int may_sign(X509 *issuer)
{
    return (X509_get_key_usage(issuer) & X509v3_KU_CRL_SIGN) != 0;
}

/* Was the list signed with this key? */
static int is_by(const staple_crl_check_t *check, EVP_PKEY *key,
                 const unsigned char *digest)
{
    return check->digest != NULL
               ? staple_signature_is_right_for(&check->signature, digest, key)
               : staple_signature_is_right(&check->signature, check->crl->tbs,
                                           key);
}

/* Whose key signed, of those that may and of the others; NULL: none. */
static X509 *find_signer(const staple_crl_check_t *check, int is_allowed,
                         const unsigned char *digest)
{
    unsigned i;

    for (i = 0; i < check->issuer_count; i++) {
        EVP_PKEY *key = X509_get0_pubkey(check->issuers[i]);

        if (key != NULL && may_sign(check->issuers[i]) == is_allowed
            && is_by(check, key, digest)) {
            return check->issuers[i];
        }
    }
    return NULL;
}

/* A time of a certificate, which OpenSSL has read from DER. */
static int cert_time(apr_time_t *at, const ASN1_TIME *time)
{
    staple_der_t text = {ASN1_STRING_get0_data(time),
                         (apr_size_t)ASN1_STRING_length(time)};

    return staple_crl_der_time(at, (unsigned char)ASN1_STRING_type(time), text);
}

/* Is the signer's certificate valid at this time? */
static staple_reason_e check_signer(apr_time_t *until, X509 *signer,
                                    const staple_policy_t *policy,
                                    apr_time_t now)
{
    apr_time_t from;

    return cert_time(&from, X509_get0_notBefore(signer))
                   && cert_time(until, X509_get0_notAfter(signer))
                   && from <= now + policy->clock_skew && now < *until
               ? STAPLE_OK
               : STAPLE_CRL_SIGNER_EXPIRED;
}

/* Reads the signature.  The key is not looked at: it is the one that the
 * certificates themselves hang on, and if that is weak there is all the more
 * reason to hear that they are revoked. */
static staple_reason_e read_signature(staple_crl_check_t *check)
{
    const staple_crl_t *crl = check->crl;
    staple_reason_e reason = staple_signature_read(
        &check->signature, crl->algorithm, crl->signature);

    if (reason == STAPLE_OK) {
        reason = staple_signature_check_digest(&check->signature, 0);
    }
    return reason == STAPLE_OK || reason == STAPLE_NO_MEMORY
               ? reason
               : STAPLE_CRL_WEAK_SIGNATURE;
}

/* ---- from begin to end ---- */

/* The rules that need no walk, cheap before costly. */
static staple_reason_e check_head(staple_crl_check_t *check,
                                  const staple_crl_mark_t *held)
{
    const staple_crl_t *crl = check->crl;
    staple_reason_e reason;
    apr_time_t use_until;
    unsigned i;
    int is_any = 0;

    for (i = 0; i < check->issuer_count; i++) {
        if (X509_NAME_cmp(crl->issuer, X509_get_subject_name(check->issuers[i]))
            != 0) {
            return STAPLE_CRL_WRONG_ISSUER;
        }
        is_any = is_any || may_sign(check->issuers[i]);
    }
    if (!is_any) {
        return STAPLE_CRL_NO_SIGN;
    }
    reason = staple_crl_times(&use_until, crl, &check->policy, check->now);
    if (reason != STAPLE_OK) {
        return reason;
    }
    if (held != NULL && staple_crl_mark_cmp(&crl->mark, held) < 0) {
        return STAPLE_CRL_OLDER;
    }
    return read_signature(check);
}

static apr_status_t free_check(void *data)
{
    staple_crl_check_t *check = data;

    EVP_MD_CTX_free(check->digest);
    staple_signature_free(&check->signature);
    return APR_SUCCESS;
}

static int begin_digest(staple_crl_check_t *check)
{
    const EVP_MD *digest = staple_signature_digest(&check->signature);

    if (digest == NULL) {
        return 1;
    }
    check->digest = EVP_MD_CTX_new();
    return check->digest != NULL
           && EVP_DigestInit_ex(check->digest, digest, NULL);
}

staple_reason_e staple_crl_check_begin(staple_crl_check_t **check,
                                       apr_pool_t *p, staple_crl_t *crl,
                                       const staple_crl_whose_t *whose,
                                       const staple_crl_mark_t *held,
                                       const staple_policy_t *policy,
                                       apr_time_t now)
{
    staple_crl_check_t *begun = apr_pcalloc(p, sizeof(*begun));
    unsigned long before = ERR_peek_error();
    staple_reason_e reason;

    STAPLE_OPENSSL_ENTER();
    apr_pool_cleanup_register(p, begun, free_check, apr_pool_cleanup_null);
    begun->crl = crl;
    begun->policy = *policy;
    begun->now = now;
    begun->hashed = crl->tbs.at;
    begun->entries = crl->entries;
    while (begun->issuer_count < whose->issuer_count
           && begun->issuer_count < STAPLE_CRL_MAX_SIGNERS) {
        begun->issuers[begun->issuer_count] =
            whose->issuers[begun->issuer_count];
        begun->issuer_count++;
    }
    reason = check_head(begun, held);
    if (reason == STAPLE_OK && !begin_digest(begun)) {
        reason = STAPLE_NO_MEMORY;
    }
    if (reason == STAPLE_OK) {
        make_wanted(&begun->wanted, crl->pool, p, whose);
        *check = begun;
    }
    else if (staple_openssl_no_memory(before)) {
        reason = STAPLE_NO_MEMORY;
    }
    STAPLE_OPENSSL_LEAVE();
    return reason;
}

/* Hashes the next bytes and takes the entries that begin in them. */
static staple_reason_e step_chunk(staple_crl_check_t *check, apr_size_t bytes)
{
    staple_reason_e reason = STAPLE_OK;

    if (check->digest != NULL
        && !EVP_DigestUpdate(check->digest, check->hashed, bytes)) {
        return STAPLE_NO_MEMORY;
    }
    check->hashed += bytes;
    while (reason == STAPLE_OK && check->entries.at < check->hashed
           && check->entries.len > 0) {
        reason = take_entry(check);
    }
    return reason;
}

/* Every byte was hashed and every entry taken: is it signed? */
static staple_reason_e finish(staple_crl_check_t *check)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    staple_crl_t *crl = check->crl;
    apr_time_t signer_ends_at;
    staple_reason_e reason;
    X509 *signer;

    if (check->digest != NULL
        && !EVP_DigestFinal_ex(check->digest, digest, NULL)) {
        return STAPLE_NO_MEMORY;
    }
    signer = find_signer(check, 1, digest);
    if (signer == NULL) {
        return find_signer(check, 0, digest) != NULL ? STAPLE_CRL_NO_SIGN
                                                     : STAPLE_CRL_BAD_SIGNATURE;
    }
    reason = check_signer(&signer_ends_at, signer, &check->policy, check->now);
    if (reason == STAPLE_OK) {
        crl->cert_issuer = check->issuers[0];
        crl->signer = signer;
        crl->signer_ends_at = signer_ends_at;
        crl->entry_count = check->entry_count;
        crl->rows = check->wanted.rows;
        crl->row_count = check->wanted.count;
    }
    return reason;
}

int staple_crl_check_step(staple_reason_e *reason, staple_crl_check_t *check,
                          apr_size_t bytes)
{
    const unsigned char *end = check->crl->tbs.at + check->crl->tbs.len;
    unsigned long before = ERR_peek_error();
    int is_over = 0;

    STAPLE_OPENSSL_ENTER();
    *reason = STAPLE_OK;
    while (bytes > 0 && *reason == STAPLE_OK && check->hashed < end) {
        apr_size_t some = bytes < CHUNK ? bytes : CHUNK;

        if (some > (apr_size_t)(end - check->hashed)) {
            some = (apr_size_t)(end - check->hashed);
        }
        *reason = step_chunk(check, some);
        bytes -= some;
    }
    if (*reason == STAPLE_OK && check->hashed == end) {
        *reason = finish(check);
        is_over = 1;
    }
    if (*reason != STAPLE_OK && staple_openssl_no_memory(before)) {
        *reason = STAPLE_NO_MEMORY;
    }
    STAPLE_OPENSSL_LEAVE();
    return *reason == STAPLE_OK && !is_over;
}

staple_reason_e staple_crl_check(apr_pool_t *p, staple_crl_t *crl,
                                 const staple_crl_whose_t *whose,
                                 const staple_crl_mark_t *held,
                                 const staple_policy_t *policy, apr_time_t now)
{
    staple_crl_check_t *check = NULL;
    staple_reason_e reason =
        staple_crl_check_begin(&check, p, crl, whose, held, policy, now);

    if (reason == STAPLE_OK) {
        while (staple_crl_check_step(&reason, check, crl->bytes)) {
        }
    }
    return reason;
}

/* ---- another key of the same CA ---- */

static int has_signed(X509 *signer, X509 *x509)
{
    EVP_PKEY *key = signer != NULL ? X509_get0_pubkey(signer) : NULL;

    return key != NULL && X509_verify(x509, key) == 1;
}

int staple_crl_check_is_rollover(X509 *other, X509 *issuer, X509 *above)
{
    int is_one;

    STAPLE_OPENSSL_ENTER();
    is_one = X509_NAME_cmp(X509_get_subject_name(other),
                           X509_get_subject_name(issuer))
                 == 0
             && (has_signed(issuer, other)
                 || (has_signed(above, issuer) && has_signed(above, other)));
    STAPLE_OPENSSL_LEAVE();
    return is_one;
}
