/* The unpacker: bytes -> inflate -> tar -> extract, and the digest of what was inflated. */
#include "images/unpack.h"
#include "images/confine.h"
#include "images/extract.h"
#include "images/inflate.h"
#include "images/tar.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void note(void *self, uint64_t in)
{
    worker_note(self, in);
}

struct err *unpack_run(const struct unpack_opts *o, struct worker_self *self, struct worker_result *ret)
{
    auto_inflate *in = inflate_new(o->in, o->limits, true);
    auto_tar *t = tar_new(in, o->limits->layer_entries);
    auto_extract *x = extract_new(o->root, o->lower, o->n_lower, o->limits);
    const struct tar_entry *e;
    if (self)
        inflate_watch(in, note, self);
    for (;;) {
        TRY(tar_next(t, &e));
        if (!e)
            break;
        TRY(extract_entry(x, t, e));
    }
    TRY(extract_finish(x));
    TRY(inflate_drain(in));
    char hex[DIGEST_HEX + 1];
    inflate_end_hex(in, hex);
    digest_from_hex(hex, ret->digest);
    ret->bytes = (int64_t)extract_bytes(x);
    ret->entries = (int64_t)tar_entries(t);
    return NULL;
}

static struct err *run(void *arg, struct worker_self *self, struct worker_result *ret)
{
    const struct unpack_opts *o = arg;
    umask(0);
    TRY(confine_unpacker(o->store, o->root));
    return unpack_run(o, self, ret);
}

struct err *unpack_start(const struct unpack_opts *o, struct worker *ret)
{
    auto_free int *keep = mem_array(o->n_lower + 3, sizeof *keep);
    size_t n = 0;
    keep[n++] = o->store;
    keep[n++] = o->in;
    keep[n++] = o->root;
    for (size_t i = 0; i < o->n_lower; i++)
        keep[n++] = o->lower[i];
    struct worker_opts w = {.run = run, .arg = (void *)o, .keep = keep, .n_keep = n};
    return worker_start(&w, ret);
}
