/* Which file descriptors are cameras, and which of them holds the camera. */
#define _GNU_SOURCE
#include "standin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static camera cameras[MAX_OPEN];

int device_number(const char *path)
{
    if (!path || strncmp(path, "/dev/v", 6) != 0)
        return 0;
    if (strncmp(path, "/dev/video", 10) == 0) {
        int number = atoi(path + 10);
        return number == CAPTURE || number == METADATA ? number : 0;
    }
    const char *index = strstr(path, "-video-index"); /* /dev/v4l/by-id/NAME-video-index0 */
    return index ? CAPTURE + atoi(index + 12) : 0;
}

camera *camera_of(int fd)
{
    return fd >= 0 && fd < MAX_OPEN && cameras[fd].number ? &cameras[fd] : NULL;
}

static int open_file(const char *path, int flags, mode_t mode)
{
    char room[512];
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    int number = device_number(path);
    if (number && is_set("forbidden"))
        return refuse(EACCES);
    if (number && is_set("busy_open"))
        return refuse(EBUSY);
    int fd = real(real_path(path, room, sizeof room), flags, mode);
    if (fd >= 0 && fd < MAX_OPEN && number) {
        cameras[fd] = (camera){.number = number, .blocking = !(flags & O_NONBLOCK), .memory = -1};
    }
    return fd;
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return open_file(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

int close(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "close");
    camera *one = camera_of(fd);
    if (one) {
        release_buffers(one);
        one->number = 0;
    }
    return real(fd);
}

int is_dead(camera *one)
{
    one->dead |= is_set("gone");
    return one->dead;
}

/* As in the kernel's UVC driver: whoever sets a format has the camera until it is closed.
   The lock belongs to the open file, so it ends with the process, however that ends. */
int refused_by_holder(int fd)
{
    if (is_set("busy") || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        errno = EBUSY;
        return 1;
    }
    return 0;
}
