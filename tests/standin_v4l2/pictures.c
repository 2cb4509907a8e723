/* What the camera sees: JPEG files that the test made, or a drawn YUYV bar that moves. */
#define _GNU_SOURCE
#include "standin.h"

#include <stdio.h>
#include <string.h>

static unsigned read_jpeg(unsigned char *room, unsigned bytes, unsigned sequence)
{
    char path[512], size[32], which[16];
    if (!setting("size", size, sizeof size)) /* a camera that changes size by itself */
        snprintf(size, sizeof size, "%ux%u", chosen.width, chosen.height);
    snprintf(which, sizeof which, "%u", is_set("freeze") ? 0 : sequence % 4);
    if (is_set("black"))
        strcpy(which, "black");
    snprintf(path, sizeof path, "%s/pictures/%s-%s.jpg", root_folder(), size, which);
    FILE *file = fopen(path, "rbe");
    size_t length = file ? fread(room, 1, bytes, file) : 0;
    if (file)
        fclose(file);
    return (unsigned)length;
}

static unsigned draw_jpeg(unsigned char *room, unsigned bytes, unsigned sequence)
{
    unsigned length = read_jpeg(room, bytes, sequence);
    if (is_set("garbage"))
        memset(room, 0x55, length);
    return is_set("cut") ? length / 2 : length;
}

static unsigned char byte(double value)
{
    return (unsigned char)(value < 16 ? 16 : value > 235 ? 235 : value);
}

/* Twice the exposure is twice the light; the white balance is right at 5120 K. */
static unsigned draw_yuyv(unsigned char *room, unsigned sequence)
{
    int black = is_set("black");
    double light = 90.0 * in_effect(V4L2_CID_EXPOSURE_ABSOLUTE) / 156.0;
    unsigned char ground = byte(black ? 0 : 16 + light);
    unsigned char red = byte(128 + (in_effect(V4L2_CID_WHITE_BALANCE_TEMPERATURE) - 5120) / 50);
    unsigned bar = is_set("freeze") ? 0 : sequence * 8 % chosen.width;
    for (unsigned y = 0; y < chosen.height; y++)
        for (unsigned x = 0; x < chosen.width; x++, room += 2) {
            room[0] = !black && x - bar < 16 ? 235 : ground;
            room[1] = x & 1 && !black ? red : 128;
        }
    return chosen.width * chosen.height * 2;
}

unsigned draw(unsigned char *room, unsigned bytes, unsigned sequence)
{
    if (chosen.pixelformat == V4L2_PIX_FMT_MJPEG)
        return draw_jpeg(room, bytes, sequence);
    return draw_yuyv(room, sequence);
}
