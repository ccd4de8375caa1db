/* An image's USER, /etc/passwd and /etc/group, form feeds between them. Ids are in range, and a user that is
 * a number is that number whatever the files say: nobody becomes root by a line that looks like him. */
#include "kubelet/accounts.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *part(char **text)
{
    return strsep(text, "\f");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    auto_free char *whole = mem_strndup((const char *)data, n);
    char *text = whole, *spec = part(&text), *passwd = part(&text), *group = part(&text);
    struct account_user u;
    auto_err *e = accounts_resolve_text(a, passwd, group, spec, (struct opt_int){0}, (struct opt_int){0}, &u);
    if (e)
        return 0;
    if (u.uid < 0 || u.uid > 0x7fffffff || u.gid < 0 || u.gid > 0x7fffffff)
        abort();
    for (size_t i = 0; i < u.groups.n; i++)
        if (u.groups.v[i] < 0 || u.groups.v[i] > 0x7fffffff)
            abort();
    size_t digits = strspn(spec, "0123456789");
    if (digits && (!spec[digits] || spec[digits] == ':') && (u.by_name || u.uid != strtoll(spec, NULL, 10)))
        abort();
    return 0;
}
