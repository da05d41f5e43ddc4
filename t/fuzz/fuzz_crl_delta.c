/* Bases, deltas and time, one after the other: as a model has it. */
#include <string.h>

#include "../unit/make_crl.h"
#include "fuzz.h"
#include "fuzz_pki.h"

/*
 * A sequence of steps of four bytes: what, and three more.
 *   what % 4   0: a base comes; 1: a delta comes; 2: time passes (minutes, two
 *              bytes); 3: what is held is gone
 *   a list     how, number, base number and reasons:
 *              how bits 0-1 the issuing distribution point: none, users, CAs,
 *              a URL; bit 2 a key id; bit 3 a base is marked as a delta, a
 *              delta not; bit 4 no number; bit 5 thisUpdate is ahead; bit 6 it
 *              ends soon; bit 7 it has the leaf
 */
#define MOST_STEPS 12

/* What the model knows of a list. */
typedef struct model_t {
    int is_held, is_delta, has_number, has_key_id;
    unsigned point, number, base;
    int reason; /* of the leaf; -1: it is not on it */
    apr_int64_t this_update, next_update;
} model_t;

/* The list that is held, and what the model knows of it. */
typedef struct held_t {
    staple_crl_t *crl;
    model_t model;
} held_t;

static const char *const points[4] = {
    NULL,
    "issuingDistributionPoint=critical,@i\n[i]\nonlyuser=TRUE\n",
    "issuingDistributionPoint=critical,@i\n[i]\nonlyCA=TRUE\n",
    "issuingDistributionPoint=critical,@i\n[i]\n"
    "fullname=URI:http://crl.example/1\n",
};

static apr_pool_t *p;
static make_pki_t *pki;
static const staple_crl_cert_t *leaf;
static const staple_policy_t policy = STAPLE_POLICY_DEFAULT;
static const apr_int64_t skew = 300;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    p = make_begin();
    pki = fuzz_pki_load(p);
    leaf = make_staple_crl_cert(p, pki->leaf.x509, pki->issuer.x509);
    return 0;
}

/* ---- a list ---- */

static model_t read_list(const uint8_t *step, apr_int64_t now)
{
    static const int reasons[4] = {1, 6, 8, 4};
    unsigned how = step[1];
    model_t model = {.is_delta = (step[0] % 4 == 1) != (how >> 3 & 1),
                     .has_number = (how & 0x10) == 0,
                     .has_key_id = how >> 2 & 1,
                     .point = how & 3,
                     .number = step[2],
                     .base = step[3] >> 2,
                     .reason = how & 0x80 ? reasons[step[3] & 3] : -1};

    model.this_update = how & 0x20 ? now + 2 * skew : now - MAKE_HOUR;
    model.next_update = how & 0x40 ? now + MAKE_HOUR : now + MAKE_DAY;
    return model;
}

static make_der_t make_list(apr_pool_t *sub, const model_t *model)
{
    char number[8] = "", base[8], reason[8], conf[256] = "";
    make_crl_t knobs = {.signer = pki->issuer, .number = number, .conf = conf,
                        .this_update = model->this_update,
                        .next_update = model->next_update};

    if (model->has_number) {
        snprintf(number, sizeof(number), "%x", model->number);
    }
    snprintf(base, sizeof(base), "%x", model->base);
    snprintf(reason, sizeof(reason), "%d", model->reason);
    knobs.base = model->is_delta ? base : NULL;
    /* Any key id will do: it is compared, not looked up. */
    snprintf(conf, sizeof(conf), "%s%s",
             model->has_key_id ? "2.5.29.35=DER:30:03:80:01:41\n" : "",
             points[model->point] != NULL ? points[model->point] : "");
    if (model->reason >= 0) {
        knobs.entries[0] = (make_entry_t){.serial = "1001", .reason = reason};
    }
    return make_crl(sub, &knobs);
}

/* ---- the model: what must come of it ---- */

static int is_of(const model_t *model, apr_int64_t now)
{
    return model->this_update <= now + skew && model->next_update + skew >= now;
}

static int is_older(const model_t *model, const model_t *held)
{
    return model->has_number && held->has_number
                   && model->number != held->number
               ? model->number < held->number
               : model->this_update < held->this_update;
}

static staple_reason_e expect_check(const model_t *model, const model_t *held,
                                    apr_int64_t now)
{
    return model->this_update > now + skew ? STAPLE_CRL_NOT_YET_VALID
           : held->is_held && is_older(model, held) ? STAPLE_CRL_OLDER
           : model->reason == 8 && !model->is_delta ? STAPLE_CRL_MALFORMED
                                                    : STAPLE_OK;
}

static staple_reason_e expect_base(const model_t *base, apr_int64_t now)
{
    return base->is_delta                ? STAPLE_CRL_IS_DELTA
           : base->point == 2            ? STAPLE_CRL_WRONG_SCOPE
           : base->point == 3            ? STAPLE_CRL_WRONG_POINT
           : base->this_update > now + skew ? STAPLE_CRL_NOT_YET_VALID
           : is_of(base, now)            ? STAPLE_OK
                                         : STAPLE_CRL_EXPIRED;
}

static staple_reason_e expect_delta(const model_t *delta, const model_t *base,
                                    apr_int64_t now)
{
    if (!delta->is_delta || !delta->has_number || !base->has_number
        || delta->point != base->point || delta->has_key_id != base->has_key_id
        || delta->base > base->number) {
        return STAPLE_CRL_DELTA_BASE;
    }
    return delta->number <= base->number      ? STAPLE_OK
           : delta->this_update > now + skew  ? STAPLE_CRL_NOT_YET_VALID
           : is_of(delta, now)                ? STAPLE_OK
                                              : STAPLE_CRL_EXPIRED;
}

/* The reason for which the leaf is revoked; -1: it is not. */
static int expect_status(const model_t *base, const model_t *delta)
{
    int reason = base->reason;

    if (delta != NULL && delta->number > base->number && delta->reason >= 0) {
        reason = delta->reason;
    }
    return reason == 8 ? -1 : reason;
}

/* ---- steps ---- */

static void take_list(held_t *held, apr_pool_t *sub, const uint8_t *step,
                      apr_int64_t now)
{
    const staple_crl_whose_t whose = {&pki->issuer.x509, 1, &leaf, 1};
    model_t model = read_list(step, now);
    make_der_t list = make_list(sub, &model);
    staple_crl_t *crl = NULL;
    staple_reason_e reason
        = staple_crl_read(&crl, sub, list.bytes, list.len);

    FUZZ_CHECK(reason == STAPLE_OK);
    reason = staple_crl_check(sub, crl, &whose,
                              held->crl != NULL ? &held->crl->mark : NULL,
                              &policy, apr_time_from_sec(now));
    FUZZ_CHECK(reason == expect_check(&model, &held->model, now));
    if (reason == STAPLE_OK) {
        FUZZ_CHECK(held->crl == NULL
                   || staple_crl_mark_cmp(&crl->mark, &held->crl->mark) >= 0);
        model.is_held = 1;
        held->crl = crl;
        held->model = model;
    }
}

static void check_verdict(const held_t *base, const held_t *delta,
                          apr_int64_t now)
{
    staple_crl_verdict_t verdict;
    staple_reason_e expected = expect_base(&base->model, now);
    staple_reason_e reason = staple_crl_verdict(
        &verdict, leaf, NULL, base->crl,
        delta != NULL ? delta->crl : NULL, &policy, apr_time_from_sec(now));
    int revoked;

    if (expected == STAPLE_OK && delta != NULL) {
        expected = expect_delta(&delta->model, &base->model, now);
    }
    FUZZ_CHECK(reason == expected);
    if (reason != STAPLE_OK) {
        return;
    }
    revoked = expect_status(&base->model,
                            delta != NULL ? &delta->model : NULL);
    FUZZ_CHECK(verdict.status
               == (revoked >= 0 ? STAPLE_CERT_REVOKED : STAPLE_CERT_GOOD));
    FUZZ_CHECK(verdict.revocation_reason == revoked);
    FUZZ_CHECK(verdict.this_update <= apr_time_from_sec(now + skew));
    FUZZ_CHECK(verdict.use_until >= apr_time_from_sec(now - skew));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    held_t base = {.crl = NULL}, delta = {.crl = NULL};
    const held_t nothing = {.crl = NULL};
    apr_int64_t now = MAKE_NOW;
    apr_pool_t *sub;
    unsigned steps;

    apr_pool_create(&sub, p);
    for (steps = 0; size >= 4 && steps < MOST_STEPS; steps++) {
        switch (data[0] % 4) {
        case 0:
            take_list(&base, sub, data, now);
            break;
        case 1:
            take_list(&delta, sub, data, now);
            break;
        case 2:
            now += (data[1] * 256 + data[2]) * 60;
            break;
        default:
            base = data[1] & 1 ? nothing : base;
            delta = data[1] & 2 ? nothing : delta;
        }
        if (base.crl != NULL) {
            check_verdict(&base, NULL, now);
            if (delta.crl != NULL) {
                check_verdict(&base, &delta, now);
            }
        }
        FUZZ_CHECK(ERR_peek_error() == 0);
        data += 4;
        size -= 4;
    }
    apr_pool_destroy(sub);
    return 0;
}
