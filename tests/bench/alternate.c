/*
 * Runs several command lines in turn, many rounds, and tells the median and the fastest tenth of the wall
 * time of each, the ratio of its median to the first one's, the processor time that it and those it waited
 * for took (which others on the machine change little), and the largest resident size of any of them. What is
 * compared sees the same machine in the same minute, and each sample begins when nobody else runs, if that
 * comes about within half a second.
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
    double ms[ROUNDS_MAX], cpu_ms[ROUNDS_MAX];
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

static double ms_of(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

/* How many tasks run or want to, ourselves among them. */
static int running(void)
{
    FILE *f = fopen("/proc/loadavg", "re");
    int n = 0;
    if (!f || fscanf(f, "%*s %*s %*s %d/", &n) != 1)
        exit(1);
    fclose(f);
    return n;
}

/* Twice in a row, 2 ms apart: what the last one left to be done in the kernel is done, too. */
static void await_quiet(void)
{
    const struct timespec pause = {.tv_nsec = 2000000}, settle = {.tv_nsec = 20000000};
    double end = now_ms() + 200;
    nanosleep(&settle, NULL);
    for (int quiet = 0; quiet < 2 && now_ms() < end; nanosleep(&pause, NULL))
        quiet = running() <= 1 ? quiet + 1 : 0;
}

static double run(char *command, double *cpu, long *rss)
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
    if (cpu)
        *cpu = ms_of(ru.ru_utime) + ms_of(ru.ru_stime);
    return took;
}

static void sample(struct subject *s, int at, int round)
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
        run(parts[0], NULL, NULL);
    await_quiet();
    s->ms[at] = run(parts[1], &s->cpu_ms[at], &s->rss_kib);
    if (*parts[2])
        run(parts[2], NULL, NULL);
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
            sample(&subjects[i], r < 0 ? 0 : r, r + 2);
    for (int i = 0; i < n; i++) {
        qsort(subjects[i].ms, (size_t)rounds, sizeof(double), compare);
        qsort(subjects[i].cpu_ms, (size_t)rounds, sizeof(double), compare);
    }
    for (int i = 0; i < n; i++) {
        struct subject *s = &subjects[i];
        printf("%-24s %8.2f ms  x%-5.2f  p10 %7.2f  cpu %6.2f  peak %5ld KiB\n", s->name, s->ms[rounds / 2],
            s->ms[rounds / 2] / subjects[0].ms[rounds / 2], s->ms[rounds / 10], s->cpu_ms[rounds / 2],
            s->rss_kib);
    }
    return 0;
}
