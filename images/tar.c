/* libarchive's tar reader behind tar.h: the tar formats only, no filter, names as bytes. */
#include "images/tar.h"
#include "lib/mem.h"
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

struct tar {
    struct archive *archive;
    struct inflate *in;
    struct err *in_error; /* why the read callback failed: better than what libarchive can say of it */
    struct archive_entry *current;
    struct tar_entry entry;
    uint64_t n, max;
    int64_t offset; /* how far tar_data() has come */
    bool opened;
};

static la_ssize_t read_block(struct archive *a, void *arg, const void **ret)
{
    struct tar *t = arg;
    size_t n;
    struct err *e = inflate_read(t->in, ret, &n);
    if (!e)
        return (la_ssize_t)n;
    err_free(t->in_error);
    t->in_error = e;
    archive_set_error(a, 1, "read");
    return -1;
}

struct tar *tar_new(struct inflate *in, uint64_t max_entries)
{
    struct tar *t = mem_new(struct tar);
    t->in = in;
    t->max = max_entries;
    t->archive = archive_read_new();
    if (!t->archive)
        abort();
    archive_read_support_format_tar(t->archive);
    archive_read_support_format_empty(t->archive); /* no byte at all is a layer without entries */
    return t;
}

void tar_free(struct tar *t)
{
    if (!t)
        return;
    archive_read_free(t->archive);
    err_free(t->in_error);
    free(t);
}

void tar_cleanup(struct tar **t)
{
    tar_free(*t);
}

static struct err *failed(struct tar *t, const char *what)
{
    if (t->in_error)
        return take_ptr(t->in_error);
    const char *text = archive_error_string(t->archive);
    return err_new(ERR_INVALID, "tar: %s%s%s", what, *what ? ": " : "", text ? text : "corrupt archive");
}

/* The name as its bytes: libarchive keeps it in whichever form it was written. */
static const char *name_of(struct archive_entry *e, const char *(*raw)(struct archive_entry *),
    const char *(*utf8)(struct archive_entry *))
{
    const char *s = raw(e);
    return s ? s : utf8(e);
}

static struct err *convert(struct tar *t)
{
    struct archive_entry *e = t->current;
    struct tar_entry *r = &t->entry;
    const char *hard = name_of(e, archive_entry_hardlink, archive_entry_hardlink_utf8);
    *r = (struct tar_entry){
        .path = name_of(e, archive_entry_pathname, archive_entry_pathname_utf8),
        .is_hardlink = hard != NULL,
        .link = hard ? hard : name_of(e, archive_entry_symlink, archive_entry_symlink_utf8),
        .mode = archive_entry_mode(e),
        .uid = archive_entry_uid(e),
        .gid = archive_entry_gid(e),
        .size = archive_entry_size(e),
        .rdev = archive_entry_rdev(e),
        .mtime = {archive_entry_mtime(e), archive_entry_mtime_nsec(e)},
    };
    if (!r->path)
        return err_new(ERR_INVALID, "tar: entry %llu: a name that cannot be read", (unsigned long long)t->n);
    if (r->size < 0)
        return err_new(ERR_INVALID, "tar: %s: size %lld", r->path, (long long)r->size);
    if (r->mtime.tv_nsec < 0 || r->mtime.tv_nsec > 999999999)
        r->mtime.tv_nsec = 0;
    archive_entry_xattr_reset(e);
    t->offset = 0;
    return NULL;
}

struct err *tar_next(struct tar *t, const struct tar_entry **ret)
{
    if (!t->opened) {
        t->opened = true;
        if (archive_read_open(t->archive, t, NULL, read_block, NULL) != ARCHIVE_OK)
            return failed(t, "");
    }
    int r = archive_read_next_header(t->archive, &t->current);
    if (t->in_error)
        return take_ptr(t->in_error);
    if (r == ARCHIVE_EOF) {
        *ret = NULL;
        return NULL;
    }
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN) /* WARN: a name that is not UTF-8, an unknown pax record */
        return failed(t, "");
    if (++t->n > t->max)
        return err_new(ERR_LIMIT, "tar: more than %llu entries", (unsigned long long)t->max);
    TRY(convert(t));
    *ret = &t->entry;
    return NULL;
}

struct err *tar_data(struct tar *t, const void **ret, size_t *ret_len, int64_t *ret_offset)
{
    int r;
    do /* an empty block is not the end yet */
        r = archive_read_data_block(t->archive, ret, ret_len, ret_offset);
    while (r == ARCHIVE_OK && !*ret_len);
    if (r == ARCHIVE_EOF) {
        *ret_len = 0;
        return NULL;
    }
    if (r != ARCHIVE_OK)
        return failed(t, t->entry.path);
    if (*ret_offset < t->offset || *ret_offset > t->entry.size ||
        (int64_t)*ret_len > t->entry.size - *ret_offset)
        return err_new(
            ERR_INVALID, "tar: %s: data beyond its size %lld", t->entry.path, (long long)t->entry.size);
    t->offset = *ret_offset + (int64_t)*ret_len;
    return NULL;
}

void tar_xattr(struct tar *t, const char **ret_name, const void **ret_value, size_t *ret_len)
{
    if (archive_entry_xattr_next(t->current, ret_name, ret_value, ret_len) != ARCHIVE_OK)
        *ret_name = NULL;
}

uint64_t tar_entries(const struct tar *t)
{
    return t->n;
}
