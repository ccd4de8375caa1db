/* Id maps: the text for the kernel has as many good lines as there are ranges, and no two of them overlap;
 * crun's notation of them. */
#include "lib/mem.h"
#include "runtime/user/idmap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Ranges from raw numbers, most of them small so that some of them are good. */
static size_t ranges(const uint8_t *data, size_t n, struct oci_id_map *v, size_t max)
{
    size_t i = 0;
    for (int64_t x[3]; i < max && n >= sizeof(x); i++, data += sizeof(x), n -= sizeof(x)) {
        memcpy(x, data, sizeof(x));
        for (int j = 0; j < 3; j++)
            x[j] = x[j] & 1 ? x[j] >> 1 : (x[j] >> 1) % 100000;
        v[i] = (struct oci_id_map){{true, x[0]}, {true, x[1]}, {true, x[2]}};
    }
    return i;
}

static void check(const char *text, size_t n)
{
    unsigned long long in[IDMAP_MAX], out[IDMAP_MAX], size[IDMAP_MAX];
    for (size_t i = 0; i < n; i++) {
        int end = 0;
        if (sscanf(text, "%llu %llu %llu\n%n", &in[i], &out[i], &size[i], &end) != 3 || !size[i] ||
            in[i] + size[i] > 0xffffffffULL || out[i] + size[i] > 0xffffffffULL)
            abort();
        text += end;
        for (size_t j = 0; j < i; j++)
            if ((in[i] < in[j] + size[j] && in[j] < in[i] + size[i]) ||
                (out[i] < out[j] + size[j] && out[j] < out[i] + size[i]))
                abort();
    }
    if (*text)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct oci_id_map v[400];
    struct idmap_list uids, gids;
    const char *text;
    auto_arena *a = arena_new();
    struct oci_linux l = {.uid_mappings.v = v, .gid_mappings.v = v};
    l.uid_mappings.n = l.gid_mappings.n = ranges(data, n, v, sizeof(v) / sizeof(*v));
    auto_err *e = idmap_text(a, "m", v, l.uid_mappings.n, &text);
    if (!e)
        check(text, l.uid_mappings.n);
    auto_err *p = idmap_parse(a, &l, arena_strndup(a, (const char *)data, n), &uids, &gids);
    auto_err *u = p ? NULL : idmap_text(a, "u", uids.v, uids.n, &text);
    if (!p && !u)
        check(text, uids.n);
    return 0;
}
