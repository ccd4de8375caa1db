/*
 * pull: reference -> manifest (of an index the one for this machine) -> config -> layers. Every document and
 * blob is checked against the digest and the size by which it was asked for, while it comes; a layer goes
 * through a pipe straight to its unpacker.
 */
#include "images/command.h"
#include "images/confine.h"
#include "images/credentials.h"
#include "images/describe.h"
#include "images/document.h"
#include "images/fetcher.h"
#include "images/install.h"
#include "images/interrupt.h"
#include "images/report.h"
#include "lib/file.h"
#include "lib/tls.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INDEX_DEPTH 4
#define PIPE_BYTES (1 << 20)
#define STALL_MS 60000 /* of the network */

struct pull {
    struct arena *a;
    const struct store *store;
    const struct limits *limits;
    struct reference ref;
    struct fetcher fetcher;
    const char *top; /* digest of what the reference names */
    const char *manifest, *media_type;
    size_t manifest_len;
    struct document doc;
    int pipe; /* to the unpacker of the layer under way; -1: none */
};

/* --- documents --- */

static struct err *check_bytes(const void *data, size_t n, const char *digest, int64_t size)
{
    char actual[DIGEST_TEXT];
    digest_of(data, n, actual);
    if (size >= 0 && (int64_t)n != size)
        return err_new(ERR_INVALID, "%zu bytes, its descriptor says %lld", n, (long long)size);
    if (strcmp(actual, digest))
        return err_new(ERR_INVALID, "its digest is %s", actual);
    return NULL;
}

/* name: tag or digest; digest NULL: whatever comes is meant. */
static struct err *get_document(struct pull *p, const char *name, const char *digest, int64_t size)
{
    auto_buf b = BUF_INIT(LIMITS_DOCUMENT);
    char type[128] = "";
    TRY(fetcher_manifest(&p->fetcher, name, &b, type));
    if (digest)
        TRY_WRAP(check_bytes(buf_str(&b), b.len, digest, size), "manifest %s", name);
    TRY_WRAP(document_parse(p->a, buf_str(&b), b.len, type, &p->doc), "manifest %s", name);
    char *copy = arena_alloc(p->a, b.len + 1);
    memcpy(copy, buf_str(&b), b.len);
    p->manifest = copy;
    p->manifest_len = b.len;
    p->media_type = p->doc.media_type ? p->doc.media_type : arena_strndup(p->a, type, strcspn(type, "; "));
    return NULL;
}

static struct err *get_manifest(struct pull *p)
{
    const char *name = p->ref.digest ? p->ref.digest : p->ref.tag;
    char top[DIGEST_TEXT];
    TRY(get_document(p, name, p->ref.digest, -1));
    digest_of(p->manifest, p->manifest_len, top);
    p->top = arena_strdup(p->a, top);
    const struct platform host = document_host();
    for (unsigned depth = 0; p->doc.kind == DOCUMENT_INDEX; depth++) {
        const struct descriptor *d = document_choose(&p->doc.manifests, &host);
        if (!d)
            return err_new(ERR_NOT_FOUND, "no image for %s/%s in it", host.os, host.architecture);
        if (depth == INDEX_DEPTH)
            return err_new(ERR_LIMIT, "indexes nested more than %d deep", INDEX_DEPTH);
        TRY(get_document(p, d->digest, d->digest, d->size.v));
    }
    return NULL;
}

static bool add_to_buf(void *arg, const void *data, size_t len)
{
    struct buf *b = arg;
    buf_add(b, data, len);
    return !b->over;
}

static struct err *get_config(struct pull *p, struct install *in)
{
    const struct descriptor *d = p->doc.config;
    auto_free char *have = NULL;
    auto_buf b = BUF_INIT(LIMITS_DOCUMENT);
    auto_err *missing = store_read_blob(p->store, d->digest, &have, &in->config_len);
    if (!missing) {
        buf_add(&b, have, in->config_len);
    } else {
        TRY(fetcher_blob(&p->fetcher, d->digest, d->size.v, add_to_buf, &b));
        TRY(buf_check(&b, "config"));
        TRY_WRAP(check_bytes(buf_str(&b), b.len, d->digest, d->size.v), "config %s", d->digest);
    }
    char *copy = arena_alloc(p->a, b.len + 1);
    memcpy(copy, buf_str(&b), b.len);
    in->config = copy;
    in->config_len = b.len;
    return NULL;
}

/* --- layers --- */

static struct err *open_layer(void *arg, size_t i, int *ret_fd)
{
    struct pull *p = arg;
    int fds[2];
    (void)i;
    if (pipe2(fds, O_CLOEXEC))
        return err_sys(errno, "pipe");
    fcntl(fds[1], F_SETPIPE_SZ,
        PIPE_BYTES); /* denied beyond the user's share: smaller is slower, that is all */
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    p->pipe = fds[1];
    *ret_fd = fds[0];
    return NULL;
}

struct flow { /* one layer on its way */
    struct pull *p;
    const struct descriptor *d;
    struct sha256 *sha;
    int64_t done;
    struct err *error;
    bool gone; /* the unpacker */
};

static struct err *write_pipe(struct flow *f, const char *data, size_t n)
{
    while (n && !f->gone) {
        TRY(interrupt_check());
        ssize_t w = write(f->p->pipe, data, n);
        if (w >= 0) {
            data += w;
            n -= (size_t)w;
        } else if (errno == EPIPE) {
            f->gone = true;
        } else if (errno == EAGAIN) {
            struct pollfd pf = {.fd = f->p->pipe, .events = POLLOUT};
            if (poll(&pf, 1, (int)f->p->limits->stall_ms) == 0)
                return err_new(ERR_TIMEOUT, "unpacking makes no progress");
        } else if (errno != EINTR) {
            return err_sys(errno, "write to the unpacker");
        }
    }
    return NULL;
}

static bool on_data(void *arg, const void *data, size_t len)
{
    struct flow *f = arg;
    sha256_add(f->sha, data, len);
    f->done += (int64_t)len;
    f->error = write_pipe(f, data, len);
    report_progress(&(struct report_progress){.image = f->p->ref.text,
        .layer = f->d->digest,
        .phase = "download",
        .done = f->done,
        .total = f->d->size.v});
    return !f->error && !f->gone;
}

static struct err *check_flow(struct flow *f, const char *digest)
{
    if (f->done != f->d->size.v)
        return err_new(
            ERR_INVALID, "%lld bytes, its descriptor says %lld", (long long)f->done, (long long)f->d->size.v);
    if (strcmp(digest, f->d->digest))
        return err_new(ERR_INVALID, "its digest is %s", digest);
    return NULL;
}

static struct err *feed_layer(void *arg, size_t i, bool *ret_gone)
{
    struct pull *p = arg;
    char hex[DIGEST_HEX + 1], digest[DIGEST_TEXT];
    struct flow f = {.p = p, .d = &p->doc.layers.v[i], .sha = sha256_new()};
    struct err *e = fetcher_blob(&p->fetcher, f.d->digest, f.d->size.v, on_data, &f);
    sha256_end_hex(f.sha, hex);
    digest_from_hex(hex, digest);
    if (!e)
        e = take_ptr(f.error);
    err_free(f.error);
    *ret_gone = f.gone;
    if (!e && !f.gone)
        e = check_flow(&f, digest);
    if (p->pipe >= 0)
        close(take_fd(p->pipe));
    return e;
}

/* --- the command --- */

static struct err *install(struct pull *p, struct job *j, char id[DIGEST_TEXT])
{
    const char *tag = reference_tagged(p->a, &p->ref), *digest = reference_by_digest(p->a, &p->ref, p->top);
    struct install in = {.job = j,
        .limits = p->limits,
        .label = p->ref.text,
        .manifest = p->manifest,
        .manifest_len = p->manifest_len,
        .media_type = p->media_type,
        .refs = {tag ? 1 : 0, &tag},
        .digests = {1, &digest}};
    struct install_layer *layers = arena_array(p->a, p->doc.layers.n + 1, sizeof *layers);
    for (size_t i = 0; i < p->doc.layers.n; i++)
        layers[i] = (struct install_layer){p->doc.layers.v[i].digest, p->doc.layers.v[i].size.v};
    TRY(get_config(p, &in));
    const struct install_source src = {
        .layers = layers, .n_layers = p->doc.layers.n, .open = open_layer, .feed = feed_layer, .arg = p};
    return install_image(p->a, &in, &src, id);
}

static struct err *pull(struct pull *p, struct job *j)
{
    char id[DIGEST_TEXT];
    TRY(get_manifest(p));
    TRY(install(p, j, id));
    return describe_and_report(p->store, id);
}

static struct err *read_auth(struct arena *a, const struct pull_opts *o, struct registry_opts *r)
{
    auto_free char *text = NULL;
    size_t len;
    if (!o->auth_file)
        return NULL;
    TRY(file_read(AT_FDCWD, o->auth_file, LIMITS_DOCUMENT, &text, &len));
    struct err *e = credentials_find(a, text, len, &r->ref, &r->credentials);
    explicit_bzero(text, len);
    return err_wrap(e, "%s", o->auth_file);
}

/* The fetcher, being nobody, may not reach the file: it gets a copy, by descriptor. */
static struct err *read_ca(struct arena *a, const char *file, int *ret_fd, const char **ret_path)
{
    auto_free char *text = NULL;
    size_t len;
    TRY(file_read(AT_FDCWD, file, LIMITS_DOCUMENT, &text, &len));
    if (!strstr(text, "-----BEGIN"))
        return err_new(ERR_INVALID, "%s: no certificate in PEM in it", file);
    auto_close fd = memfd_create("ca", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "memfd");
    TRY(file_write_all(fd, text, len));
    *ret_path = arena_printf(a, "/proc/self/fd/%d", fd);
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *run(struct pull *p, const char *root, const struct registry_opts *r)
{
    auto_store *s = NULL;
    auto_job *j = NULL;
    TRY(store_open(root, true, &s));
    TRY(fetcher_start(
        r, &p->fetcher)); /* before the confinement: it gives up what we need, and the reverse */
    TRY(confine_boss(s->root));
    TRY(job_new(s, &j));
    p->store = s;
    struct err *e = pull(p, j);
    fetcher_stop(&p->fetcher);
    return e;
}

struct err *command_pull(
    const char *root, const char *ref, const struct pull_opts *o, const struct limits *limits)
{
    auto_arena *a = arena_new();
    struct registry_opts r = {.insecure = o->insecure, .stall_ms = STALL_MS};
    auto_close ca = -1;
    interrupt_catch();
    TRY(reference_parse(a, ref, &r.ref));
    TRY(read_auth(a, o, &r));
    if (o->ca_file)
        TRY(read_ca(a, o->ca_file, &ca, &r.ca_file));
    struct pull p = {.a = a, .limits = limits, .ref = r.ref, .fetcher = {0, -1, 0}, .pipe = -1};
    struct err *e = run(&p, root, &r);
    if (p.pipe >= 0)
        close(p.pipe);
    fetcher_stop(&p.fetcher);
    return err_wrap(e, "pull %s", r.ref.text);
}
