/*
 * Container logs have a ceiling: beyond 10 MiB a log is renamed (N.log.20261123-084400) and the shim opens a
 * new one; four old ones are kept. Looked at every ten seconds while anything runs, and never on an empty
 * node.
 */
#ifndef WHERRY_KUBELET_LOG_ROTATE_H
#define WHERRY_KUBELET_LOG_ROTATE_H

#include "kubelet/worker.h"

struct log_rotate *log_rotate_new(struct kubelet *k);
void log_rotate_free(struct log_rotate *r);
/* Something runs (again). */
void log_rotate_wake(struct log_rotate *r);

/* Renames the log at path if it is longer than max, and removes all but the newest `keep` old ones. true:
 * renamed. */
bool log_rotate_file(const char *path, int64_t max, unsigned keep, int64_t now_ns);

#endif
