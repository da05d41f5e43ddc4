/* Responses in a store, where the next start of httpd finds them. */
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

/* Reads the file of the store that is the certificate's.  1: *der is the
 * response in it, from p; 0: there is none. */
static int read_it(const unsigned char **der, apr_size_t *der_len,
                   apr_pool_t *p, int directory, const staple_cert_t *cert)
{
    unsigned char *bytes = apr_palloc(p, STAPLE_CODEC_MAX);
    apr_status_t status = APR_EGENERAL;
    staple_record_t record;
    apr_size_t len = 0;
    struct stat info;
    char name[65];
    int file;

    name_of(name, cert);
    file = openat(directory, name,
                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
        status = staple_files_read(bytes, &len, file, STAPLE_CODEC_MAX);
    }
    close(file);
    return status == APR_SUCCESS && len <= STAPLE_CODEC_MAX
           && staple_codec_decode(&record, der, der_len, bytes, len,
                                  cert->sha256)
                  == STAPLE_OK
           && *der_len > 0;
}

/* Is there a response in the store that is newer?  The refresher judges it, as
 * it judges any. */
static int is_newer_there(apr_pool_t *p, int directory, cli_job_t *job)
{
    const unsigned char *der;
    apr_size_t len;

    return read_it(&der, &len, p, directory, job->cert)
           && cli_jobs_offer(job, der, len) == STAPLE_OK;
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

static int complain(const cli_command_t *command, const char *path,
                    apr_status_t error, const char *why)
{
    return cli_complain(command, "the store %s cannot be used: %s", path,
                        why != NULL ? why : strerror(error));
}

int cli_store_check(const cli_command_t *command, const char *path)
{
    const char *why;
    int directory;
    apr_status_t error = staple_desk_directory(&directory, &why, path);

    if (error != APR_SUCCESS) {
        return complain(command, path, error, why);
    }
    close(directory);
    return CLI_GO_ON;
}

int cli_store_get(const unsigned char **der, apr_size_t *len, apr_pool_t *p,
                  const char *path, const staple_cert_t *cert)
{
    const char *why;
    int directory, is_there;

    if (staple_desk_directory(&directory, &why, path) != APR_SUCCESS) {
        return 0;
    }
    is_there = read_it(der, len, p, directory, cert);
    close(directory);
    return is_there;
}

int cli_store_put(const cli_command_t *command, apr_pool_t *p,
                  const char *path, cli_job_t *job,
                  const unsigned char *der, apr_size_t len)
{
    apr_status_t error;
    const char *why;
    char name[65];
    int directory;

    name_of(name, job->cert);
    error = staple_desk_directory(&directory, &why, path);
    if (error == APR_SUCCESS) {
        if (!is_newer_there(p, directory, job)) {
            error = write_it(p, directory, name, job->cert, &job->record, der,
                             len);
        }
        close(directory);
    }
    return error == APR_SUCCESS ? CLI_GO_ON
                                : complain(command, path, error, why);
}
