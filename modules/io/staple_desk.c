/* A desk in a store's directory, where a refresher is asked, and answers. */
#include "staple_desk.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/staple_bytes.h"
#include "staple_files.h"

#define LOCKS_FILE "desks"
#define ROWS_FILE "asked"
#define NEW_ROWS_FILE "asked.new"

#define MAX_ANSWER (32 * 1024 * 1024) /* bytes: of 50,000 certificates */
#define MAX_ROWS 100000
#define ROW_BYTES (32 + 16 + 8)

#define NAME_SIZE 32

/* "ask.N" and an ending. */
static const char *name_of(char name[NAME_SIZE], unsigned number,
                           const char *ending)
{
    apr_snprintf(name, NAME_SIZE, "ask.%u%s", number, ending);
    return name;
}

static void close_file(int *file)
{
    if (*file >= 0) {
        close(*file);
    }
    *file = -1;
}

/* ---- the directory ---- */

apr_status_t staple_desk_directory(int *directory, const char **why,
                                   const char *path)
{
    struct stat info;

    *why = NULL;
    *directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*directory < 0) {
        if (errno == ELOOP || errno == ENOTDIR) {
            *why = "it is not a directory (links are not followed)";
        }
        return errno;
    }
    if (fstat(*directory, &info) != 0) {
        *why = "it cannot be looked at";
    }
    else if (info.st_uid != geteuid() && geteuid() != 0) {
        *why = "it belongs to another user";
    }
    else if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        *why = "others than its owner may write to it";
    }
    if (*why != NULL) {
        close_file(directory);
        return APR_EACCES;
    }
    return APR_SUCCESS;
}

/* ---- files of it ---- */

/* Removes what has this name, as far as that goes. */
static void remove_it(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) != 0 && (errno == EISDIR
                                              || errno == EPERM)) {
        unlinkat(directory, name, AT_REMOVEDIR);
    }
}

/* Reads a plain file of the directory's owner or of root's into *bytes, from p:
 * the first `room` bytes, of info->st_size that there are.  APR_EINVAL and
 * *why: it is none. */
static apr_status_t read_file(char **bytes, apr_size_t *len, struct stat *info,
                              const char **why, apr_pool_t *p, int directory,
                              const char *name, apr_size_t room)
{
    apr_status_t status = APR_SUCCESS;
    struct stat above;
    int file = openat(directory, name,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
                          | O_CLOEXEC);

    *why = NULL;
    if (file < 0) {
        *why = errno == ENOENT   ? NULL
               : errno == ELOOP  ? "it is a link"
               : errno == EACCES ? "it cannot be read"
                                 : "it is not a plain file";
        return *why != NULL ? APR_EINVAL : APR_ENOENT;
    }
    if (fstat(file, info) != 0 || fstat(directory, &above) != 0
        || !S_ISREG(info->st_mode)) {
        *why = "it is not a plain file";
    }
    else if (info->st_uid != above.st_uid && info->st_uid != 0) {
        *why = "it belongs to another user";
    }
    else {
        room = info->st_size < (off_t)room ? (apr_size_t)info->st_size : room;
        *bytes = apr_palloc(p, room + 1);
        status = staple_files_get((unsigned char *)*bytes, len, file, room);
        (*bytes)[status == APR_SUCCESS ? *len : 0] = '\0';
        *why = status != APR_SUCCESS ? "it cannot be read" : NULL;
    }
    close_file(&file);
    return *why != NULL ? APR_EINVAL : APR_SUCCESS;
}

/* ---- text ---- */

/* A JSON object of two levels, or NULL: names and numbers have no brackets, so
 * nothing deeper is ever handed to the parser. */
static json_t *parse_flat(const char *text, apr_size_t len)
{
    unsigned brackets = 0;
    json_t *object;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        brackets += text[i] == '{' || text[i] == '[';
    }
    object = brackets <= 2 ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL)
                           : NULL;
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static int is_id(const char *text)
{
    return text != NULL && strlen(text) == STAPLE_DESK_ID_SIZE - 1
           && strspn(text, "0123456789abcdef") == STAPLE_DESK_ID_SIZE - 1;
}

/* A word is what a name, a serial number or a digest can be. */
static const char *word_of(apr_pool_t *p, const json_t *value)
{
    const char *text = json_string_value(value);
    apr_size_t len = json_string_length(value);
    apr_size_t i;

    if (text == NULL || len == 0 || len > STAPLE_DESK_MAX_WORD) {
        return NULL;
    }
    for (i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return NULL;
        }
    }
    return apr_pstrdup(p, text);
}

static const char *take_words(staple_ask_request_t *request, apr_pool_t *p,
                              const json_t *wanted)
{
    size_t count = json_array_size(wanted);
    size_t i;

    if (count == 0 || count > STAPLE_DESK_MAX_WANTED) {
        return "it wants nothing, or too much";
    }
    request->wanted = apr_palloc(p, count * sizeof(*request->wanted));
    for (i = 0; i < count; i++) {
        request->wanted[i] = word_of(p, json_array_get(wanted, i));
        if (request->wanted[i] == NULL) {
            return "what it wants is no name, serial number or digest";
        }
    }
    request->count = (unsigned)count;
    return NULL;
}

const char *staple_desk_parse(staple_ask_request_t *request, apr_pool_t *p,
                              const char *text, apr_size_t len)
{
    json_t *object = parse_flat(text, len);
    const char *id = json_string_value(json_object_get(object, "id"));
    const json_t *wanted = json_object_get(object, "wanted");
    const char *why = NULL;

    request->count = 0;
    request->wanted = NULL;
    request->all = json_is_true(json_object_get(object, "all"));
    if (object == NULL) {
        why = "it is no request";
    }
    else if (!is_id(id)) {
        why = "it has no id";
    }
    else if (request->all == (wanted != NULL)) {
        why = "it wants nothing, or all and some";
    }
    else {
        apr_cpystrn(request->id, id, sizeof(request->id));
        why = request->all ? NULL : take_words(request, p, wanted);
    }
    json_decref(object);
    return why;
}

/* The id of a request or an answer, which has it in front: `text` begins with
 * {"id": "...". */
static int has_id(const char *text, const char *id)
{
    char head[40];

    apr_snprintf(head, sizeof(head), "{\"id\": \"%s\"", id);
    return strncmp(text, head, strlen(head)) == 0;
}

static int is_answer(const char *text)
{
    const char *second = strchr(text, ',');

    return strncmp(text, "{\"id\": \"", 8) == 0 && second != NULL
           && strncmp(second, ", \"certificates\": ", 18) == 0;
}

/* ---- of the refresher ---- */

/* Locks the first byte that no other refresher has. */
static apr_status_t take_number(staple_desk_t *desk)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

    for (desk->number = 0; desk->number < STAPLE_DESKS; desk->number++) {
        lock.l_start = desk->number;
        if (fcntl(desk->locks, F_SETLK, &lock) == 0) {
            return APR_SUCCESS;
        }
        if (errno != EACCES && errno != EAGAIN) {
            return errno;
        }
    }
    return EAGAIN;
}

apr_status_t staple_desk_open(staple_desk_t *desk, const char **why,
                              const char *path)
{
    apr_status_t status = staple_desk_directory(&desk->directory, why, path);
    struct stat info;

    desk->locks = -1;
    if (status != APR_SUCCESS) {
        return status;
    }
    desk->locks = openat(desk->directory, LOCKS_FILE,
                         O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                         0600);
    if (desk->locks < 0) {
        status = errno;
    }
    else if (fstat(desk->locks, &info) != 0 || !S_ISREG(info.st_mode)) {
        *why = "\"" LOCKS_FILE "\" in it is not a plain file";
        status = APR_EINVAL;
    }
    else {
        status = take_number(desk);
    }
    if (status != APR_SUCCESS) {
        staple_desk_close(desk);
    }
    return status;
}

void staple_desk_close(staple_desk_t *desk)
{
    close_file(&desk->locks);
    close_file(&desk->directory);
}

int staple_desk_is_lost(const staple_desk_t *desk, const char *path)
{
    struct stat ours, there;

    return fstat(desk->locks, &ours) != 0 || ours.st_nlink == 0
           || fstat(desk->directory, &ours) != 0 || lstat(path, &there) != 0
           || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev;
}

apr_status_t staple_desk_take(staple_ask_request_t *request, const char **why,
                              apr_pool_t *p, const staple_desk_t *desk,
                              apr_time_t now)
{
    char name[NAME_SIZE];
    char *text = NULL;
    apr_size_t len = 0;
    struct stat info;
    apr_status_t status =
        read_file(&text, &len, &info, why, p, desk->directory,
                  name_of(name, desk->number, ""), STAPLE_DESK_MAX_ASK);
    apr_time_t at;

    if (status == APR_ENOENT) {
        return status;
    }
    if (status == APR_SUCCESS && is_answer(text)) {
        at = apr_time_from_sec(info.st_mtime);
        if (now - at > STAPLE_DESK_KEEP || at - now > STAPLE_DESK_KEEP) {
            remove_it(desk->directory, name);
        }
        return APR_ENOENT;
    }
    if (status == APR_SUCCESS) {
        *why = info.st_size > STAPLE_DESK_MAX_ASK
                   ? "it is too large"
                   : staple_desk_parse(request, p, text, len);
        request->uid = info.st_uid;
    }
    if (*why != NULL) {
        remove_it(desk->directory, name);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

apr_status_t staple_desk_answer(const staple_desk_t *desk, const char *id,
                                const char *text, apr_size_t len, apr_pool_t *p,
                                apr_time_t now)
{
    char name[NAME_SIZE], beside[NAME_SIZE];
    staple_ask_request_t request;
    const char *why;
    apr_status_t status = staple_desk_take(&request, &why, p, desk, now);

    if (status != APR_SUCCESS || strcmp(request.id, id) != 0) {
        return APR_ENOENT; /* who asked is gone */
    }
    name_of(name, desk->number, "");
    name_of(beside, desk->number, ".new");
    remove_it(desk->directory, beside);
    return staple_files_write(desk->directory, name, beside, 0600, NULL,
                              (const unsigned char *)text, len);
}

/* ---- when it was asked ---- */

unsigned staple_desk_read_rows(staple_desk_row_t **rows, apr_pool_t *p,
                               const staple_desk_t *desk,
                               apr_interval_time_t keep, apr_time_t now)
{
    char *bytes = NULL;
    apr_size_t len = 0;
    struct stat info;
    const char *why;
    const unsigned char *at;
    unsigned count = 0;

    *rows = NULL;
    if (read_file(&bytes, &len, &info, &why, p, desk->directory, ROWS_FILE,
                  (apr_size_t)MAX_ROWS * ROW_BYTES)
        != APR_SUCCESS) {
        return 0;
    }
    *rows = apr_palloc(p, (len / ROW_BYTES + 1) * sizeof(**rows));
    at = (const unsigned char *)bytes;
    for (; len >= ROW_BYTES; len -= ROW_BYTES) {
        staple_desk_row_t *row = &(*rows)[count];

        memcpy(row->sha256, at, sizeof(row->sha256));
        at += sizeof(row->sha256);
        memcpy(row->id, at, sizeof(row->id));
        at += sizeof(row->id);
        row->at = (apr_time_t)staple_bytes_get(&at, 8);
        count += row->at <= now && row->at > now - keep;
    }
    return count;
}

static unsigned char *put_rows(unsigned char *at, const staple_desk_row_t *rows,
                               unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        memcpy(at, rows[i].sha256, sizeof(rows[i].sha256));
        at += sizeof(rows[i].sha256);
        memcpy(at, rows[i].id, sizeof(rows[i].id));
        at += sizeof(rows[i].id);
        at = staple_bytes_put(at, (apr_uint64_t)rows[i].at, 8);
    }
    return at;
}

apr_status_t staple_desk_add_rows(const staple_desk_t *desk,
                                  const staple_desk_row_t *rows, unsigned count,
                                  apr_pool_t *p, apr_interval_time_t keep,
                                  apr_time_t now)
{
    staple_desk_row_t *old;
    unsigned old_count = staple_desk_read_rows(&old, p, desk, keep, now);
    unsigned char *bytes, *end;

    if (count > MAX_ROWS) {
        return APR_SUCCESS; /* more certificates than there can be */
    }
    if (old_count > MAX_ROWS - count) {
        old_count = MAX_ROWS - count;
    }
    bytes = apr_palloc(p, (apr_size_t)(old_count + count) * ROW_BYTES + 1);
    end = put_rows(put_rows(bytes, rows, count), old, old_count);
    remove_it(desk->directory, NEW_ROWS_FILE);
    return staple_files_write(desk->directory, ROWS_FILE, NEW_ROWS_FILE, 0600,
                              NULL, bytes, (apr_size_t)(end - bytes));
}

/* ---- of who asks ---- */

int staple_desk_is_taken(int directory, unsigned number)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1,
                         .l_start = number};
    int file = openat(directory, LOCKS_FILE,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
                          | O_CLOEXEC);
    int is_taken = file >= 0 && fcntl(file, F_GETLK, &lock) == 0
                   && lock.l_type != F_UNLCK;

    close_file(&file);
    return is_taken;
}

apr_status_t staple_desk_put(int directory, unsigned number, const char *text,
                             apr_size_t len)
{
    char name[NAME_SIZE], beside[NAME_SIZE], ending[NAME_SIZE];
    apr_status_t status;
    int file;

    apr_snprintf(ending, sizeof(ending), ".%ld", (long)getpid());
    name_of(beside, number, ending);
    remove_it(directory, beside);
    file = openat(directory, beside,
                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return errno;
    }
    status = staple_files_put(file, text, len);
    /* The refresher is another user than root. */
    if (status == APR_SUCCESS
        && (fchmod(file, 0644) != 0
            || linkat(directory, beside, directory,
                      name_of(name, number, ""), 0)
                   != 0)) {
        status = errno;
    }
    close_file(&file);
    unlinkat(directory, beside, 0);
    return status;
}

json_t *staple_desk_fetch(int *is_there, int directory, unsigned number,
                          const char *id, apr_pool_t *p)
{
    char name[NAME_SIZE];
    char *text = NULL;
    apr_size_t len = 0;
    struct stat info;
    const char *why;
    apr_status_t status = read_file(&text, &len, &info, &why, p, directory,
                                    name_of(name, number, ""), MAX_ANSWER);

    *is_there = status == APR_SUCCESS && has_id(text, id);
    return *is_there && is_answer(text) && info.st_size <= MAX_ANSWER
               ? json_loadb(text, len, 0, NULL)
               : NULL;
}

void staple_desk_clear(int directory, unsigned number, const char *id,
                       apr_pool_t *p)
{
    char name[NAME_SIZE];
    int is_there;

    json_decref(staple_desk_fetch(&is_there, directory, number, id, p));
    if (is_there) {
        remove_it(directory, name_of(name, number, ""));
    }
}
