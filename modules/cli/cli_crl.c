/* The command verify for CRLs: judges a certificate by lists in files. */
#include "cli_crl.h"


#include "crl/staple_crl_verdict.h"
#include "cli_verdict.h"

#define MAX_FILE ((apr_size_t)1024 * 1024 * 1024)
#define MAX_LISTS 2

/* One file. */
typedef struct list_t {
    const char *path;
    unsigned char *der;
    apr_size_t len;
    staple_reason_e reason;
    staple_crl_t *crl; /* NULL: it could not be read */
} list_t;

/* ---- files ---- */

static apr_status_t free_der(void *der)
{
    OPENSSL_free(der);
    return APR_SUCCESS;
}

static void take_pem(list_t *list, apr_pool_t *p)
{
    unsigned char *der = staple_crl_from_pem(&list->len, list->der, list->len);

    if (der != NULL) {
        apr_pool_cleanup_register(p, der, free_der, apr_pool_cleanup_null);
        list->der = der;
    }
}

static int read_lists(list_t *lists, const cli_command_t *command,
                      apr_pool_t *p, const cli_urls_t *files)
{
    unsigned i;

    for (i = 0; i < files->count; i++) {
        int status = cli_read_file(&lists[i].der, &lists[i].len, command, p,
                                    files->urls[i], MAX_FILE);

        if (status != CLI_GO_ON) {
            return status;
        }
        if (lists[i].len > MAX_FILE) {
            return cli_complain(command, "%s is larger than %lu bytes",
                                cli_file_name(files->urls[i]),
                                (unsigned long)MAX_FILE);
        }
        lists[i].path = files->urls[i];
        take_pem(&lists[i], p);
    }
    return CLI_GO_ON;
}

/* ---- judging ---- */

unsigned cli_crl_signers(X509 *signers[STAPLE_CRL_MAX_SIGNERS],
                         const cli_found_t *found)
{
    unsigned count = 1;
    int i, k;

    signers[0] = found->issuer;
    for (i = 0; i < sk_X509_num(found->others)
                && count < STAPLE_CRL_MAX_SIGNERS;
         i++) {
        X509 *other = sk_X509_value(found->others, i);
        int is_one = 0;

        for (k = 0; k < sk_X509_num(found->others) && !is_one; k++) {
            is_one = other != found->issuer
                     && staple_crl_check_is_rollover(
                         other, found->issuer,
                         sk_X509_value(found->others, k));
        }
        if (is_one) {
            signers[count++] = other;
        }
    }
    return count;
}

static void check_list(list_t *list, apr_pool_t *p,
                       const staple_crl_whose_t *whose,
                       const cli_crl_wish_t *wish)
{
    list->reason = staple_crl_read(&list->crl, p, list->der, list->len);
    if (list->reason == STAPLE_OK) {
        list->reason = staple_crl_check(p, list->crl, whose, NULL,
                                        &wish->policy, wish->at);
    }
}

static staple_reason_e judge(staple_crl_verdict_t *verdict, list_t *lists,
                             apr_pool_t *p, const cli_found_t *found,
                             const cli_crl_wish_t *wish)
{
    X509 *signers[STAPLE_CRL_MAX_SIGNERS];
    staple_crl_whose_t whose = {.issuers = signers, .cert_count = 1};
    staple_crl_cert_t *cert = NULL;
    const staple_crl_cert_t *certs[1];
    staple_reason_e reason = staple_crl_cert_make(
        &cert, p, X509_get0_serialNumber(found->leaf),
        X509_get0_extensions(found->leaf), found->issuer);
    unsigned i;

    if (reason != STAPLE_OK
        || (reason = staple_crl_cert_check(cert, wish->scope_url))
               != STAPLE_OK) {
        return reason;
    }
    certs[0] = cert;
    whose.certs = certs;
    whose.issuer_count = cli_crl_signers(signers, found);
    for (i = 0; i < wish->files.count; i++) {
        check_list(&lists[i], p, &whose, wish);
    }
    for (i = 0; i < wish->files.count; i++) {
        if (lists[i].reason != STAPLE_OK) {
            return lists[i].reason;
        }
    }
    return staple_crl_verdict(verdict, cert, wish->scope_url, lists[0].crl,
                              lists[1].crl, &wish->policy, wish->at);
}

/* ---- output ---- */

static json_t *json_number(const staple_crl_number_t *number)
{
    char text[STAPLE_CRL_NUMBER_SIZE];

    return number->is_there ? json_string(staple_crl_number_text(text, number))
                            : json_null();
}

/* What a list is about, or null. */
static json_t *json_kind(const staple_crl_t *crl)
{
    static const char *const kinds[] = {
        [STAPLE_CRL_ALL_CERTS] = "all",
        [STAPLE_CRL_USER_CERTS] = "user",
        [STAPLE_CRL_CA_CERTS] = "ca",
        [STAPLE_CRL_ATTRIBUTE_CERTS] = "attribute"};

    return crl->issuer != NULL ? json_string(kinds[crl->kind]) : json_null();
}

static json_t *json_list(apr_pool_t *p, const list_t *list)
{
    static const staple_crl_t nothing;
    const staple_crl_t *crl = list->crl != NULL ? list->crl : &nothing;
    json_t *object = json_object();

    json_object_set_new(object, "file", json_string(list->path));
    json_object_set_new(object, "bytes", json_integer((json_int_t)list->len));
    cli_verdict_put_reason(object, list->reason);
    json_object_set_new(object, "certificates", json_kind(crl));
    json_object_set_new(object, "number", json_number(&crl->mark.number));
    json_object_set_new(object, "base_number",
                        json_number(&crl->base_number));
    json_object_set_new(object, "this_update",
                        cli_verdict_json_time(p, crl->mark.this_update));
    json_object_set_new(object, "next_update",
                        cli_verdict_json_time(p, crl->next_update));
    json_object_set_new(object, "entries",
                        crl->signer != NULL
                            ? json_integer((json_int_t)crl->entry_count)
                            : json_null());
    return object;
}

static void print(apr_pool_t *p, const cli_verdict_t *verdict,
                  const list_t *lists, const cli_crl_wish_t *wish)
{
    json_t *object, *array;
    unsigned i;

    if (!wish->json) {
        cli_verdict_print(stdout, p, verdict);
        return;
    }
    object = cli_verdict_json(p, verdict);
    array = json_array();
    for (i = 0; i < wish->files.count; i++) {
        json_array_append_new(array, json_list(p, &lists[i]));
    }
    json_object_set_new(object, "crls", array);
    cli_verdict_put_json(stdout, object);
}

int cli_crl_run(const cli_command_t *command, apr_pool_t *p,
                const cli_crl_wish_t *wish)
{
    cli_verdict_t verdict = {.at = wish->at};
    list_t lists[MAX_LISTS] = {{.path = NULL}};
    staple_crl_verdict_t said;
    staple_cert_t *cert = NULL;
    cli_found_t found;
    int status = cli_certs_find(&found, command, p, &wish->certs);

    if (status == CLI_GO_ON) {
        status = read_lists(lists, command, p, &wish->files);
    }
    if (status != CLI_GO_ON) {
        return status;
    }
    verdict.reason = staple_cert_from_x509(&cert, p,
                                           staple_cert_issuers_make(p),
                                           found.leaf, found.issuer, 0);
    verdict.cert = cert;
    if (verdict.reason == STAPLE_OK) {
        verdict.reason = judge(&said, lists, p, &found, wish);
    }
    if (verdict.reason == STAPLE_OK) {
        verdict.said = (staple_verdict_t){
            .status = said.status,
            .revocation_reason = said.revocation_reason,
            .revoked_at = said.revoked_at, .this_update = said.this_update,
            .next_update = said.next_update, .use_until = said.use_until};
    }
    print(p, &verdict, lists, wish);
    return cli_verdict_exit(&verdict);
}
