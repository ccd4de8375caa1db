/* The child writes spool/0, spool/1, ... and spool/list (one JSON object per line); the parent reads the
 * list. */
#include "images/spool.h"
#include "images/confine.h"
#include "images/inflate.h"
#include "images/path.h"
#include "images/report.h"
#include "images/tar.h"
#include "images/worker.h"
#include "lib/fields.h"
#include "lib/file.h"
#include "lib/tls.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_MAX (8U << 20)
#define FILES_MAX 20000
#define TOTAL_FACTOR 4 /* a tarball holds several layers */

struct spool_line {
    const char *name, *link, *file, *digest;
    struct opt_int size;
};
static FIELDS_DEFINE(line_fields, spool_line, FIELD(spool_line, name, "name", FIELD_STR),
    FIELD(spool_line, link, "link", FIELD_STR), FIELD(spool_line, file, "file", FIELD_STR),
    FIELD(spool_line, digest, "digest", FIELD_STR), FIELD(spool_line, size, "size", FIELD_INT));

/* --- the child --- */

struct child {
    int store, in, dir; /* dir: the job's spool/ */
    const struct limits *limits;
    struct buf list;
    unsigned n;
};

/* The members that matter have plain names; others are passed over. */
static bool name_is_plain(const char *name)
{
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
            return false;
    return *name != '\0';
}

static struct err *check_blob_name(const char *name, const char *digest)
{
    static const char blobs[] = "blobs/sha256/";
    const char *hex = name + strlen(blobs);
    if (!strncmp(name, blobs, strlen(blobs)) && digest_is_hex(hex) && strcmp(hex, digest_hex(digest)))
        return err_new(ERR_INVALID, "%s: its digest is %s", name, digest);
    return NULL;
}

static struct err *copy_out(struct tar *t, const struct tar_entry *e, int fd, char digest[DIGEST_TEXT])
{
    struct sha256 *h = sha256_new();
    char hex[DIGEST_HEX + 1];
    const void *data;
    size_t n;
    int64_t at, expected = 0;
    struct err *bad;
    while (!(bad = tar_data(t, &data, &n, &at)) && n) {
        if (at != expected)
            bad = err_new(ERR_UNSUPPORTED, "%s: a sparse member", e->path);
        if (!bad)
            bad = file_write_all(fd, data, n);
        if (bad)
            break;
        sha256_add(h, data, n);
        expected = at + (int64_t)n;
    }
    sha256_end_hex(h, hex);
    digest_from_hex(hex, digest);
    if (!bad && expected != e->size)
        bad =
            err_new(ERR_INVALID, "%s: %lld bytes of %lld", e->path, (long long)expected, (long long)e->size);
    return bad;
}

static void list_file(struct child *c, const char *name, const char *file, const char *digest, int64_t size)
{
    struct json_out o = {.buf = &c->list};
    json_out_object(&o, NULL);
    json_out_str(&o, "name", name);
    json_out_str(&o, "file", file);
    json_out_str(&o, "digest", digest);
    json_out_int(&o, "size", size);
    json_out_end_object(&o);
    buf_addc(&c->list, '\n');
}

static struct err *spool_regular(struct child *c, struct tar *t, const struct tar_entry *e, const char *name)
{
    char file[16], digest[DIGEST_TEXT];
    if (c->n >= FILES_MAX)
        return err_new(ERR_LIMIT, "more than %d files", FILES_MAX);
    snprintf(file, sizeof file, "%u", c->n++);
    auto_close fd = openat(c->dir, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(errno, "%s: spool", name);
    TRY(copy_out(t, e, fd, digest));
    TRY(check_blob_name(name, digest));
    list_file(c, name, file, digest, e->size);
    return NULL;
}

/* Old `docker save` and skopeo link a layer that several images share: ../HEX/layer.tar or ../HEX.tar, seen
 * from the member's folder; the target of a hard link is seen from the top. */
static void list_link(struct child *c, const struct tar_entry *e, const char *name)
{
    char parent[LIMITS_PATH] = "", clean[LIMITS_PATH], target[LIMITS_PATH];
    const char *rest = e->link;
    if (!e->is_hardlink) {
        path_parent(name, parent);
        while (!strncmp(rest, "../", 3)) {
            path_parent(parent, parent);
            rest += 3;
        }
    }
    auto_err *bad = path_clean(rest, clean);
    if (bad || !name_is_plain(clean) || !path_join(target, parent, clean, strlen(clean)))
        return;
    struct json_out o = {.buf = &c->list};
    json_out_object(&o, NULL);
    json_out_str(&o, "name", name);
    json_out_str(&o, "link", target);
    json_out_end_object(&o);
    buf_addc(&c->list, '\n');
}

static struct err *spool_member(struct child *c, struct tar *t, const struct tar_entry *e)
{
    char name[LIMITS_PATH];
    TRY(path_clean(e->path, name));
    if (!name_is_plain(name))
        return NULL;
    if (e->link)
        list_link(c, e, name);
    else if (S_ISREG(e->mode))
        return spool_regular(c, t, e, name);
    return NULL;
}

static void note(void *self, uint64_t in)
{
    worker_note(self, in);
}

static struct err *read_members(struct child *c, struct worker_self *self)
{
    struct limits l = *c->limits;
    if (l.layer_bytes < UINT64_MAX / TOTAL_FACTOR)
        l.layer_bytes *= TOTAL_FACTOR;
    auto_inflate *in = inflate_new(c->in, &l, false);
    auto_tar *t = tar_new(in, l.layer_entries);
    const struct tar_entry *e;
    inflate_watch(in, note, self);
    for (;;) {
        TRY(tar_next(t, &e));
        if (!e)
            return NULL;
        TRY(spool_member(c, t, e));
    }
}

static struct err *run(void *arg, struct worker_self *self, struct worker_result *ret)
{
    struct child *c = arg;
    (void)ret;
    TRY(confine_unpacker(c->dir, c->dir));
    c->list = BUF_INIT(LIST_MAX);
    TRY(read_members(c, self));
    TRY(buf_check(&c->list, "list of files"));
    auto_close fd = openat(c->dir, "list", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(errno, "list of files");
    return c->list.len ? file_write_all(fd, c->list.data, c->list.len) : NULL;
}

/* --- the parent --- */

struct watch {
    const char *label;
    int64_t total;
};

static void progress(void *arg, uint64_t done)
{
    const struct watch *w = arg;
    report_progress(&(struct report_progress){
        .image = w->label, .phase = "read", .done = (int64_t)done, .total = w->total});
}

static struct err *read_list(struct arena *a, int dir, struct spool *ret)
{
    auto_free char *text = NULL;
    size_t len, room = 0;
    TRY(file_read(dir, "list", LIST_MAX, &text, &len));
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        room++;
    ret->v = arena_array(a, room + 1, sizeof *ret->v);
    for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
        struct spool_line l;
        TRY(fields_parse(&line_fields, a, p, (size_t)(end - p), &l));
        ret->v[ret->n++] = (struct spool_file){l.name, l.link, l.file, l.digest, opt_int_or(l.size, 0)};
    }
    return NULL;
}

struct err *spool_read(struct arena *a, struct job *job, int in, const char *label, int64_t total,
    const struct limits *limits, struct spool *ret)
{
    auto_close dir = -1;
    auto_worker w = {0, -1};
    struct worker_result r;
    if (mkdirat(job->dir, "spool", 0700))
        return err_sys(errno, "store %s: spool", job->store->path);
    TRY(file_open_beneath(job->dir, "spool", O_RDONLY | O_DIRECTORY, 0, &dir));
    struct child c = {.store = job->store->root, .in = in, .dir = dir, .limits = limits};
    const int keep[] = {in, dir};
    const struct worker_opts o = {.run = run, .arg = &c, .keep = keep, .n_keep = ARRAY_SIZE(keep)};
    struct watch watch = {label, total};
    TRY(worker_start(&o, &w));
    TRY(worker_wait(&w, limits->stall_ms, progress, &watch, &r));
    *ret = (struct spool){.job = job};
    return read_list(a, dir, ret);
}

const struct spool_file *spool_find(const struct spool *s, const char *name)
{
    char clean[LIMITS_PATH];
    auto_err *bad = path_clean(name, clean);
    if (bad)
        return NULL;
    for (size_t hops = 0; hops < 8; hops++) {
        const struct spool_file *f = NULL;
        for (size_t i = 0; i < s->n; i++) /* of two members of one name the later holds */
            if (s->v[i].name && !strcmp(s->v[i].name, clean))
                f = &s->v[i];
        if (!f || !f->link)
            return f;
        snprintf(clean, sizeof clean, "%s", f->link);
    }
    return NULL;
}

const struct spool_file *spool_find_digest(const struct spool *s, const char *digest)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].digest && !strcmp(s->v[i].digest, digest))
            return &s->v[i];
    return NULL;
}

struct err *spool_open(const struct spool *s, const struct spool_file *f, int *ret_fd)
{
    auto_free char *path = mem_printf("spool/%s", f->file);
    return err_wrap(file_open_beneath(s->job->dir, path, O_RDONLY | O_NOFOLLOW, 0, ret_fd), "%s", f->name);
}

void spool_drop(const struct spool *s, const struct spool_file *f)
{
    auto_free char *path = mem_printf("spool/%s", f->file);
    unlinkat(s->job->dir, path, 0); /* what stays goes with the job */
}

struct err *spool_text(
    struct arena *a, const struct spool *s, const struct spool_file *f, const char **ret, size_t *ret_len)
{
    auto_close fd = -1;
    auto_free char *text = NULL;
    TRY(spool_open(s, f, &fd));
    TRY_WRAP(file_read_fd(fd, LIMITS_DOCUMENT, &text, ret_len), "%s", f->name);
    char *copy = arena_alloc(a, *ret_len + 1);
    memcpy(copy, text, *ret_len);
    *ret = copy;
    return NULL;
}
