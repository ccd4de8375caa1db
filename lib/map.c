/* Open addressing with linear probing; removal leaves a mark, and a table with many marks is built anew. */
#include "lib/map.h"
#include "lib/mem.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    char *key; /* NULL: empty; `removed`: a mark */
    size_t len;
    uint64_t hash;
    void *value;
};
static char removed[1];

struct map {
    struct slot *slots;
    size_t size, used, marks; /* size is a power of two */
};

struct map *map_new(void)
{
    struct map *m = mem_new(struct map);
    m->size = 16;
    m->slots = mem_array(m->size, sizeof(*m->slots));
    return m;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].key != removed)
            free(m->slots[i].key);
    free(m->slots);
    free(m);
}

size_t map_count(const struct map *m)
{
    return m->used;
}

/* FNV-1a with a final mix: the low bits choose the slot. */
static uint64_t hash_of(const void *key, size_t len)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < len; i++)
        h = (h ^ ((const unsigned char *)key)[i]) * 0x100000001b3;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccd;
    return h ^ h >> 33;
}

/* Where the key is, or NULL; *ret_free (may be NULL) is where it could be put. */
static struct slot *find(
    const struct map *m, const void *key, size_t len, uint64_t hash, struct slot **ret_free)
{
    struct slot *spare = NULL;
    for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
        struct slot *s = &m->slots[i];
        if (!s->key || s->key == removed) {
            spare = spare ? spare : s;
            if (s->key)
                continue;
            if (ret_free)
                *ret_free = spare;
            return NULL;
        }
        if (s->hash == hash && s->len == len && !memcmp(s->key, key, len))
            return s;
    }
}

static void rebuild(struct map *m)
{
    struct slot *old = m->slots;
    size_t n = m->size;
    while (m->size < (m->used + 1) * 2)
        m->size *= 2;
    m->slots = mem_array(m->size, sizeof(*m->slots));
    m->marks = 0;
    for (size_t i = 0; i < n; i++) {
        if (!old[i].key || old[i].key == removed)
            continue;
        struct slot *to = NULL;
        find(m, old[i].key, old[i].len, old[i].hash, &to);
        *to = old[i];
    }
    free(old);
}

void *map_get(const struct map *m, const void *key, size_t len)
{
    struct slot *s = find(m, key, len, hash_of(key, len), NULL);
    return s ? s->value : NULL;
}

void *map_put(struct map *m, const void *key, size_t len, void *value)
{
    uint64_t hash = hash_of(key, len);
    struct slot *spare = NULL, *s = find(m, key, len, hash, NULL);
    if (s) {
        void *was = s->value;
        s->value = value;
        return was;
    }
    if ((m->used + m->marks + 1) * 4 > m->size * 3)
        rebuild(m);
    find(m, key, len, hash, &spare);
    m->marks -= spare->key == removed;
    *spare = (struct slot){mem_dup(key, len ? len : 1), len, hash, value};
    m->used++;
    return NULL;
}

void *map_remove(struct map *m, const void *key, size_t len)
{
    struct slot *s = find(m, key, len, hash_of(key, len), NULL);
    if (!s)
        return NULL;
    void *was = s->value;
    free(s->key);
    *s = (struct slot){.key = removed};
    m->used--;
    m->marks++;
    return was;
}

bool map_next(const struct map *m, size_t *at, const void **ret_key, size_t *ret_len, void **ret_value)
{
    for (; *at < m->size; ++*at) {
        const struct slot *s = &m->slots[*at];
        if (!s->key || s->key == removed)
            continue;
        if (ret_key)
            *ret_key = s->key;
        if (ret_len)
            *ret_len = s->len;
        *ret_value = s->value;
        ++*at;
        return true;
    }
    return false;
}

void *map_gets(const struct map *m, const char *key)
{
    return map_get(m, key, strlen(key));
}

void *map_puts(struct map *m, const char *key, void *value)
{
    return map_put(m, key, strlen(key), value);
}

void *map_removes(struct map *m, const char *key)
{
    return map_remove(m, key, strlen(key));
}
