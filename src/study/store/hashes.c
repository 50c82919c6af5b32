#include "study/store/hashes.h"

#include <pullback/text.h>

#include "base/memory.h"

pb_status pb_store_find_hash(pb_store *store, pb_model *model, char hash[65], const pb_run *run,
                             pb_error *error)
{
    char *signature, *known = NULL;
    pb_status status = PB_OK;

    PB_TRY(pb_model_signature(model, &signature, error));
    if (store)
        status = pb_store_recall(store, signature, &known, error);
    if (status == PB_OK && known)
        status = pb_model_set_hash(model, known, error);
    if (status == PB_OK)
        status = pb_model_hash(model, hash, run, error);
    pb_text_free(signature);
    pb_free(known);
    return status;
}

pb_status pb_store_keep_hash(pb_store *store, const pb_model *model, const char *hash,
                             pb_error *error)
{
    char *signature;
    pb_status status;

    PB_TRY(pb_model_signature(model, &signature, error));
    status = pb_store_remember(store, signature, hash, error);
    pb_text_free(signature);
    return status;
}
