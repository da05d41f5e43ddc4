/* OCSPStapleLogExclude: which conditions are not significant. */
#include "staple_exclude.h"

#include <apr_strings.h>

/* The exclusion flags, by name. */
static const struct {
    const char *word;
    unsigned bits;
} exclusions[] = {{"revoked", STAPLE_EXCLUDE_REVOKED},
                  {"issuer-revoked", STAPLE_EXCLUDE_ISSUER_REVOKED},
                  {"stale", STAPLE_EXCLUDE_STALE},
                  {"unavailable", STAPLE_EXCLUDE_UNAVAILABLE},
                  {"all", STAPLE_EXCLUDE_ALL},
                  {"none", 0}};

#define EXCLUSION_COUNT (sizeof(exclusions) / sizeof(exclusions[0]))

unsigned staple_exclude_of(const staple_config_t *config)
{
    unsigned base = config->exclude < 0 ? STAPLE_EXCLUDE_ALL
                                        : (unsigned)config->exclude;

    return (base | config->exclude_more) & ~config->exclude_less;
}

const char *staple_exclude_text(apr_pool_t *p, unsigned exclude)
{
    const char *text = "";
    unsigned i;

    for (i = 0; i < EXCLUSION_COUNT; i++) {
        if (exclusions[i].bits == exclude) {
            return exclusions[i].word;
        }
    }
    for (i = 0; i < EXCLUSION_COUNT && exclusions[i].bits < exclude; i++) {
        if (exclusions[i].bits & exclude) {
            text = apr_pstrcat(p, text, text[0] != '\0' ? " " : "",
                               exclusions[i].word, NULL);
        }
    }
    return text;
}

/* One word: with a sign it changes what is inherited, without it says what is
 * excluded; all words of a server with a sign, or all without. */
const char *staple_exclude_add(cmd_parms *cmd, void *dummy, const char *text)
{
    staple_config_t *config = ap_get_module_config(cmd->server->module_config,
                                                   &ocspstaple_module);
    char sign = text[0] == '+' || text[0] == '-' ? text[0] : '\0';
    unsigned i;

    (void)dummy;
    for (i = 0; i < EXCLUSION_COUNT; i++) {
        if (ap_cstr_casecmp(exclusions[i].word, text + (sign != '\0')) == 0) {
            break;
        }
    }
    if (i == EXCLUSION_COUNT || (sign != '\0' && exclusions[i].bits == 0)
        || (sign != '\0'
                ? config->exclude >= 0
                : (config->exclude_more | config->exclude_less) != 0)) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not allowed: give any of revoked, "
                            "issuer-revoked, stale, unavailable, or none, or "
                            "all; either all words with + or - before them, "
                            "or none of them",
                            cmd->cmd->name, text);
    }
    if (sign == '+') {
        config->exclude_more |= exclusions[i].bits;
        config->exclude_less &= ~exclusions[i].bits;
    }
    else if (sign == '-') {
        config->exclude_less |= exclusions[i].bits;
        config->exclude_more &= ~exclusions[i].bits;
    }
    else {
        config->exclude = (config->exclude < 0 ? 0 : config->exclude)
                          | (int)exclusions[i].bits;
    }
    return NULL;
}
