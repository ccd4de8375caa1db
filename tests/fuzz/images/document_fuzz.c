/* Manifests, configs, docker save's list, challenges, URLs: any bytes get an answer. */
#include "images/challenge.h"
#include "images/document.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, n);
    struct document d;
    struct image_document c;
    struct saved_image *v;
    struct url u;
    size_t len = strlen(text), n_saved;
    const struct platform host = {"linux", "amd64", NULL};
    auto_err *e = document_parse(a, text, len, NULL, &d);
    if (!e && d.kind == DOCUMENT_INDEX)
        document_choose(&d.manifests, &host);
    auto_err *e2 = document_parse_config(a, text, len, &c);
    auto_err *e3 = document_parse_saved(a, text, len, &v, &n_saved);
    auto_err *e4 = url_parse(a, text, &u);
    if (challenge_parse(a, text).kind == CHALLENGE_BEARER && !challenge_parse(a, text).realm)
        abort();
    return 0;
}
