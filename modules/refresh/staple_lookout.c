/* Does the refresher stand still?  How the other children find out; pure. */
#include "staple_lookout.h"

/* What may lie between two looks, at most. */
#define BLINK apr_time_from_sec(1)

apr_interval_time_t staple_lookout_look(staple_lookout_t *lookout,
                                        apr_uint64_t beat, apr_time_t now)
{
    apr_interval_time_t since = now - lookout->looked_at;

    if (lookout->looked_at == 0 || beat != lookout->beat) {
        lookout->still_for = 0;
    }
    else if (since > 0) {
        lookout->still_for += since < BLINK ? since : BLINK;
    }
    lookout->beat = beat;
    lookout->looked_at = now;
    return lookout->still_for;
}
