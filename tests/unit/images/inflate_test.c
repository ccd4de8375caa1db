/* images/inflate: what a stream is, several members, ends in the wrong place, ceilings. */
#include "images/inflate.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define N 2000000

struct bytes_ {
    unsigned char *v;
    size_t n;
};

static unsigned char *text(void) /* compresses, but not to nothing */
{
    unsigned char *p = malloc(N);
    for (unsigned i = 0, x = 1; i < N; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = (unsigned char)"abcdefgh"[x >> 29];
    }
    return p;
}

static struct bytes_ gz(const void *data, size_t n)
{
    z_stream z = {0};
    struct bytes_ b = {malloc(n + 1000), 0};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (void *)data;
    z.avail_in = (uInt)n;
    z.next_out = b.v;
    z.avail_out = (uInt)n + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.n = z.total_out;
    deflateEnd(&z);
    return b;
}

static struct bytes_ zst(const void *data, size_t n)
{
    struct bytes_ b = {malloc(ZSTD_compressBound(n)), 0};
    b.n = ZSTD_compress(b.v, ZSTD_compressBound(n), data, n, 3);
    return b;
}

static struct bytes_ twice(struct bytes_ b)
{
    struct bytes_ t = {malloc(2 * b.n), 2 * b.n};
    memcpy(t.v, b.v, b.n);
    memcpy(t.v + b.n, b.v, b.n);
    return t;
}

/* Reads all of it; compares with what is expected, `times` times over. */
static struct err *read_back(
    struct bytes_ b, const struct limits *l, const unsigned char *expected, size_t times)
{
    int fd = memfd_create("t", MFD_CLOEXEC);
    assert_true(b.n == 0 || write(fd, b.v, b.n) == (ssize_t)b.n);
    lseek(fd, 0, SEEK_SET);
    auto_close own = fd;
    auto_inflate *f = inflate_new(own, l, true);
    const void *data;
    size_t n, at = 0;
    do {
        TRY(inflate_read(f, &data, &n));
        for (size_t i = 0; expected && i < n; i++)
            if (((const unsigned char *)data)[i] != expected[(at + i) % N])
                return err_new(ERR_BUG, "differs at %zu", at + i);
        at += n;
    } while (n);
    if (expected && at != times * N)
        return err_new(ERR_BUG, "%zu bytes", at);
    return NULL;
}

static void formats(void **state)
{
    (void)state;
    unsigned char *t = text();
    struct bytes_ all[] = {gz(t, N), zst(t, N), {t, N}};
    for (int i = 0; i < 2; i++) {
        struct bytes_ two = twice(all[i]);
        assert_ok(read_back(all[i], &LIMITS_DEFAULT, t, 1));
        assert_ok(read_back(two, &LIMITS_DEFAULT, t, 2));
        free(two.v);
        for (size_t cut = 1; cut < 30; cut += 4) { /* also in the trailer */
            struct bytes_ b = {all[i].v, all[i].n - cut};
            assert_error(read_back(b, &LIMITS_DEFAULT, NULL, 1), ERR_INVALID, NULL);
        }
        all[i].v[all[i].n / 2] ^= 0x55;
        if (i == 0) /* zstd as made here has no checksum: the layer's digest finds it */
            assert_error(read_back(all[i], &LIMITS_DEFAULT, NULL, 1), ERR_INVALID, NULL);
    }
    assert_ok(read_back(all[2], &LIMITS_DEFAULT, t, 1));
    for (int i = 0; i < 3; i++)
        free(all[i].v);
}

static void short_ones(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t n;
        int kind; /* -1: fine */
    } cases[] = {{"", 0, -1}, {"a", 1, -1}, {"\x1f", 1, -1}, {"\x1f\x8b", 2, ERR_INVALID},
        {"\x1f\x8b\x08\0\0\0", 6, ERR_INVALID}, {"\x28\xb5\x2f\xfd", 4, ERR_INVALID},
        {"\xfd"
         "7zXZ\0more",
            10, ERR_UNSUPPORTED},
        {"BZh91AY", 7, ERR_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes_ b = {(unsigned char *)cases[i].data, cases[i].n};
        struct err *e = read_back(b, &LIMITS_DEFAULT, NULL, 0);
        if (cases[i].kind < 0)
            assert_ok(e);
        else
            assert_error(e, (enum err_kind)cases[i].kind, NULL);
    }
}

static void ceilings(void **state)
{
    (void)state;
    unsigned char *zeros = calloc(1, 8 * N);
    struct bytes_ b = gz(zeros, 8 * N), z = zst(zeros, 8 * N);
    struct limits l = LIMITS_DEFAULT;
    l.ratio_from = N;
    l.ratio = 2000;
    assert_ok(read_back(b, &l, NULL, 0));
    l.ratio = 500;
    assert_error(read_back(b, &l, NULL, 0), ERR_LIMIT, "decompresses to more than 500 times its size");
    assert_error(read_back(z, &l, NULL, 0), ERR_LIMIT, NULL);
    l = LIMITS_DEFAULT;
    l.layer_bytes = 8 * N;
    assert_ok(read_back(b, &l, NULL, 0));
    l.layer_bytes--;
    assert_error(read_back(b, &l, NULL, 0), ERR_LIMIT, NULL);
    free(b.v);
    free(z.v);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(short_ones),
        cmocka_unit_test(ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
