/*
 * rm and gc. First the names go from the index, on disk; then what no image of the index needs: layers that
 * nobody claims, blobs. A crash in between leaves what the next rm or gc finds again.
 */
#include "images/command.h"
#include "images/confine.h"
#include "images/describe.h"
#include "images/index.h"
#include "images/pins.h"
#include "images/report.h"
#include "lib/clock.h"
#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct removed { /* said after the lock is open again: whoever reads us slowly holds up nobody */
    const char *kind, *name;
    int64_t bytes;
};
struct removal {
    struct arena *a;
    const struct store *store;
    struct job *job;
    struct index index;
    struct str_map pins;
    struct removed *done;
    size_t n_done, room;
};

static void note(struct removal *r, const char *kind, const char *name, int64_t bytes)
{
    if (r->n_done == r->room) {
        r->room = r->room ? 2 * r->room : 32;
        r->done = mem_realloc(r->done, r->room, sizeof *r->done);
    }
    r->done[r->n_done++] = (struct removed){kind, arena_strdup(r->a, name), bytes};
}

/* --- what nobody needs --- */

struct needed {
    struct str_list chains, blobs;
};

static void need(struct arena *a, struct str_list *l, const char *digest)
{
    if (index_has(l, digest))
        return;
    if (l->n % 64 == 0) {
        const char **v = arena_array(a, l->n + 64, sizeof *v);
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
    }
    l->v[l->n++] = digest;
}

static struct err *what_is_needed(struct removal *r, struct needed *ret)
{
    *ret = (struct needed){0};
    for (size_t i = 0; i < r->index.n; i++) {
        const struct index_image *image = &r->index.v[i];
        struct str_list chains;
        TRY_WRAP(describe_chains(r->a, r->store, image, &chains), "nothing was collected");
        for (size_t k = 0; k < chains.n; k++)
            need(r->a, &ret->chains, chains.v[k]);
        need(r->a, &ret->blobs, image->id);
        need(r->a, &ret->blobs, image->manifest);
    }
    return NULL;
}

static struct err *collect_layer(struct removal *r, const struct needed *n, const char *hex)
{
    char chain[DIGEST_TEXT], path[160];
    digest_from_hex(hex, chain);
    if (index_has(&n->chains, chain) || job_is_claimed(r->job, chain))
        return NULL;
    int64_t bytes = store_layer_size(r->store, chain).bytes;
    snprintf(path, sizeof path, "layers/%s", hex);
    TRY(job_trash(r->job, path));
    snprintf(path, sizeof path, "layers/%s.json", hex);
    TRY(job_trash(r->job, path));
    note(r, "layer", chain, bytes);
    return NULL;
}

static struct err *collect_blob(struct removal *r, const struct needed *n, const char *hex)
{
    char digest[DIGEST_TEXT], path[160];
    struct stat st;
    digest_from_hex(hex, digest);
    if (index_has(&n->blobs, digest))
        return NULL;
    snprintf(path, sizeof path, "blobs/sha256/%s", hex);
    int64_t bytes = fstatat(r->store->root, path, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_size;
    TRY(job_trash(r->job, path));
    note(r, "blob", digest, bytes);
    return NULL;
}

/* Every file of that folder whose name is a digest's, and unfinished files: under the lock nobody writes. */
static struct err *each(struct removal *r, const struct needed *n, const char *folder,
    struct err *(*fn)(struct removal *r, const struct needed *n, const char *hex))
{
    int fd = openat(r->store->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_sys(errno, "store %s: %s", r->store->path, folder);
    for (struct dirent *de; (de = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, de->d_name);
        if (digest_is_hex(de->d_name))
            TRY(fn(r, n, de->d_name));
        else if (de->d_name[0] == '.' && strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
            TRY(job_trash(r->job, path));
    }
    return NULL;
}

static struct err *collect(struct removal *r)
{
    struct needed n;
    TRY(what_is_needed(r, &n));
    TRY(each(r, &n, "layers", collect_layer));
    return each(r, &n, "blobs/sha256", collect_blob);
}

/* --- images and their names --- */

static struct err *check_pins(const struct removal *r, const struct index_image *image, const char *name)
{
    const char *pin = pins_of(&r->pins, image->id);
    return pin ? err_new(ERR_CONFLICT, "image %s: in use (pin %s)", name, pin) : NULL;
}

static void drop_image(struct removal *r, struct index_image *image)
{
    for (size_t i = 0; i < image->refs.n; i++)
        note(r, "ref", image->refs.v[i], 0);
    for (size_t i = 0; i < image->digests.n; i++)
        note(r, "ref", image->digests.v[i], 0);
    note(r, "image", image->id, 0);
    index_drop(&r->index, image);
}

/* The name as the index has it; NULL where the image was named by its id. */
static const char *own_name(struct removal *r, const struct index_image *image, const char *text)
{
    struct reference ref;
    auto_err *bad = reference_parse(r->a, text, &ref);
    if (bad)
        return NULL;
    const char *name =
        ref.digest ? reference_by_digest(r->a, &ref, ref.digest) : reference_tagged(r->a, &ref);
    return index_has(&image->refs, name) || index_has(&image->digests, name) ? name : NULL;
}

static struct err *remove_named(struct removal *r, const char *text)
{
    struct index_image *image;
    TRY(index_find(&r->index, text, &image));
    TRY(check_pins(r, image, text));
    const char *name = own_name(r, image, text);
    bool is_tag = name && index_has(&image->refs, name);
    size_t left = image->refs.n + (is_tag ? 0 : image->digests.n); /* with the last tag go the digests */
    if (name && left > 1) {
        index_drop_name(&r->index, image, name);
        note(r, "ref", name, 0);
    } else {
        drop_image(r, image);
    }
    return NULL;
}

static bool is_older(const char *since, int64_t days)
{
    int64_t t;
    if (!days || !since || !clock_parse(since, &t))
        return true;
    return (clock_now_ns() - t) / 1000000000 / 86400 >= days;
}

/* An image without any name, which nothing uses. */
static void remove_nameless(struct removal *r, int64_t keep_days)
{
    for (size_t i = r->index.n; i-- > 0;) {
        struct index_image *image = &r->index.v[i];
        if (!image->refs.n && !image->digests.n && !pins_of(&r->pins, image->id) &&
            is_older(image->since, keep_days))
            drop_image(r, image);
    }
}

/* --- the commands --- */

static struct err *work(struct removal *r, const char *name, int64_t keep_days)
{
    auto_close lock = -1;
    TRY(store_lock(r->store, &lock));
    TRY(index_read(r->store, r->a, &r->index));
    TRY(pins_read(r->a, r->store, &r->pins));
    if (name)
        TRY(remove_named(r, name));
    else
        remove_nameless(r, keep_days);
    if (r->n_done)
        TRY(index_write(r->store, &r->index));
    return collect(r);
}

/* name NULL: gc. */
static struct err *remove_from(const char *root, const char *name, int64_t keep_days)
{
    auto_arena *a = arena_new();
    auto_store *s = NULL;
    auto_job *j = NULL;
    TRY(store_open(root, true, &s));
    TRY(confine_boss(s->root));
    TRY(job_new(s, &j));
    struct removal r = {.a = a, .store = s, .job = j};
    struct err *e = work(&r, name, keep_days);
    for (size_t i = 0; i < r.n_done; i++)
        report_removed(r.done[i].kind, r.done[i].name, r.done[i].bytes);
    free(r.done);
    return e;
}

struct err *command_rm(const char *root, const char *name)
{
    if (!file_exists(AT_FDCWD, root))
        return err_new(ERR_NOT_FOUND, "image %s: not here", name);
    return remove_from(root, name, 0);
}

struct err *command_gc(const char *root, int64_t keep_days)
{
    return file_exists(AT_FDCWD, root) ? remove_from(root, NULL, keep_days) : NULL;
}
