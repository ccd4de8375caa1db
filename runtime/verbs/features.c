/* features: what this runtime can do, in the form that engines ask for (features.md of the specification). */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/version.h"
#include "runtime/annotations.h"
#include "runtime/criu/criu_options.h"
#include "runtime/process/filter.h"
#include "runtime/process/scheduling.h"
#include "runtime/tree/mounts.h"
#include "runtime/user/namespaces.h"
#include "runtime/verbs/verbs.h"
#include <seccomp.h>
#include <stdio.h>
#include <sys/capability.h>
#include <unistd.h>

static void list(struct json_out *o, const char *name, const char *(*at)(size_t))
{
    json_out_array(o, name);
    for (size_t i = 0; at(i); i++)
        json_out_str(o, NULL, at(i));
    json_out_end_array(o);
}

static const char *hook_at(size_t i)
{
    return oci_hooks_fields.list[i].name;
}

static const char *namespace_at(size_t i)
{
    return ns_kinds[i].name;
}

static void capabilities(struct json_out *o)
{
    json_out_array(o, "capabilities");
    for (int i = 0; i < 64; i++) {
        char *name = cap_to_name((cap_value_t)i);
        if (name && name[0] == 'c') {
            for (char *p = name; *p; p++)
                *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
            json_out_str(o, NULL, name);
        }
        cap_free(name);
    }
    json_out_end_array(o);
}

static void enabled(struct json_out *o, const char *name, bool v)
{
    json_out_object(o, name);
    json_out_bool(o, "enabled", v);
    json_out_end_object(o);
}

static void cgroup_features(struct json_out *o)
{
    json_out_object(o, "cgroup");
    json_out_bool(o, "v1", true);
    json_out_bool(o, "v2", true);
    json_out_bool(o, "systemd", false);
    json_out_bool(o, "systemdUser", false);
    json_out_bool(o, "rdma", true);
    json_out_end_object(o);
}

static void seccomp_features(struct json_out *o)
{
    json_out_object(o, "seccomp");
    json_out_bool(o, "enabled", true);
    list(o, "actions", filter_action_name);
    list(o, "operators", filter_operator_name);
    list(o, "archs", filter_arch_name);
    list(o, "knownFlags", filter_flag_name);
    json_out_array(o, "supportedFlags");
    for (size_t i = 0; filter_flag_name(i); i++)
        if (filter_flag_is_supported(i))
            json_out_str(o, NULL, filter_flag_name(i));
    json_out_end_array(o);
    json_out_end_object(o);
}

static void linux_features(struct json_out *o)
{
    json_out_object(o, "linux");
    list(o, "namespaces", namespace_at);
    capabilities(o);
    cgroup_features(o);
    seccomp_features(o);
    enabled(o, "apparmor", true);
    enabled(o, "selinux", true);
    json_out_object(o, "intelRdt");
    json_out_bool(o, "enabled", true);
    json_out_bool(o, "schemata", true);
    json_out_bool(o, "monitoring", true);
    json_out_end_object(o);
    json_out_object(o, "memoryPolicy");
    list(o, "modes", scheduling_memory_mode_name);
    list(o, "flags", scheduling_memory_flag_name);
    json_out_end_object(o);
    json_out_object(o, "mountExtensions");
    enabled(o, "idmap", true);
    json_out_end_object(o);
    enabled(o, "netDevices", true);
    json_out_end_object(o);
}

struct err *verb_features(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct arg_spec spec = {
        .usage = "wherry-runtime features", .about = "Prints what this runtime can do, as JSON."};
    char **operands;
    int n;
    (void)g;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new();
    auto_buf compact = BUF_INIT(64 << 10), pretty = BUF_INIT(64 << 10);
    struct json_out o = {.buf = &compact};
    const struct scmp_version *v = seccomp_version();
    const struct json *j;
    char text[32];
    snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->micro);
    json_out_object(&o, NULL);
    json_out_str(&o, "ociVersionMin", "1.0.0");
    json_out_str(&o, "ociVersionMax", OCI_VERSION_MAX);
    list(&o, "hooks", hook_at);
    list(&o, "mountOptions", mounts_option_name);
    linux_features(&o);
    json_out_object(&o, "annotations");
    json_out_str(&o, "io.github.seccomp.libseccomp.version", text);
    json_out_str(&o, "io.wherry.version", wherry_version());
    json_out_str(&o, "org.opencontainers.runc.checkpoint.enabled", "true"); /* the name that is looked for */
    json_out_end_object(&o);
    json_out_array(&o, "potentiallyUnsafeConfigAnnotations");
    json_out_str(&o, NULL, ANNOTATIONS_UNSAFE); /* a prefix, as it ends in a dot */
    json_out_str(&o, NULL, CRIU_CONFIG_ANNOTATION);
    json_out_end_array(&o);
    json_out_end_object(&o);
    TRY(json_parse(a, compact.data, compact.len, NULL, &j));
    json_write(&pretty, j, 2);
    buf_addc(&pretty, '\n');
    *ret_status = 0;
    return file_write_all(STDOUT_FILENO, pretty.data, pretty.len);
}
