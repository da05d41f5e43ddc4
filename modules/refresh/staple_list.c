/* A CRL that is followed: base and delta, judged for each issuer in turn. */
#include "staple_list.h"

struct staple_list_t {
    const staple_refresh_list_t *is;
    apr_pool_t *pool;
    apr_array_header_t *views; /* staple_list_view_t * */
    /* what is being judged */
    staple_part_e part;
    const unsigned char *der;
    apr_size_t der_len;
    apr_time_t at;
    int view_at;               /* for which view */
    apr_pool_t *judge_pool;    /* of these two; NULL: that was not begun */
    staple_crl_t *crl;
    staple_crl_check_t *check;
    staple_reason_e reason;    /* of the views so far */
};

staple_list_t *staple_list_make(apr_pool_t *p, const staple_refresh_list_t *is)
{
    staple_list_t *list = apr_pcalloc(p, sizeof(*list));

    list->is = is;
    list->pool = p;
    list->views = apr_array_make(p, 1, sizeof(staple_list_view_t *));
    return list;
}

const apr_array_header_t *staple_list_views(const staple_list_t *list)
{
    return list->views;
}

static staple_list_view_t *view_at(const staple_list_t *list, int i)
{
    return APR_ARRAY_IDX(list->views, i, staple_list_view_t *);
}

static staple_list_view_t *find_view(const staple_list_t *list,
                                     const staple_crl_cert_t *cert)
{
    int i;

    for (i = 0; i < list->views->nelts; i++) {
        X509 *issuer = view_at(list, i)->first->crl->issuer;

        if (issuer == cert->issuer || X509_cmp(issuer, cert->issuer) == 0) {
            return view_at(list, i);
        }
    }
    return NULL;
}

void staple_list_add(staple_list_t *list, apr_uint32_t index,
                     const staple_refresh_cert_t *cert)
{
    staple_list_view_t *view = find_view(list, cert->crl);

    if (view == NULL) {
        view = apr_pcalloc(list->pool, sizeof(*view));
        view->first = cert;
        view->certs =
            apr_array_make(list->pool, 1, sizeof(const staple_crl_cert_t *));
        view->indexes = apr_array_make(list->pool, 1, sizeof(apr_uint32_t));
        view->reason = STAPLE_NOT_FOUND;
        *(staple_list_view_t **)apr_array_push(list->views) = view;
    }
    *(const staple_crl_cert_t **)apr_array_push(view->certs) = cert->crl;
    *(apr_uint32_t *)apr_array_push(view->indexes) = index;
}

/* ---- judging ---- */

static void drop_judgement(staple_list_t *list)
{
    if (list->judge_pool != NULL) {
        apr_pool_destroy(list->judge_pool);
        list->judge_pool = NULL;
    }
    list->crl = NULL;
    list->check = NULL;
}

void staple_list_judge(staple_list_t *list, staple_part_e part,
                       const unsigned char *der, apr_size_t der_len,
                       apr_time_t at)
{
    drop_judgement(list);
    list->part = part;
    list->der = der;
    list->der_len = der_len;
    list->at = at;
    list->view_at = 0;
    list->reason = STAPLE_NOT_FOUND;
}

/* Of two refusals the one that says more: that a list is another issuer's is
 * nothing remarkable where it is judged for several. */
static int says_more(staple_reason_e reason, staple_reason_e than)
{
    return than == STAPLE_NOT_FOUND
           || (than == STAPLE_CRL_WRONG_ISSUER
               && reason != STAPLE_CRL_WRONG_ISSUER)
           || (reason == STAPLE_OK && than != STAPLE_OK);
}

/* The judgement for this view is over: on STAPLE_OK the list is held. */
static void settle(staple_list_t *list, staple_list_view_t *view,
                   staple_reason_e reason)
{
    if (list->part == STAPLE_PART_BASE) {
        view->reason = reason;
    }
    if (says_more(reason, list->reason)) {
        list->reason = reason;
    }
    if (reason == STAPLE_OK) {
        if (view->held[list->part].pool != NULL) {
            apr_pool_destroy(view->held[list->part].pool);
        }
        view->held[list->part].pool = list->judge_pool;
        view->held[list->part].crl = list->crl;
        list->judge_pool = NULL;
    }
    drop_judgement(list);
    list->view_at++;
}

/* A base is no delta, and the other way round. */
static staple_reason_e check_part(const staple_list_t *list)
{
    if (list->part == STAPLE_PART_BASE) {
        return list->crl->is_delta ? STAPLE_CRL_IS_DELTA : STAPLE_OK;
    }
    return list->crl->is_delta ? STAPLE_OK : STAPLE_CRL_DELTA_BASE;
}

static staple_reason_e begin(staple_list_t *list,
                             const staple_list_view_t *view)
{
    const staple_crl_t *held = view->held[list->part].crl;
    const staple_crl_whose_t whose = {
        .issuers = view->first->signers,
        .issuer_count = view->first->signer_count,
        .certs = (const staple_crl_cert_t *const *)(void *)view->certs->elts,
        .cert_count = (apr_size_t)view->certs->nelts};
    staple_reason_e reason;

    if (apr_pool_create(&list->judge_pool, list->pool) != APR_SUCCESS) {
        list->judge_pool = NULL;
        return STAPLE_NO_MEMORY;
    }
    reason = staple_crl_read(&list->crl, list->judge_pool, list->der,
                             list->der_len);
    if (reason == STAPLE_OK) {
        reason = check_part(list);
    }
    return reason == STAPLE_OK
               ? staple_crl_check_begin(&list->check, list->judge_pool,
                                        list->crl, &whose,
                                        held != NULL ? &held->mark : NULL,
                                        list->is->policy, list->at)
               : reason;
}

/* Is any of the view's certificates in the list's scope?  One that is about
 * none of them may not be held instead of one that is, nor its number count. */
static staple_reason_e check_scope(const staple_list_t *list,
                                   const staple_list_view_t *view)
{
    staple_reason_e reason = STAPLE_OK;
    int i;

    for (i = 0; i < view->certs->nelts; i++) {
        reason = staple_crl_check_scope(
            APR_ARRAY_IDX(view->certs, i, const staple_crl_cert_t *),
            list->is->scope_url, list->crl);
        if (reason == STAPLE_OK) {
            break;
        }
    }
    return reason;
}

int staple_list_step(staple_reason_e *reason, staple_list_t *list,
                     apr_size_t bytes)
{
    staple_list_view_t *view;
    staple_reason_e result = STAPLE_OK;

    if (list->view_at < list->views->nelts) {
        view = view_at(list, list->view_at);
        if (list->check == NULL) {
            result = begin(list, view);
        }
        if (result != STAPLE_OK
            || !staple_crl_check_step(&result, list->check, bytes)) {
            settle(list, view,
                   result == STAPLE_OK ? check_scope(list, view) : result);
        }
    }
    *reason = list->reason;
    return list->view_at < list->views->nelts;
}

/* ---- what it says ---- */

const staple_list_view_t *staple_list_view(const staple_list_t *list,
                                           const staple_crl_cert_t *cert)
{
    return find_view(list, cert);
}

staple_reason_e staple_list_verdict(staple_crl_verdict_t *verdict,
                                    const staple_list_t *list,
                                    const staple_list_view_t *view,
                                    const staple_crl_cert_t *cert,
                                    apr_time_t now)
{
    const staple_crl_t *base = view->held[STAPLE_PART_BASE].crl;
    const staple_crl_t *delta = view->held[STAPLE_PART_DELTA].crl;
    staple_reason_e reason = STAPLE_OK;

    if (base == NULL) {
        return view->reason;
    }
    if (delta != NULL) {
        reason = staple_crl_verdict(verdict, cert, list->is->scope_url, base,
                                    delta, list->is->policy, now);
    }
    return delta != NULL && reason == STAPLE_OK
               ? reason
               : staple_crl_verdict(verdict, cert, list->is->scope_url, base,
                                    NULL, list->is->policy, now);
}

int staple_list_is_partial(const staple_list_view_t *view)
{
    const staple_crl_t *base = view->held[STAPLE_PART_BASE].crl;

    return base != NULL && base->names.len > 0;
}

const staple_crl_t *staple_list_held(const staple_list_t *list,
                                     staple_part_e part)
{
    int i;

    for (i = 0; i < list->views->nelts; i++) {
        if (view_at(list, i)->held[part].crl != NULL) {
            return view_at(list, i)->held[part].crl;
        }
    }
    return NULL;
}

apr_time_t staple_list_use_until(const staple_list_t *list, staple_part_e part,
                                 apr_time_t now)
{
    apr_time_t first = 0;
    int i;

    for (i = 0; i < list->views->nelts; i++) {
        const staple_crl_t *crl = view_at(list, i)->held[part].crl;
        apr_time_t until;

        if (crl != NULL
            && staple_crl_times(&until, crl, list->is->policy, now)
                   == STAPLE_OK
            && (first == 0 || until < first)) {
            first = until;
        }
    }
    return first;
}
