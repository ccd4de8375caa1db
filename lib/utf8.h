/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef WHERRY_UTF8_H
#define WHERRY_UTF8_H

#include <stddef.h>

size_t utf8_sequence(const char *s, size_t n); /* bytes of the character at s (n >= 1), 0 where it is none */
size_t utf8_valid(const char *s, size_t n);    /* how many bytes from the start are valid: n is all */

#endif
