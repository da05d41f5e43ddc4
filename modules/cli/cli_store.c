/* Puts a response into a store, where the next start of httpd finds it. */
#include "cli_store.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/staple_codec.h"
#include "io/staple_desk.h"
#include "io/staple_files.h"

/* The file's name: the certificate's SHA-256. */
static void name_of(char name[65], const staple_cert_t *cert)
{
    int i;

    for (i = 0; i < 32; i++) {
        apr_snprintf(name + 2 * i, 3, "%02x", cert->sha256[i]);
    }
}

/* Is there a response in the store that is newer?  The refresher judges it, as
 * it judges any. */
static int is_newer_there(apr_pool_t *p, int directory, const char *name,
                          staple_refresh_t *refresh, const staple_cert_t *cert)
{
    unsigned char *bytes = apr_palloc(p, STAPLE_CODEC_MAX);
    apr_status_t status = APR_EGENERAL;
    const unsigned char *der;
    staple_record_t record;
    apr_size_t len, der_len;
    struct stat info;
    int file = openat(directory, name,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
                          | O_CLOEXEC);

    if (file < 0) {
        return 0;
    }
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
        status = staple_files_read(bytes, &len, file, STAPLE_CODEC_MAX);
    }
    close(file);
    return status == APR_SUCCESS && len <= STAPLE_CODEC_MAX
           && staple_codec_decode(&record, &der, &der_len, bytes, len,
                                  cert->sha256)
                  == STAPLE_OK
           && der_len > 0
           && staple_refresh_offer(refresh, 0, der, der_len, apr_time_now())
                  == STAPLE_OK;
}

static apr_status_t write_it(apr_pool_t *p, int directory, const char *name,
                             const staple_cert_t *cert,
                             const staple_record_t *record,
                             const unsigned char *der, apr_size_t len)
{
    unsigned char *bytes = apr_palloc(p, STAPLE_CODEC_MAX);
    const char *beside = apr_psprintf(p, "fetch.%ld.new", (long)getpid());
    struct stat like;

    if (fstat(directory, &like) != 0) {
        return errno;
    }
    like.st_mode = 0600;
    len = staple_codec_encode(bytes, cert->sha256, record, der, len);
    unlinkat(directory, beside, 0); /* of one that was killed */
    return staple_files_write(directory, name, beside, 0600, &like, bytes, len);
}

int cli_store_put(const cli_command_t *command, apr_pool_t *p,
                  const char *path, staple_refresh_t *refresh,
                  const staple_cert_t *cert, const staple_record_t *record,
                  const unsigned char *der, apr_size_t len)
{
    const staple_record_t kept = *record;
    apr_status_t error;
    const char *why;
    char name[65];
    int directory;

    name_of(name, cert);
    error = staple_desk_directory(&directory, &why, path);
    if (error == APR_SUCCESS) {
        if (!is_newer_there(p, directory, name, refresh, cert)) {
            error = write_it(p, directory, name, cert, &kept, der, len);
        }
        close(directory);
    }
    return error == APR_SUCCESS
               ? CLI_GO_ON
               : cli_complain(command, "the store %s cannot be used: %s", path,
                              why != NULL ? why : strerror(error));
}
