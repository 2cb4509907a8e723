/* Exposure, gain and white balance, each by hand or by the camera itself. */
#include "standin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned id;
    const char *name;     /* as in ROOT/settings, too */
    unsigned type;
    int low, high, step, otherwise;
    int value;            /* the one set by hand */
    int chosen;           /* what the automatic would take */
    unsigned automatic;   /* the control that turns the automatic on */
    int by_hand;          /* that control's value for "off" */
} control;

static control CONTROLS[] = {
    {V4L2_CID_AUTO_WHITE_BALANCE, "white_balance_automatic", V4L2_CTRL_TYPE_BOOLEAN,
     0, 1, 1, 1, 1, 0, 0, 0},
    {V4L2_CID_GAIN, "gain", V4L2_CTRL_TYPE_INTEGER,
     0, 255, 1, 0, 0, 37, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_MANUAL},
    {V4L2_CID_WHITE_BALANCE_TEMPERATURE, "white_balance_temperature", V4L2_CTRL_TYPE_INTEGER,
     2000, 6500, 10, 4000, 4000, 5120, V4L2_CID_AUTO_WHITE_BALANCE, 0},
    {V4L2_CID_EXPOSURE_AUTO, "auto_exposure", V4L2_CTRL_TYPE_MENU,
     0, 3, 1, V4L2_EXPOSURE_APERTURE_PRIORITY, V4L2_EXPOSURE_APERTURE_PRIORITY, 0, 0, 0},
    {V4L2_CID_EXPOSURE_ABSOLUTE, "exposure_time_absolute", V4L2_CTRL_TYPE_INTEGER,
     3, 2047, 1, 250, 250, 156, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_MANUAL},
};
enum { CONTROL_COUNT = sizeof CONTROLS / sizeof *CONTROLS };

static int named(const char *what, const control *one)
{
    char names[256];
    return setting(what, names, sizeof names) && strstr(names, one->name) != NULL;
}

static control *find(unsigned id)
{
    for (int i = 0; i < CONTROL_COUNT; i++)
        if (CONTROLS[i].id == id && !named("without", &CONTROLS[i]))
            return &CONTROLS[i];
    return NULL;
}

static int is_automatic(const control *one)
{
    control *by = one->automatic ? find(one->automatic) : NULL;
    return by && by->value != one->by_hand;
}

static int query(struct v4l2_queryctrl *what)
{
    control *one = find(what->id);
    if (!one)
        return refuse(EINVAL);
    what->type = one->type;
    snprintf((char *)what->name, sizeof what->name, "%s", one->name);
    what->minimum = one->low;
    what->maximum = one->high;
    what->step = one->step;
    what->default_value = one->otherwise;
    what->flags = is_automatic(one) ? V4L2_CTRL_FLAG_INACTIVE : 0;
    return 0;
}

static int get(struct v4l2_control *what)
{
    control *one = find(what->id);
    if (!one)
        return refuse(EINVAL);
    if (named("mute", one))
        return refuse(EIO);
    what->value = is_automatic(one) && !is_set("stale") ? one->chosen : one->value;
    return 0;
}

/* What follows from turning an automatic off: its choice stays, or on some cameras does not. */
static void leave_automatic(const control *switched)
{
    for (int i = 0; i < CONTROL_COUNT; i++)
        if (CONTROLS[i].automatic == switched->id)
            CONTROLS[i].value = is_set("jump") ? CONTROLS[i].otherwise : CONTROLS[i].chosen;
}

static int bounded(const control *one, int value)
{
    value = value < one->low ? one->low : value > one->high ? one->high : value;
    return one->low + (value - one->low) / one->step * one->step;
}

static int set(struct v4l2_control *what)
{
    control *one = find(what->id);
    if (!one)
        return refuse(EINVAL);
    if (named("refuse", one))
        return refuse(EIO);
    if (is_automatic(one))
        return refuse(EACCES);
    int menu = one->type == V4L2_CTRL_TYPE_MENU;
    if (menu && what->value != V4L2_EXPOSURE_MANUAL && what->value != one->otherwise)
        return refuse(EINVAL); /* as most webcams: "auto" and "shutter priority" are not there */
    if (named("ignore", one))
        return 0;
    int before = one->value;
    one->value = what->value = bounded(one, what->value);
    if (one->value != before && !one->automatic && one->value != one->otherwise)
        leave_automatic(one);
    return 0;
}

double in_effect(unsigned id)
{
    const control *one = find(id);
    return one ? (is_automatic(one) ? one->chosen : one->value) : 0;
}

int answer_control(unsigned long request, void *what)
{
    switch (request) {
    case VIDIOC_QUERYCTRL: return query(what);
    case VIDIOC_G_CTRL: return get(what);
    case VIDIOC_S_CTRL: return set(what);
    default: return 1;
    }
}
