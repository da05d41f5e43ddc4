/* Log tags and the module's own pointer for every file of the server layer. */
#ifndef STAPLE_LOG_H
#define STAPLE_LOG_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

extern module AP_MODULE_DECLARE_DATA ocspstaple_module;
APLOG_USE_MODULE(ocspstaple);

/* Tags of our own (AHnnnnn are httpd's), at INFO and above; a number is never
 * used again for something else.  build/check-log-tags watches over it. */
#define STAPLE_LOGNO(number) "OST" #number ": "

#endif
