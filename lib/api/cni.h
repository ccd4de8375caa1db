/*
 * The Container Network Interface (specification 0.3.0 to 1.1.0) between a caller (the kubelet) and the
 * plugins (cni/, or anybody's): the network list, what goes to a plugin's stdin, and the result or error on
 * its stdout.
 *
 * A caller reads a list, and for each operation runs every plugin with cni_request() on stdin and
 *   CNI_COMMAND=ADD|DEL|CHECK|GC|STATUS|VERSION CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= CNI_ARGS= CNI_PATH=
 * in the environment: ADD, CHECK, GC and STATUS in the list's order, DEL in the reverse one. ADD's result of
 * one plugin is prev_result of the next, the last one is kept and given as prev_result to CHECK and DEL. Exit
 * status 0: stdout is a result (ADD) or empty; else a struct cni_error.
 */
#ifndef WHERRY_API_CNI_H
#define WHERRY_API_CNI_H

#include "lib/fields.h"

#define CNI_LATEST "1.1.0"
extern const char *const cni_versions[]; /* oldest first, NULL-terminated */
bool cni_version_is_known(const char *version);
/* Both must be known versions. */
bool cni_version_at_least(const char *version, const char *minimum);

/* Codes of the specification; 100 and above are a plugin's own. */
enum cni_code {
    CNI_INCOMPATIBLE_VERSION = 1,
    CNI_UNSUPPORTED_FIELD = 2,
    CNI_UNKNOWN_CONTAINER = 3,
    CNI_INVALID_ENVIRONMENT = 4,
    CNI_IO_FAILURE = 5,
    CNI_DECODING_FAILURE = 6,
    CNI_INVALID_CONFIG = 7,
    CNI_TRY_AGAIN = 11,
    CNI_NOT_AVAILABLE = 50,      /* STATUS: ADD cannot be served */
    CNI_LIMITED_NETWORK = 51,    /* STATUS: containers may have limited connectivity */
    CNI_ADDRESSES_USED_UP = 100, /* ours: no free address in the ranges */
    CNI_INTERNAL = 999,
};

struct cni_error {
    const char *cni_version;
    struct opt_int code;
    const char *msg, *details;
};
extern const struct fields cni_error_fields;
/* What a plugin said, as an error of ours; text is its stdout. */
struct err *cni_error_decode(const char *text, size_t len) __attribute__((warn_unused_result));

/* A result in the shape of 1.1.0; older shapes are converted when read and when written. */
struct cni_interface {
    const char *name, *mac;
    struct opt_int mtu;
    const char *sandbox; /* NULL or "": an interface of the host */
    const char *socket_path, *pci_id;
};
struct cni_ip {
    const char *version;      /* "4", "6": up to 0.4.0 */
    struct opt_int interface; /* index into interfaces */
    const char *address;      /* "10.244.0.5/24" */
    const char *gateway;
};
struct cni_route {
    const char *dst, *gw;
    struct opt_int mtu, advmss, priority, table, scope;
};
struct cni_dns {
    struct str_list nameservers;
    const char *domain;
    struct str_list search, options;
};
struct cni_result {
    const char *cni_version;
    FIELD_LIST(struct cni_interface) interfaces;
    FIELD_LIST(struct cni_ip) ips;
    FIELD_LIST(struct cni_route) routes;
    struct cni_dns *dns;
};
extern const struct fields cni_route_fields, cni_dns_fields;

/* Of any known version (its cniVersion member says which). ERR_INVALID names the path. */
struct err *cni_result_decode(struct arena *a, const struct json *j, struct cni_result *ret)
    __attribute__((warn_unused_result));
/* In the shape of `version`; what it cannot express is left out. */
void cni_result_encode(const struct cni_result *r, const char *version, struct buf *out);

/* A network configuration list (.conflist); a single plugin's configuration (.conf) reads as a list of one.
 */
struct cni_list {
    const char *cni_version; /* the highest of cniVersion and cniVersions that is known here */
    const char *name;
    struct opt_bool disable_check, disable_gc;
    size_t n;
    const struct cni_list_plugin {
        const char *type;
        const struct json *config;
    } * plugins;
};
struct err *cni_list_parse(struct arena *a, const char *text, size_t len, struct cni_list *ret)
    __attribute__((warn_unused_result));

/*
 * The stdin of plugin i. capability_args is an object by capability name, as the caller can offer it
 * ({"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}], "mac":..., "ips":[...]}): those
 * that the plugin declares in "capabilities" go to its runtimeConfig. prev_result, capability_args: NULL:
 * none. valid_attachments (GC only): an array of {"containerID","ifname"}.
 */
void cni_request(const struct cni_list *l, size_t i, const struct json *capability_args,
    const struct json *prev_result, const struct json *valid_attachments, struct buf *out);

#endif
