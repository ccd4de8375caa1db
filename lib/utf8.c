/* UTF-8, by the table of RFC 3629 section 4. */
#include "lib/utf8.h"
#include "lib/mem.h"
#include <stdint.h>
#include <string.h>

static const struct {
    unsigned char first, last, min, max; /* of the lead byte; of the byte after it */
    size_t n;
} forms[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t utf8_sequence(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return 1;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last)
            continue;
        if (n < forms[i].n || s[1] < forms[i].min || s[1] > forms[i].max)
            return 0;
        for (size_t k = 2; k < forms[i].n; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].n;
    }
    return 0;
}

size_t utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint64_t eight;
        if (n - i >= sizeof(eight)) { /* mostly it is ASCII */
            memcpy(&eight, s + i, sizeof(eight));
            if (!(eight & 0x8080808080808080ull)) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t len = utf8_sequence(s + i, n - i);
        if (!len)
            return i;
        i += len;
    }
    return n;
}
