/* Header lines of an HTTP answer -> how long it is fresh. */
#include <string.h>

#include "fuzz.h"
#include "io/staple_http_cache.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_interval_time_t fresh_for;
    staple_http_cache_t cache;

    staple_http_cache_clear(&cache);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end != NULL ? (size_t)(end - data) + 1 : size;
        char *line = (char *)fuzz_copy(data, len);

        staple_http_cache_header(&cache, line, len);
        free(line);
        data += len;
        size -= len;
    }
    fresh_for = staple_http_cache_fresh_for(&cache);
    FUZZ_CHECK(fresh_for >= 0);
    FUZZ_CHECK(fresh_for <= apr_time_from_sec(366 * 86400));
    FUZZ_CHECK(!cache.no_cache || fresh_for == 0);
    return 0;
}
