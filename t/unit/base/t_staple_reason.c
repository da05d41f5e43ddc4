/* Names and sentences of the closed list of reasons. */
#include "../tap.h"

#include "base/staple_reason.h"

static int is_word(const char *name)
{
    return name[0] != '\0'
           && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")
                  == strlen(name);
}

static int is_sentence(const char *sentence)
{
    size_t len = strlen(sentence);
    size_t i;

    for (i = 0; i < len; i++) {
        if (sentence[i] < ' ' || sentence[i] > '~') {
            return 0;
        }
    }
    return len > 0 && sentence[len - 1] != '.' && sentence[len - 1] != ' '
           && strstr(sentence, "  ") == NULL;
}

static int count_of(const char *name)
{
    int count = 0;
    int i;

    for (i = 0; i < STAPLE_REASON_COUNT; i++) {
        count += strcmp(staple_reason_name((staple_reason_e)i), name) == 0;
    }
    return count;
}

int main(void)
{
    static const int outside[] = {-1, STAPLE_REASON_COUNT, 0x7fffffff};
    unsigned i;
    int reason;

    for (reason = 0; reason < STAPLE_REASON_COUNT; reason++) {
        const char *name = staple_reason_name((staple_reason_e)reason);

        ok(is_word(name), "%s: a word for programs", name);
        is_int(count_of(name), 1, "%s: no other reason has this name", name);
        ok(is_sentence(staple_reason_sentence((staple_reason_e)reason)),
           "%s: a sentence without full stop", name);
        is_reason(staple_reason_of_code(
                      staple_reason_code((staple_reason_e)reason)),
                  (staple_reason_e)reason, "%s: a code of its own", name);
    }
    for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        is_str(staple_reason_name((staple_reason_e)outside[i]),
               "not_a_reason", "%d: no reason, yet a name", outside[i]);
        is_str(staple_reason_sentence((staple_reason_e)outside[i]),
               "not a reason", "%d: no reason, yet a sentence", outside[i]);
    }
    is_int(staple_reason_code(STAPLE_OK), 0x663437af,
           "codes stay what they are: files have them");
    is_reason(staple_reason_of_code(7), STAPLE_OK, "no reason has this code");
    is_int(STAPLE_OK, 0, "success is zero");
    return tap_done();
}
