/* See ipam.h: the program is looked up in CNI_PATH, its error becomes ours. */
#include "cni/ipam.h"
#include "lib/spawn.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { OUT_MAX = 1 << 20, ENV_MAX = 256, DEADLINE_MS = 60000 };

extern char **environ;

static const char *type_of(const struct plugin_call *c)
{
    return json_str(json_at(c->config, "ipam", "type", NULL));
}

bool ipam_is_set(const struct plugin_call *c)
{
    const char *type = type_of(c);
    return type && *type;
}

static struct err *find_program(const struct plugin_call *c, const char *type, const char **ret)
{
    if (strchr(type, '/') || *type == '.')
        return err_new(ERR_INVALID, "ipam.type: %s: not the name of a program", type);
    char *path = arena_strdup(c->arena, c->path), *save = NULL;
    for (char *dir = strtok_r(path, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
        const char *program = arena_printf(c->arena, "%s/%s", dir, type);
        if (faccessat(AT_FDCWD, program, X_OK, AT_EACCESS) == 0) {
            *ret = program;
            return NULL;
        }
    }
    return err_new(ERR_INVALID, "ipam.type: %s: no such program in CNI_PATH %s", type, c->path);
}

/* Our environment with the other command. */
static const char *const *environment(struct plugin_call *c, const char *command)
{
    const char **envp = arena_array(c->arena, ENV_MAX + 2, sizeof(*envp));
    size_t n = 0;
    envp[n++] = arena_printf(c->arena, "CNI_COMMAND=%s", command);
    for (char **e = environ; *e && n < ENV_MAX; e++)
        if (strncmp(*e, "CNI_COMMAND=", 12))
            envp[n++] = *e;
    return envp;
}

static struct err *read_result(struct plugin_call *c, const struct buf *out, struct cni_result *ret)
{
    const struct json *j;
    TRY(json_parse(c->arena, buf_str(out), out->len, NULL, &j));
    TRY(cni_result_decode(c->arena, j, ret));
    return ret->ips.n ? NULL : err_new(ERR_INVALID, "its result has no address");
}

struct err *ipam_run(struct plugin_call *c, const char *command, struct cni_result *ret)
{
    const char *type = type_of(c), *program = NULL;
    TRY(find_program(c, type, &program));
    const char *argv[] = {program, NULL};
    struct spawn_opts o = {.argv = argv,
        .envp = environment(c, command),
        .in = c->text,
        .in_len = c->text_len,
        .out_max = OUT_MAX,
        .err_max = 4096,
        .deadline_ms = DEADLINE_MS};
    struct spawn_result r = {0};
    TRY_WRAP(spawn_run(&o, &r), "ipam %s", type);
    struct err *e = spawn_result_err(&r, type);
    if (e && !r.timed_out && r.out.len) {
        err_free(e);
        e = cni_error_decode(buf_str(&r.out), r.out.len);
    } else if (!e && ret) {
        e = err_wrap(read_result(c, &r.out, ret), "result");
    }
    spawn_result_done(&r);
    return err_wrap(e, "ipam %s: %s", type, command);
}
