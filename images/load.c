/*
 * load: an image tarball to images. What `docker save` writes (manifest.json; since 25.0 an OCI layout, too)
 * is read by its manifest.json, which has the names; a plain OCI layout by its index.json.
 */
#include "images/command.h"
#include "images/confine.h"
#include "images/describe.h"
#include "images/document.h"
#include "images/install.h"
#include "images/interrupt.h"
#include "images/reference.h"
#include "images/spool.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX_DEPTH 4

struct load {
    struct arena *a;
    const struct store *store;
    struct job *job;
    const struct limits *limits;
    const char *label;
    struct spool spool;
    size_t n, expected; /* images so far, and in all */
};

/* --- installing one --- */

struct layers {
    const struct spool *spool;
    const struct spool_file **files;
    size_t n;
    bool last; /* no other image of the tarball may want them */
};

/* A file that nobody will open again goes while it is read: the sync before the commit need not write it. */
static struct err *open_layer(void *arg, size_t i, int *ret_fd)
{
    const struct layers *l = arg;
    bool again = !l->last;
    for (size_t k = i + 1; k < l->n; k++)
        again = again || l->files[k] == l->files[i];
    TRY(spool_open(l->spool, l->files[i], ret_fd));
    if (!again)
        spool_drop(l->spool, l->files[i]);
    return NULL;
}

struct found {                                  /* an image in the tarball, its parts found */
    const struct spool_file *config, *manifest; /* manifest NULL: none */
    const char *media_type;
    const struct spool_file **layers;
    size_t n_layers;
    struct str_list refs;
};

static struct err *install(struct load *l, const struct found *f)
{
    struct layers layers = {&l->spool, f->layers, f->n_layers, l->n + 1 == l->expected};
    struct install_layer *names = arena_array(l->a, f->n_layers + 1, sizeof *names);
    char id[DIGEST_TEXT];
    for (size_t i = 0; i < f->n_layers; i++)
        names[i] = (struct install_layer){f->layers[i]->digest, f->layers[i]->size};
    struct install in = {.job = l->job,
        .limits = l->limits,
        .label = f->refs.n ? f->refs.v[0] : f->config->digest,
        .media_type = f->media_type,
        .refs = f->refs};
    TRY(spool_text(l->a, &l->spool, f->config, &in.config, &in.config_len));
    if (f->manifest)
        TRY(spool_text(l->a, &l->spool, f->manifest, &in.manifest, &in.manifest_len));
    const struct install_source src = {
        .layers = names, .n_layers = f->n_layers, .open = open_layer, .arg = &layers};
    TRY_WRAP(install_image(l->a, &in, &src, id), "image %s", in.label);
    l->n++;
    return describe_and_report(l->store, id);
}

static void add_name(struct load *l, struct str_list *refs, const char *ref)
{
    const char **v = arena_array(l->a, refs->n + 1, sizeof *v);
    if (refs->n)
        memcpy(v, refs->v, refs->n * sizeof *v);
    v[refs->n++] = ref;
    refs->v = v;
}

/* --- docker save --- */

static struct err *find_member(const struct load *l, const char *name, const struct spool_file **ret)
{
    *ret = spool_find(&l->spool, name);
    return *ret ? NULL : err_new(ERR_INVALID, "%s: not in the tarball", name);
}

static struct err *load_saved_image(struct load *l, const struct saved_image *s)
{
    struct found f = {.n_layers = s->layers.n};
    struct reference r;
    for (size_t i = 0; i < s->repo_tags.n; i++) {
        TRY_WRAP(reference_parse(l->a, s->repo_tags.v[i], &r), "RepoTags");
        if (!r.tag)
            return err_new(ERR_INVALID, "RepoTags: %s has no tag", r.text);
        add_name(l, &f.refs, reference_tagged(l->a, &r));
    }
    TRY_WRAP(find_member(l, s->config, &f.config), "Config");
    f.layers = arena_array(l->a, f.n_layers + 1, sizeof *f.layers);
    for (size_t i = 0; i < f.n_layers; i++)
        TRY_WRAP(find_member(l, s->layers.v[i], &f.layers[i]), "Layers[%zu]", i);
    return install(l, &f);
}

static struct err *load_saved(struct load *l, const struct spool_file *manifest)
{
    const char *text;
    size_t len, n;
    struct saved_image *v;
    TRY(spool_text(l->a, &l->spool, manifest, &text, &len));
    TRY_WRAP(document_parse_saved(l->a, text, len, &v, &n), "manifest.json");
    l->expected = n;
    for (size_t i = 0; i < n; i++)
        TRY_WRAP(load_saved_image(l, &v[i]), "manifest.json: [%zu]", i);
    return NULL;
}

/* --- OCI layout --- */

static struct err *find_blob(const struct load *l, const struct descriptor *d, const struct spool_file **ret)
{
    *ret = spool_find_digest(&l->spool, d->digest);
    if (!*ret)
        return err_new(ERR_INVALID, "blob %s: not in the tarball", d->digest);
    if ((*ret)->size != d->size.v)
        return err_new(ERR_INVALID, "blob %s: %lld bytes, its descriptor says %lld", d->digest,
            (long long)(*ret)->size, (long long)d->size.v);
    return NULL;
}

/* containerd and docker write the whole name; skopeo writes what it was given; a bare tag (umoci) names
 * nothing that a Pod could ask for. */
static void name_from(struct load *l, const struct descriptor *d, struct str_list *refs)
{
    const char *name = str_map_get(&d->annotations, "io.containerd.image.name");
    struct reference r;
    if (!name)
        name = str_map_get(&d->annotations, "org.opencontainers.image.ref.name");
    if (!name || (!strchr(name, ':') && !strchr(name, '/')))
        return;
    auto_err *bad = reference_parse(l->a, name, &r);
    const char *tagged = bad ? NULL : reference_tagged(l->a, &r);
    if (tagged)
        add_name(l, refs, tagged);
}

static struct err *load_manifest(struct load *l, const struct descriptor *d, const struct spool_file *file,
    const struct document *m, struct str_list refs)
{
    struct found f = {.manifest = file,
        .media_type = d->media_type ? d->media_type : m->media_type,
        .n_layers = m->layers.n,
        .refs = refs};
    TRY_WRAP(find_blob(l, m->config, &f.config), "config");
    f.layers = arena_array(l->a, f.n_layers + 1, sizeof *f.layers);
    for (size_t i = 0; i < f.n_layers; i++)
        TRY_WRAP(find_blob(l, &m->layers.v[i], &f.layers[i]), "layers[%zu]", i);
    return install(l, &f);
}

static struct err *load_descriptor(
    struct load *l, const struct descriptor *d, struct str_list refs, unsigned depth)
{
    const struct spool_file *file;
    const char *text;
    size_t len;
    struct document doc;
    if (depth > INDEX_DEPTH)
        return err_new(ERR_LIMIT, "indexes nested more than %d deep", INDEX_DEPTH);
    TRY(find_blob(l, d, &file));
    TRY(spool_text(l->a, &l->spool, file, &text, &len));
    TRY_WRAP(document_parse(l->a, text, len, d->media_type, &doc), "%s", d->digest);
    if (doc.kind == DOCUMENT_MANIFEST)
        return err_wrap(load_manifest(l, d, file, &doc, refs), "manifest %s", d->digest);
    const struct platform host = document_host();
    const struct descriptor *own = document_choose(&doc.manifests, &host);
    if (!own)
        return err_new(ERR_NOT_FOUND, "index %s: no image for %s/%s", d->digest, host.os, host.architecture);
    return load_descriptor(l, own, refs, depth + 1);
}

static bool is_for_others(const struct descriptor *d)
{
    const struct platform host = document_host();
    const struct descriptors one = {1, (struct descriptor *)d};
    return d->platform && d->platform->os && !document_choose(&one, &host);
}

static struct err *load_layout(struct load *l, const struct spool_file *index)
{
    const char *text;
    size_t len;
    struct document doc;
    TRY(spool_text(l->a, &l->spool, index, &text, &len));
    TRY_WRAP(document_parse(l->a, text, len, NULL, &doc), "index.json");
    if (doc.kind != DOCUMENT_INDEX)
        return err_new(ERR_INVALID, "index.json: not an index");
    l->expected = doc.manifests.n; /* or less: then files stay a little longer */
    for (size_t i = 0; i < doc.manifests.n; i++) {
        const struct descriptor *d = &doc.manifests.v[i];
        struct str_list refs = {0};
        if (is_for_others(d))
            continue;
        name_from(l, d, &refs);
        TRY_WRAP(load_descriptor(l, d, refs, 1), "index.json: manifests[%zu]", i);
    }
    const struct platform host = document_host();
    if (!l->n)
        return err_new(ERR_NOT_FOUND, "index.json: no image for %s/%s", host.os, host.architecture);
    return NULL;
}

/* --- the command --- */

static struct err *open_input(const char *file, int *ret_fd, int64_t *ret_total)
{
    struct stat st;
    *ret_total = -1;
    *ret_fd = strcmp(file, "-") ? open(file, O_RDONLY | O_CLOEXEC) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (*ret_fd < 0)
        return err_sys(errno, "open");
    if (fstat(*ret_fd, &st))
        return err_sys(errno, "stat");
    if (S_ISDIR(st.st_mode))
        return err_new(ERR_INVALID, "a folder, not a tarball");
    if (S_ISREG(st.st_mode))
        *ret_total = st.st_size;
    return NULL;
}

static struct err *load(struct load *l, int in, int64_t total)
{
    TRY(spool_read(l->a, l->job, in, l->label, total, l->limits, &l->spool));
    const struct spool_file *saved = spool_find(&l->spool, "manifest.json"),
                            *layout = spool_find(&l->spool, "index.json");
    if (saved)
        return load_saved(l, saved);
    if (layout)
        return load_layout(l, layout);
    return err_new(
        ERR_INVALID, "not an image: neither manifest.json (docker save) nor index.json (OCI layout) in it");
}

struct err *command_load(const char *root, const char *file, const struct limits *limits)
{
    auto_arena *a = arena_new();
    auto_store *s = NULL;
    auto_job *j = NULL;
    auto_close in = -1;
    int64_t total;
    const char *label = strcmp(file, "-") ? file : "stdin";
    interrupt_catch();
    TRY_WRAP(open_input(file, &in, &total), "%s", label);
    TRY(store_open(root, true, &s));
    TRY(confine_boss(s->root));
    TRY(job_new(s, &j));
    struct load l = {.a = a, .store = s, .job = j, .limits = limits, .label = label};
    return err_wrap(load(&l, in, total), "%s", label);
}
