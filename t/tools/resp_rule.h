/* One line of the script -> rule. */
#ifndef RESP_RULE_H
#define RESP_RULE_H

#include "resp_script.h"

/* Returns NULL and an explanation in wrong if line is not a rule. */
rule_t *resp_rule_parse(tool_buf_t *wrong, const char *line);
void resp_rule_free(rule_t *rule);

#endif
