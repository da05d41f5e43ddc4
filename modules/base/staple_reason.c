/* The closed list of everything that can happen, with name and sentence. */
#include "staple_reason.h"

#include <string.h>

#include "staple_bytes.h"

static const struct {
    const char *name;
    const char *sentence;
} reasons[] = {
#define STAPLE_REASON_ROW(constant, name, sentence)                            \
    [constant] = {name, sentence},
    STAPLE_REASONS(STAPLE_REASON_ROW)
#undef STAPLE_REASON_ROW
};

_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == STAPLE_REASON_COUNT,
               "each reason has its row");

const char *staple_reason_name(staple_reason_e reason)
{
    return (unsigned)reason < STAPLE_REASON_COUNT ? reasons[reason].name
                                                  : "not_a_reason";
}

const char *staple_reason_sentence(staple_reason_e reason)
{
    return (unsigned)reason < STAPLE_REASON_COUNT ? reasons[reason].sentence
                                                  : "not a reason";
}

apr_uint32_t staple_reason_code(staple_reason_e reason)
{
    const char *name = staple_reason_name(reason);

    return staple_bytes_hash(STAPLE_BYTES_HASH, name, strlen(name));
}

staple_reason_e staple_reason_of_code(apr_uint32_t code)
{
    int i;

    for (i = 0; i < STAPLE_REASON_COUNT; i++) {
        if (staple_reason_code((staple_reason_e)i) == code) {
            return (staple_reason_e)i;
        }
    }
    return STAPLE_OK;
}
