/*
 * Both sides of sd_notify(3). Static, for inside of a container.
 *     notify TEXT          sends one datagram to $NOTIFY_SOCKET
 *     notify --as SOCKET   is a service manager: prints each datagram, closes descriptors that come along
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int manage(int fd)
{
    char text[4096];
    for (ssize_t n; (n = recv(fd, text, sizeof(text), 0)) >= 0;) {
        printf("%.*s%s", (int)n, text, n && text[n - 1] == '\n' ? "" : "\n");
        fflush(stdout);
    }
    return 1;
}

int main(int argc, char **argv)
{
    int managing = argc == 3 && !strcmp(argv[1], "--as");
    const char *path = managing ? argv[2] : getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (argc < 2 || !path)
        return 2;
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    if (managing && !bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
        return manage(fd);
    if (managing || sendto(fd, argv[1], strlen(argv[1]), 0, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        perror(path);
        return 1;
    }
    return 0;
}
