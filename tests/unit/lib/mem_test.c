/* lib/mem: arenas, ownership. */
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void arena_memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    for (size_t size = 1; size < 3000; size += 7) {
        unsigned char *p = arena_alloc(a, size);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
        arena_strdup(a, "x"); /* leaves the next place unaligned */
    }
}

static void arena_pointers_stay(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    int *kept[1000];
    for (int i = 0; i < 1000; i++) {
        kept[i] = arena_alloc(a, sizeof(int));
        *kept[i] = i;
        if (i % 100 == 0)
            memset(arena_alloc(a, 1 << 20), 1, 1 << 20);
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(*kept[i], i);
    assert_true(arena_bytes(a) > 10u << 20);
    assert_true(arena_bytes(a) < 12u << 20);
}

static void arena_texts(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    assert_null(arena_strdup(a, NULL));
    assert_string_equal(arena_strdup(a, ""), "");
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(a, "ab", 30), "ab");
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    assert_int_equal(strlen(arena_printf(a, "%5000d", 1)), 5000);
}

static void mem_texts(void **state)
{
    (void)state;
    auto_free char *copy = mem_strdup("abc"), *part = mem_strndup("abcdef", 2), *text = mem_printf("%03d", 7);
    assert_null(mem_strdup(NULL));
    assert_string_equal(copy, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(text, "007");
    auto_free int *zeroed = mem_array(10, sizeof(int));
    for (int i = 0; i < 10; i++)
        assert_int_equal(zeroed[i], 0);
}

static void cleanup_closes_and_keeps_errno(void **state)
{
    (void)state;
    int seen;
    {
        auto_close fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        seen = fd;
        errno = ENOTTY;
    }
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(fcntl(seen, F_GETFD), -1);
}

static void taking_moves(void **state)
{
    (void)state;
    char *p = mem_strdup("x"), *taken = take_ptr(p);
    assert_null(p);
    assert_string_equal(taken, "x");
    free(taken);
    int fd = 5;
    assert_int_equal(take_fd(fd), 5);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zeroed_and_aligned),
        cmocka_unit_test(arena_pointers_stay),
        cmocka_unit_test(arena_texts),
        cmocka_unit_test(mem_texts),
        cmocka_unit_test(cleanup_closes_and_keeps_errno),
        cmocka_unit_test(taking_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
