/* config.json to everything that is planned from it, the way create goes until the first process. */
#include "lib/file.h"
#include "runtime/cgroup/resources.h"
#include "runtime/container.h"
#include "runtime/report.h"
#include "runtime/user/idmap.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char bundle[] = "/tmp/wherry-fuzz.XXXXXX";
static int dir;

static void clean(void)
{
    err_free(file_remove_tree(AT_FDCWD, bundle));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    err_free(report_open("/dev/null", false, false)); /* warnings */
    if (!mkdtemp(bundle) || (dir = open(bundle, O_PATH | O_DIRECTORY)) < 0 ||
        mkdirat(dir, "rootfs", 0755) < 0)
        abort();
    atexit(clean);
    return 0;
}

static bool on_v2(const void *arg, const char *controller)
{
    (void)controller;
    return arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct container_options o = {.id = "c", .bundle = bundle, .detach = true};
    auto_arena *a = arena_new();
    struct container c;
    struct resource_writes writes;
    const char *text;
    auto_err *w = file_write_atomic(dir, "config.json", data, n, 0600, FILE_NO_FSYNC);
    if (w)
        abort();
    auto_err *e = container_plan(a, &o, &c);
    if (e)
        return 0;
    const struct oci_linux *l = c.config->linux_;
    const struct resources_host v1 = {.is_v2 = on_v2},
                                v2 = {.is_v2 = on_v2, .arg = "all", .memory_limit = 1 << 20};
    auto_err *r1 = resources_plan(a, l->resources, &v1, &writes);
    auto_err *r2 = resources_plan(a, l->resources, &v2, &writes);
    auto_err *uids = idmap_text(a, "uids", l->uid_mappings.v, l->uid_mappings.n, &text);
    auto_err *gids = idmap_text(a, "gids", l->gid_mappings.v, l->gid_mappings.n, &text);
    return 0;
}
