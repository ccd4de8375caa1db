/*
 * Trees that are not needed any more are renamed into STATE/trash and removed by a child process: a large one
 * keeps nobody waiting, and what a crash leaves there goes at the next start.
 */
#ifndef WHERRY_KUBELET_TRASH_H
#define WHERRY_KUBELET_TRASH_H

#include "kubelet/kubelet.h"

struct trash *trash_new(struct kubelet *k);
void trash_free(struct trash *t);
void trash_put(struct trash *t, const char *path); /* absent is fine */
/* `wherry-kubelet --empty-trash DIR`: the child's main program. */
int trash_empty(const char *dir);

#endif
