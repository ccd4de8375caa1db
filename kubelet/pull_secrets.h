/* imagePullSecrets of a Pod as the file that wherry-images reads. */
#ifndef WHERRY_KUBELET_PULL_SECRETS_H
#define WHERRY_KUBELET_PULL_SECRETS_H

#include "kubelet/worker.h"

/* Writes RUN/pods/UID/auth.json (0600) with all of them; NULL: there are none. Missing ones make an event.
 * The caller frees the path. */
char *pull_secrets_file(struct worker *w);

#endif
