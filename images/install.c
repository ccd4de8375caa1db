/* Layers in their order, then the commit. */
#include "images/install.h"
#include "images/document.h"
#include "images/index.h"
#include "images/report.h"
#include "images/unpack.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct work {
    const struct install *in;
    const struct install_source *src;
    struct image_document config;
    char (*chains)[DIGEST_TEXT];
    int *lower; /* open folders of the layers so far, the nearest first; at the end of the array */
    size_t n_lower, room;
    bool *made; /* ours to publish */
    size_t at;  /* the layer under way */
};

static void progress(void *arg, uint64_t done)
{
    const struct work *w = arg;
    const struct install_layer *l = &w->src->layers[w->at];
    report_progress(&(struct report_progress){
        .image = w->in->label, .layer = l->name, .phase = "unpack", .done = (int64_t)done, .total = l->size});
}

/* Gets the bytes to the unpacker, and what it says of them. */
static struct err *feed_and_wait(struct work *w, struct worker *child, struct worker_result *ret)
{
    bool gone = false;
    if (w->src->feed)
        TRY(w->src->feed(w->src->arg, w->at, &gone));
    return worker_wait(child, w->in->limits->stall_ms, progress, w, ret);
}

static struct err *unpack_layer(struct work *w, const char *chain, int root)
{
    const char *diff_id = w->config.diff_ids.v[w->at];
    struct worker_result r;
    auto_worker child = {0, -1};
    auto_close in = -1;
    TRY(w->src->open(w->src->arg, w->at, &in));
    const struct unpack_opts o = {.store = w->in->job->store->root,
        .in = in,
        .root = root,
        .lower = w->lower + (w->room - w->n_lower),
        .n_lower = w->n_lower,
        .limits = w->in->limits};
    TRY(unpack_start(&o, &child));
    close(take_fd(in));
    TRY(feed_and_wait(w, &child, &r));
    progress(w, (uint64_t)w->src->layers[w->at].size);
    if (strcmp(r.digest, diff_id))
        return err_new(
            ERR_INVALID, "its content has the digest %s, the image's config expects %s", r.digest, diff_id);
    return job_note_layer(w->in->job, chain, &(struct store_layer){r.bytes, r.entries});
}

static struct err *do_layer(struct work *w, size_t i)
{
    bool have;
    int root = -1;
    w->at = i;
    TRY(job_claim(w->in->job, w->chains[i], &have));
    if (have)
        TRY(store_open_layer(w->in->job->store, w->chains[i], &root));
    else
        TRY(job_make_layer(w->in->job, w->chains[i], &root));
    struct err *e = have ? NULL : unpack_layer(w, w->chains[i], root);
    if (e) {
        close(root);
        return e;
    }
    w->made[i] = !have;
    w->lower[w->room - ++w->n_lower] = root;
    return NULL;
}

static struct err *do_layers(struct work *w)
{
    for (size_t i = 0; i < w->config.diff_ids.n; i++)
        TRY_WRAP(do_layer(w, i), "layer %s", w->src->layers[i].name);
    return NULL;
}

/* --- the commit --- */

static struct err *own_manifest(struct arena *a, const struct work *w, const char *id,
    struct index_image *ret, const char **ret_text, size_t *ret_len)
{
    auto_buf b = BUF_INIT(LIMITS_DOCUMENT);
    char digest[DIGEST_TEXT];
    int64_t *sizes = arena_array(a, w->src->n_layers + 1, sizeof *sizes);
    for (size_t i = 0; i < w->src->n_layers; i++)
        sizes[i] = w->src->layers[i].size;
    document_write_manifest(&b, id, (int64_t)w->in->config_len, &w->config.diff_ids, sizes);
    TRY(buf_check(&b, "manifest"));
    *ret_text = arena_strndup(a, b.data, b.len);
    *ret_len = b.len;
    digest_of(b.data, b.len, digest);
    ret->manifest = arena_strdup(a, digest);
    ret->media_type = MEDIA_OCI_MANIFEST;
    return NULL;
}

static struct err *describe_manifest(struct arena *a, const struct work *w, const char *id,
    struct index_image *ret, const char **ret_text, size_t *ret_len)
{
    const struct install *in = w->in;
    if (!in->manifest)
        return own_manifest(a, w, id, ret, ret_text, ret_len);
    char digest[DIGEST_TEXT];
    digest_of(in->manifest, in->manifest_len, digest);
    ret->manifest = arena_strdup(a, digest);
    ret->media_type = in->media_type;
    *ret_text = in->manifest;
    *ret_len = in->manifest_len;
    return NULL;
}

static void put_names(struct index *ix, const struct index_image *image, const struct install *in)
{
    index_put(ix, image, NULL, NULL);
    for (size_t i = 0; i < in->refs.n; i++)
        index_put(ix, image, in->refs.v[i], NULL);
    for (size_t i = 0; i < in->digests.n; i++)
        index_put(ix, image, NULL, in->digests.v[i]);
}

static struct err *commit(struct arena *a, const struct work *w, const char *id)
{
    const struct store *s = w->in->job->store;
    struct index ix;
    struct index_image image = {.id = id};
    const char *manifest;
    size_t manifest_len;
    TRY(describe_manifest(a, w, id, &image, &manifest, &manifest_len));
    image.manifest_size = (int64_t)manifest_len;
    TRY(job_sync(w->in->job));
    auto_close lock = -1;
    TRY(store_lock(s, &lock));
    TRY(index_read(s, a, &ix));
    for (size_t i = 0; i < w->config.diff_ids.n; i++)
        if (w->made[i])
            TRY(job_publish_layer(w->in->job, w->chains[i]));
    TRY(store_write_blob(s, id, w->in->config, w->in->config_len));
    if (!index_by_id(&ix, id)) /* else the manifest by which it came first stays */
        TRY(store_write_blob(s, image.manifest, manifest, manifest_len));
    put_names(&ix, &image, w->in);
    return index_write(s, &ix);
}

static struct err *check_counts(const struct work *w)
{
    if (w->src->n_layers != w->config.diff_ids.n)
        return err_new(ERR_INVALID, "%zu layers, but the config has %zu diff_ids", w->src->n_layers,
            w->config.diff_ids.n);
    return NULL;
}

struct err *install_image(
    struct arena *a, const struct install *in, const struct install_source *src, char ret_id[DIGEST_TEXT])
{
    struct work w = {.in = in, .src = src};
    TRY(document_parse_config(a, in->config, in->config_len, &w.config));
    TRY(check_counts(&w));
    digest_of(in->config, in->config_len, ret_id);
    w.room = src->n_layers;
    w.chains = arena_array(a, w.room + 1, sizeof *w.chains);
    w.lower = arena_array(a, w.room + 1, sizeof *w.lower);
    w.made = arena_array(a, w.room + 1, sizeof *w.made);
    for (size_t i = 0; i < w.room; i++)
        digest_chain(i ? w.chains[i - 1] : NULL, w.config.diff_ids.v[i], w.chains[i]);
    struct err *e = do_layers(&w);
    if (!e)
        e = commit(a, &w, ret_id);
    while (w.n_lower)
        close(w.lower[w.room - w.n_lower--]);
    return e;
}
