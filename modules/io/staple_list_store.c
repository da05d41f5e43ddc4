/* CRLs in the store's directory: a file for each, and by what it is known. */
#include "staple_list_store.h"

#include <apr_escape.h>
#include <apr_strings.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "staple_files.h"
#include "staple_store.h"

#define FACTS_MAX 8192 /* bytes of the JSON */
#define SHA256_LEN 32

void staple_list_store_name(char name[STAPLE_LIST_STORE_NAME],
                            const staple_refresh_list_t *list,
                            staple_part_e part)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    char hex[2 * SHA256_LEN + 1];
    const char *const *url;
    int is_made = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

    for (url = list->urls; is_made && *url != NULL; url++) {
        is_made = EVP_DigestUpdate(ctx, *url, strlen(*url) + 1);
    }
    if (!is_made || !EVP_DigestFinal_ex(ctx, digest, NULL)) {
        memset(digest, 0, sizeof(digest));
    }
    EVP_MD_CTX_free(ctx);
    apr_escape_hex(hex, digest, SHA256_LEN, 0, NULL);
    apr_snprintf(name, STAPLE_LIST_STORE_NAME, "%s%s.crl", hex,
                 part == STAPLE_PART_DELTA ? ".delta" : "");
}

/* "DIR/NAME" and an ending; NULL without memory. */
static char *path_of(const char *dir, const char *name, const char *ending)
{
    apr_size_t len = strlen(dir) + strlen(name) + strlen(ending) + 2;
    char *path = malloc(len);

    if (path != NULL) {
        apr_snprintf(path, len, "%s/%s%s", dir, name, ending);
    }
    return path;
}

/* ---- what is known of a list ---- */

static void copy_text(char *to, apr_size_t room, const json_t *facts,
                      const char *key)
{
    const char *text = json_string_value(json_object_get(facts, key));

    apr_cpystrn(to, text != NULL && strlen(text) < room ? text : "", room);
}

/* Reads it; what is not there, or damaged, is not known. */
static void read_facts(staple_stored_list_t *came, char *url,
                       const char *path)
{
    unsigned char *bytes = malloc(FACTS_MAX + 1);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    json_t *facts = NULL;
    apr_size_t len = 0;

    if (bytes != NULL && file >= 0
        && staple_files_read(bytes, &len, file, FACTS_MAX) == APR_SUCCESS
        && len <= FACTS_MAX) {
        facts = json_loadb((const char *)bytes, len, 0, NULL);
    }
    came->came_at =
        apr_time_from_sec(json_integer_value(json_object_get(facts, "at")));
    copy_text(url, STAPLE_MAX_URL + 1, facts, "url");
    copy_text(came->validators.etag, sizeof(came->validators.etag), facts,
              "etag");
    copy_text(came->validators.last_modified,
              sizeof(came->validators.last_modified), facts, "last_modified");
    came->url = url;
    json_decref(facts);
    if (file >= 0) {
        close(file);
    }
    free(bytes);
}

static apr_status_t write_facts(const staple_stored_list_t *came,
                                const char *dir, const char *name)
{
    json_t *facts = json_pack(
        "{s:I,s:s,s:s,s:s}", "at", (json_int_t)apr_time_sec(came->came_at),
        "url", came->url != NULL ? came->url : "", "etag",
        came->validators.etag, "last_modified",
        came->validators.last_modified);
    char *text = facts != NULL ? json_dumps(facts, JSON_INDENT(2)) : NULL;
    char *path = path_of(dir, name, ".json");
    char *beside = path_of(dir, name, ".json.new");
    apr_status_t status = APR_ENOMEM;

    if (text != NULL && path != NULL && beside != NULL) {
        unlink(beside); /* of a process that was killed */
        status = staple_files_write(AT_FDCWD, path, beside, 0600, NULL,
                                    (const unsigned char *)text, strlen(text));
    }
    json_decref(facts);
    free(text);
    free(path);
    free(beside);
    return status;
}

/* ---- lists ---- */

apr_status_t staple_list_store_read(staple_spool_t **spool,
                                    staple_stored_list_t *came, char *url,
                                    const char *dir, const char *name,
                                    apr_size_t max)
{
    char *path = path_of(dir, name, "");
    char *facts = path_of(dir, name, ".json");
    apr_status_t status = APR_ENOMEM;

    if (path != NULL && facts != NULL) {
        status = staple_spool_read(spool, path, max);
    }
    if (status == APR_SUCCESS) {
        status = staple_spool_map(&came->der, &came->der_len, *spool);
        if (status != APR_SUCCESS) {
            staple_spool_drop(*spool);
        }
    }
    if (status == APR_SUCCESS) {
        read_facts(came, url, facts);
    }
    free(path);
    free(facts);
    return status;
}

apr_status_t staple_list_store_keep(staple_spool_t *spool,
                                    const staple_stored_list_t *came,
                                    const char *dir, const char *name)
{
    char *path = path_of(dir, name, "");
    apr_status_t status = path != NULL ? staple_spool_keep(spool, path)
                                       : APR_ENOMEM;

    free(path);
    /* After the list: what the server knows must not be newer than that. */
    return status == APR_SUCCESS ? write_facts(came, dir, name)
                                 : status;
}

apr_status_t staple_list_store_set_aside(const char *dir, const char *name)
{
    char *path = path_of(dir, name, "");
    char *bad = path_of(dir, name, ".bad");
    apr_status_t status = APR_ENOMEM;

    if (path != NULL && bad != NULL) {
        status = rename(path, bad) == 0 ? APR_SUCCESS : errno;
    }
    free(path);
    free(bad);
    return status;
}

/* Is it named as above?  Then `name` gets that of its list. */
static int parse_name(char name[STAPLE_LIST_STORE_NAME], const char *file)
{
    static const char *const endings[] = {"", ".json", ".json.new", ".bad"};
    static const char *const kinds[] = {".crl", ".delta.crl"};
    unsigned i, k, digits = 0;

    while (isxdigit((unsigned char)file[digits])) {
        digits++;
    }
    for (i = 0; digits == 2 * SHA256_LEN && i < 2; i++) {
        apr_size_t len = strlen(kinds[i]);

        for (k = 0; k < 4 && strncmp(file + digits, kinds[i], len) == 0; k++) {
            if (strcmp(file + digits + len, endings[k]) == 0) {
                apr_cpystrn(name, file, digits + len + 1);
                return 1;
            }
        }
    }
    return 0;
}

int staple_list_store_sweep(const char *dir,
                            staple_list_store_known_fn *is_known, void *baton,
                            apr_time_t now)
{
    char name[STAPLE_LIST_STORE_NAME];
    DIR *directory = opendir(dir);
    const struct dirent *entry;
    struct stat info;
    int removed = 0;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (!parse_name(name, entry->d_name)
            || fstatat(dirfd(directory), entry->d_name, &info,
                       AT_SYMLINK_NOFOLLOW)
                   != 0) {
            continue;
        }
        if (is_known(baton, name)) {
            utimensat(dirfd(directory), entry->d_name, NULL,
                      AT_SYMLINK_NOFOLLOW);
        }
        else if (apr_time_from_sec(info.st_mtime) < now - STAPLE_STORE_KEEP) {
            removed += unlinkat(dirfd(directory), entry->d_name, 0) == 0;
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return removed;
}
