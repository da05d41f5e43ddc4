/* OCSPStapleLogExclude: which conditions are not significant. */
#ifndef STAPLE_EXCLUDE_H
#define STAPLE_EXCLUDE_H

#include "staple_config.h"

/* The directive's setter, one call per word. */
const char *staple_exclude_add(cmd_parms *cmd, void *dummy, const char *text);

/* What is not significant on this server: STAPLE_EXCLUDE_... bits. */
unsigned staple_exclude_of(const staple_config_t *config);

/* These bits as OCSPStapleLogExclude would be written. */
const char *staple_exclude_text(apr_pool_t *p, unsigned exclude);

#endif
