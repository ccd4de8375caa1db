/* Prints the profile that the kubelet gives to a container without capabilities beyond the usual. */
#include "kubelet/seccomp_default.h"
#include "lib/buf.h"
#include <stdio.h>

int main(void)
{
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(1 << 20);
    const char *names[] = {"CAP_CHOWN", "CAP_KILL"};
    struct str_list caps = {2, names};
    const struct json *j;
    auto_err *e = seccomp_default(a, &caps, &j);
    if (e)
        return 1;
    json_write(&b, j, 0);
    return puts(buf_str(&b)) < 0;
}
