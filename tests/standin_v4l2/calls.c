/* The system calls through which a program speaks with a camera. */
#define _GNU_SOURCE
#include "standin.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <unistd.h>

#define NEXT(name) dlsym(RTLD_NEXT, name)
#define SLICE_S 0.005 /* how soon a wait notices that the settings have changed */

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static int answer(int fd, camera *one, unsigned long request, void *what)
{
    if (is_dead(one))
        return refuse(ENODEV);
    catch_up_all();
    int result = answer_query(one, request, what);
    if (result == 1)
        result = answer_control(request, what);
    if (result == 1)
        result = answer_stream(fd, one, request, what);
    return result;
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*real)(int, unsigned long, ...) = NEXT("ioctl");
    va_list rest;
    va_start(rest, request);
    void *what = va_arg(rest, void *);
    va_end(rest);
    camera *one = camera_of(fd);
    if (!one)
        return real(fd, request, what);
    pthread_mutex_lock(&one_at_a_time);
    int result = answer(fd, one, (unsigned)request, what);
    int error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return result;
}

static void *map(int fd, void *at, size_t bytes, int protection, int flags, off_t offset)
{
    void *(*real)(void *, size_t, int, int, int, off_t) = NEXT("mmap");
    camera *one = flags & MAP_ANONYMOUS ? NULL : camera_of(fd);
    return real(at, bytes, protection, flags, one ? one->memory : fd, offset);
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return map(fd, at, bytes, protection, flags, offset);
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
    return map(fd, at, bytes, protection, flags, (off_t)offset);
}

/* Whether a picture, or the news that the camera is gone, comes in time. */
static int wait_for_picture(camera *one, double seconds)
{
    double until = now() + seconds;
    for (;;) {
        pthread_mutex_lock(&one_at_a_time);
        double wait = next_picture(one);
        pthread_mutex_unlock(&one_at_a_time);
        double left = until - now();
        if (wait <= 0)
            return 1;
        if (left <= 0)
            return 0;
        wait = wait < left ? wait : left;
        usleep((useconds_t)((wait < SLICE_S ? wait : SLICE_S) * 1e6) + 1);
    }
}

static int camera_in(int count, const fd_set *set)
{
    for (int fd = 0; set && fd < count; fd++)
        if (FD_ISSET(fd, set) && camera_of(fd))
            return fd;
    return -1;
}

/* A camera is waited for alone, as OpenCV does. */
int select(int count, fd_set *to_read, fd_set *to_write, fd_set *other, struct timeval *timeout)
{
    int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *) = NEXT("select");
    int fd = camera_in(count, to_read);
    if (fd < 0)
        return real(count, to_read, to_write, other, timeout);
    double seconds = timeout ? (double)timeout->tv_sec + (double)timeout->tv_usec * 1e-6 : 1e6;
    int ready = wait_for_picture(camera_of(fd), seconds);
    FD_ZERO(to_read);
    if (ready)
        FD_SET(fd, to_read);
    errno = 0;
    return ready;
}

int poll(struct pollfd *waiting, nfds_t count, int timeout_ms)
{
    int (*real)(struct pollfd *, nfds_t, int) = NEXT("poll");
    camera *one = count == 1 ? camera_of(waiting->fd) : NULL;
    if (!one)
        return real(waiting, count, timeout_ms);
    int ready = wait_for_picture(one, timeout_ms < 0 ? 1e6 : timeout_ms * 1e-3);
    waiting->revents = ready ? (short)(is_dead(one) ? POLLERR : POLLIN) : (short)0;
    return ready;
}
