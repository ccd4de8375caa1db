/*
 * The skeleton of a CNI plugin: environment and stdin in, result or error out (specification, sections 2 and
 * 5). A plugin fills a table of functions; everything that the specification says of all plugins is done
 * here.
 */
#ifndef WHERRY_CNI_PLUGIN_H
#define WHERRY_CNI_PLUGIN_H

#include "lib/api/cni.h"

struct plugin_attachment {
    const char *container_id, *ifname;
};

struct plugin_call {
    const char *command, *container_id, *netns, *ifname, *path; /* "" where not given */
    struct str_map args;                                        /* of CNI_ARGS */
    struct arena *arena;                                        /* lives as long as the call */
    const struct json *config;
    const char *text; /* of the config, as it came: for a delegate's stdin */
    size_t text_len;
    const char *version; /* cniVersion of the config: known */
    const char *network; /* its name: safe as a file name */
    const char *type;
    const struct cni_result *prev; /* NULL: none */
    size_t n_valid;                /* GC: what is still in use */
    const struct plugin_attachment *valid;
};

struct plugin {
    const char *name;
    /* An unknown key of CNI_ARGS is an error unless IgnoreUnknown is true; ended by NULL. */
    const char *const *args;
    bool chained; /* ADD and CHECK need a prevResult */
    struct err *(*add)(struct plugin_call *c, struct cni_result *ret);
    struct err *(*del)(struct plugin_call *c);
    struct err *(*check)(struct plugin_call *c);
    struct err *(*gc)(struct plugin_call *c);     /* NULL: nothing to do */
    struct err *(*status)(struct plugin_call *c); /* NULL: always ready */
};

/* The whole main(): returns the exit status. Kinds become codes: INVALID 7, UNSUPPORTED 2, NOT_FOUND 3,
 * UNAVAILABLE, TIMEOUT and CONFLICT 11, LIMIT 100, others 999. */
int plugin_main(const struct plugin *p);

/* The network namespace of the call, opened and known to be one and not our own. ERR_NOT_FOUND: it is gone.
 */
struct err *plugin_open_netns(const struct plugin_call *c, int *ret_fd) __attribute__((warn_unused_result));

/* Whether GC names this attachment as in use. */
bool plugin_is_valid(const struct plugin_call *c, const char *container_id, const char *ifname);

#endif
