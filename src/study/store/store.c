#include "study/store/store.h"

void pb_store_close(pb_store *s)
{
    if (s)
        s->functions->close(s);
}

char *pb_store_path(const pb_store *s, const pb_key *key, const char *ending)
{
    return s->functions->path(s, key, ending);
}

pb_status pb_store_claim(pb_store *s, const pb_key *key, const json_t *spec, const char *ending,
                         int doubted, pb_claim *claim, pb_error *error)
{
    return s->functions->claim(s, key, spec, ending, doubted, claim, error);
}

pb_status pb_store_finish(pb_store *s, const pb_key *key, const char *ending, double seconds,
                          pb_error *error)
{
    return s->functions->finish(s, key, ending, seconds, error);
}

void pb_store_release(pb_store *s, const pb_key *key)
{
    s->functions->release(s, key);
}

pb_status pb_store_check(pb_store *s, const pb_key *key, const char *ending, pb_error *error)
{
    return s->functions->check(s, key, ending, error);
}

pb_status pb_store_plan(pb_store *s, const char *study, size_t count, const pb_key *keys,
                        pb_error *error)
{
    return s->functions->plan(s, study, count, keys, error);
}

pb_status pb_store_visit(pb_store *s, const char *study, pb_study_visitor visit, void *context,
                         pb_error *error)
{
    return s->functions->visit(s, study, visit, context, error);
}

pb_status pb_store_recall(pb_store *s, const char *text, char **value, pb_error *error)
{
    return s->functions->recall(s, text, value, error);
}

pb_status pb_store_remember(pb_store *s, const char *text, const char *value, pb_error *error)
{
    return s->functions->remember(s, text, value, error);
}
