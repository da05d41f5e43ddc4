/* Replays a fuzz target's corpus without libFuzzer; speaks TAP. */
#include "../unit/make_hostile.h"
#include "../unit/tap.h"
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define LARGEST (1024L * 1024)

/* Seconds of processor time for one input. */
#define BUDGET 1.0

/* The file's bytes; NULL where it cannot be read. */
static unsigned char *read_input(const char *path, size_t *size)
{
    unsigned char *data = NULL;
    FILE *file = fopen(path, "rb");
    struct stat about;

    if (file != NULL && fstat(fileno(file), &about) == 0
        && S_ISREG(about.st_mode) && about.st_size <= LARGEST) {
        *size = (size_t)about.st_size;
        data = malloc(*size + 1);
        if (data != NULL && fread(data, 1, *size, file) != *size) {
            free(data);
            data = NULL;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return data;
}

/* Feeds one input, and what is left when its end is cut off; none may take
 * long. */
static int feed(const char *path)
{
    size_t size, len;
    unsigned char *data = read_input(path, &size);
    int fed = 0;
    double took;

    if (data == NULL) {
        printf("# cannot read %s\n", path);
        return 0;
    }
    /* Whoever aborts below has said for what. */
    fprintf(stderr, "# %s\n", path);
    for (len = size; len > 0; len = len / 4 * 3) {
        unsigned char *exact = fuzz_copy(data, len);

        took = make_cpu_seconds();
        LLVMFuzzerTestOneInput(exact, len);
        took = make_cpu_seconds() - took;
        if (took > BUDGET * make_slowness()) {
            ok(0, "%s, %u bytes: %.1f s of processor time", path,
               (unsigned)len, took);
        }
        free(exact);
        fed++;
    }
    free(data);
    return fed;
}

static int feed_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    char path[4096];
    int fed = 0, files = 0;
    int i;

    for (i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
            fed += feed(path);
            files++;
        }
        free(entries[i]);
    }
    free(entries);
    ok(files > 0 && fed >= files, "%s: %d files, fed %d inputs", folder, files,
       fed);
    return fed;
}

/* Arguments: files and folders; none: the target's own corpus. */
int main(int argc, char **argv)
{
    const char *srcdir = getenv("srcdir");
    const char *name = strrchr(argv[0], '/');
    char folder[4096];
    int i;

    name = name != NULL ? name + 1 : argv[0];
    LLVMFuzzerInitialize(&argc, &argv);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (i = 1; i < argc; i++) {
        struct stat about;

        if (stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode)) {
            feed_folder(argv[i]);
        }
        else {
            ok(feed(argv[i]) > 0, "%s", argv[i]);
        }
    }
    if (argc <= 1) {
        snprintf(folder, sizeof(folder), "%s/t/fuzz/corpus/%s",
                 srcdir != NULL ? srcdir : ".", name);
        feed_folder(folder);
    }
    return tap_done();
}
