#include "kubelet/crilog_read.h"

#include "lib/clock.h"
#include <string.h>

struct line {
    const char *time, *stream, *text;
    size_t time_len, stream_len, text_len;
    bool partial;
};

/* "TIME STREAM TAG[:TAG]... TEXT", without its newline. */
static bool split(const char *data, size_t len, struct line *l)
{
    const char *end = data + len;
    const char *space1 = memchr(data, ' ', len);
    const char *space2 = space1 ? memchr(space1 + 1, ' ', (size_t)(end - space1 - 1)) : NULL;
    if (!space2)
        return false;
    const char *tags = space2 + 1, *space3 = memchr(tags, ' ', (size_t)(end - tags));
    const char *tags_end = space3 ? space3 : end;
    if (tags_end == tags || (*tags != 'P' && *tags != 'F'))
        return false;
    l->time = data;
    l->time_len = (size_t)(space1 - data);
    l->stream = space1 + 1;
    l->stream_len = (size_t)(space2 - space1 - 1);
    l->partial = *tags == 'P';
    l->text = space3 ? space3 + 1 : end;
    l->text_len = (size_t)(end - l->text);
    return true;
}

static bool is_old(const struct line *l, int64_t since_ns)
{
    char text[CLOCK_TEXT];
    int64_t ns;
    if (since_ns == 0 || l->time_len >= sizeof(text))
        return false;
    memcpy(text, l->time, l->time_len);
    text[l->time_len] = 0;
    return clock_parse(text, &ns) && ns < since_ns;
}

static void put(struct crilog_reader *r, struct buf *out, const char *data, size_t n)
{
    if (r->filter.limit >= 0 && (int64_t)n >= r->filter.limit) {
        n = (size_t)r->filter.limit;
        r->done = true;
    }
    if (r->filter.limit >= 0)
        r->filter.limit -= (int64_t)n;
    buf_add(out, data, n);
}

static void put_line(struct crilog_reader *r, const struct line *l, struct buf *out)
{
    if (r->filter.timestamps && !r->inside) {
        put(r, out, l->time, l->time_len);
        if (!r->done)
            put(r, out, " ", 1);
    }
    if (!r->done)
        put(r, out, l->text, l->text_len);
    if (!r->done && !l->partial)
        put(r, out, "\n", 1);
    r->inside = l->partial;
}

size_t crilog_read(struct crilog_reader *r, const char *data, size_t len, struct buf *out)
{
    size_t used = 0;
    const char *newline;
    struct line l;
    while (!r->done && (newline = memchr(data + used, '\n', len - used))) {
        size_t n = (size_t)(newline - data) - used;
        if (split(data + used, n, &l)) {
            bool wanted = !r->filter.stream || (strlen(r->filter.stream) == l.stream_len &&
                                                   memcmp(r->filter.stream, l.stream, l.stream_len) == 0);
            if (wanted && !is_old(&l, r->filter.since_ns))
                put_line(r, &l, out);
        }
        used += n + 1;
    }
    return r->done ? len : used;
}
