/* What a process is told of the time, and how long its disk takes: see shim.py, which writes the file that is mapped here. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile int64_t clock_offset_ns;
    volatile int64_t sync_delay_ns;
};

static const struct control nothing;
static const struct control *control = &nothing;

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    const char *path = getenv("LIGHTMAIL_TEST_SHIM");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        control = mapped;
}

int clock_gettime(clockid_t id, struct timespec *told) {
    if (!real_clock_gettime) /* somebody's constructor asks before ours has run */
        real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real_clock_gettime(id, told);
    if (result == 0 && control->clock_offset_ns && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t ns = (int64_t)told->tv_sec * 1000000000 + told->tv_nsec + control->clock_offset_ns;
        told->tv_sec = ns / 1000000000;
        told->tv_nsec = ns % 1000000000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict told, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    if (result == 0) {
        told->tv_sec = now.tv_sec;
        told->tv_usec = now.tv_nsec / 1000;
    }
    return result;
}

time_t time(time_t *told) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (told)
        *told = now.tv_sec;
    return now.tv_sec;
}

static void take_time(void) {
    int64_t ns = control->sync_delay_ns;
    struct timespec left = {ns / 1000000000, ns % 1000000000};
    while (ns && nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

int fsync(int file) {
    take_time();
    return real_fsync(file);
}

int fdatasync(int file) {
    take_time();
    return real_fdatasync(file);
}
