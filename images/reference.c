/* References: normalised by lib/api, split here. */
#include "images/reference.h"
#include "images/digest.h"
#include "lib/api/image.h"
#include <string.h>

struct err *reference_parse(struct arena *a, const char *text, struct reference *ret)
{
    struct reference r = {0};
    TRY(image_ref_normalise(a, text, &r.text));
    char *rest = arena_strdup(a, r.text), *at = strchr(rest, '@');
    if (at) {
        *at = '\0';
        r.digest = at + 1;
        TRY_WRAP(digest_check(r.digest), "reference %s", text);
    }
    char *slash = strchr(rest, '/'), *colon = slash ? strchr(slash, ':') : NULL;
    if (!slash)
        return err_new(ERR_BUG, "reference %s: no registry after normalising", r.text);
    if (colon) {
        *colon = '\0';
        r.tag = colon + 1;
    }
    r.name = rest;
    r.registry = arena_strndup(a, rest, (size_t)(slash - rest));
    r.repository = slash + 1;
    *ret = r;
    return NULL;
}

const char *reference_tagged(struct arena *a, const struct reference *r)
{
    return r->tag ? arena_printf(a, "%s:%s", r->name, r->tag) : NULL;
}

const char *reference_by_digest(struct arena *a, const struct reference *r, const char *digest)
{
    return arena_printf(a, "%s@%s", r->name, digest);
}
