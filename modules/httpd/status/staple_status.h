/* The status handler, the forms for programs, and mod_status's section. */
#ifndef STAPLE_STATUS_H
#define STAPLE_STATUS_H

#include "httpd/config/staple_log.h"

/* Handler hook, for SetHandler ocspstaple-status: a page, with ?format=json or
 * ?format=prometheus for programs.  Runs in: any child, request. */
int staple_status_handle(request_rec *r);

/* mod_status's optional hook: a section of its page, lines of its ?auto.
 * Runs in: any child, request. */
int staple_status_section(request_rec *r, int flags);

#endif
