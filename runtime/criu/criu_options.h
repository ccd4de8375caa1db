/* The options that checkpoint and restore have in common, and what they become in a request to CRIU. */
#ifndef WHERRY_RUNTIME_CRIU_OPTIONS_H
#define WHERRY_RUNTIME_CRIU_OPTIONS_H

#include "lib/args.h"
#include "runtime/container.h"
#include "runtime/criu/criu_message.h"

/* Names a file of CRIU's own options, for whoever may set annotations. */
#define CRIU_CONFIG_ANNOTATION "org.criu.config"

struct criu_options {
    const char *image_path, *work_path, *cgroups, *network_lock;
    struct str_list empty_ns;
    bool tcp_established, tcp_close, ext_unix, shell_job, file_locks, auto_dedup, lazy_pages;

    int images, work;        /* from criu_options_open(); work -1: images */
    struct str_pair *mounts; /* what CRIU does not save: name, and what it is */
    size_t n_mounts;
};

/* For the table of a verb. */
#define CRIU_OPTIONS(o)                                                                                      \
    {"image-path", 0, ARG_STR, &(o)->image_path, "DIR", "where CRIU's images are (checkpoint)"},             \
        {"work-path", 0, ARG_STR, &(o)->work_path, "DIR", "where CRIU works and writes its log"},            \
        {"tcp-established", 0, ARG_FLAG, &(o)->tcp_established, NULL, "allow open TCP connections"},         \
        {"tcp-close", 0, ARG_FLAG, &(o)->tcp_close, NULL, "close them"},                                     \
        {"ext-unix-sk", 0, ARG_FLAG, &(o)->ext_unix, NULL, "allow unix sockets to the outside"},             \
        {"shell-job", 0, ARG_FLAG, &(o)->shell_job, NULL, "allow a terminal of the outside"},                \
        {"file-locks", 0, ARG_FLAG, &(o)->file_locks, NULL, "keep file locks"},                              \
        {"lazy-pages", 0, ARG_FLAG, &(o)->lazy_pages, NULL, "memory follows when it is needed"},             \
        {"auto-dedup", 0, ARG_FLAG, &(o)->auto_dedup, NULL, "drop what an image has twice"},                 \
        {"empty-ns", 0, ARG_STRS, &(o)->empty_ns, "network", "restore nothing in that namespace"},           \
        {"network-lock", 0, ARG_STR, &(o)->network_lock, "METHOD", "iptables or nftables"},                  \
    {                                                                                                        \
        "manage-cgroups-mode", 0, ARG_STR, &(o)->cgroups, "MODE", "soft, full, strict or ignore"             \
    }

/* Opens (make: makes) the folders. */
struct err *criu_options_open(struct criu_options *o, bool make) __attribute__((warn_unused_result));
/* Gathers what lies outside of the container in its mounts: bind mounts, its cgroups, devices of the host.
 * sources: with what each is now (restore), else with its name again (checkpoint). */
struct err *criu_options_mounts(struct criu_options *o, struct arena *a, const struct mount_list *mounts,
    const char *cgroup, bool sources) __attribute__((warn_unused_result));
/* Adds to opts what both requests have. annotations: of the container. */
struct err *criu_options_put(const struct criu_options *o, const struct str_map *annotations,
    const char *log_file, struct buf *opts) __attribute__((warn_unused_result));
/* Warns with those lines of CRIU's log that say what was wrong. */
void criu_options_quote_log(const struct criu_options *o, const char *log_file);

#endif
