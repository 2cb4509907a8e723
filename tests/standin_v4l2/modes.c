/* What the camera is and can: names, formats, sizes, rates. */
#include "standin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned format, width, height, rates[4];
} mode;

static const mode MODES[] = {
    {V4L2_PIX_FMT_MJPEG, 1280, 720, {30, 15}},
    {V4L2_PIX_FMT_MJPEG, 640, 480, {30, 15}},
    {V4L2_PIX_FMT_MJPEG, 320, 240, {240, 30, 1}},
    {V4L2_PIX_FMT_YUYV, 1280, 720, {10}},
    {V4L2_PIX_FMT_YUYV, 640, 480, {30, 15}},
    {V4L2_PIX_FMT_YUYV, 320, 240, {240, 30, 1}},
};
enum { MODE_COUNT = sizeof MODES / sizeof *MODES };

struct v4l2_pix_format chosen = {
    .width = 640, .height = 480, .pixelformat = V4L2_PIX_FMT_YUYV, .field = V4L2_FIELD_NONE,
    .bytesperline = 1280, .sizeimage = 640 * 480 * 2,
};
unsigned chosen_rate = 30;

static int is_offered(unsigned format)
{
    char only[8];
    if (!setting("only", only, sizeof only))
        return 1;
    return memcmp(only, &format, 4) == 0;
}

static int query_names(camera *one, struct v4l2_capability *what)
{
    memset(what, 0, sizeof *what);
    strcpy((char *)what->driver, "uvcvideo");
    strcpy((char *)what->card, "Stand-in Webcam");
    strcpy((char *)what->bus_info, "usb-0000:00:14.0-2");
    setting("driver", (char *)what->driver, sizeof what->driver);
    setting("bus", (char *)what->bus_info, sizeof what->bus_info);
    unsigned kind = one->number == CAPTURE ? V4L2_CAP_VIDEO_CAPTURE : V4L2_CAP_META_CAPTURE;
    what->device_caps = kind | V4L2_CAP_STREAMING;
    /* The whole camera's, of both nodes: a program must not look here for what a node does. */
    what->capabilities =
        V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static int query_format(struct v4l2_fmtdesc *what)
{
    unsigned seen = 0, last = 0;
    for (int i = 0; i < MODE_COUNT; i++) {
        if (MODES[i].format == last || !is_offered(MODES[i].format))
            continue;
        last = MODES[i].format;
        if (seen++ == what->index) {
            what->pixelformat = last;
            what->flags = last == V4L2_PIX_FMT_MJPEG ? V4L2_FMT_FLAG_COMPRESSED : 0;
            strcpy((char *)what->description, what->flags ? "Motion-JPEG" : "YUYV 4:2:2");
            return 0;
        }
    }
    return refuse(EINVAL);
}

/* Some drivers, of capture cards above all, take any size and rate within bounds. */
static int query_size_range(struct v4l2_frmsizeenum *what)
{
    if (what->index)
        return refuse(EINVAL);
    what->type = V4L2_FRMSIZE_TYPE_STEPWISE;
    what->stepwise = (struct v4l2_frmsize_stepwise){32, 1280, 2, 32, 720, 2};
    return 0;
}

static int query_rate_range(struct v4l2_frmivalenum *what)
{
    if (what->index)
        return refuse(EINVAL);
    what->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
    what->stepwise = (struct v4l2_frmival_stepwise){{1, 60}, {1, 1}, {1, 1}};
    return 0;
}

static int query_size(struct v4l2_frmsizeenum *what)
{
    unsigned seen = 0;
    if (is_set("range"))
        return query_size_range(what);
    for (int i = 0; i < MODE_COUNT; i++) {
        if (MODES[i].format != what->pixel_format || seen++ != what->index)
            continue;
        what->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        what->discrete.width = MODES[i].width;
        what->discrete.height = MODES[i].height;
        return 0;
    }
    return refuse(EINVAL);
}

static const mode *nearest(unsigned format, unsigned width)
{
    const mode *best = NULL;
    for (int i = 0; i < MODE_COUNT; i++) {
        if (MODES[i].format != format)
            continue;
        if (!best || abs((int)MODES[i].width - (int)width) < abs((int)best->width - (int)width))
            best = &MODES[i];
    }
    return best;
}

static int query_rate(struct v4l2_frmivalenum *what)
{
    if (is_set("range"))
        return query_rate_range(what);
    const mode *one = nearest(what->pixel_format, what->width);
    if (!one || one->width != what->width || what->index >= 4 || !one->rates[what->index])
        return refuse(EINVAL);
    what->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    what->discrete = (struct v4l2_fract){1, one->rates[what->index]};
    return 0;
}

int set_format(int fd, struct v4l2_format *format)
{
    if (refused_by_holder(fd))
        return -1;
    unsigned wanted = format->fmt.pix.pixelformat;
    int known = (wanted == V4L2_PIX_FMT_MJPEG || wanted == V4L2_PIX_FMT_YUYV) && is_offered(wanted);
    unsigned otherwise = is_offered(V4L2_PIX_FMT_YUYV) ? V4L2_PIX_FMT_YUYV : V4L2_PIX_FMT_MJPEG;
    const mode *one = nearest(known ? wanted : otherwise, format->fmt.pix.width);
    chosen.pixelformat = one->format;
    chosen.width = one->width;
    chosen.height = one->height;
    chosen.bytesperline = one->format == V4L2_PIX_FMT_YUYV ? one->width * 2 : 0;
    chosen.sizeimage = one->width * one->height * 2;
    chosen_rate = one->rates[0];
    format->fmt.pix = chosen;
    if (!is_offered(one->format))
        format->fmt.pix.pixelformat = V4L2_PIX_FMT_H264; /* which OpenCV does not take */
    return 0;
}

static int set_rate(struct v4l2_streamparm *what)
{
    struct v4l2_fract *time = &what->parm.capture.timeperframe;
    double wanted = time->numerator ? (double)time->denominator / time->numerator : 0;
    const mode *one = nearest(chosen.pixelformat, chosen.width);
    for (int i = 0; i < 4 && one->rates[i]; i++)
        if (i == 0 || abs((int)one->rates[i] - (int)wanted) < abs((int)chosen_rate - (int)wanted))
            chosen_rate = one->rates[i];
    *time = (struct v4l2_fract){1, chosen_rate};
    return 0;
}

static int tell_rate(struct v4l2_streamparm *what)
{
    what->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    what->parm.capture.timeperframe = (struct v4l2_fract){1, chosen_rate};
    return 0;
}

static int tell_format(struct v4l2_format *what)
{
    what->fmt.pix = chosen;
    return 0;
}

int answer_query(camera *one, unsigned long request, void *what)
{
    if (request == VIDIOC_QUERYCAP)
        return query_names(one, what);
    if (one->number != CAPTURE)
        return refuse(ENOTTY);
    switch (request) {
    case VIDIOC_ENUM_FMT: return query_format(what);
    case VIDIOC_ENUM_FRAMESIZES: return query_size(what);
    case VIDIOC_ENUM_FRAMEINTERVALS: return query_rate(what);
    case VIDIOC_G_FMT: return tell_format(what);
    case VIDIOC_S_PARM: return set_rate(what);
    case VIDIOC_G_PARM: return tell_rate(what);
    default: return 1;
    }
}
