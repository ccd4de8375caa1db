/*
 * Lies in wait in a container for processes that come in, and takes a descriptor of what they execute. While
 * that is executed nobody may write to it (ETXTBSY); so it tries until it may, or may never. Prints WROTE
 * where it could, READONLY where the mount forbids it for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is the container's own: we, and busybox. */
static int is_ours(const char *path)
{
    char to[64];
    ssize_t n = readlink(path, to, sizeof(to) - 1);
    to[n > 0 ? n : 0] = '\0';
    return n <= 0 || !strncmp(to, "/bin/", 5);
}

static int take(int pid)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    return is_ours(path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

static int write_to(int taken)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", taken);
    for (int i = 0; i < 1000000; i++) {
        int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (fd >= 0)
            return write(fd, "x", 1) == 1;
        if (errno != ETXTBSY)
            return 0;
    }
    return 0;
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int pid = 2;; pid = pid % 2000 + 2) {
        int fd = take(pid);
        if (fd < 0)
            continue;
        puts(write_to(fd) ? "WROTE" : "READONLY");
        close(fd);
    }
}
