/*
 * Decompression. Three decoders with one face: each turns what is left of the input buffer into output and
 * says whether the stream is between two members (where it may end). Gzip members and zstd frames may follow
 * each other; anything else behind them is an error.
 */
#include "images/inflate.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define IN_BYTES (256 * 1024)
#define OUT_BYTES (512 * 1024)
#define WINDOW_LOG 27 /* 128 MiB: what zstd's own command line accepts without being asked */

struct decoder;
struct inflate {
    int fd;
    struct limits limits;
    const struct decoder *decoder; /* NULL until the first bytes are there */
    struct inflate_state gzip;
    ZSTD_DCtx *zstd;
    struct sha256 *sha;
    uint64_t in, out;
    void (*watch)(void *arg, uint64_t in);
    void *watch_arg;
    bool eof;   /* of fd */
    bool whole; /* between two members: the stream may end here */
    size_t have, used;
    uint8_t *ibuf, *obuf;
};

struct decoder {
    const char *name;
    struct err *(*start)(struct inflate *f);
    /* Consumes ibuf[used..have), fills obuf; *ret_n may be 0 when it wants more input. */
    struct err *(*step)(struct inflate *f, size_t *ret_n);
};

static struct err *plain_step(struct inflate *f, size_t *ret_n)
{
    size_t n = f->have - f->used;
    memcpy(f->obuf, f->ibuf + f->used, n);
    f->used = f->have;
    *ret_n = n;
    return NULL;
}

static struct err *plain_start(struct inflate *f)
{
    f->whole = true;
    return NULL;
}

static struct err *gzip_start(struct inflate *f)
{
    isal_inflate_init(&f->gzip);
    f->gzip.crc_flag = ISAL_GZIP;
    return NULL;
}

static const char *gzip_problem(int code)
{
    switch (code) {
    case ISAL_INVALID_WRAPPER:
        return "not a gzip header";
    case ISAL_UNSUPPORTED_METHOD:
        return "unsupported method";
    case ISAL_INCORRECT_CHECKSUM:
        return "incorrect checksum";
    default:
        return "corrupt data";
    }
}

static struct err *gzip_step(struct inflate *f, size_t *ret_n)
{
    if (f->whole) { /* one more member */
        isal_inflate_reset(&f->gzip);
        f->gzip.crc_flag = ISAL_GZIP;
        f->whole = false;
    }
    f->gzip.next_in = f->ibuf + f->used;
    f->gzip.avail_in = (uint32_t)(f->have - f->used);
    f->gzip.next_out = f->obuf;
    f->gzip.avail_out = OUT_BYTES;
    int r = isal_inflate(&f->gzip);
    if (r < 0)
        return err_new(ERR_INVALID, "gzip: %s", gzip_problem(r));
    f->used = f->have - f->gzip.avail_in;
    f->whole = f->gzip.block_state == ISAL_BLOCK_FINISH;
    *ret_n = OUT_BYTES - f->gzip.avail_out;
    return NULL;
}

static struct err *zstd_start(struct inflate *f)
{
    f->zstd = ZSTD_createDCtx();
    if (!f->zstd)
        return err_new(ERR_SYSTEM, "zstd: no context");
    ZSTD_DCtx_setParameter(f->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
    return NULL;
}

static struct err *zstd_step(struct inflate *f, size_t *ret_n)
{
    ZSTD_inBuffer in = {f->ibuf, f->have, f->used};
    ZSTD_outBuffer out = {f->obuf, OUT_BYTES, 0};
    size_t r = ZSTD_decompressStream(f->zstd, &out, &in);
    if (ZSTD_isError(r))
        return err_new(ERR_INVALID, "zstd: %s", ZSTD_getErrorName(r));
    f->used = in.pos;
    f->whole = r == 0;
    *ret_n = out.pos;
    return NULL;
}

static const struct decoder plain = {"plain", plain_start, plain_step},
                            gzip = {"gzip", gzip_start, gzip_step}, zstd = {"zstd", zstd_start, zstd_step};

static const struct {
    const char *name;
    size_t n;
    const char *magic, *mask;
    const struct decoder *decoder; /* NULL: known, not supported */
} kinds[] = {
    {"gzip", 2, "\x1f\x8b", "\xff\xff", &gzip},
    {"zstd", 4, "\x28\xb5\x2f\xfd", "\xff\xff\xff\xff", &zstd},
    {"zstd", 4, "\x50\x2a\x4d\x18", "\xf0\xff\xff\xff", &zstd}, /* a skippable frame first */
    {"xz", 6,
        "\xfd"
        "7zXZ\0",
        "\xff\xff\xff\xff\xff\xff", NULL},
    {"bzip2", 3, "BZh", "\xff\xff\xff", NULL},
};

static bool matches(size_t k, const uint8_t *data, size_t n)
{
    if (n < kinds[k].n)
        return false;
    for (size_t i = 0; i < kinds[k].n; i++)
        if ((data[i] & (uint8_t)kinds[k].mask[i]) != (uint8_t)kinds[k].magic[i])
            return false;
    return true;
}

static struct err *detect(struct inflate *f)
{
    f->decoder = &plain;
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        if (!matches(k, f->ibuf, f->have))
            continue;
        if (!kinds[k].decoder)
            return err_new(
                ERR_UNSUPPORTED, "compressed with %s: only gzip and zstd are supported", kinds[k].name);
        f->decoder = kinds[k].decoder;
        break;
    }
    return f->decoder->start(f);
}

/* One read(2); the first time as many as it takes to know what it is. */
static struct err *fill(struct inflate *f)
{
    f->have = f->used = 0;
    do {
        ssize_t n = read(f->fd, f->ibuf + f->have, IN_BYTES - f->have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(errno, "read");
        f->eof = n == 0;
        f->have += (size_t)n;
        f->in += (uint64_t)n;
        if (f->watch)
            f->watch(f->watch_arg, f->in);
    } while (!f->eof && !f->decoder && f->have < 16);
    return f->decoder ? NULL : detect(f);
}

struct inflate *inflate_new(int fd, const struct limits *limits, bool hash)
{
    struct inflate *f = mem_new(struct inflate);
    f->fd = fd;
    f->limits = *limits;
    f->ibuf = mem_realloc(NULL, IN_BYTES, 1);
    f->obuf = mem_realloc(NULL, OUT_BYTES, 1);
    if (hash)
        f->sha = sha256_new();
    return f;
}

void inflate_free(struct inflate *f)
{
    if (!f)
        return;
    char hex[65];
    if (f->sha)
        sha256_end_hex(f->sha, hex);
    ZSTD_freeDCtx(f->zstd);
    free(f->ibuf);
    free(f->obuf);
    free(f);
}

void inflate_watch(struct inflate *f, void (*fn)(void *arg, uint64_t in), void *arg)
{
    f->watch = fn;
    f->watch_arg = arg;
}

void inflate_cleanup(struct inflate **f)
{
    inflate_free(*f);
}

static struct err *count(struct inflate *f, size_t n)
{
    f->out += n;
    if (f->out > f->limits.layer_bytes)
        return err_new(
            ERR_LIMIT, "more than %llu bytes decompressed", (unsigned long long)f->limits.layer_bytes);
    if (f->out > f->limits.ratio_from && f->out / f->limits.ratio > f->in)
        return err_new(
            ERR_LIMIT, "decompresses to more than %llu times its size", (unsigned long long)f->limits.ratio);
    if (f->sha)
        sha256_add(f->sha, f->obuf, n);
    return NULL;
}

struct err *inflate_read(struct inflate *f, const void **ret, size_t *ret_len)
{
    for (;;) {
        if (f->used == f->have && !f->eof)
            TRY(fill(f));
        bool input = f->used < f->have, before = f->whole;
        if (!input && (before || !f->decoder)) { /* the end, at a place where it may be */
            *ret_len = 0;
            return NULL;
        }
        size_t n = 0, at = f->used;
        TRY(f->decoder->step(f, &n));
        if (n) {
            TRY(count(f, n));
            *ret = f->obuf;
            *ret_len = n;
            return NULL;
        }
        if (input && f->used == at)
            return err_new(ERR_INVALID, "%s: corrupt data", f->decoder->name);
        if (!input && !f->whole)
            return err_new(ERR_INVALID, "%s: unexpected end after %llu bytes", f->decoder->name,
                (unsigned long long)f->in);
    }
}

struct err *inflate_drain(struct inflate *f)
{
    const void *data;
    size_t n;
    do
        TRY(inflate_read(f, &data, &n));
    while (n);
    return NULL;
}

uint64_t inflate_in(const struct inflate *f)
{
    return f->in;
}

uint64_t inflate_out(const struct inflate *f)
{
    return f->out;
}

void inflate_end_hex(struct inflate *f, char hex[65])
{
    sha256_end_hex(take_ptr(f->sha), hex);
}
