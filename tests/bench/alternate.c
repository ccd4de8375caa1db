/*
 * Runs several command lines in turn, many rounds, and tells the median wall time of each, its ratio to the
 * first, and the largest resident size of any process it waited for. What is compared sees the same machine
 * in the same minute.
 *
 *     alternate ROUNDS NAME COMMAND [NAME COMMAND]...
 *
 * A COMMAND is split at blanks; where it has " ; " in it, only the part between the first and second is
 * timed: what stands before prepares, what stands after cleans up. "%n" in it is the number of the round.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 64
#define ROUNDS_MAX 1000
#define SUBJECTS_MAX 16

struct subject {
    const char *name, *command;
    double ms[ROUNDS_MAX];
    long rss_kib;
};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int split(char *text, char *words[WORDS])
{
    int n = 0;
    char *save = NULL;
    for (char *w = strtok_r(text, " ", &save); w && n < WORDS - 1; w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    words[n] = NULL;
    return n;
}

static void number(char *to, size_t size, const char *text, int round)
{
    size_t n = 0;
    for (; *text && n + 12 < size; text++) {
        if (text[0] == '%' && text[1] == 'n') {
            n += (size_t)snprintf(to + n, size - n, "%d", round);
            text++;
        } else {
            to[n++] = *text;
        }
    }
    to[n] = '\0';
}

static double run(char *command, long *rss)
{
    char *words[WORDS];
    pid_t pid;
    struct rusage ru;
    int status;
    if (!split(command, words))
        return 0;
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    double start = now_ms();
    if (posix_spawn(&pid, words[0], &quiet, NULL, words, environ)) {
        perror(words[0]);
        exit(1);
    }
    wait4(pid, &status, 0, &ru);
    double took = now_ms() - start;
    posix_spawn_file_actions_destroy(&quiet);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "%s failed: status %x\n", words[0], status);
        exit(1);
    }
    if (rss && ru.ru_maxrss > *rss)
        *rss = ru.ru_maxrss;
    return took;
}

static double sample(struct subject *s, int round)
{
    char text[8192], *parts[3] = {"", text, ""};
    number(text, sizeof(text), s->command, round);
    char *semi = strstr(text, " ; ");
    if (semi) {
        *semi = '\0';
        parts[0] = text;
        parts[1] = semi + 3;
        char *again = strstr(parts[1], " ; ");
        if (again) {
            *again = '\0';
            parts[2] = again + 3;
        }
    }
    if (*parts[0])
        run(parts[0], NULL);
    struct timespec quiet = {
        .tv_nsec = 20000000}; /* what the last one left to be done in the kernel is done */
    nanosleep(&quiet, NULL);
    double took = run(parts[1], &s->rss_kib);
    if (*parts[2])
        run(parts[2], NULL);
    return took;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static struct subject subjects[SUBJECTS_MAX];
    int rounds = argc > 1 ? atoi(argv[1]) : 0, n = (argc - 2) / 2;
    if (rounds < 1 || rounds > ROUNDS_MAX || n < 1 || n > SUBJECTS_MAX)
        return 2;
    for (int i = 0; i < n; i++)
        subjects[i] = (struct subject){.name = argv[2 + 2 * i], .command = argv[3 + 2 * i]};
    for (int r = -2; r < rounds; r++) /* two rounds to warm up */
        for (int i = 0; i < n; i++)
            subjects[i].ms[r < 0 ? 0 : r] = sample(&subjects[i], r + 2);
    for (int i = 0; i < n; i++)
        qsort(subjects[i].ms, (size_t)rounds, sizeof(double), compare);
    for (int i = 0; i < n; i++) {
        struct subject *s = &subjects[i];
        printf("%-28s %8.2f ms  p90 %7.2f  x%-6.2f  peak %6ld KiB\n", s->name, s->ms[rounds / 2],
            s->ms[rounds * 9 / 10], s->ms[rounds / 2] / subjects[0].ms[rounds / 2], s->rss_kib);
    }
    return 0;
}
