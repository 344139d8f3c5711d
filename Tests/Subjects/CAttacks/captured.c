// What a function does while it is captured, against whoever captures it. Each goes on until it is ended; a process that got
// through says so. `alive` answers SIGURG, which does no harm to a program that has no handler for it yet.

#define _GNU_SOURCE
#include "cattacks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *line) {
    if (write(1, line, strlen(line)) < 0) _exit(1);
}

static void answer(int number) {
    (void)number;
    say("alive\n");
}

static void rest(long microseconds) {
    struct timespec time = {.tv_nsec = microseconds * 1000};
    nanosleep(&time, NULL);
}

_Noreturn static void wait_for_ever(void) {
    for (;;) pause();
}

/// With the filter off for a moment, one of them has namespaces of its own and every capability in them.
_Noreturn static void make_namespaces(void) {
    for (int child = 0; child < 4; child++) {
        if (fork() != 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) {}
        say("through: a process made namespaces of its own\n");
        wait_for_ever();
    }
    wait_for_ever();
}

/// A name is now a file, now a pipe that nobody writes to.
static void *exchange(void *unused) {
    (void)unused;
    int file = open("/tmp/one", O_CREAT | O_WRONLY, 0600);
    if (file < 0 || write(file, "x", 1) != 1 || mkfifo("/tmp/two", 0600) != 0) say("broken: no files\n");
    for (;;) renameat2(AT_FDCWD, "/tmp/one", AT_FDCWD, "/tmp/two", RENAME_EXCHANGE);
}

static void begin(void *(*body)(void *)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL) != 0) say("broken: no thread\n");
}

/// Each process begins the next, and ends.
_Noreturn static void chain(void) {
    for (;;)
        if (fork() > 0) _exit(0);
}

/// Children that kill each other, whoever is stopped.
_Noreturn static void kill_each_other(void) {
    pid_t children[4] = {0};
    for (;;) {
        for (int place = 0; place < 4; place++) {
            if (children[place] > 0 && waitpid(children[place], NULL, WNOHANG) == 0) continue;
            children[place] = fork();
            if (children[place] != 0) continue;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            pid_t other = children[(place + 3) % 4];
            for (;;) {
                if (fork() == 0) _exit(0);
                if (other > 0) kill(other, SIGKILL);
                while (waitpid(-1, NULL, 0) > 0) {}
                rest(200);
            }
        }
        rest(100);
    }
}

static char *const *arguments;

static void *execute(void *unused) {
    (void)unused;
    rest(2000);
    execv("/proc/self/exe", arguments);
    say("broken: execv\n");
    return NULL;
}

/// A sibling stops the first process and lets it go on, without end.
_Noreturn static void stop_and_continue(void) {
    pid_t first = getpid();
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            kill(first, SIGSTOP);
            rest(100);
            for (int more = 0; more < 10; more++) kill(first, SIGCONT);
            rest(1000);
        }
    }
    wait_for_ever();
}

/// Its own thread waits in the kernel until the child, which has its memory, ends or executes a program.
static void *wait_for_sharer(void *unused) {
    (void)unused;
    if (vfork() == 0) {
        say("ready\n");
        for (;;) syscall(SYS_pause);
    }
    return NULL;
}

long attack_while_captured(const char *name, char *const *again) {
    arguments = again;
    struct sigaction action = {.sa_handler = answer, .sa_flags = SA_RESTART};
    sigaction(SIGURG, &action, NULL);
    if (!getenv("ATTACK_AGAIN") && strcmp(name, "sharing") != 0) say("ready\n");
    if (strcmp(name, "namespaces") == 0) make_namespaces();
    if (strcmp(name, "exchange") == 0) {
        begin(exchange);
        wait_for_ever();
    }
    if (strcmp(name, "first-thread-gone") == 0) {
        begin(exchange);
        for (;;) syscall(SYS_exit, 0);
    }
    if (strcmp(name, "chain") == 0) {
        for (int number = 0; number < 2; number++)
            if (fork() == 0) chain();
        wait_for_ever();
    }
    if (strcmp(name, "killing") == 0) kill_each_other();
    if (strcmp(name, "executing") == 0) {
        setenv("ATTACK_AGAIN", "1", 1);
        for (int number = 0; number < 3; number++) begin(execute);
        wait_for_ever();
    }
    if (strcmp(name, "stopping") == 0) stop_and_continue();
    if (strcmp(name, "sharing") == 0) {
        begin(wait_for_sharer);
        wait_for_ever();
    }
    return -EINVAL;
}
