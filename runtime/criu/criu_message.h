/*
 * The messages of CRIU's RPC service (images/rpc.proto there), in protobuf's wire format: as many of them as
 * checkpoint and restore use. Pure. Requests are built in buffers, inner messages first; responses are read
 * into a struct.
 */
#ifndef WHERRY_RUNTIME_CRIU_MESSAGE_H
#define WHERRY_RUNTIME_CRIU_MESSAGE_H

#include "lib/buf.h"
#include "lib/mem.h"
#include <stdbool.h>
#include <stdint.h>

enum criu_type {
    CRIU_DUMP = 1,
    CRIU_RESTORE = 2,
    CRIU_PRE_DUMP = 4,
    CRIU_NOTIFY = 6,
    CRIU_FEATURE_CHECK = 9,
};
enum criu_req { CRIU_REQ_TYPE = 1, CRIU_REQ_OPTS = 2, CRIU_REQ_NOTIFY_SUCCESS = 3, CRIU_REQ_FEATURES = 5 };
enum criu_feature { CRIU_FEATURE_MEM_TRACK = 1, CRIU_FEATURE_LAZY_PAGES = 2 };
enum criu_opt {
    CRIU_IMAGES_DIR_FD = 1,
    CRIU_PID = 2,
    CRIU_LEAVE_RUNNING = 3,
    CRIU_EXT_UNIX_SK = 4,
    CRIU_TCP_ESTABLISHED = 5,
    CRIU_EVASIVE_DEVICES = 6,
    CRIU_SHELL_JOB = 7,
    CRIU_FILE_LOCKS = 8,
    CRIU_LOG_LEVEL = 9,
    CRIU_LOG_FILE = 10,
    CRIU_PAGE_SERVER = 11, /* address 1, port 2 */
    CRIU_NOTIFY_SCRIPTS = 12,
    CRIU_ROOT = 13,
    CRIU_PARENT_IMG = 14,
    CRIU_TRACK_MEM = 15,
    CRIU_AUTO_DEDUP = 16,
    CRIU_WORK_DIR_FD = 17,
    CRIU_LINK_REMAP = 18,
    CRIU_EXT_MNT = 23, /* key 1, value 2 */
    CRIU_MANAGE_CGROUPS = 24,
    CRIU_CG_ROOT = 25, /* controller 1, path 2 */
    CRIU_RST_SIBLING = 26,
    CRIU_INHERIT_FD = 27, /* key 1, descriptor 2 */
    CRIU_MANAGE_CGROUPS_MODE = 34,
    CRIU_EXTERNAL = 37,
    CRIU_EMPTY_NS = 38,
    CRIU_JOIN_NS = 39, /* kind 1, path 2 */
    CRIU_FREEZE_CGROUP = 44,
    CRIU_TCP_SKIP_IN_FLIGHT = 46,
    CRIU_LAZY_PAGES = 48,
    CRIU_ORPHAN_PTS_MASTER = 50,
    CRIU_CONFIG_FILE = 51,
    CRIU_TCP_CLOSE = 52,
    CRIU_LSM_PROFILE = 53,
    CRIU_LSM_MOUNT_CONTEXT = 63,
    CRIU_NETWORK_LOCK = 64,
};

void criu_put_int(struct buf *b, unsigned field, int64_t v);
void criu_put_flag(struct buf *b, unsigned field, bool v); /* false is left out */
void criu_put_str(struct buf *b, unsigned field, const char *s);
void criu_put_message(struct buf *b, unsigned field, const struct buf *message);
/* A message of two strings, 1 and 2, as most of the repeated ones are. */
void criu_put_pair(struct buf *b, unsigned field, const char *one, const char *two);

struct criu_response {
    int64_t type, error; /* enum criu_type; errno as CRIU has it */
    bool success;
    const char *error_text, *script; /* what is notified of; both NULL where absent */
    int64_t pid;                     /* of the notification; else of the restored process; 0 */
    bool mem_track, lazy_pages;
};
/* ERR_INVALID: not such a message. Fields that we do not know are passed over. */
struct err *criu_response_parse(struct arena *a, const void *data, size_t n, struct criu_response *ret)
    __attribute__((warn_unused_result));

#endif
