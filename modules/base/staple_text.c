/* Values as people and programs read them: instants, lengths of time. */
#include "staple_text.h"

#include <stdio.h>

const char *staple_text_time(char *buf, apr_time_t at)
{
    apr_time_exp_t utc;

    apr_time_exp_gmt(&utc, at);
    snprintf(buf, STAPLE_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ",
             utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
             utc.tm_min, utc.tm_sec);
    return buf;
}

const char *staple_text_span(char *buf, apr_interval_time_t span)
{
    static const struct {
        long long secs;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    long long secs = span > 0 ? (long long)apr_time_sec(span) : 0;
    int i = 0;

    while (i < 3 && secs < units[i].secs) {
        i++;
    }
    if (i < 3 && secs % units[i].secs >= units[i + 1].secs) {
        snprintf(buf, STAPLE_TEXT_SIZE, "%lld %s %lld %s",
                 secs / units[i].secs, units[i].name,
                 secs % units[i].secs / units[i + 1].secs, units[i + 1].name);
    }
    else {
        snprintf(buf, STAPLE_TEXT_SIZE, "%lld %s", secs / units[i].secs,
                 units[i].name);
    }
    return buf;
}
