/* Responses in files: DER, PEM, base64, and what is none of them. */
#include "../make_ocsp.h"
#include "../tap.h"

#include <openssl/pem.h>

#include "ocsp/staple_armour.h"

static unsigned char room[STAPLE_ARMOUR_MAX + 1];

/* What becomes of a text. */
static apr_size_t put(const void *text, apr_size_t len)
{
    memcpy(room, text, len);
    return staple_armour_remove(room, len);
}

static void test_forms(const make_der_t *der)
{
    char *text = malloc(2 * der->len + 200), *one;
    char *plain = malloc(2 * der->len);
    int len = EVP_EncodeBlock((unsigned char *)plain, der->bytes,
                              (int)der->len);
    apr_size_t size = 0;
    int i;

    is_int(put(der->bytes, der->len), der->len, "DER stays as it is");
    ok(memcmp(room, der->bytes, der->len) == 0, "all of it");
    is_int(put(plain, (apr_size_t)len), der->len, "base64 on one line");
    ok(memcmp(room, der->bytes, der->len) == 0, "is the same response");

    one = text;
    one += sprintf(one, "\n# from somewhere\r\n"
                        "-----BEGIN OCSP RESPONSE-----\r\n");
    for (i = 0; i < len; i += 64) {
        one += sprintf(one, "%.64s\r\n", plain + i);
    }
    one += sprintf(one, "-----END OCSP RESPONSE-----\nand more\n");
    is_int(put(text, (apr_size_t)(one - text)), der->len, "PEM, words around");
    ok(memcmp(room, der->bytes, der->len) == 0, "is the same response");

    one = text + sprintf(text, " \n");
    for (i = 0; i < len; i += 76) {
        one += sprintf(one, "%.76s\n", plain + i);
    }
    is_int(put(text, (apr_size_t)(one - text)), der->len, "base64, in lines");
    ok(memcmp(room, der->bytes, der->len) == 0, "is the same response");

    for (size = 0; size < (apr_size_t)len; size += 7) {
        if (put(plain, size) > size) {
            break;
        }
    }
    ok(size >= (apr_size_t)len, "cut off, it never grows");
    free(plain);
    free(text);
}

static const char *const others[] = {
    "",
    "M",
    "MII=*",
    "M\n=\n=",
    "-----BEGIN OCSP RESPONSE-----",
    "-----BEGIN OCSP RESPONSE-----\nMII",
    "-----BEGIN OCSP RESPONSE----------END OCSP RESPONSE-----",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "<html>MIIB</html>",
    "AAAA",
};

static void test_others(void)
{
    unsigned i;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        apr_size_t len = strlen(others[i]);

        ok(put(others[i], len) <= len
               && (len == 0 || room[0] != 0x30 || others[i][0] == 'M'),
           "no response: row %u", i);
    }
    memset(room, 'M', sizeof(room));
    is_int(staple_armour_remove(room, sizeof(room)), sizeof(room),
           "what is too long is not looked at");
    is_int(ERR_peek_error(), 0, "OpenSSL's error queue is as it was");
}

int main(void)
{
    apr_pool_t *p;
    make_pki_t *pki;
    make_der_t der;
    make_response_t knobs;

    apr_initialize();
    apr_pool_create(&p, NULL);
    pki = make_pki(p);
    knobs = make_good(pki);
    der = make_response(p, &knobs);
    test_forms(&der);
    test_others();
    make_end(p);
    return tap_done();
}
