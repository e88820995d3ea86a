/* Two exported files in one program, in the child of a fork as well. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "first.h"
#include "second.h"

enum { COUNT = 70000 };

static float x[COUNT], y[COUNT];

static int run(first_state *one, second_state *other)
{
    if (first_call(one, x, COUNT, y) || y[COUNT - 1] != 2)
        return 2;
    return second_call(other, x, COUNT, y) || y[COUNT - 1] != 3 ? 3 : 0;
}

int main(void)
{
    first_state *one;
    second_state *other;
    for (int i = 0; i < COUNT; i++)
        x[i] = 1;
    if (first_create(&one, 3) || second_create(&other, 2) || run(one, other))
        return 1;
    pid_t child = fork();
    if (child == 0) {
        first_state *more;
        int failed = run(one, other) || first_create(&more, 4) || run(more, other);
        first_destroy(more);
        first_destroy(one);
        second_destroy(other);
        _exit(failed);
    }
    int status;
    waitpid(child, &status, 0);
    if (status || run(one, other))
        return 4;
    first_destroy(one);
    second_destroy(other);
    first_destroy(NULL);
    return first_create(NULL, 1) != FIRST_ARGUMENT || first_create(&one, 0) != FIRST_ARGUMENT || one != NULL;
}
