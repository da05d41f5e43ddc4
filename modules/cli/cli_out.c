/* Files with responses, as servers read them: named, read, and replaced. */
#include "cli_out.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io/staple_files.h"
#include "ocsp/staple_armour.h"

const char *cli_out_path(apr_pool_t *p, const char *dir, const char *chain)
{
    return apr_psprintf(p, "%s/%s.ocsp", dir,
                        apr_filepath_name_get(chain));
}

int cli_out_read(const unsigned char **der, apr_size_t *len, apr_pool_t *p,
                 const char *path)
{
    apr_pool_t *scratch;
    unsigned char *bytes;
    apr_status_t status = APR_EGENERAL;
    struct stat info;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (file < 0) {
        return 0;
    }
    apr_pool_create(&scratch, p);
    bytes = apr_palloc(scratch, STAPLE_ARMOUR_MAX);
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
        status = staple_files_read(bytes, len, file, STAPLE_ARMOUR_MAX);
    }
    close(file);
    if (status == APR_SUCCESS && *len > 0 && *len <= STAPLE_ARMOUR_MAX) {
        *len = staple_armour_remove(bytes, *len);
        *der = apr_pmemdup(p, bytes, *len);
    }
    else {
        status = APR_EGENERAL;
    }
    apr_pool_destroy(scratch);
    return status == APR_SUCCESS;
}

/* Beside it, and hidden: HAProxy reads all files of a directory but such. */
static const char *name_beside(apr_pool_t *p, const char *path)
{
    const char *base = apr_filepath_name_get(path);

    return apr_psprintf(p, "%.*s.%s.%ld.new", (int)(base - path), path, base,
                        (long)getpid());
}

int cli_out_write(const cli_command_t *command, apr_pool_t *p,
                  const char *path, const unsigned char *der, apr_size_t len)
{
    struct stat old;
    int is_there = lstat(path, &old) == 0;
    apr_status_t error;

    if (is_there && !S_ISREG(old.st_mode)) {
        return cli_complain(command,
                            "%s is not written: it is not a regular file",
                            path);
    }
    error = staple_files_write(AT_FDCWD, path, name_beside(p, path), 0666,
                               is_there ? &old : NULL, der, len);
    if (error != APR_SUCCESS) {
        return cli_complain(command, "%s cannot be written: %s", path,
                            strerror(error));
    }
    return CLI_GO_ON;
}
