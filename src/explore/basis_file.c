#include "explore/basis_file.h"

#include "explore/scratch.h"

pb_status pb_basis_to_bytes(const pb_basis *basis, pb_bytes *bytes, pb_error *error)
{
    pb_scratch s;
    pb_status status = pb_scratch_begin(&s, "basis.safetensors", error);

    if (status == PB_OK)
        status = pb_basis_write(basis, s.path, error);
    if (status == PB_OK)
        status = pb_file_read(bytes, s.path, SIZE_MAX, error);
    pb_scratch_end(&s, status, error);
    return status;
}

pb_status pb_basis_of_bytes(pb_basis *basis, const pb_studio *studio, GBytes *bytes,
                            pb_error *error)
{
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    pb_scratch s;
    pb_status status = pb_scratch_begin(&s, "basis.safetensors", error);

    if (status == PB_OK)
        status = pb_file_write(s.path, data, size, error);
    if (status == PB_OK)
        status = pb_read_basis_of(basis, studio, s.path, error);
    pb_scratch_end(&s, status, error);
    return status;
}
