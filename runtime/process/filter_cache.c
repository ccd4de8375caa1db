/*
 * Compiled filters, kept: See filter.h. A file is a header, the profile's text, the program. It is written
 * whole (renamed into place) and only its owner can write it; one of another libseccomp, another format,
 * another text or a wrong length is compiled anew and replaced.
 */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/process/filter_apart.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER ".seccomp"
#define TEXT_MAX (1 << 20)
#define FILES_MAX (TEXT_MAX + (1 << 19))

struct header {
    char magic[8];
    uint32_t version, arch, flags, program_bytes, text_bytes;
};
static const char magic[8] = "WHSECC4";

static struct header header_of(const struct buf *text, const struct process_filter *f)
{
    const struct scmp_version *v = seccomp_version();
    struct header h = {.version = v->major << 16 | v->minor << 8 | v->micro,
        .arch = seccomp_arch_native(),
        .flags = f->flags,
        .program_bytes = f->n * (uint32_t)sizeof(struct sock_filter),
        .text_bytes = (uint32_t)text->len};
    memcpy(h.magic, magic, sizeof(magic));
    return h;
}

/* FNV-1a, twice with different bases: only a name; the text decides. */
static void name_of(const struct buf *text, char name[40])
{
    uint64_t a = 0xcbf29ce484222325u, b = 0x84222325cbf29ce4u;
    for (size_t i = 0; i < text->len; i++) {
        a = (a ^ (unsigned char)text->data[i]) * 0x100000001b3u;
        b = (b ^ (unsigned char)text->data[i]) * 0x10000000233u;
    }
    snprintf(name, 40, "%016llx%016llx", (unsigned long long)a, (unsigned long long)b);
}

/* True where the file was there and is what we look for. */
static bool fetch(
    int dir, const char *name, struct arena *a, const struct buf *text, struct process_filter *ret)
{
    auto_free char *data = NULL;
    size_t len;
    auto_err *e = file_read(dir, name, FILES_MAX, &data, &len);
    struct header h;
    if (e || len < sizeof(h))
        return false;
    memcpy(&h, data, sizeof(h));
    struct process_filter f = {
        .flags = h.flags, .n = (unsigned short)(h.program_bytes / sizeof(struct sock_filter))};
    struct header want = header_of(text, &f);
    if (memcmp(&h, &want, sizeof(h)) || !f.n || len != sizeof(h) + h.text_bytes + h.program_bytes ||
        memcmp(data + sizeof(h), text->data, text->len))
        return false;
    f.v = arena_alloc(a, h.program_bytes);
    memcpy(f.v, data + sizeof(h) + text->len, h.program_bytes);
    *ret = f;
    return true;
}

static struct err *keep(int dir, const char *name, const struct buf *text, const struct process_filter *f)
{
    struct header h = header_of(text, f);
    auto_buf b = BUF_INIT(FILES_MAX);
    buf_add(&b, &h, sizeof(h));
    buf_add(&b, text->data, text->len);
    buf_add(&b, f->v, h.program_bytes);
    TRY(buf_check(&b, "seccomp filter"));
    return file_write_atomic(dir, name, b.data, b.len, 0600, FILE_NO_FSYNC);
}

static int open_folder(int root)
{
    int dir = openat(root, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir >= 0 || errno != ENOENT)
        return dir;
    if (mkdirat(root, FOLDER, 0700) < 0 && errno != EEXIST)
        return -1;
    return openat(root, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

struct err *filter_get(int root, struct arena *a, const struct json *profile, struct process_filter *ret)
{
    auto_buf text = BUF_INIT(TEXT_MAX);
    json_write(&text, profile, 0);
    TRY_WRAP(buf_check(&text, "profile"), "linux.seccomp");
    char name[40];
    name_of(&text, name);
    auto_close dir = root < 0 ? -1 : open_folder(root);
    if (dir >= 0 && fetch(dir, name, a, &text, ret))
        return NULL;
    TRY_WRAP(filter_compile_apart(a, profile, ret), "linux.seccomp");
    if (dir >= 0)
        err_free(keep(dir, name, &text, ret)); /* a full disk costs time, not the container */
    return NULL;
}
