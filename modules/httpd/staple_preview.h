/* What httpd -t tells before a start: certificates, and files of no use. */
#ifndef STAPLE_PREVIEW_H
#define STAPLE_PREVIEW_H

#include <httpd.h>

/*
 * test_config hook.  Warns of files of OCSPStapleResponseFile that a start
 * would refuse.  With -D DUMP_OCSPSTAPLE it prints the settings of every
 * server, its certificates, and what becomes of them.  What it says is judged
 * as at a start, by the same code, from the files that mod_ssl's directives
 * name; it asks no responder, and never makes httpd -t fail.  Runs in: parent,
 * `httpd -t`.
 */
void staple_preview_test(apr_pool_t *pconf, server_rec *main_server);

#endif
