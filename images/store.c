/* The store's folder: opening, locking, blobs, layers. */
#include "images/store.h"
#include "images/limits.h"
#include "lib/fields.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_MS 60000
#define NAME_BYTES 160

static struct err *make_folders(int root)
{
    static const char *const folders[] = {"blobs/sha256", "layers", "pins", "tmp"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        TRY(file_mkdirs(root, folders[i], 0700, NULL));
    return NULL;
}

struct err *store_open(const char *path, bool make, struct store **ret)
{
    auto_close at = -1;
    if (make)
        TRY_WRAP(file_mkdirs(AT_FDCWD, path, 0700, &at), "store %s", path);
    auto_free char *real = realpath(path, NULL);
    if (!real)
        return err_sys(errno, "store %s", path);
    auto_close root = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_sys(errno, "store %s", path);
    if (make)
        TRY_WRAP(make_folders(root), "store %s", path);
    struct store *s = mem_new(struct store);
    s->path = take_ptr(real);
    s->root = take_fd(root);
    *ret = s;
    return NULL;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    close(s->root);
    free(s->path);
    free(s);
}

void store_cleanup(struct store **s)
{
    store_close(*s);
}

struct err *store_lock(const struct store *s, int *ret_fd)
{
    return err_wrap(file_lock(s->root, "lock", LOCK_MS, ret_fd), "store %s", s->path);
}

/* --- blobs --- */

static void blob_path(const char *digest, char path[NAME_BYTES])
{
    snprintf(path, NAME_BYTES, "blobs/sha256/%s", digest_hex(digest));
}

struct err *store_read_blob(const struct store *s, const char *digest, char **ret, size_t *ret_len)
{
    char path[NAME_BYTES], actual[DIGEST_TEXT];
    auto_free char *text = NULL;
    blob_path(digest, path);
    TRY_WRAP(file_read(s->root, path, LIMITS_DOCUMENT, &text, ret_len), "store %s", s->path);
    digest_of(text, *ret_len, actual);
    if (strcmp(actual, digest))
        return err_new(
            ERR_INVALID, "store %s: blob %s is corrupt: its digest is %s", s->path, digest, actual);
    *ret = take_ptr(text);
    return NULL;
}

struct err *store_write_blob(const struct store *s, const char *digest, const void *data, size_t n)
{
    char path[NAME_BYTES], actual[DIGEST_TEXT];
    auto_free char *have = NULL;
    size_t len;
    digest_of(data, n, actual);
    if (strcmp(actual, digest))
        return err_new(ERR_INVALID, "blob %s: its digest is %s", digest, actual);
    auto_err *e = store_read_blob(s, digest, &have, &len);
    if (!e)
        return NULL;
    blob_path(digest, path);
    return err_wrap(file_write_atomic(s->root, path, data, n, 0600, FILE_FSYNC), "store %s", s->path);
}

/* --- layers --- */

static void layer_path(const char *chain, const char *suffix, char path[NAME_BYTES])
{
    snprintf(path, NAME_BYTES, "layers/%s%s", digest_hex(chain), suffix);
}

bool store_has_layer(const struct store *s, const char *chain)
{
    char path[NAME_BYTES];
    struct stat st;
    layer_path(chain, "", path);
    return !fstatat(s->root, path, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

struct err *store_open_layer(const struct store *s, const char *chain, int *ret_fd)
{
    char path[NAME_BYTES];
    layer_path(chain, "", path);
    return err_wrap(file_open_beneath(s->root, path, O_RDONLY | O_DIRECTORY, 0, ret_fd), "layer %s", chain);
}

struct store_layer_note {
    struct opt_int bytes, entries;
};
static FIELDS_DEFINE(layer_fields, store_layer_note, FIELD(store_layer_note, bytes, "bytes", FIELD_INT),
    FIELD(store_layer_note, entries, "entries", FIELD_INT));

struct store_layer store_layer_size(const struct store *s, const char *chain)
{
    char path[NAME_BYTES];
    auto_free char *text = NULL;
    auto_arena *a = arena_new();
    struct store_layer_note note = {0};
    size_t len;
    layer_path(chain, ".json", path);
    auto_err *e = file_read(s->root, path, 4096, &text, &len);
    if (!e)
        e = fields_parse(&layer_fields, a, text, len, &note);
    return (struct store_layer){opt_int_or(note.bytes, 0), opt_int_or(note.entries, 0)};
}

/* --- a job's layers --- */

struct err *job_make_layer(struct job *j, const char *chain, int *ret_fd)
{
    char path[NAME_BYTES];
    layer_path(chain, "", path);
    TRY(file_mkdirs(j->dir, "layers", 0700, NULL));
    TRY(file_remove_tree(j->dir, path));
    if (mkdirat(j->dir, path, 0755) || fchmodat(j->dir, path, 0755, 0))
        return err_sys(errno, "store %s: make %s", j->store->path, path);
    *ret_fd = openat(j->dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(errno, "store %s: open %s", j->store->path, path) : NULL;
}

struct err *job_note_layer(struct job *j, const char *chain, const struct store_layer *size)
{
    char path[NAME_BYTES], text[128];
    layer_path(chain, ".json", path);
    int n = snprintf(text, sizeof text, "{\"bytes\":%lld,\"entries\":%lld}\n", (long long)size->bytes,
        (long long)size->entries);
    return file_write_atomic(j->dir, path, text, (size_t)n, 0600, FILE_NO_FSYNC);
}

struct err *job_sync(struct job *j)
{
    return syncfs(j->dir) ? err_sys(errno, "store %s: sync", j->store->path) : NULL;
}

/* The folder last: where it is, the layer is complete. */
struct err *job_publish_layer(struct job *j, const char *chain)
{
    static const char *const suffixes[] = {".json", ""};
    char path[NAME_BYTES];
    if (store_has_layer(j->store, chain))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        layer_path(chain, suffixes[i], path);
        if (renameat(j->dir, path, j->store->root, path))
            return err_sys(errno, "store %s: rename %s", j->store->path, path);
    }
    auto_close dir = openat(j->store->root, "layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fsync(dir))
        return err_sys(errno, "store %s: sync layers", j->store->path);
    return NULL;
}
