/* DNS: any packet is read, and what is one of ours answered, within the size that the asker takes. */
#include "tests/fuzz/dns_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return dns_try(data, n);
}
