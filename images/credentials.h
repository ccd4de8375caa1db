/* Docker's config.json (also a Secret's .dockerconfigjson): what to log in with, by registry. Pure. */
#ifndef WHERRY_IMAGES_CREDENTIALS_H
#define WHERRY_IMAGES_CREDENTIALS_H

#include "images/reference.h"
#include "lib/err.h"

struct credentials { /* all NULL: none */
    const char *username, *password;
    const char *identity_token; /* an OAuth2 refresh token instead of a password */
};
/* The entry that fits best: registry/repository, a part of it, or the registry alone. */
struct err *credentials_find(struct arena *a, const char *text, size_t len, const struct reference *r,
    struct credentials *ret) __attribute__((warn_unused_result));

#endif
