#include <pullback/pullback.h>

#include <stdio.h>

int main(void)
{
    printf("pullback %s\n", pb_version());
    return 0;
}
