/* See program.h. */
#include "runtime/process/program.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct err *program_find(struct arena *a, const char *name, const char **ret)
{
    const char *path = getenv("PATH");
    char *folders = arena_strdup(a, path ? path : ""), *save = NULL;
    for (char *f = strtok_r(folders, ":", &save); f; f = strtok_r(NULL, ":", &save)) {
        const char *try = arena_printf(a, "%s/%s", f, name);
        if (f[0] == '/' && !access(try, X_OK)) {
            *ret = try;
            return NULL;
        }
    }
    return err_new(ERR_NOT_FOUND, "%s: not found in $PATH", name);
}
