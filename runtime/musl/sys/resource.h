/* The name that glibc gives the first argument of setrlimit(2). */
#ifndef WHERRY_RUNTIME_MUSL_SYS_RESOURCE_H
#define WHERRY_RUNTIME_MUSL_SYS_RESOURCE_H

#include_next <sys/resource.h>

typedef int __rlimit_resource_t;

#endif
