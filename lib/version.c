/* The one object that is built again when the version changes. */
#include "lib/version.h"

#ifndef WHERRY_VERSION
#define WHERRY_VERSION "unknown"
#endif

const char *wherry_version(void)
{
    return WHERRY_VERSION;
}
