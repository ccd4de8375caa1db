/* Digests: checking what strangers wrote, computing ours. Pure. */
#include "images/digest.h"
#include "lib/tls.h"
#include <stdio.h>
#include <string.h>

bool digest_is_hex(const char *text)
{
    return strlen(text) == DIGEST_HEX && strspn(text, "0123456789abcdef") == DIGEST_HEX;
}

struct err *digest_check(const char *text)
{
    if (!text || !*text)
        return err_new(ERR_INVALID, "no digest");
    if (strlen(text) > 200)
        return err_new(ERR_INVALID, "digest of %zu characters", strlen(text));
    if (!strncmp(text, DIGEST_PREFIX, strlen(DIGEST_PREFIX)) && digest_is_hex(digest_hex(text)))
        return NULL;
    if (!strncmp(text, "sha512:", 7) || !strncmp(text, "sha384:", 7))
        return err_new(ERR_UNSUPPORTED, "digest %s: only sha256 is supported", text);
    return err_new(ERR_INVALID, "digest %s: not sha256: and 64 lower-case hexadecimal digits", text);
}

const char *digest_hex(const char *digest)
{
    return digest + strlen(DIGEST_PREFIX);
}

void digest_from_hex(const char *hex, char digest[DIGEST_TEXT])
{
    snprintf(digest, DIGEST_TEXT, DIGEST_PREFIX "%s", hex);
}

void digest_of(const void *data, size_t n, char digest[DIGEST_TEXT])
{
    char hex[DIGEST_HEX + 1];
    sha256_hex(data, n, hex);
    digest_from_hex(hex, digest);
}

void digest_chain(const char *below, const char *diff_id, char chain[DIGEST_TEXT])
{
    char text[2 * DIGEST_TEXT];
    if (!below) {
        snprintf(chain, DIGEST_TEXT, "%s", diff_id);
        return;
    }
    int n = snprintf(text, sizeof text, "%s %s", below, diff_id);
    digest_of(text, (size_t)n, chain);
}
