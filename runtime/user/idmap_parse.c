/* crun's notation of an id map in a mount option: see idmap.h. */
#include "lib/mem.h"
#include "runtime/user/idmap.h"
#include <stdlib.h>
#include <string.h>

static bool read_id(const char **p, char end, int64_t *ret)
{
    char *stop;
    if (**p < '0' || **p > '9')
        return false;
    *ret = strtoll(*p, &stop, 10);
    if ((*stop != end && end) || *ret > UINT32_MAX)
        return false;
    *p = end ? stop + 1 : stop;
    return true;
}

/* The host's id of the container's id `in`, of which `size` more in a row must be in the same range. */
static struct err *of_container(const struct oci_id_map *v, size_t n, int64_t *in, int64_t size)
{
    for (size_t i = 0; i < n; i++) {
        int64_t first = opt_int_or(v[i].container_id, 0), end = first + opt_int_or(v[i].size, 0);
        if (*in < first || *in >= end)
            continue;
        if (*in + size > end)
            break;
        *in += opt_int_or(v[i].host_id, 0) - first;
        return NULL;
    }
    return err_new(ERR_INVALID, "%lld to %lld are not in one range of the container's user namespace",
        (long long)*in, (long long)(*in + size - 1));
}

/* "0-1000-10#10-2000-5", up to the end or a ";" */
static struct err *parse_list(
    struct arena *a, const char **text, const struct oci_id_map *own, size_t n_own, struct idmap_list *ret)
{
    struct idmap_list l = {.v = arena_array(a, IDMAP_MAX, sizeof(*l.v))};
    const char *p = *text;
    do {
        int64_t from, to, size;
        bool relative = *p == '@';
        p += relative;
        if (l.n == IDMAP_MAX)
            return err_new(ERR_LIMIT, "more than %d ranges", IDMAP_MAX);
        if (!read_id(&p, '-', &from) || !read_id(&p, '-', &to) || !read_id(&p, '\0', &size))
            return err_new(ERR_INVALID, "a range must be FROM-TO-SIZE");
        if (relative)
            TRY(of_container(own, n_own, &to, size));
        l.v[l.n++] = (struct oci_id_map){{true, from}, {true, to}, {true, size}};
    } while (*p == '#' && *++p);
    *text = p;
    *ret = l;
    return NULL;
}

struct err *idmap_parse(struct arena *a, const struct oci_linux *l, const char *text,
    struct idmap_list *ret_uids, struct idmap_list *ret_gids)
{
    static const struct oci_linux none;
    *ret_uids = *ret_gids = (struct idmap_list){0};
    if (!l)
        l = &none;
    for (const char *p = text; *p;) {
        bool uids = !strncmp(p, "uids=", 5);
        if (!uids && strncmp(p, "gids=", 5))
            return err_new(ERR_INVALID, "must be uids=...;gids=...");
        p += 5;
        if (uids)
            TRY(parse_list(a, &p, l->uid_mappings.v, l->uid_mappings.n, ret_uids));
        else
            TRY(parse_list(a, &p, l->gid_mappings.v, l->gid_mappings.n, ret_gids));
        if (*p && *p++ != ';')
            return err_new(ERR_INVALID, "must be uids=...;gids=...");
    }
    return ret_uids->n && ret_gids->n ? NULL : err_new(ERR_INVALID, "must have both uids and gids");
}
