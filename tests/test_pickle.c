/* Pickles: damaged ones, and what of getattr is read. */
#include <string.h>

#include "io/pickle.h"
#include "must.h"

/* A pickle cut off anywhere; every opcode where nothing is on the stack. */
static void test_pickle(void **state)
{
    unsigned char bytes[40] = {0x80, 2};
    pb_pickle *pickle;
    pb_error why;

    (void)state;
    for (int op = 0; op < 256; op++)
        for (size_t size = 3; size < sizeof bytes; size += 5) {
            bytes[2] = (unsigned char)op;
            why.message[0] = '\0';
            if (pb_pickle_read(&pickle, "p", bytes, size, &why) == PB_OK)
                fail_msg("opcode %d of %zu bytes is a pickle", op, size);
            assert_null(pickle);
            assert_non_null(strstr(why.message, "p: pickle, byte"));
        }
    memcpy(bytes, "\x80\x02\x8A\x03\xFE\xFF\xFF.", 8);
    MUST(pb_pickle_read(&pickle, "p", bytes, 8, error));
    assert_int_equal(pb_pickle_value(pickle)->kind, PB_PICKLED_INTEGER);
    assert_int_equal(pb_pickle_value(pickle)->integer, -2);
    pb_pickle_free(pickle);
    memcpy(bytes, "\x80\x03J\xFD\xFF\xFF\xFF.", 8);
    MUST(pb_pickle_read(&pickle, "p", bytes, 8, error));
    assert_int_equal(pb_pickle_value(pickle)->integer, -3);
    pb_pickle_free(pickle);
    pb_pickle_free(NULL);
}

/* getattr finds members of enumerations and classes in classes, and nothing else by no other way.
 */
static void test_getattr(void **state)
{
#define GETATTR "cbuiltins\ngetattr\n"
#define KIND GETATTR "cmy.net\nKind\n"
#define TEXT(length, text) "U" length text
#define MEMBER "\x86R" /* of a class and a text */
    static const struct {
        const char *program;
        bool fine;
    } cases[] = {
        {KIND TEXT("\6", "LINEAR") MEMBER, true},
        {KIND TEXT("\6", "cosine") MEMBER, true},
        {KIND TEXT("\6", "Nested") MEMBER ")R", true},
        {KIND TEXT("\6", "Nested") MEMBER ")\x81}b", true},
        {GETATTR KIND TEXT("\6", "Nested") MEMBER TEXT("\1", "A") MEMBER, true},
        {"c__builtin__\ngetattr\nq\1cmy.net\nKind\n" TEXT("\1", "A") MEMBER
         "0h\1cmy.net\nKind\n" TEXT("\1", "B") MEMBER,
         true},
        /* what is found, or called */
        {KIND TEXT("\x0b", "__globals__") MEMBER, false},
        {KIND TEXT("\x09", "__class__") MEMBER, false},
        {KIND TEXT("\4", "_map") MEMBER, false},
        {KIND TEXT("\2", "os") MEMBER, false},
        {KIND TEXT("\3", "A.B") MEMBER, false},
        {KIND "K\1" MEMBER, false},
        {KIND TEXT("\4", "load") MEMBER ")R", false},
        {KIND TEXT("\4", "load") MEMBER ")\x81", false},
        {KIND TEXT("\4", "load") MEMBER ")}\x92", false},
        /* of what */
        {GETATTR "ctorch\nhub\n" TEXT("\4", "load") MEMBER, false},
        {GETATTR "cos\nPath\n" TEXT("\1", "A") MEMBER, false},
        {GETATTR "cbuiltins\nstr\n" TEXT("\4", "join") MEMBER, false},
        {GETATTR KIND TEXT("\4", "load") MEMBER TEXT("\1", "A") MEMBER, false},
        {GETATTR KIND TEXT("\6", "LINEAR") "\x86" TEXT("\1", "A") MEMBER, false},
        {GETATTR "cmy.net\nKind\n)R" TEXT("\1", "A") MEMBER, false},
        {GETATTR GETATTR TEXT("\1", "A") MEMBER, false},
        {GETATTR "U\1A" TEXT("\1", "A") MEMBER, false},
        /* in which way */
        {GETATTR, false},
        {GETATTR ")R", false},
        {GETATTR "(cmy.net\nKind\nU\1AU\1BtR", false},
        {GETATTR "cmy.net\nKind\nU\1A\x86\x81", false},
        {GETATTR "cmy.net\nKind\nU\1A\x86}\x92", false},
        {"]" GETATTR "a", false},
        {"}" GETATTR "K\1s", false},
        {"(" GETATTR "\x91", false},
        {"cmy.net\npartial\n" GETATTR "\x85R", false},
        {"cmy.net\npartial\n" GETATTR "R", false},
        {"cmy.net\nKind\n)\x81" GETATTR "b", false},
        {GETATTR "0N", false},
        {GETATTR "q\7cmy.net\nKind\n" TEXT("\1", "A") MEMBER "0h\7"
                                                             "0N",
         false},
        {GETATTR "2cmy.net\nKind\n" TEXT("\1", "A") MEMBER "\x86", false},
        {GETATTR "Q", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char bytes[200] = {0x80, 4};
        size_t size = 2;
        pb_error why = {.message = ""};
        pb_pickle *pickle;
        pb_status status;

        for (const char *at = cases[i].program; *at; at++)
            bytes[size++] = (unsigned char)*at;
        bytes[size++] = '.';
        status = pb_pickle_read(&pickle, "p", bytes, size, &why);
        if (cases[i].fine ? status != PB_OK
                          : status != PB_UNSUPPORTED || !strstr(why.message, "p: names "))
            fail_msg("case %zu: %d %s", i, status, why.message);
        pb_pickle_free(pickle);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pickle),
                                       cmocka_unit_test(test_getattr)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
