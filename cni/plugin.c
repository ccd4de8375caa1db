/* See plugin.h. The order of the checks is the specification's: environment, version, configuration. */
#include "cni/plugin.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { STDIN_MAX = 1 << 20, OUT_MAX = 1 << 20 };

/* What each command needs: of the environment, of the version, of the configuration. */
enum { NEED_ID = 1, NEED_NETNS = 2, NEED_IFNAME = 4, NEED_PREV = 8 };
static const struct command {
    const char *name, *since;
    unsigned needs;
} commands[] = {
    {"ADD", "0.3.0", NEED_ID | NEED_NETNS | NEED_IFNAME},
    {"DEL", "0.3.0", NEED_ID | NEED_IFNAME},
    {"CHECK", "0.4.0", NEED_ID | NEED_NETNS | NEED_IFNAME | NEED_PREV},
    {"GC", "1.1.0", 0},
    {"STATUS", "1.1.0", 0},
};

/* An error with the code that the specification has for it; code 0: by its kind. */
struct failure {
    struct err *e;
    int code;
};

static struct failure fail(int code, struct err *e)
{
    return (struct failure){e, e ? code : 0};
}

static int code_of(const struct err *e)
{
    static const int codes[] = {[ERR_INVALID] = CNI_INVALID_CONFIG,
        [ERR_UNSUPPORTED] = CNI_UNSUPPORTED_FIELD,
        [ERR_NOT_FOUND] = CNI_UNKNOWN_CONTAINER,
        [ERR_UNAVAILABLE] = CNI_TRY_AGAIN,
        [ERR_TIMEOUT] = CNI_TRY_AGAIN,
        [ERR_CONFLICT] = CNI_TRY_AGAIN,
        [ERR_LIMIT] = CNI_ADDRESSES_USED_UP,
        [ERR_BUG] = 0};
    int code = codes[err_kind(e)];
    return code ? code : CNI_INTERNAL;
}

/* --- environment --- */

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v ? v : "";
}

static int report(const struct plugin *p, struct failure f, const char *version)
{
    auto_buf out = BUF_INIT(OUT_MAX);
    auto_free char *msg = mem_printf("%s: %s", p->name, err_message(f.e));
    int code = f.code ? f.code : !strcmp(env("CNI_COMMAND"), "STATUS") ? CNI_NOT_AVAILABLE : code_of(f.e);
    struct cni_error e = {.cni_version = version, .code = {true, code}, .msg = msg};
    struct json_out o = {.buf = &out};
    fields_encode(&cni_error_fields, &e, &o, NULL);
    buf_addc(&out, '\n');
    auto_err *lost = file_write_all(STDOUT_FILENO, buf_str(&out), out.len);
    err_free(f.e);
    return 1;
}

/* Container ids and network names become file names: a letter or digit, then those, '_', '.', '-'. */
static bool is_identifier(const char *s)
{
    static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return *s && strchr(alnum, *s) && strlen(s) < 200 &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == 0;
}

static bool is_ifname(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < 16 && strcmp(s, ".") && strcmp(s, "..") && !strpbrk(s, "/: \t\n\r\v\f");
}

/* "K=V;K2=V2" */
static struct err *parse_args(struct arena *a, const char *text, struct str_map *ret)
{
    size_t n = 1;
    for (const char *s = text; *s; s++)
        n += *s == ';';
    ret->v = arena_array(a, n, sizeof(*ret->v));
    char *copy = arena_strdup(a, text), *save = NULL;
    for (char *s = strtok_r(copy, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
        char *eq = strchr(s, '=');
        if (!eq)
            return err_new(ERR_INVALID, "CNI_ARGS: %s: no '='", s);
        *eq = 0;
        ret->v[ret->n++] = (struct str_pair){s, eq + 1};
    }
    return NULL;
}

static bool is_true(const char *s)
{
    return s && (!strcmp(s, "1") || !strcasecmp(s, "true"));
}

static struct err *check_args(const struct plugin *p, const struct str_map *args)
{
    if (is_true(str_map_get(args, "IgnoreUnknown")))
        return NULL;
    for (size_t i = 0; i < args->n; i++) {
        bool known = !strcmp(args->v[i].name, "IgnoreUnknown");
        for (size_t k = 0; p->args && p->args[k]; k++)
            known |= !strcmp(p->args[k], args->v[i].name);
        if (!known)
            return err_new(
                ERR_INVALID, "CNI_ARGS: %s: not known (and IgnoreUnknown is not set)", args->v[i].name);
    }
    return NULL;
}

static struct err *need(bool needed, const char *name, const char *value)
{
    return needed && !*value ? err_new(ERR_INVALID, "%s: missing in the environment", name) : NULL;
}

static struct err *read_env(struct plugin_call *c, const struct command **ret)
{
    c->command = env("CNI_COMMAND");
    c->container_id = env("CNI_CONTAINERID");
    c->netns = env("CNI_NETNS");
    c->ifname = env("CNI_IFNAME");
    c->path = env("CNI_PATH");
    const struct command *cmd = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (!strcmp(commands[i].name, c->command))
            cmd = &commands[i];
    if (!cmd)
        return err_new(ERR_INVALID, "CNI_COMMAND: %s: not a command", *c->command ? c->command : "missing");
    TRY(need(cmd->needs & NEED_ID, "CNI_CONTAINERID", c->container_id));
    TRY(need(cmd->needs & NEED_NETNS, "CNI_NETNS", c->netns));
    TRY(need(cmd->needs & NEED_IFNAME, "CNI_IFNAME", c->ifname));
    if (*c->container_id && !is_identifier(c->container_id))
        return err_new(ERR_INVALID, "CNI_CONTAINERID: %s: not an identifier", c->container_id);
    if (*c->ifname && !is_ifname(c->ifname))
        return err_new(ERR_INVALID, "CNI_IFNAME: %s: not a name of an interface", c->ifname);
    *ret = cmd;
    return parse_args(c->arena, env("CNI_ARGS"), &c->args);
}

/* --- configuration --- */

static struct err *check_version(const char *version, const struct command *cmd)
{
    if (!cni_version_is_known(version))
        return err_new(
            ERR_UNSUPPORTED, "cniVersion: %s: known are %s to %s", version, cni_versions[0], CNI_LATEST);
    if (!cni_version_at_least(version, cmd->since))
        return err_new(ERR_UNSUPPORTED, "cniVersion: %s: %s needs %s", version, cmd->name, cmd->since);
    return NULL;
}

static struct err *read_prev(struct plugin_call *c)
{
    const struct json *j = json_get(c->config, "prevResult");
    if (!j || j->type == JSON_NULL)
        return NULL;
    struct cni_result *prev = arena_new_obj(c->arena, struct cni_result);
    TRY_WRAP(cni_result_decode(c->arena, j, prev), "prevResult");
    c->prev = prev;
    return NULL;
}

static struct err *read_valid(struct plugin_call *c)
{
    const struct json *j = json_get(c->config, "cni.dev/valid-attachments");
    if (!j)
        j = json_get(c->config, "cni.dev/attachments"); /* the name in texts before 1.1.0's release */
    if (!j || j->type == JSON_NULL)
        return NULL;
    if (j->type != JSON_ARRAY)
        return err_new(ERR_INVALID, "cni.dev/valid-attachments: not an array");
    struct plugin_attachment *v = arena_array(c->arena, j->n, sizeof(*v));
    json_each_item (it, j) {
        struct plugin_attachment at = {
            json_str(json_get(it, "containerID")), json_str(json_get(it, "ifname"))};
        if (!at.container_id || !at.ifname)
            return err_new(
                ERR_INVALID, "cni.dev/valid-attachments[%zu]: needs containerID and ifname", c->n_valid);
        v[c->n_valid++] = at;
    }
    c->valid = v;
    return NULL;
}

static struct err *read_config(const struct plugin *p, struct plugin_call *c, const struct command *cmd)
{
    c->network = json_str(json_get(c->config, "name"));
    c->type = json_str(json_get(c->config, "type"));
    if (!c->network || !is_identifier(c->network))
        return err_new(ERR_INVALID, "name: %s: not an identifier", c->network ? c->network : "missing");
    TRY(read_prev(c));
    TRY(read_valid(c));
    if (!c->prev && (cmd->needs & NEED_PREV))
        return err_new(ERR_INVALID, "prevResult: missing");
    if (!c->prev && p->chained && !strcmp(cmd->name, "ADD"))
        return err_new(ERR_INVALID, "prevResult: missing: this plugin follows another one");
    return NULL;
}

/* --- commands --- */

static struct err *run(const struct plugin *p, struct plugin_call *c, struct buf *out)
{
    if (!strcmp(c->command, "ADD")) {
        struct cni_result r = {0};
        TRY(p->add(c, &r));
        cni_result_encode(&r, c->version, out);
        buf_addc(out, '\n');
        return buf_check(out, "result");
    }
    struct err *(*fn)(struct plugin_call *) = !strcmp(c->command, "DEL")     ? p->del
                                              : !strcmp(c->command, "CHECK") ? p->check
                                              : !strcmp(c->command, "GC")    ? p->gc
                                                                             : p->status;
    return fn ? fn(c) : NULL;
}

static struct failure serve(const struct plugin *p, struct plugin_call *c, struct buf *out)
{
    const struct command *cmd = NULL;
    struct err *e = read_env(c, &cmd);
    if (e)
        return fail(CNI_INVALID_ENVIRONMENT, e);
    char *text = NULL;
    struct buf in = BUF_INIT(STDIN_MAX);
    for (ssize_t got = 1; got > 0;) {
        char *at = buf_room(&in, 16384);
        got = at ? read(STDIN_FILENO, at, 16384) : 0;
        if (got < 0)
            return fail(CNI_IO_FAILURE, err_sys(errno, "read stdin"));
        buf_grown(&in, (size_t)got);
    }
    if ((e = buf_check(&in, "stdin")))
        return fail(CNI_IO_FAILURE, e);
    c->text = text = arena_strndup(c->arena, buf_str(&in), in.len);
    c->text_len = in.len;
    buf_done(&in);
    if ((e = json_parse(c->arena, text, c->text_len, NULL, &c->config)) || c->config->type != JSON_OBJECT)
        return fail(
            CNI_DECODING_FAILURE, e ? err_wrap(e, "stdin") : err_new(ERR_INVALID, "stdin: not an object"));
    const char *version = json_str(json_get(c->config, "cniVersion"));
    version = version ? version : "0.1.0"; /* what an absent one means */
    if ((e = check_version(version, cmd)))
        return fail(CNI_INCOMPATIBLE_VERSION, e);
    c->version = version;
    if ((e = check_args(p, &c->args)))
        return fail(CNI_INVALID_ENVIRONMENT, e);
    if ((e = read_config(p, c, cmd)))
        return fail(CNI_INVALID_CONFIG, e);
    return fail(0, run(p, c, out));
}

/* VERSION answers whatever stdin holds; its cniVersion is the one that was asked with. */
static int print_versions(void)
{
    auto_arena *a = arena_new();
    auto_buf in = BUF_INIT(STDIN_MAX), out = BUF_INIT(OUT_MAX);
    char *at = buf_room(&in, 65536);
    ssize_t got = isatty(STDIN_FILENO) ? 0 : read(STDIN_FILENO, at, 65536);
    const struct json *j = NULL;
    auto_err *ignored = json_parse(a, at, got > 0 ? (size_t)got : 0, NULL, &j);
    const char *asked = json_str(json_get(ignored ? NULL : j, "cniVersion"));
    struct json_out o = {.buf = &out};
    json_out_object(&o, NULL);
    json_out_str(&o, "cniVersion", cni_version_is_known(asked) ? asked : CNI_LATEST);
    json_out_array(&o, "supportedVersions");
    for (size_t i = 0; cni_versions[i]; i++)
        json_out_str(&o, NULL, cni_versions[i]);
    json_out_end_array(&o);
    json_out_end_object(&o);
    buf_addc(&out, '\n');
    auto_err *e = file_write_all(STDOUT_FILENO, buf_str(&out), out.len);
    return e != NULL;
}

int plugin_main(const struct plugin *p)
{
    if (!getenv("CNI_COMMAND") && isatty(STDIN_FILENO)) {
        fprintf(stderr, "%s: a CNI plugin (specification %s to %s), run by a container runtime\n", p->name,
            cni_versions[0], CNI_LATEST);
        return 1;
    }
    if (!strcmp(env("CNI_COMMAND"), "VERSION"))
        return print_versions();
    auto_arena *a = arena_new();
    auto_buf out = BUF_INIT(OUT_MAX);
    struct plugin_call c = {.arena = a};
    struct failure f = serve(p, &c, &out);
    if (!f.e && out.len) {
        f.e = file_write_all(STDOUT_FILENO, buf_str(&out), out.len);
        f.code = CNI_IO_FAILURE;
    }
    return f.e ? report(p, f, c.version ? c.version : CNI_LATEST) : 0;
}

struct err *plugin_open_netns(const struct plugin_call *c, int *ret_fd)
{
    auto_close fd = open(c->netns, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "CNI_NETNS: open %s", c->netns);
    struct statfs fs;
    struct stat ours, theirs;
    if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC)
        return err_new(ERR_INVALID, "CNI_NETNS: %s: not a namespace", c->netns);
    if (fstat(fd, &theirs) < 0 || stat("/proc/self/ns/net", &ours) < 0)
        return err_sys(errno, "CNI_NETNS: %s: compare with our own", c->netns);
    if (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev)
        return err_new(ERR_INVALID, "CNI_NETNS: %s: is the host's own namespace", c->netns);
    *ret_fd = take_fd(fd);
    return NULL;
}

bool plugin_is_valid(const struct plugin_call *c, const char *container_id, const char *ifname)
{
    for (size_t i = 0; i < c->n_valid; i++)
        if (!strcmp(c->valid[i].container_id, container_id) && !strcmp(c->valid[i].ifname, ifname))
            return true;
    return false;
}
