/* Which sysctls a Pod may set, and how their names are read. */
#include "lib/mem.h"
#include "runtime/shim/sysctl.h"
#include "tests/unit/test.h"
#include <string.h>

static const struct {
    const char *key, *value, *path; /* path NULL: refused */
    bool host_net, host_ipc;
} cases[] = {
    {"net.ipv4.ip_forward", "1", "net/ipv4/ip_forward"},
    {"net/ipv4/ip_forward", "1", "net/ipv4/ip_forward"},
    {"net/ipv4/conf/eth0.1/forwarding", "1", "net/ipv4/conf/eth0.1/forwarding"},
    {"net.ipv4.conf.eth0/1.forwarding", "1", "net/ipv4/conf/eth0.1/forwarding"},
    {"net.ipv4.ping_group_range", "0 2147483647", "net/ipv4/ping_group_range"},
    {"net.ipv4.ip_local_reserved_ports", "8080,9000-9100", "net/ipv4/ip_local_reserved_ports"},
    {"net.ipv4.tcp_congestion_control", "cubic", "net/ipv4/tcp_congestion_control"},
    {"kernel.shm_rmid_forced", "1", "kernel/shm_rmid_forced"},
    {"kernel.msgmax", "65536", "kernel/msgmax"},
    {"kernel.sem", "250 32000 100 128", "kernel/sem"},
    {"fs.mqueue.msg_max", "10", "fs/mqueue/msg_max"},
    /* not a namespace's */
    {"kernel.core_pattern", "|/x", NULL},
    {"kernel.core_pattern", "core", NULL},
    {"kernel.semx", "1", NULL},
    {"kernel.hostname", "x", NULL},
    {"vm.overcommit_memory", "1", NULL},
    {"fs.file-max", "1", NULL},
    {"user.max_user_namespaces", "1", NULL},
    {"netx.ipv4", "1", NULL},
    /* the host's */
    {"net.ipv4.ip_forward", "1", NULL, true, false},
    {"kernel.shmmax", "1", NULL, false, true},
    {"kernel.shmmax", "1", "kernel/shmmax", true, false},
    /* names that mean to be more */
    {"", "1", NULL},
    {"net", "1", NULL},
    {".net.ipv4", "1", NULL},
    {"net.", "1", NULL},
    {"net..ipv4", "1", NULL},
    {"net/../kernel/core_pattern", "1", NULL},
    {"net.ipv4/../../kernel", "1", NULL},
    {"net/ipv4/./ip_forward", "1", NULL},
    {"kernel/shm/../core_pattern", "x", NULL},
    {"net.ipv4.ip forward", "1", NULL},
    {"net.ipv4.ip_forward=1", "1", NULL},
    {"net.ipv4.ip_forward\n", "1", NULL},
    {"net.ipv4.IP_FORWARD", "1", NULL},
    {"net.ipv4.%2e%2e", "1", NULL},
    /* values that mean to be more */
    {"net.ipv4.ip_forward", "", NULL},
    {"net.ipv4.ip_forward", "1+kernel.core_pattern=|/x", NULL},
    {"net.ipv4.ip_forward", "1\nkernel.core_pattern=x", NULL},
    {"net.ipv4.ip_forward", "1;2", NULL},
    {"net.ipv4.ip_forward", "\x80", NULL},
};

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char path[SYSCTL_PATH] = "";
        struct err *e =
            sysctl_check(cases[i].key, cases[i].value, !cases[i].host_net, !cases[i].host_ipc, path);
        if (!e != (cases[i].path != NULL))
            fail_msg("%s = %s: %s", cases[i].key, cases[i].value, e ? err_message(e) : path);
        if (!e)
            assert_string_equal(path, cases[i].path);
        err_free(e);
    }
}

static void lengths(void **state)
{
    (void)state;
    char key[SYSCTL_PATH + 16], value[SYSCTL_VALUE + 16], path[SYSCTL_PATH];
    memset(key, 'a', sizeof(key));
    memcpy(key, "net.", 4);
    key[SYSCTL_PATH] = '\0';
    struct err *e = sysctl_check(key, "1", true, true, path);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_free(e);
    key[SYSCTL_PATH - 1] = '\0';
    assert_null(sysctl_check(key, "1", true, true, path));
    memset(value, '1', sizeof(value));
    value[SYSCTL_VALUE + 1] = '\0';
    e = sysctl_check("net.a", value, true, true, path);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
