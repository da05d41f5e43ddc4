/* The server names of many handshakes: in turn, or until each got a staple. */
#include "hs_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE 0.1 /* seconds until a name without staple is asked for again */

static struct {
    hs_name_t *names;
    size_t count, room, turn, done, at_first;
} list;

void hs_names_add(const char *name)
{
    if (list.count == list.room) {
        list.room = list.room > 0 ? 2 * list.room : 64;
        list.names = realloc(list.names, list.room * sizeof(hs_name_t));
        if (list.names == NULL) {
            abort();
        }
    }
    memset(&list.names[list.count], 0, sizeof(hs_name_t));
    list.names[list.count++].name = strdup(name);
}

int hs_names_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[512];

    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0') {
            hs_names_add(line);
        }
    }
    fclose(file);
    return 1;
}

size_t hs_names_count(void)
{
    return list.count;
}

hs_name_t *hs_names_next(void)
{
    return &list.names[list.turn++ % list.count];
}

hs_name_t *hs_names_next_left(double now)
{
    size_t i;

    for (i = 0; i < list.count; i++) {
        hs_name_t *name = hs_names_next();

        if (!name->is_done && !name->is_busy && name->again_at <= now) {
            name->is_busy = 1;
            return name;
        }
    }
    return NULL;
}

void hs_names_ended(hs_name_t *name, int is_stapled, double now)
{
    name->is_busy = 0;
    if (is_stapled && !name->is_done) {
        name->is_done = 1;
        name->stapled_at = now;
        list.done++;
        list.at_first += name->again_at == 0;
    }
    name->again_at = now + PAUSE;
}

int hs_names_write_fill(const char *path, double since)
{
    FILE *file = fopen(path, "w");
    size_t i;

    if (file == NULL) {
        return 0;
    }
    for (i = 0; i < list.count; i++) {
        if (list.names[i].is_done) {
            fprintf(file, "%.3f\n", list.names[i].stapled_at - since);
        }
    }
    return fclose(file) == 0;
}

size_t hs_names_left(void)
{
    return list.count - list.done;
}

size_t hs_names_at_first(void)
{
    return list.at_first;
}
