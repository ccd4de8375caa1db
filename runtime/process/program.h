/* Programs of the host that a verb leaves work to. */
#ifndef WHERRY_RUNTIME_PROGRAM_H
#define WHERRY_RUNTIME_PROGRAM_H

#include "lib/err.h"
#include "lib/mem.h"

/* The path of name, looked for in our $PATH. ERR_NOT_FOUND: "criu: not found in $PATH". */
struct err *program_find(struct arena *a, const char *name, const char **ret)
    __attribute__((warn_unused_result));

#endif
