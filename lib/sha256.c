/* SHA-256 on GnuTLS (which uses the processor's instructions where there are some). */
#include "lib/mem.h"
#include "lib/tls.h"
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

struct sha256 {
    gnutls_hash_hd_t hash;
};

static void to_hex(const unsigned char digest[32], char hex[65])
{
    static const char DIGITS[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = DIGITS[digest[i] >> 4];
        hex[2 * i + 1] = DIGITS[digest[i] & 15];
    }
    hex[64] = 0;
}

struct sha256 *sha256_new(void)
{
    struct sha256 *h = mem_new(struct sha256);
    if (gnutls_hash_init(&h->hash, GNUTLS_DIG_SHA256) < 0)
        abort(); /* out of memory, or a GnuTLS without SHA-256 */
    return h;
}

void sha256_add(struct sha256 *h, const void *data, size_t n)
{
    if (n)
        gnutls_hash(h->hash, data, n);
}

void sha256_end_hex(struct sha256 *h, char hex[65])
{
    unsigned char digest[32];
    gnutls_hash_deinit(h->hash, digest);
    to_hex(digest, hex);
    free(h);
}

void sha256_hex(const void *data, size_t n, char hex[65])
{
    unsigned char digest[32];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, n ? data : "", n, digest) < 0)
        abort();
    to_hex(digest, hex);
}
