/* See criu_message.h. The wire format: each field is a key (number and kind), then a varint or length and
 * bytes. */
#include "runtime/criu/criu_message.h"
#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* --- writing */

static void varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_addc(b, (char)(v | 0x80));
    buf_addc(b, (char)v);
}

static void key(struct buf *b, unsigned field, enum wire kind)
{
    varint(b, (uint64_t)field << 3 | kind);
}

void criu_put_int(struct buf *b, unsigned field, int64_t v)
{
    key(b, field, WIRE_VARINT);
    varint(b, (uint64_t)v); /* a negative one has ten bytes */
}

void criu_put_flag(struct buf *b, unsigned field, bool v)
{
    if (v)
        criu_put_int(b, field, 1);
}

void criu_put_str(struct buf *b, unsigned field, const char *s)
{
    key(b, field, WIRE_BYTES);
    varint(b, strlen(s));
    buf_adds(b, s);
}

void criu_put_message(struct buf *b, unsigned field, const struct buf *message)
{
    key(b, field, WIRE_BYTES);
    varint(b, message->len);
    buf_add(b, buf_str(message), message->len);
    b->over |= message->over;
}

void criu_put_pair(struct buf *b, unsigned field, const char *one, const char *two)
{
    auto_buf m = BUF_INIT(16 << 10);
    criu_put_str(&m, 1, one);
    criu_put_str(&m, 2, two);
    criu_put_message(b, field, &m);
}

/* --- reading */

struct bytes_left {
    const unsigned char *p;
    size_t n;
};
struct field {
    uint64_t number, value; /* value: of a varint */
    struct bytes_left bytes;
};

static bool take_varint(struct bytes_left *in, uint64_t *ret)
{
    *ret = 0;
    for (unsigned shift = 0; in->n && shift < 64; shift += 7) {
        unsigned char c = *in->p++;
        in->n--;
        *ret |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

static bool take_bytes(struct bytes_left *in, uint64_t n, struct bytes_left *ret)
{
    if (n > in->n)
        return false;
    *ret = (struct bytes_left){in->p, (size_t)n};
    in->p += n;
    in->n -= (size_t)n;
    return true;
}

/* *ret_bad: what is left is no field. False with it or at the end. */
static bool next(struct bytes_left *in, struct field *f, bool *ret_bad)
{
    uint64_t head, len;
    if (!in->n || *ret_bad)
        return false;
    *f = (struct field){0};
    *ret_bad = !take_varint(in, &head);
    f->number = head >> 3;
    if (*ret_bad)
        return false;
    switch (head & 7) {
    case WIRE_VARINT:
        *ret_bad = !take_varint(in, &f->value);
        break;
    case WIRE_BYTES:
        *ret_bad = !take_varint(in, &len) || !take_bytes(in, len, &f->bytes);
        break;
    case WIRE_64:
        *ret_bad = !take_bytes(in, 8, &f->bytes);
        break;
    case WIRE_32:
        *ret_bad = !take_bytes(in, 4, &f->bytes);
        break;
    default:
        *ret_bad = true;
    }
    return !*ret_bad;
}

static const char *text(struct arena *a, struct bytes_left b)
{
    return arena_strndup(a, (const char *)b.p, b.n);
}

static void notify(struct arena *a, struct bytes_left in, struct criu_response *r, bool *ret_bad)
{
    for (struct field f; next(&in, &f, ret_bad);)
        if (f.number == 1)
            r->script = text(a, f.bytes);
        else if (f.number == 2)
            r->pid = (int32_t)f.value;
}

static void restored(struct bytes_left in, struct criu_response *r, bool *ret_bad)
{
    for (struct field f; next(&in, &f, ret_bad);)
        if (f.number == 1)
            r->pid = (int32_t)f.value;
}

static void features(struct bytes_left in, struct criu_response *r, bool *ret_bad)
{
    for (struct field f; next(&in, &f, ret_bad);)
        if (f.number == CRIU_FEATURE_MEM_TRACK)
            r->mem_track = f.value;
        else if (f.number == CRIU_FEATURE_LAZY_PAGES)
            r->lazy_pages = f.value;
}

static void member(struct arena *a, const struct field *f, struct criu_response *r, bool *ret_bad)
{
    switch (f->number) {
    case 1:
        r->type = (int32_t)f->value;
        break;
    case 2:
        r->success = f->value;
        break;
    case 4:
        restored(f->bytes, r, ret_bad);
        break;
    case 5:
        notify(a, f->bytes, r, ret_bad);
        break;
    case 7:
        r->error = (int32_t)f->value;
        break;
    case 8:
        features(f->bytes, r, ret_bad);
        break;
    case 9:
        r->error_text = text(a, f->bytes);
        break;
    }
}

struct err *criu_response_parse(struct arena *a, const void *data, size_t n, struct criu_response *ret)
{
    struct bytes_left in = {data, n};
    bool bad = false;
    *ret = (struct criu_response){0};
    for (struct field f; next(&in, &f, &bad);)
        member(a, &f, ret, &bad);
    return bad || !ret->type ? err_new(ERR_INVALID, "criu: no message of its service") : NULL;
}
