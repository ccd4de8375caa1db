/*
 * wherry: what a person types. `wherry [--state DIR] [--run DIR] COMMAND ...`; `--help` at every level.
 */
#include "cli/cli.h"

#include "lib/api/paths.h"
#include "lib/mem.h"
#include "lib/version.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cli_command_fn version;

static const struct command {
    const char *name;
    cli_command_fn *run;
    const char *help; /* NULL: not listed */
} commands[] = {
    {"up", cli_up, "make this host a node"},
    {"down", cli_down, "end the node; --purge leaves nothing"},
    {"apply", cli_apply, "make or change what manifests describe"},
    {"get", cli_get, "show objects"},
    {"describe", cli_describe, "show objects with their events"},
    {"delete", cli_delete, "delete objects"},
    {"run", cli_run, "run a Pod on this node, without a master"},
    {"ps", cli_ps, "list this node's containers"},
    {"exec", cli_exec, "run a command in a container"},
    {"attach", cli_attach, "connect to what runs in a container"},
    {"logs", cli_logs, "print what a container wrote"},
    {"pull", cli_pull, "bring an image from its registry"},
    {"load", cli_load, "take images out of a tarball"},
    {"images", cli_images, "list images"},
    {"rmi", cli_rmi, "remove images"},
    {"version", version, "print the version"},
    {"supervise", cli_supervise, NULL},
};

static struct err *version(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    (void)argv;
    printf("wherry %s\n", wherry_version());
    return NULL;
}

static void print_commands(FILE *out)
{
    fprintf(out, "Usage: wherry [--state DIR] [--run DIR] COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (commands[i].help)
            fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(out,
        "\n`wherry COMMAND --help` tells more. Folders: --state or $WHERRY_STATE (%s),\n--run or $WHERRY_RUN "
        "(%s).\n",
        PATHS_STATE, PATHS_RUN);
}

char *cli_program(const struct cli *cli, const char *name)
{
    if (strcmp(name, "wherry") != 0)
        return mem_printf("%s/%s", cli->libexec, name);
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    return n > 0 ? mem_strndup(self, (size_t)n) : mem_strdup("wherry");
}

/* In a build everything lies in one folder; installed, the daemons are in ../libexec/wherry. */
static char *find_libexec(void)
{
    auto_free char *self = cli_program(NULL, "wherry");
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    auto_free char *beside = mem_printf("%s/wherry-kubelet", self);
    if (access(beside, X_OK) == 0)
        return mem_strdup(self);
    return mem_printf("%s/../libexec/wherry", self);
}

static const char *from_environment(const char *name, const char *fallback)
{
    const char *v = getenv(name);
    return v && *v ? v : fallback;
}

static int report(struct err *e, const struct cli *cli)
{
    if (!e)
        return cli->status;
    fprintf(stderr, "wherry: %s\n", err_message(e));
    int status = err_kind(e) == ERR_INVALID ? 2 : 1;
    err_free(e);
    return status;
}

int main(int argc, char **argv)
{
    auto_free char *libexec = find_libexec();
    struct cli cli = {.state = from_environment("WHERRY_STATE", PATHS_STATE),
        .run = from_environment("WHERRY_RUN", PATHS_RUN),
        .libexec = libexec};
    const struct arg_option options[] = {{"state", 0, ARG_STR, &cli.state, "DIR", "what outlives a reboot"},
        {"run", 0, ARG_STR, &cli.run, "DIR", "what does not"}, {0}};
    const struct arg_spec spec = {"wherry [--state DIR] [--run DIR] COMMAND ...", "", options, 0, -1, true};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_commands(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    char **rest;
    int n;
    struct err *e = args_parse(&spec, argc, argv, &rest, &n);
    if (e || n == 0) {
        print_commands(stderr);
        return e ? report(e, &cli) : 2;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].name, rest[0]) == 0)
            return report(commands[i].run(&cli, n, rest), &cli);
    fprintf(stderr, "wherry: unknown command %s (see wherry --help)\n", rest[0]);
    return 2;
}
