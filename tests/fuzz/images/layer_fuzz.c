/* A layer as it comes: decompression, tar headers, names. Nothing is written; every accepted name stays
 * inside. */
#include "images/inflate.h"
#include "images/path.h"
#include "images/tar.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void judge(const char *name)
{
    char path[LIMITS_PATH];
    enum path_kind kind;
    auto_err *e = path_judge(name, path, &kind);
    if (!e && (*path == '/' || strstr(path, "//") || !strncmp(path, "../", 3) || strstr(path, "/../")))
        abort();
}

static struct err *walk(struct tar *t)
{
    const struct tar_entry *e;
    const void *block;
    size_t len;
    int64_t at;
    const char *name;
    for (;;) {
        TRY(tar_next(t, &e));
        if (!e)
            return NULL;
        judge(e->path);
        for (tar_xattr(t, &name, &block, &len); name; tar_xattr(t, &name, &block, &len))
            ;
        do
            TRY(tar_data(t, &block, &len, &at));
        while (len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct limits l = LIMITS_DEFAULT;
    l.layer_bytes = 16U << 20;
    l.layer_entries = 10000;
    auto_close fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || (n && write(fd, data, n) != (ssize_t)n) || lseek(fd, 0, SEEK_SET))
        abort();
    auto_inflate *in = inflate_new(fd, &l, true);
    auto_tar *t = tar_new(in, l.layer_entries);
    auto_err *e = walk(t);
    auto_err *rest = inflate_drain(in);
    return 0;
}
