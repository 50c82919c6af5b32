#include <stdarg.h>
#include <stdio.h>

#include "session/session.h"

static int hand_on(void *context, const pb_progress *progress)
{
    const pb_task *task = context;
    pb_progress named = *progress;

    named.task = task->name;
    return task->outer->monitor(task->outer->context, &named);
}

static void warn(void *context, const char *text)
{
    const pb_task *task = context;

    task->outer->warn(task->outer->context, text);
}

const pb_run *pb_task_begin(pb_task *task, const char *name, const pb_run *outer)
{
    *task = (pb_task){.outer = outer, .name = name};
    if (!outer)
        return NULL;
    task->run = *outer;
    task->run.context = task;
    task->run.monitor = outer->monitor ? hand_on : NULL;
    task->run.warn = outer->warn ? warn : NULL;
    return &task->run;
}

void pb_run_warn(const pb_run *run, const char *format, ...)
{
    char text[1000];
    va_list arguments;

    if (!run || !run->warn)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    run->warn(run->context, text);
}
