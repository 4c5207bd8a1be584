/**
 * Start a program and measure how long it takes until its port answers: from just before the fork
 * to the first connection that is accepted. Prints {"ms": …, "pid": …}, holds the program until a
 * line or the end of the input comes, then ends it.
 * Arguments: port=PORT -- program arguments…
 */
#include "bench.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TRIES 50000 /* of 200 us: ten seconds */

/** Connect once. A port of the ephemeral range may connect to itself: that is not an answer. */
static int port_answers(const struct sockaddr_in *to)
{
    struct sockaddr_in self;
    socklen_t len = sizeof(self);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        bench_die("socket: %s", strerror(errno));
    int ok = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 &&
             getsockname(fd, (struct sockaddr *)&self, &len) == 0 && self.sin_port != to->sin_port;
    close(fd);
    return ok;
}

static pid_t program_start(char **argv)
{
    while (*argv != NULL && strcmp(*argv, "--") != 0)
        argv++;
    if (*argv == NULL || argv[1] == NULL)
        bench_die("no program after --");
    pid_t pid = fork();
    if (pid < 0)
        bench_die("fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execvp(argv[1], argv + 1);
    bench_die("%s: %s", argv[1], strerror(errno));
}

/** SIGTERM, and SIGKILL for one that is still there after two seconds. */
static void program_end(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int i = 0; i < 200; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(10000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    struct sockaddr_in to = bench_loopback(bench_number(argv, "port", 0));
    double started = bench_now();
    pid_t pid = program_start(argv);
    int tries = 0;
    while (!port_answers(&to)) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            bench_die("the program ended before its port answered");
        if (++tries == TRIES) {
            program_end(pid);
            bench_die("the port does not answer");
        }
        usleep(200);
    }
    printf("{\"ms\": %.2f, \"pid\": %d}\n", (bench_now() - started) * 1e3, (int)pid);
    fflush(stdout);
    for (int c = getchar(); c != EOF && c != '\n';)
        c = getchar();
    program_end(pid);
    return 0;
}
