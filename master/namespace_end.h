/* The end of a namespace: what is in it goes first. */
#ifndef WHERRY_MASTER_NAMESPACE_END_H
#define WHERRY_MASTER_NAMESPACE_END_H

#include "master/change.h"
#include "master/cluster.h"

/* One step for a namespace that is being deleted: deletes what is left in it; where that waits for others,
 * says in its status for whom; where nothing is left, lets it go. done is called for every write, none or
 * many. */
void namespace_end(struct cluster *c, const struct object *ns, change_done_fn *done, void *arg);

#endif
