/* ROOT/settings: lines `name=value` that steer the camera while it runs. */
#define _GNU_SOURCE
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *root_folder(void)
{
    const char *root = getenv("STANDIN_V4L2");
    return root ? root : "/nonexistent";
}

int setting(const char *name, char *value, size_t bytes)
{
    char path[512], line[256];
    int found = 0;
    snprintf(path, sizeof path, "%s/settings", root_folder());
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        char *equals = strchr(line, '=');
        if (!equals)
            continue;
        *equals = 0;
        equals[1 + strcspn(equals + 1, "\n")] = 0;
        if (strcmp(line, name) == 0) {
            snprintf(value, bytes, "%s", equals + 1);
            found = 1;
        }
    }
    if (file)
        fclose(file);
    return found;
}

int is_set(const char *name)
{
    return number_of(name, 0) != 0;
}

double number_of(const char *name, double otherwise)
{
    char text[64];
    return setting(name, text, sizeof text) ? strtod(text, NULL) : otherwise;
}

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
