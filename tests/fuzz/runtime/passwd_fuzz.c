/* The image's /etc/passwd: a home is an absolute path that stands in the line of that very number. */
#include "runtime/process/process.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uid_t uids[] = {0, 1, 1000, 4294967294u};
    for (size_t i = 0; i < sizeof(uids) / sizeof(*uids); i++) {
        auto_arena *a = arena_new();
        char *text = arena_strndup(a, (const char *)data, n);
        auto_free char *before = mem_strdup(text), *number = mem_printf(":%u:", uids[i]);
        const char *home = process_home_of(text, uids[i], a);
        if (*home != '/' || (strcmp(home, "/") && (!strstr(before, home) || !strstr(before, number))))
            abort();
    }
    return 0;
}
