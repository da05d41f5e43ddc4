/* What is an element of DER, and that what is written is one. */
#include "../tap.h"

#include <stdlib.h>
#include <string.h>

#include "ocsp/staple_der.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void test_take(void)
{
    static const struct {
        const char *name, *bytes;
        apr_size_t len;
        int is_taken, is_last;
        apr_size_t contents;
    } rows[] = {
        {"nothing", "", 0, 0, 0, 0},
        {"an identifier alone", "\x30", 1, 0, 0, 0},
        {"empty", "\x30\0", 2, 1, 1, 0},
        {"one octet", "\x30\1x", 3, 1, 1, 1},
        {"something behind it", "\x30\1xy", 4, 1, 0, 1},
        {"another identifier", "\x31\1x", 3, 0, 0, 0},
        {"another class", "\xa0\1x", 3, 0, 0, 0},
        {"primitive", "\x10\1x", 3, 0, 0, 0},
        {"cut short", "\x30\2x", 3, 0, 0, 0},
        {"an indefinite length (X.690 10.1)", "\x30\x80\0\0", 4, 0, 0, 0},
        {"a length of two octets, where one does (10.1)", "\x30\x81\1x", 4, 0,
         0, 0},
        {"a length that begins with zero", "\x30\x82\0\1x", 5, 0, 0, 0},
        {"a length of no octets", "\x30\xff", 2, 0, 0, 0},
        {"a length of 2^31", "\x30\x84\x80\0\0\0", 6, 0, 0, 0},
        {"a length of 2^64 - 1", "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff",
         10, 0, 0, 0},
    };
    unsigned i;

    for (i = 0; i < COUNT(rows); i++) {
        unsigned char *exact = malloc(rows[i].len + 1);
        staple_der_t rest = {exact, rows[i].len}, before = rest;
        staple_der_t contents, whole;

        memcpy(exact, rows[i].bytes, rows[i].len);
        is_int(staple_der_take_last(&contents, NULL, &rest, 0x30),
               rows[i].is_last, "%s: all there is", rows[i].name);
        rest = before;
        is_int(staple_der_take(&contents, &whole, &rest, 0x30),
               rows[i].is_taken, "%s: is taken", rows[i].name);
        if (rows[i].is_taken) {
            is_int(contents.len, rows[i].contents, "%s: contents",
                   rows[i].name);
            ok(whole.at == before.at && rest.at == whole.at + whole.len
                   && whole.len + rest.len == before.len,
               "%s: whole and rest", rows[i].name);
        }
        else {
            ok(staple_der_is_same(rest, before), "%s: nothing is changed",
               rows[i].name);
        }
        free(exact);
    }
}

/* Contents of each length at which the form of the length changes. */
static void test_wrap(void)
{
    static const apr_size_t lengths[] = {0,     1,     0x7f,  0x80,   0xff,
                                         0x100, 0xffff, 0x10000, 200000};
    unsigned i;

    for (i = 0; i < COUNT(lengths); i++) {
        apr_size_t len = lengths[i], size = len + 3 + STAPLE_DER_HEADS(2);
        unsigned char *bytes = malloc(size), *filling = calloc(1, len + 1);
        staple_der_t rest, contents, inner;
        staple_der_out_t out;

        staple_der_begin(&out, bytes, size);
        staple_der_put(&out, "end", 3);
        size = out.at;
        staple_der_put(&out, filling, len);
        staple_der_wrap(&out, size, STAPLE_DER_OCTET_STRING);
        staple_der_wrap(&out, out.size, STAPLE_DER_SEQUENCE);
        rest = (staple_der_t){bytes + out.at, out.size - out.at};
        ok(staple_der_take_last(&contents, NULL, &rest, STAPLE_DER_SEQUENCE)
               && staple_der_take(&inner, NULL, &contents,
                                  STAPLE_DER_OCTET_STRING)
               && inner.len == len && contents.len == 3
               && memcmp(contents.at, "end", 3) == 0,
           "written and read: %u octets", (unsigned)len);
        free(filling);
        free(bytes);
    }
}

int main(void)
{
    test_take();
    test_wrap();
    return tap_done();
}
