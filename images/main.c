/*
 * wherry-images: the store of images. lib/api/image.h says what it takes and what it answers; store.h how the
 * store is kept; confine.h how the processes of a job are walled off from each other.
 */
#include "images/command.h"
#include "images/confine.h"
#include "images/report.h"
#include "lib/args.h"
#include "lib/mem.h"
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct options {
    const char *root;
    struct pull_opts pull;
    struct limits limits;
    int64_t keep_days, layer_bytes, layer_entries;
} opts;

static struct err *run_load(char **v)
{
    return command_load(opts.root, v[0], &opts.limits);
}

static struct err *run_pull(char **v)
{
    return command_pull(opts.root, v[0], &opts.pull, &opts.limits);
}

static struct err *run_inspect(char **v)
{
    return command_inspect(opts.root, v[0]);
}

static struct err *run_list(char **v)
{
    (void)v;
    return command_list(opts.root);
}

static struct err *run_rm(char **v)
{
    return command_rm(opts.root, v[0]);
}

static struct err *run_gc(char **v)
{
    (void)v;
    return command_gc(opts.root, opts.keep_days);
}

static struct err *run_mount(char **v)
{
    return command_mount(opts.root, v[0], v[1]);
}

static struct err *run_umount(char **v)
{
    return command_umount(opts.root, v[0]);
}

#define LIMIT_OPTIONS                                                                                        \
    {"max-layer-bytes", 0, ARG_INT, &opts.layer_bytes, "N", "refuse a layer that unpacks to more"},          \
    {                                                                                                        \
        "max-entries", 0, ARG_INT, &opts.layer_entries, "N", "refuse a layer with more files"                \
    }

static const struct arg_option none[] = {{NULL}};
static const struct arg_option gc_options[] = {
    {"keep-days", 0, ARG_INT, &opts.keep_days, "N",
        "keep images that had a name, or came, less than N days ago"},
    {NULL}};
static const struct arg_option load_options[] = {LIMIT_OPTIONS, {NULL}};

static const struct arg_option pull_options[] = {
    {"auth", 0, ARG_STR, &opts.pull.auth_file, "FILE", "docker's config.json, with the logins"},
    {"ca", 0, ARG_STR, &opts.pull.ca_file, "FILE", "trust these certificates (PEM) instead of the system's"},
    {"insecure", 0, ARG_FLAG, &opts.pull.insecure, NULL, "check no certificate, and try plain HTTP"},
    LIMIT_OPTIONS, {NULL}};

static const struct command {
    const char *name;
    struct err *(*run)(char **operands);
    struct arg_spec spec;
} commands[] = {
    {"load", run_load,
        {"wherry-images --root DIR load FILE|-",
            "Loads the images of a docker-save or OCI-layout tarball (plain, gzip, zstd).", load_options, 1,
            1, false}},
    {"pull", run_pull,
        {"wherry-images --root DIR pull [--auth FILE] [--ca FILE] [--insecure] REF",
            "Pulls an image from its registry.", pull_options, 1, 1, false}},
    {"inspect", run_inspect,
        {"wherry-images --root DIR inspect REF|ID", "Describes one image.", none, 1, 1, false}},
    {"list", run_list, {"wherry-images --root DIR list", "Describes all images.", none, 0, 0, false}},
    {"rm", run_rm,
        {"wherry-images --root DIR rm REF|ID", "Removes a name, and with its last name the image.", none, 1,
            1, false}},
    {"gc", run_gc,
        {"wherry-images --root DIR gc [--keep-days N]",
            "Removes images without a name, and layers and blobs that no image needs.", gc_options, 0, 0,
            false}},
    {"mount", run_mount,
        {"wherry-images --root DIR mount REF|ID DIR", "Mounts the image's layers at DIR, read-only.", none, 2,
            2, false}},
    {"umount", run_umount, {"wherry-images --root DIR umount DIR", "Ends such a mount.", none, 1, 1, false}},
};

static const struct arg_option top_options[] = {
    {"root", 0, ARG_STR, &opts.root, "DIR", "the store: STATE/images"}, {NULL}};
static const struct arg_spec top = {"wherry-images --root DIR COMMAND [ARGUMENT...]",
    "COMMAND: load, pull, inspect, list, rm, gc, mount, umount. `COMMAND --help` tells more.", top_options, 1,
    -1, true};

/* A wrong command line: the only thing that ends with 2. */
static int usage(struct err *e)
{
    report_error(e);
    fprintf(stderr, "wherry-images: %s\n", err_message(e));
    err_free(e);
    return 2;
}

static struct err *set_limits(void)
{
    opts.limits = LIMITS_DEFAULT;
    if (opts.layer_bytes < 0 || opts.layer_entries < 0 || opts.keep_days < 0)
        return err_new(ERR_INVALID, "a limit below zero");
    if (opts.layer_bytes)
        opts.limits.layer_bytes = (uint64_t)opts.layer_bytes;
    if (opts.layer_entries)
        opts.limits.layer_entries = (uint64_t)opts.layer_entries;
    return NULL;
}

static int run(const struct command *c, int argc, char **argv)
{
    char **operands;
    int n;
    struct err *e = args_parse(&c->spec, argc, argv, &operands, &n);
    if (!e)
        e = set_limits();
    if (e)
        return usage(e);
    e = c->run(operands);
    if (!e)
        e = report_check();
    if (!e)
        return 0;
    report_error(e);
    err_free(e);
    return 1;
}

int main(int argc, char **argv)
{
    char **operands;
    int n;
    setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive turns pax names into the locale's bytes: keep them */
    signal(SIGPIPE, SIG_IGN);
    struct err *e = args_parse(&top, argc, argv, &operands, &n);
    if (!e && !opts.root)
        e = err_new(ERR_INVALID, "--root DIR is missing");
    if (!e)
        e = confine_start();
    if (e)
        return usage(e);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (!strcmp(operands[0], commands[i].name))
            return run(&commands[i], n, operands);
    return usage(err_new(ERR_INVALID, "%s: no such command", operands[0]));
}
