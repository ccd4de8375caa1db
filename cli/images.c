/*
 * `wherry pull|load|images|rmi`: wherry-images does the work and says it in JSON lines; here they become text
 * for a person, with a progress bar where standard error is a terminal.
 */
#include "cli/cli.h"

#include "lib/api/image.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LINE_MAX_BYTES = 4 << 20, BAR = 30 };

struct job {
    const char *output; /* of -o */
    bool bar;           /* a progress bar is on the terminal's last line */
    bool tty;
    size_t lines;           /* images told */
    struct json_out *array; /* -o json: the list under way */
};

/* --- progress */

static void size_text(int64_t bytes, char *text, size_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)bytes;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < ARRAY_SIZE(units); u++)
        v /= 1000;
    snprintf(text, n, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void clear_bar(struct job *j)
{
    if (j->bar)
        fprintf(stderr, "\r\033[K");
    j->bar = false;
}

static void print_progress(struct job *j, const struct json *p)
{
    int64_t done = 0, total = 0;
    if (!j->tty)
        return;
    json_int(json_get(p, "done"), &done);
    json_int(json_get(p, "total"), &total);
    const char *phase = json_str(json_get(p, "phase")), *layer = json_str(json_get(p, "layer"));
    int full = total > 0 ? (int)(done * BAR / total) : 0;
    char now[32], all[32];
    full = full > BAR ? BAR : full;
    size_text(done, now, sizeof(now));
    size_text(total, all, sizeof(all));
    const char *hex = layer && strncmp(layer, "sha256:", 7) == 0 ? layer + 7 : layer ? layer : "";
    fprintf(stderr, "\r\033[K%-8s %.12s [%.*s%*s] %s%s%s", phase ? phase : "", hex, full,
        "==============================", BAR - full, "", now, total > 0 ? " of " : "", total > 0 ? all : "");
    fflush(stderr);
    j->bar = true;
}

/* --- the lines */

static void print_image_row(const struct image *im)
{
    char size[32], age[32] = "";
    int64_t created;
    size_text(opt_int_or(im->size, 0), size, sizeof(size));
    if (im->created && clock_parse(im->created, &created))
        clock_age(clock_now_ns() - created, age, sizeof(age));
    const char *id = im->id && strncmp(im->id, "sha256:", 7) == 0 ? im->id + 7 : "";
    for (size_t i = 0; i < im->refs.n || i == 0; i++)
        printf("%-50s %-12.12s  %-10s %s\n", i < im->refs.n ? im->refs.v[i] : "<none>", id, size, age);
}

static struct err *take_image(struct job *j, const struct json *line)
{
    auto_arena *a = arena_new();
    struct image im;
    TRY(fields_decode(&image_fields, a, json_get(line, "image"), &im));
    clear_bar(j);
    if (j->array)
        json_out_value(j->array, NULL, json_get(line, "image"));
    else if (j->output && strcmp(j->output, "name") == 0)
        for (size_t i = 0; i < im.refs.n; i++)
            printf("%s\n", im.refs.v[i]);
    else {
        if (j->lines++ == 0)
            printf("%-50s %-12s  %-10s %s\n", "IMAGE", "ID", "SIZE", "AGE");
        print_image_row(&im);
    }
    return NULL;
}

static struct err *take_error(const struct json *error)
{
    const char *kind = json_str(json_get(error, "kind")), *message = json_str(json_get(error, "message"));
    enum err_kind k = ERR_SYSTEM;
    for (enum err_kind i = ERR_INVALID; i <= ERR_BUG; i++)
        if (kind && strcmp(kind, err_kind_name(i)) == 0)
            k = i;
    return err_new(k, "%s", message ? message : "wherry-images failed");
}

static struct err *take_line(struct job *j, const char *text, size_t len)
{
    auto_arena *a = arena_new();
    const struct json *line;
    TRY_WRAP(json_parse(a, text, len, NULL, &line), "wherry-images");
    if (json_get(line, "progress"))
        print_progress(j, json_get(line, "progress"));
    else if (json_get(line, "image"))
        return take_image(j, line);
    else if (json_get(line, "removed")) {
        const struct json *r = json_get(line, "removed");
        printf("%s %s removed\n", json_str(json_get(r, "kind")), json_str(json_get(r, "name")));
    } else if (json_get(line, "error"))
        return take_error(json_get(line, "error"));
    return NULL;
}

/* Starts wherry-images with its stdout in a pipe; its own process group is ours, so that ^C ends both. */
static struct err *start(const struct cli *cli, const char *const *args, pid_t *pid, int *ret_fd)
{
    auto_free char *program = cli_program(cli, "wherry-images"), *root = mem_printf("%s/images", cli->state);
    const char *argv[16] = {program, "--root", root};
    for (size_t i = 0; args[i] && i + 4 < ARRAY_SIZE(argv); i++)
        argv[i + 3] = args[i];
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return err_sys(errno, "pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p[1], STDOUT_FILENO);
    int failed = posix_spawn(pid, program, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(p[1]);
    if (failed) {
        close(p[0]);
        return err_sys(failed, "start %s", program);
    }
    *ret_fd = p[0];
    return NULL;
}

static struct err *run(const struct cli *cli, struct job *j, const char *const *args)
{
    pid_t pid;
    int fd = -1, status = 0;
    struct err *e = start(cli, args, &pid, &fd);
    if (e)
        return e;
    FILE *lines = fdopen(fd, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    j->tty = isatty(STDERR_FILENO);
    while (!e && (n = getline(&line, &room, lines)) > 0)
        e = n > LINE_MAX_BYTES ? err_new(ERR_LIMIT, "wherry-images: a line of %zd bytes", n)
                               : take_line(j, line, (size_t)n);
    clear_bar(j);
    free(line);
    fclose(lines);
    if (waitpid(pid, &status, 0) == pid && !e && status != 0)
        e = WIFSIGNALED(status)
                ? err_new(ERR_SYSTEM, "wherry-images was killed by signal %d", WTERMSIG(status))
                : err_new(ERR_SYSTEM, "wherry-images ended with status %d", WEXITSTATUS(status));
    return e;
}

/* --- the commands */

struct err *cli_load(struct cli *cli, int argc, char **argv)
{
    const struct arg_option options[] = {{0}};
    const struct arg_spec spec = {"wherry load FILE",
        "Takes the images out of a docker-save or OCI-layout tarball (- is standard input).", options, 1, 1,
        false};
    char **operands;
    int n;
    struct job j = {0};
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    return run(cli, &j, (const char *[]){"load", operands[0], NULL});
}

struct err *cli_pull(struct cli *cli, int argc, char **argv)
{
    bool insecure = false;
    const char *auth = NULL;
    const struct arg_option options[] = {
        {"insecure", 0, ARG_FLAG, &insecure, NULL, "plain HTTP or an unverified certificate is good enough"},
        {"auth", 0, ARG_STR, &auth, "FILE", "credentials, in the form of docker's config.json"},
        {0},
    };
    const struct arg_spec spec = {
        "wherry pull IMAGE", "Brings an image from its registry.", options, 1, 1, false};
    char **operands;
    int n, i = 0;
    struct job j = {0};
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    const char *args[8] = {"pull"};
    if (insecure)
        args[++i] = "--insecure";
    if (auth) {
        args[++i] = "--auth";
        args[++i] = auth;
    }
    args[++i] = operands[0];
    return run(cli, &j, args);
}

struct err *cli_images(struct cli *cli, int argc, char **argv)
{
    struct job j = {0};
    const struct arg_option options[] = {{"output", 'o', ARG_STR, &j.output, "FORMAT", "json or name"}, {0}};
    const struct arg_spec spec = {"wherry images", "Lists the images of this node.", options, 0, 0, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (j.output && strcmp(j.output, "json") != 0 && strcmp(j.output, "name") != 0)
        return err_new(ERR_INVALID, "--output %s: not json or name", j.output);
    auto_buf text = BUF_INIT(64 << 20);
    struct json_out out = {.buf = &text};
    if (j.output && strcmp(j.output, "json") == 0) {
        j.array = &out;
        json_out_array(&out, NULL);
    }
    TRY(run(cli, &j, (const char *[]){"list", NULL}));
    if (j.array) {
        json_out_end_array(&out);
        TRY(buf_check(&text, "output"));
        puts(buf_str(&text));
    }
    return NULL;
}

struct err *cli_rmi(struct cli *cli, int argc, char **argv)
{
    const struct arg_option options[] = {{0}};
    const struct arg_spec spec = {
        "wherry rmi IMAGE...", "Removes images that no container uses.", options, 1, -1, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    for (int i = 0; i < n; i++) {
        struct job j = {0};
        TRY(run(cli, &j, (const char *[]){"rm", operands[i], NULL}));
    }
    return NULL;
}
