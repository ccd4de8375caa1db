/* OpenAPI documents of the served kinds. */
#include "master/discovery.h"
bool openapi_handle(struct call *c, const char *path)
{
    (void)c;
    (void)path;
    return false;
}
