/* The operations of lib/api/shim.h: one table of name and function. Decodes, checks, hands on. */
#ifndef WHERRY_SHIM_OPS_H
#define WHERRY_SHIM_OPS_H

#include "lib/json.h"
#include "lib/unixmsg.h"

struct shim;
struct reply;
struct ops_fds { /* that came with a request; one that is used up is -1 */
    int fd[UNIXMSG_FDS];
    size_t n;
};

/* Answers r, now or later. The request lives in a; what is kept of it is copied. */
void ops_dispatch(
    struct shim *s, struct arena *a, const struct json *request, struct ops_fds *fds, struct reply *r);

#endif
