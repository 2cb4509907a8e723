/* What the files of the stand-in Video4Linux camera share. README.md beside this says what for. */
#ifndef STANDIN_H
#define STANDIN_H

#include <linux/videodev2.h>
#include <stddef.h>

enum {
    CAPTURE = 77,   /* /dev/video77 gives pictures ... */
    METADATA = 78,  /* ... and /dev/video78 is the second node that every UVC camera has */
    MAX_BUFFERS = 8,
    MAX_OPEN = 1024, /* file descriptors: select() knows no more */
};

typedef struct {
    int queued, done;     /* lies empty with the driver; holds a picture */
    unsigned bytes, sequence;
    double at;            /* when its picture was taken, CLOCK_MONOTONIC in seconds */
} buffer;

/* One open file descriptor. */
typedef struct {
    int number;           /* CAPTURE or METADATA; 0: not one of ours */
    int blocking, streaming, memory;
    int dead;             /* it was unplugged while this was open, which is for ever */
    unsigned count, size; /* of buffers */
    unsigned char *bytes;
    buffer buffers[MAX_BUFFERS];
    double started;
    unsigned long taken;  /* pictures since then, the dropped ones among them */
} camera;

/* settings.c: ROOT/settings, read anew each time it is asked */
const char *root_folder(void);
int setting(const char *name, char *value, size_t bytes); /* whether it is there */
int is_set(const char *name);
double number_of(const char *name, double otherwise);
double now(void);

/* paths.c */
const char *real_path(const char *path, char *room, size_t bytes);

/* files.c */
camera *camera_of(int fd);
int device_number(const char *path);
int is_dead(camera *one);
int refused_by_holder(int fd); /* takes the camera for this descriptor, or sets EBUSY */

/* modes.c */
extern struct v4l2_pix_format chosen;
extern unsigned chosen_rate;
int answer_query(camera *one, unsigned long request, void *what); /* 1: not for here */
int set_format(int fd, struct v4l2_format *format);

/* controls.c */
int answer_control(unsigned long request, void *what); /* 1: not for here */
double in_effect(unsigned id); /* a control's value that shows in the picture */

/* stream.c */
int answer_stream(int fd, camera *one, unsigned long request, void *what);
double next_picture(camera *one); /* seconds until one can be taken out; 0: now; 1e9: never */
void catch_up_all(void);
void release_buffers(camera *one);
int refuse(int error);

/* pictures.c */
unsigned draw(unsigned char *room, unsigned bytes, unsigned sequence);

#endif
