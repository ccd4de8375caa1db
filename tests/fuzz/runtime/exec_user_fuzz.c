/* exec --user: nothing but "UID" or "UID:GID" is taken, and for what it says; root's ids only for "0". */
#include "lib/mem.h"
#include "runtime/verbs/exec_process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, n);
    struct oci_user u = {.gid = {true, 77}};
    auto_err *e = exec_user(text, &u);
    if (e)
        return 0;
    const char *colon = strchr(text, ':');
    if (!u.uid.set || u.uid.v < 0 || u.uid.v > 0xfffffffeLL || u.gid.v < 0 || u.gid.v > 0xfffffffeLL)
        abort();
    if (!*text || strspn(text, "0123456789:") < strlen(text) || (colon && strchr(colon + 1, ':')))
        abort();
    if (!u.uid.v != (strspn(text, "0") == (colon ? (size_t)(colon - text) : strlen(text))))
        abort();
    if (!colon && u.gid.v != 77)
        abort();
    return 0;
}
