/* Digests as OCI writes them: "sha256:" and 64 lower-case hexadecimal digits. Nothing else is accepted. */
#ifndef WHERRY_IMAGES_DIGEST_H
#define WHERRY_IMAGES_DIGEST_H

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>

#define DIGEST_PREFIX "sha256:"
#define DIGEST_HEX 64
#define DIGEST_TEXT (sizeof(DIGEST_PREFIX) + DIGEST_HEX) /* with the NUL */

bool digest_is_hex(const char *text); /* 64 lower-case hexadecimal digits */
/* ERR_INVALID, or ERR_UNSUPPORTED for an algorithm that is not sha256; text NULL is invalid. */
struct err *digest_check(const char *text) __attribute__((warn_unused_result));
const char *digest_hex(const char *digest); /* of a checked digest: the part after the colon */
void digest_of(const void *data, size_t n, char digest[DIGEST_TEXT]);
void digest_from_hex(const char *hex, char digest[DIGEST_TEXT]);

/* The chain id of a layer on top of a chain (image-spec, "Layer ChainID"); below NULL: the first layer. */
void digest_chain(const char *below, const char *diff_id, char chain[DIGEST_TEXT]);

#endif
