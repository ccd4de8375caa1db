/* What `delete` does, for others who end a container. */
#ifndef WHERRY_RUNTIME_DELETE_H
#define WHERRY_RUNTIME_DELETE_H

#include "runtime/verbs/verbs.h"

struct err *delete_container(const struct globals *g, const char *id, bool force)
    __attribute__((warn_unused_result));

#endif
