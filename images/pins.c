/* The folder of pins. */
#include "images/pins.h"
#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIN_BYTES 256

static void add(struct arena *a, struct str_map *m, const char *name, const char *value)
{
    struct str_pair *v = arena_array(a, m->n + 1, sizeof *v);
    if (m->n)
        memcpy(v, m->v, m->n * sizeof *v);
    v[m->n++] = (struct str_pair){arena_strdup(a, name), arena_strndup(a, value, strcspn(value, " \n"))};
    m->v = v;
}

struct err *pins_read(struct arena *a, const struct store *s, struct str_map *ret)
{
    *ret = (struct str_map){0};
    int fd = openat(s->root, "pins", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return NULL;
    auto_closedir *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_sys(errno, "store %s: pins", s->path);
    for (struct dirent *de; (de = readdir(d));) {
        auto_free char *text = NULL;
        if (de->d_name[0] == '.') /* one that is being written is no pin yet */
            continue;
        struct err *e = file_read(fd, de->d_name, PIN_BYTES, &text, NULL);
        if (e && err_kind(e) == ERR_NOT_FOUND) {
            err_free(e);
            continue;
        }
        if (e)
            return err_wrap(e, "store %s: pin %s", s->path, de->d_name);
        add(a, ret, de->d_name, text);
    }
    return NULL;
}

const char *pins_of(const struct str_map *pins, const char *image_id)
{
    for (size_t i = 0; i < pins->n; i++)
        if (!strcmp(pins->v[i].value, image_id))
            return pins->v[i].name;
    return NULL;
}
