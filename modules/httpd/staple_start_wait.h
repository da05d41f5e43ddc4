/* OCSPStapleStartWait: the first connections of a generation wait for staples.
 */
#ifndef STAPLE_START_WAIT_H
#define STAPLE_START_WAIT_H

#include <httpd.h>

/*
 * child_init hook, after all others: holds this child back from accepting
 * connections, which wait in the kernel meanwhile, until each certificate that
 * counts has a staple or was asked for one in vain, and no longer than
 * OCSPStapleStartWait after the first child began.  One that the last
 * generation has waited for is not waited for once more.  Ends at once where
 * httpd stops or starts another generation.  Runs in: each child.
 */
void staple_start_wait_child_init(apr_pool_t *pchild, server_rec *s);

#endif
