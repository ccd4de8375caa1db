/* spec: a config.json to start from. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CAPS "[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]"

static const char head[] =
    "{\"ociVersion\":\"1.2.0\","
    "\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
    "\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/"
    "bin\",\"TERM=xterm\"],\"cwd\":\"/\","
    "\"capabilities\":{\"bounding\":" CAPS ",\"effective\":" CAPS ",\"permitted\":" CAPS "},"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"wherry\","
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
    "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
    "\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"";
static const char after_pts[] =
    "]},{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},";
static const char sys_root[] =
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],";
static const char sys_rootless[] = "{\"destination\":\"/sys\",\"type\":\"none\",\"source\":\"/sys\","
                                   "\"options\":[\"rbind\",\"nosuid\",\"noexec\",\"nodev\",\"rro\"]}],";
static const char resources[] = "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},";
static const char tail[] =
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\",\"/proc/keys\","
    "\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\","
    "\"/sys/firmware\",\"/sys/devices/virtual/powercap\"],"
    "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}}";

static void write_linux(struct buf *b, bool rootless, bool v2)
{
    buf_adds(b, "\"linux\":{");
    if (rootless)
        buf_addf(b,
            "\"uidMappings\":[{\"containerID\":0,\"hostID\":%u,\"size\":1}],"
            "\"gidMappings\":[{\"containerID\":0,\"hostID\":%u,\"size\":1}],",
            geteuid(), getegid());
    else
        buf_adds(b, resources);
    buf_adds(
        b, "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}");
    buf_adds(b, rootless ? ",{\"type\":\"user\"}" : ",{\"type\":\"network\"}");
    buf_adds(b, v2 || rootless ? ",{\"type\":\"cgroup\"}]," : "],");
    buf_adds(b, tail);
}

static bool host_is_v2(void)
{
    struct statfs fs;
    return !statfs("/sys/fs/cgroup", &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static struct err *write_spec(const char *bundle, const char *file, bool rootless)
{
    auto_arena *a = arena_new();
    auto_buf compact = BUF_INIT(64 << 10), pretty = BUF_INIT(64 << 10);
    buf_adds(&compact, head);
    buf_adds(&compact, rootless ? "" : ",\"gid=5\"");
    buf_adds(&compact, after_pts);
    buf_adds(&compact, rootless ? sys_rootless : sys_root);
    write_linux(&compact, rootless, host_is_v2());
    const struct json *j;
    TRY(json_parse(a, compact.data, compact.len, NULL, &j));
    json_write(&pretty, j, 4);
    buf_addc(&pretty, '\n');
    auto_free char *path = mem_printf("%s/%s", bundle, file);
    auto_close fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == EEXIST ? err_new(ERR_EXISTS, "file %s exists; remove it first", path)
                               : err_sys(errno, "create %s", path);
    return err_wrap(file_write_all(fd, pretty.data, pretty.len), "write %s", path);
}

struct err *verb_spec(const struct globals *g, int argc, char **argv, int *ret_status)
{
    const char *bundle = ".", *file = "config.json";
    bool rootless = false;
    const struct arg_option options[] = {
        {"bundle", 'b', ARG_STR, &bundle, "DIR", "where to write config.json"},
        {"file", 'f', ARG_STR, &file, "NAME", "instead of config.json"},
        {"rootless", 0, ARG_FLAG, &rootless, NULL, "for a user without privileges"}, {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime spec [options]",
        .about = "Writes a config.json to start from.",
        .options = options};
    char **operands;
    int n;
    (void)g;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    *ret_status = 0;
    return write_spec(bundle, file, rootless);
}
