#include "studio/transfer.h"

void pb_transfer_clear(pb_transfer *t)
{
    pb_directions_clear(&t->own);
    pb_directions_clear(&t->carried);
    for (int i = 0; i < 2; i++)
        pb_edit_clear(&t->edits[i]);
    *t = PB_TRANSFER_EMPTY;
}

pb_status pb_transfer_point(pb_point *onto, const pb_studio *s, const pb_point *from,
                            const pb_prompts *prompts, double t, const pb_run *run, pb_error *error)
{
    PB_TRY(pb_session_prompts(s->session, prompts, &onto->prompts, error));
    PB_TRY(pb_tensor_copy(&onto->x, &from->x, error));
    onto->steps = from->steps;
    onto->grid = from->grid;
    return pb_session_point_to(s->session, onto, t, run, error);
}

pb_status pb_transfer_carry(pb_transfer *t, const pb_studio *s, const pb_run *run, pb_error *error)
{
    const pb_basis *source = t->source;
    const pb_direction_options which = {.basis = source,
                                        .carry = 1,
                                        .onto = t->target,
                                        .form = t->form,
                                        .needed = 1,
                                        .here = {.to = source->to,
                                                 .rank = source->s.shape[0],
                                                 .tolerance = source->tolerance,
                                                 .guided = source->guided,
                                                 .null_rank = -1}};

    return pb_session_directions(s->session, t->onto, &which, &t->carried, run, error);
}

pb_status pb_transfer_edit(pb_transfer *t, const pb_studio *s, const pb_edit_options *o,
                           const char *path, const pb_run *run, pb_error *error)
{
    const pb_direction_options own = {.basis = t->source, .needed = 1};
    const pb_strip strips[2] = {
        {.edit = &t->edits[0], .point = t->from, .basis = t->source, .label = "source"},
        {.edit = &t->edits[1],
         .point = t->onto,
         .basis = t->source,
         .photo = t->photo,
         .label = "transported"}};

    PB_TRY(pb_session_directions(s->session, t->from, &own, &t->own, run, error));
    PB_TRY(pb_session_edit(s->session, t->from, &t->own, o, &t->edits[0], run, error));
    PB_TRY(pb_session_edit(s->session, t->onto, &t->carried, o, &t->edits[1], run, error));
    return pb_strip_write(2, strips, s, path, error);
}

json_t *pb_transfer_json(const pb_transfer *t, const char *path)
{
    json_t *directions = json_array(), *shares = json_array();

    for (size_t i = 0; i < t->edits[1].numbers; i++) {
        size_t d = t->edits[1].direction[i];
        json_array_append_new(directions, json_integer((json_int_t)d));
        json_array_append_new(shares, json_real(t->carried.share[d]));
    }
    return json_pack("{s:s, s:o, s:o, s:f, s:f, s:s, s:i}", "out", path, "directions", directions,
                     "share", shares, "timestep_source", t->from->timestep, "timestep_target",
                     t->onto->timestep, "form",
                     t->form == PB_TRANSPORT_INVERSE ? "pseudo-inverse" : "projection", "rank",
                     (int)t->carried.basis.s.shape[0]);
}
