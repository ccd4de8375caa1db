/* See idmap.h. */
#include "runtime/user/idmap.h"
#include "lib/buf.h"
#include "lib/mem.h"

#define MAX_ID 0xffffffffLL /* not an id: the kernel has it for "none" */

static bool overlap(int64_t a, int64_t b, int64_t a_size, int64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static struct err *check(const struct oci_id_map *v, size_t i)
{
    int64_t in = opt_int_or(v[i].container_id, 0), out = opt_int_or(v[i].host_id, 0),
            size = opt_int_or(v[i].size, 0);
    if (size <= 0)
        return err_new(ERR_INVALID, "size: must be above 0");
    if (in < 0 || out < 0 || size > MAX_ID - in || size > MAX_ID - out)
        return err_new(ERR_INVALID, "size: %lld: goes beyond the largest id", (long long)size);
    for (size_t j = 0; j < i; j++)
        if (overlap(in, opt_int_or(v[j].container_id, 0), size, opt_int_or(v[j].size, 0)) ||
            overlap(out, opt_int_or(v[j].host_id, 0), size, opt_int_or(v[j].size, 0)))
            return err_new(ERR_INVALID, "overlaps the range of [%zu]", j);
    return NULL;
}

struct err *idmap_text(
    struct arena *a, const char *name, const struct oci_id_map *v, size_t n, const char **ret)
{
    auto_buf b = BUF_INIT(64 << 10);
    if (n > IDMAP_MAX)
        return err_new(ERR_LIMIT, "%s: %zu ranges, %d at the most", name, n, IDMAP_MAX);
    for (size_t i = 0; i < n; i++) {
        TRY_WRAP(check(v, i), "%s[%zu]", name, i);
        buf_addf(&b, "%lld %lld %lld\n", (long long)opt_int_or(v[i].container_id, 0),
            (long long)opt_int_or(v[i].host_id, 0), (long long)opt_int_or(v[i].size, 0));
    }
    TRY(buf_check(&b, name));
    *ret = arena_strdup(a, buf_str(&b));
    return NULL;
}
