/* Prints the RuntimeDefault seccomp profile as the kubelet gives it to a container without capabilities. */
#include "kubelet/seccomp_default.h"
#include "lib/json.h"
#include <stdio.h>

int main(void)
{
    auto_arena *a = arena_new();
    auto_buf text = BUF_INIT(1 << 20);
    const struct str_list none = {0};
    const struct json *profile;
    auto_err *e = seccomp_default(a, &none, &profile);
    if (e) {
        fprintf(stderr, "%s\n", err_message(e));
        return 1;
    }
    json_write(&text, profile, 0);
    return puts(buf_str(&text)) < 0;
}
