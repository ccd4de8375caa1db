/* Base64 (RFC 4648, section 4, padded) and random bytes: apart from tls.c, for programs without GnuTLS. */
#include "lib/tls.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t n, struct buf *out)
{
    const unsigned char *in = data;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)in[i] << 16 | (have > 1 ? in[i + 1] << 8 : 0) | (have > 2 ? in[i + 2] : 0);
        char four[4] = {ALPHABET[v >> 18], ALPHABET[v >> 12 & 63], have > 1 ? ALPHABET[v >> 6 & 63] : '=',
            have > 2 ? ALPHABET[v & 63] : '='};
        buf_add(out, four, 4);
    }
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, of which the last `padding` are '='. Bits that no byte takes must be zero: one text per value.
 */
static bool decode_four(const char *four, unsigned padding, struct buf *out)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        int d = i < 4 - padding ? digit(four[i]) : 0;
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
    }
    if (v & ((1U << (8 * padding)) - 1))
        return false;
    char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
    buf_add(out, three, 3 - padding);
    return true;
}

struct err *base64_decode(const char *text, struct buf *out)
{
    size_t n = 0;
    char four[4];
    for (const char *p = text; *p; p++) {
        if (*p == '\n' || *p == '\r') /* wrapped, as PEM and people do it */
            continue;
        four[n++ % 4] = *p;
        if (n % 4)
            continue;
        unsigned padding = four[3] != '=' ? 0 : four[2] != '=' ? 1 : 2;
        if (!decode_four(four, padding, out))
            return err_new(ERR_INVALID, "not base64 at character %zu", (size_t)(p - text) + 1);
        if (padding && p[1 + strspn(p + 1, "\r\n")])
            return err_new(ERR_INVALID, "base64 goes on after its padding");
    }
    if (n % 4)
        return err_new(ERR_INVALID, "base64 ends early: %zu characters are no multiple of 4", n);
    return buf_check(out, "base64 data");
}

void tls_random(void *out, size_t n)
{
    unsigned char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno != EINTR)
            abort(); /* no kernel that we run on is without it */
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}
