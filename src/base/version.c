#include <pullback/version.h>

const char *pb_version(void)
{
    return PB_VERSION_STRING;
}

int pb_version_number(void)
{
    return PB_VERSION_NUMBER;
}
