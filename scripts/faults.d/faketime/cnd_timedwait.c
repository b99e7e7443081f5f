/* For LD_PRELOAD before libfaketime, which moves the clock by which librdkafka computes when a wait is to end, and does
 * not know cnd_timedwait, which waits by the real clock: this puts such an end back on the real one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict end)
{
    int (*next)(cnd_t *, mtx_t *, const struct timespec *) =
        (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
    const long second = 1000000000;
    struct timespec moved, real, until;
    clock_gettime(CLOCK_REALTIME, &moved);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    until.tv_sec = end->tv_sec - moved.tv_sec + real.tv_sec;
    until.tv_nsec = end->tv_nsec - moved.tv_nsec + real.tv_nsec;
    for (; until.tv_nsec < 0; until.tv_nsec += second)
        until.tv_sec--;
    for (; until.tv_nsec >= second; until.tv_nsec -= second)
        until.tv_sec++;
    return next(condition, mutex, &until);
}
