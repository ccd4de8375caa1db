/* Image references: a normalised one is its own normal form, and holds nothing that a path could misread. */
#include "lib/api/image.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    const char *full, *again, *ref = arena_strndup(a, (const char *)data, n);
    auto_err *e = image_ref_normalise(a, ref, &full);
    if (e)
        return 0;
    auto_err *failed = image_ref_normalise(a, full, &again);
    if (failed || strcmp(full, again) || strstr(full, "/../") || strstr(full, "//") || strlen(full) > 500)
        abort();
    return 0;
}
