/* Names below /dev and /sys that belong to cameras are looked up below ROOT instead. */
#define _GNU_SOURCE
#include "standin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *const MOVED[] = {
    "/dev/video", "/dev/v4l", "/sys/class/video4linux", "/sys/devices/standin", NULL,
};

const char *real_path(const char *path, char *room, size_t bytes)
{
    int moved = path && strcmp(path, "/dev") == 0;
    for (int i = 0; path && MOVED[i] && !moved; i++)
        moved = strncmp(path, MOVED[i], strlen(MOVED[i])) == 0;
    if (!moved)
        return path;
    if (device_number(path) && is_set("gone"))
        path = "/is/gone";
    snprintf(room, bytes, "%s%s", root_folder(), path);
    return room;
}

/* A camera's file under ROOT is an ordinary one; to the program it is a device. */
static int as_device(const char *path, int result, struct stat *status)
{
    int number = device_number(path);
    if (result == 0 && number && S_ISREG(status->st_mode)) {
        status->st_mode = S_IFCHR | 0660;
        status->st_rdev = makedev(81, (unsigned)number);
    }
    return result;
}

#define STATS(name) \
    int name(const char *path, struct stat *status) \
    { \
        char room[512]; \
        int (*real)(const char *, struct stat *) = dlsym(RTLD_NEXT, #name); \
        return as_device(path, real(real_path(path, room, sizeof room), status), status); \
    }
STATS(stat)
STATS(lstat)

/* On 64-bit machines both structures are one. */
int stat64(const char *path, struct stat64 *status)
{
    return stat(path, (struct stat *)status);
}

int lstat64(const char *path, struct stat64 *status)
{
    return lstat(path, (struct stat *)status);
}

int fstatat(int folder, const char *path, struct stat *status, int flags)
{
    char room[512];
    int (*real)(int, const char *, struct stat *, int) = REAL(fstatat);
    int result = real(folder, real_path(path, room, sizeof room), status, flags);
    return as_device(path, result, status);
}

int fstatat64(int folder, const char *path, struct stat64 *status, int flags)
{
    return fstatat(folder, path, (struct stat *)status, flags);
}

int access(const char *path, int mode)
{
    char room[512];
    if (device_number(path) && is_set("forbidden")) {
        errno = EACCES;
        return -1;
    }
    return REAL(access)(real_path(path, room, sizeof room), mode);
}

DIR *opendir(const char *path)
{
    char room[512];
    return REAL(opendir)(real_path(path, room, sizeof room));
}

/* Which file another process has open is told without ROOT, as the kernel would. */
ssize_t readlink(const char *path, char *target, size_t bytes)
{
    char room[512];
    ssize_t length = REAL(readlink)(real_path(path, room, sizeof room), target, bytes);
    size_t root = strlen(root_folder());
    if (length > (ssize_t)root && strncmp(target, root_folder(), root) == 0) {
        memmove(target, target + root, (size_t)length - root);
        length -= (ssize_t)root;
    }
    return length;
}
