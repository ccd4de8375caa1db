/*
 * Memory. An arena is a list of blocks; the newest is filled from its front, and blocks double up to a
 * ceiling, so that a small object costs one malloc and a large tree few. What is too large for a block gets
 * one of its own, without ending the one that is being filled.
 */
#include "lib/mem.h"
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

static size_t product(size_t n, size_t size)
{
    size_t all;
    if (__builtin_mul_overflow(n, size, &all))
        abort();
    return all;
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_array(size_t n, size_t size)
{
    return mem_zalloc(product(n, size));
}

void *mem_realloc(void *p, size_t n, size_t size)
{
    size_t all = product(n, size);
    return checked(realloc(p, all ? all : 1));
}

char *mem_strdup(const char *s)
{
    return s ? checked(strdup(s)) : NULL;
}

char *mem_strndup(const char *s, size_t n)
{
    return s ? checked(strndup(s, n)) : NULL;
}

void *mem_dup(const void *p, size_t n)
{
    void *copy = checked(malloc(n ? n : 1));
    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *mem_printf(const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    return text;
}

enum { ARENA_FIRST = 1024, ARENA_LARGEST = 256 * 1024, ARENA_ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(ARENA_ALIGN) char data[];
};

struct arena {
    struct arena_block *blocks; /* the first is the one being filled */
    size_t next_size, bytes;
};

struct arena *arena_new_sized(size_t first)
{
    struct arena *a = mem_new(struct arena);
    a->next_size = first;
    return a;
}

struct arena *arena_new(void)
{
    return arena_new_sized(ARENA_FIRST);
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static struct arena_block *new_block(struct arena *a, size_t size)
{
    struct arena_block *b = checked(malloc(sizeof(*b) + size)); /* cleared as it is given out */
    b->used = 0;
    b->size = size;
    a->bytes += sizeof(*b) + size;
    return b;
}

/* A block with room for size: a new one at the front, or one of its own behind the front. */
static struct arena_block *block_for(struct arena *a, size_t size)
{
    if (a->blocks && size > a->next_size / 4) {
        struct arena_block *own = new_block(a, size);
        own->next = a->blocks->next;
        a->blocks->next = own;
        return own;
    }
    struct arena_block *b = new_block(a, size > a->next_size ? size : a->next_size);
    if (a->next_size < ARENA_LARGEST)
        a->next_size *= 2;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

static void *bump(struct arena *a, size_t size, size_t align)
{
    if (size > SIZE_MAX / 2)
        abort();
    struct arena_block *b = a->blocks;
    size_t at = b ? (b->used + align - 1) / align * align : 0;
    if (!b || at > b->size || b->size - at < size) {
        b = block_for(a, size);
        at = 0;
    }
    b->used = at + size;
    return b->data + at;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(bump(a, size, ARENA_ALIGN), 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    return arena_alloc(a, product(n, size));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    if (!s)
        return NULL;
    n = strnlen(s, n);
    char *copy = bump(a, n + 1, 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    char *text = bump(a, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

size_t arena_bytes(const struct arena *a)
{
    return a->bytes;
}

void mem_cleanup(void *p)
{
    free(*(void **)p);
}

void arena_cleanup(struct arena **a)
{
    arena_free(*a);
}

void fd_cleanup(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    errno = saved;
}

void file_cleanup(void *f)
{
    FILE *file = *(FILE **)f;
    if (file)
        fclose(file);
}

void dir_cleanup(void *d)
{
    DIR *dir = *(DIR **)d;
    if (dir)
        closedir(dir);
}
