/* inspect, list, and the line that ends load and pull. */
#include "images/describe.h"
#include "images/command.h"
#include "images/document.h"
#include "images/report.h"
#include <string.h>

static struct err *read_config(
    struct arena *a, const struct store *s, const struct index_image *i, struct image_document *ret)
{
    auto_free char *text = NULL;
    size_t len;
    TRY_WRAP(store_read_blob(s, i->id, &text, &len), "image %s", i->id);
    return err_wrap(document_parse_config(a, text, len, ret), "image %s", i->id);
}

static struct str_list chains_of(struct arena *a, const struct str_list *diff_ids)
{
    struct str_list l = {diff_ids->n, arena_array(a, diff_ids->n + 1, sizeof(char *))};
    for (size_t i = 0; i < l.n; i++) {
        char *chain = arena_alloc(a, DIGEST_TEXT);
        digest_chain(i ? l.v[i - 1] : NULL, diff_ids->v[i], chain);
        l.v[i] = chain;
    }
    return l;
}

struct err *describe_chains(
    struct arena *a, const struct store *s, const struct index_image *i, struct str_list *ret)
{
    struct image_document d;
    TRY(read_config(a, s, i, &d));
    *ret = chains_of(a, &d.diff_ids);
    return NULL;
}

struct err *describe_image(
    struct arena *a, const struct store *s, const struct index_image *i, struct image *ret)
{
    struct image_document d;
    TRY(read_config(a, s, i, &d));
    *ret = (struct image){.id = i->id,
        .refs = i->refs,
        .digests = i->digests,
        .layers = chains_of(a, &d.diff_ids),
        .size = {.set = true},
        .created = d.created,
        .architecture = d.architecture,
        .os = d.os,
        .config = d.config};
    for (size_t k = 0; k < ret->layers.n; k++) {
        const char *chain = ret->layers.v[k];
        if (!store_has_layer(s, chain))
            return err_new(ERR_SYSTEM, "image %s: layer %s is missing in %s: remove and load the image again",
                i->id, chain, s->path);
        ret->size.v += store_layer_size(s, chain).bytes;
        ret->layers.v[k] = arena_printf(a, "%s/layers/%s", s->path, digest_hex(chain));
    }
    return NULL;
}

struct err *describe_and_report(const struct store *s, const char *id)
{
    auto_arena *a = arena_new();
    struct index ix;
    struct image image;
    auto_close lock = -1;
    TRY(store_lock(s, &lock));
    TRY(index_read(s, a, &ix));
    const struct index_image *i = index_by_id(&ix, id);
    if (!i)
        return err_new(ERR_CONFLICT, "image %s: removed while it came in", id);
    TRY(describe_image(a, s, i, &image));
    report_image(&image);
    return NULL;
}

/* The lock orders us and rm: whoever pinned the image before asking, and is answered, keeps it. */
struct err *command_inspect(const char *root, const char *name)
{
    auto_arena *a = arena_new();
    auto_store *s = NULL;
    struct index ix;
    struct index_image *i;
    struct image image;
    struct err *e = store_open(root, false, &s);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return err_new(ERR_NOT_FOUND, "image %s: not here", name);
    }
    if (e)
        return e;
    auto_close lock = -1;
    TRY(store_lock(s, &lock));
    TRY(index_read(s, a, &ix));
    TRY(index_find(&ix, name, &i));
    TRY(describe_image(a, s, i, &image));
    report_image(&image);
    return NULL;
}

struct err *command_list(const char *root)
{
    auto_arena *a = arena_new();
    auto_store *s = NULL;
    struct index ix;
    struct err *bad = store_open(root, false, &s);
    if (bad && err_kind(bad) == ERR_NOT_FOUND) {
        err_free(bad);
        return NULL;
    }
    if (bad)
        return bad;
    auto_close lock = -1;
    TRY(store_lock(s, &lock));
    TRY(index_read(s, a, &ix));
    for (size_t i = 0; i < ix.n; i++) { /* one broken image does not hide the others */
        struct image image;
        struct err *e = describe_image(a, s, &ix.v[i], &image);
        if (!e)
            report_image(&image);
        else if (!bad)
            bad = e;
        else
            err_free(e);
    }
    return bad;
}
