/* The network namespace of a container, made beside everything else. */
#ifndef WHERRY_RUNTIME_NETNS_H
#define WHERRY_RUNTIME_NETNS_H

#include "lib/err.h"
#include <sys/types.h>

/* Begins to make a network namespace. *ret_maker is a child of ours, which netns_end() waits for. */
struct err *netns_begin(pid_t *ret_maker) __attribute__((warn_unused_result));
/* The namespace, as a descriptor. */
struct err *netns_end(pid_t *maker, int *ret_fd) __attribute__((warn_unused_result));
/* Nobody wants it any more. Nothing where the maker is 0: none begun, or ended. */
void netns_abandon(pid_t maker);

#endif
