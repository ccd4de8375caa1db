/* lib/unixmsg: packets, descriptors, limits, long paths, the other side's end. */
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/unixmsg.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct pair {
    char dir[64];
    char *path;
    int listener, client, server;
};

static void make_pair(struct pair *p, const char *name)
{
    snprintf(p->dir, sizeof(p->dir), "/tmp/wherry-msg.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->path = mem_printf("%s/%s", p->dir, name);
    assert_ok(unixmsg_listen(p->path, &p->listener));
    assert_ok(unixmsg_connect(p->path, &p->client));
    p->server = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(p->server >= 0);
}

static int setup(void **state)
{
    struct pair *p = mem_new(struct pair);
    make_pair(p, "shim.sock");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;
    close(p->listener);
    close(p->client);
    close(p->server);
    err_free(file_remove_tree(AT_FDCWD, p->dir));
    free(p->path);
    free(p);
    return 0;
}

static void packets_keep_their_borders(void **state)
{
    struct pair *p = *state;
    auto_buf b = BUF_INIT(UNIXMSG_MAX);
    int fds[UNIXMSG_FDS];
    size_t n;
    assert_ok(unixmsg_send(p->client, "{\"a\":1}", 7, NULL, 0));
    assert_ok(unixmsg_send(p->client, "{}", 2, NULL, 0));
    assert_ok(unixmsg_recv(p->server, &b, fds, &n));
    assert_string_equal(buf_str(&b), "{\"a\":1}");
    assert_ok(unixmsg_recv(p->server, &b, fds, &n));
    assert_string_equal(buf_str(&b), "{}");
    assert_int_equal(n, 0);
    assert_error(unixmsg_recv(p->server, &b, fds, &n), ERR_UNAVAILABLE, NULL);
}

static void largest_packet_passes(void **state)
{
    struct pair *p = *state;
    auto_buf b = BUF_INIT(UNIXMSG_MAX);
    auto_free char *text = mem_zalloc(UNIXMSG_MAX + 1);
    int fds[UNIXMSG_FDS];
    size_t n;
    memset(text, 'x', UNIXMSG_MAX + 1);
    assert_ok(unixmsg_send(p->client, text, UNIXMSG_MAX, NULL, 0));
    assert_ok(unixmsg_recv(p->server, &b, fds, &n));
    assert_int_equal(b.len, UNIXMSG_MAX);
    assert_error(unixmsg_send(p->client, text, UNIXMSG_MAX + 1, NULL, 0), ERR_LIMIT, NULL);
    assert_error(unixmsg_send(p->client, text, 0, NULL, 0), ERR_LIMIT, NULL);
}

static void descriptors_arrive_close_on_exec(void **state)
{
    struct pair *p = *state;
    auto_buf b = BUF_INIT(UNIXMSG_MAX);
    int sent[UNIXMSG_FDS], fds[UNIXMSG_FDS], pipes[2];
    size_t n;
    assert_int_equal(pipe(pipes), 0);
    for (size_t i = 0; i < UNIXMSG_FDS; i++)
        sent[i] = pipes[1];
    assert_ok(unixmsg_send(p->client, "x", 1, sent, UNIXMSG_FDS));
    assert_error(unixmsg_send(p->client, "x", 1, sent, UNIXMSG_FDS + 1), ERR_LIMIT, NULL);
    close(pipes[1]);
    assert_ok(unixmsg_recv(p->server, &b, fds, &n));
    assert_int_equal(n, UNIXMSG_FDS);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(write(fds[i], "y", 1), 1);
        close(fds[i]);
    }
    char text[20];
    assert_int_equal(read(pipes[0], text, sizeof(text)), UNIXMSG_FDS);
    assert_int_equal(read(pipes[0], text, sizeof(text)), 0); /* none leaked */
    close(pipes[0]);
}

/* What does not fit into the caller's buffer is dropped with its descriptors; the connection goes on. */
static void too_large_for_the_receiver(void **state)
{
    struct pair *p = *state;
    auto_buf b = BUF_INIT(10);
    int fds[UNIXMSG_FDS], pipes[2];
    size_t n;
    assert_int_equal(pipe(pipes), 0);
    assert_ok(unixmsg_send(p->client, "0123456789a", 11, &pipes[1], 1));
    assert_ok(unixmsg_send(p->client, "ok", 2, NULL, 0));
    close(pipes[1]);
    assert_error(unixmsg_recv(p->server, &b, fds, &n), ERR_LIMIT, NULL);
    assert_int_equal(n, 0);
    assert_int_equal(read(pipes[0], &(char){0}, 1), 0);
    assert_ok(unixmsg_recv(p->server, &b, fds, &n));
    assert_string_equal(buf_str(&b), "ok");
    close(pipes[0]);
}

static void end_of_the_peer(void **state)
{
    struct pair *p = *state;
    auto_buf b = BUF_INIT(100);
    int fds[UNIXMSG_FDS];
    size_t n;
    assert_ok(unixmsg_send(p->client, "last", 4, NULL, 0));
    shutdown(p->client, SHUT_RDWR);
    assert_ok(unixmsg_recv(p->server, &b, fds, &n));
    assert_int_equal(b.len, 4);
    assert_ok(unixmsg_recv(p->server, &b, fds, &n));
    assert_int_equal(b.len, 0);
    assert_error(unixmsg_send(p->server, "x", 1, NULL, 0), ERR_UNAVAILABLE, NULL);
}

static void full_queue_is_unavailable(void **state)
{
    struct pair *p = *state;
    struct err *e = NULL;
    for (int i = 0; i < 100000 && !e; i++)
        e = unixmsg_send(p->client, "0123456789", 10, NULL, 0);
    assert_error(e, ERR_UNAVAILABLE, NULL);
}

static void listening(void **state)
{
    struct pair *p = *state;
    int fd = -1;
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_error(unixmsg_listen(p->path, &fd), ERR_EXISTS, NULL);
    shutdown(p->listener, SHUT_RDWR);
    close(p->listener);
    p->listener = -1;
    assert_error(unixmsg_connect(p->path, &fd), ERR_UNAVAILABLE, NULL);
    assert_ok(unixmsg_listen(p->path, &p->listener)); /* over what the dead one left */
    auto_free char *file = mem_printf("%s/file", p->dir), *none = mem_printf("%s/none", p->dir);
    assert_ok(file_write_atomic(AT_FDCWD, file, "x", 1, 0600, FILE_NO_FSYNC));
    assert_error(unixmsg_listen(file, &fd), ERR_EXISTS, NULL);
    assert_error(unixmsg_connect(none, &fd), ERR_NOT_FOUND, NULL);
}

static void long_paths(void **state)
{
    (void)state;
    struct pair p = {.client = -1};
    char name[120];
    memset(name, 'd', 60);
    name[60] = 0;
    snprintf(p.dir, sizeof(p.dir), "/tmp/wherry-msg.XXXXXX");
    assert_non_null(mkdtemp(p.dir));
    auto_free char *dir = mem_printf("%s/%s/%s", p.dir, name, name), *path = mem_printf("%s/shim.sock", dir);
    assert_true(strlen(path) > 108);
    assert_ok(file_mkdirs(AT_FDCWD, dir, 0700, NULL));
    assert_ok(unixmsg_listen(path, &p.listener));
    assert_ok(unixmsg_connect(path, &p.client));
    assert_true(file_exists(AT_FDCWD, path));
    close(p.listener);
    close(p.client);
    assert_ok(file_remove_tree(AT_FDCWD, p.dir));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_keep_their_borders),
        TEST(largest_packet_passes),
        TEST(descriptors_arrive_close_on_exec),
        TEST(too_large_for_the_receiver),
        TEST(end_of_the_peer),
        TEST(full_queue_is_unavailable),
        TEST(listening),
        cmocka_unit_test(long_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
