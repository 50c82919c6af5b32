#include "backends/cpu/onednn.h"

#include <dnnl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "backends/cpu/bfloat.h"
#include "base/memory.h"

#if DNNL_VERSION_MAJOR < 3
typedef dnnl_memory_desc_t layout; /* a value in oneDNN 2, a handle in oneDNN 3 */
#define LAYOUT(l) (&(l))
#define QUERY_LAYOUT(pd, what, i) (*dnnl_primitive_desc_query_md(pd, what, i))
#else
typedef const_dnnl_memory_desc_t layout;
#define LAYOUT(l) (l)
#define QUERY_LAYOUT(pd, what, i) dnnl_primitive_desc_query_md(pd, what, i)
#endif

/* A weight in one packed layout. */
typedef struct pack {
    const pb_stored *weight;
    bool rounded; /* to bfloat16, in whatever type */
    size_t bytes;
    dnnl_memory_t memory;  /* the layout, and once there are some the data */
    pthread_mutex_t mutex; /* guards: */
    float *data;           /* NULL: not made yet */
    struct pack *next;
} pack;

struct pb_onednn {
    dnnl_engine_t engine;
    _Atomic size_t packed_bytes;
    pthread_mutex_t mutex; /* guards: */
    pack *packs;
    size_t bytes; /* of all of them, also of those that are not made yet */
};

struct pb_convolution {
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    dnnl_memory_t in, bias, out, scratch;
    const pack *weight; /* owned by the pb_onednn; NULL: packed for each run */
    dnnl_engine_t engine;
    const pb_stored *stored;
    dnnl_dims_t weight_dims;
    pb_direction direction;
    size_t scratch_bytes; /* of oneDNN's */
    bool bf16;
    size_t in_count; /* numbers of the input; with bf16 they are rounded into the scratch */
};

static pb_status fail(pb_error *error, dnnl_status_t status, const char *what)
{
    if (status == dnnl_out_of_memory)
        return pb_fail(error, PB_MEMORY, "out of memory: oneDNN, %s", what);
    return pb_fail(error, PB_INTERNAL, "oneDNN: %s failed (status %d)", what, (int)status);
}

#define DNN_TRY(call, what)                                                                        \
    do {                                                                                           \
        dnnl_status_t dnn_status_ = (call);                                                        \
        if (dnn_status_ != dnnl_success) {                                                         \
            status = fail(error, dnn_status_, what);                                               \
            goto end;                                                                              \
        }                                                                                          \
    } while (0)

pb_status pb_onednn_new(pb_onednn **out, pb_error *error)
{
    pb_onednn *dnn = pb_calloc(1, sizeof *dnn);
    dnnl_status_t made;

    if (!dnn)
        return pb_fail_memory(error, sizeof *dnn, "oneDNN's engine");
    made = dnnl_engine_create(&dnn->engine, dnnl_cpu, 0);
    if (made != dnnl_success) {
        pb_free(dnn);
        return fail(error, made, "creating an engine");
    }
    pthread_mutex_init(&dnn->mutex, NULL);
    *out = dnn;
    return PB_OK;
}

static void free_pack(pack *p)
{
    if (p->memory)
        dnnl_memory_destroy(p->memory);
    pthread_mutex_destroy(&p->mutex);
    pb_free(p->data);
    pb_free(p);
}

void pb_onednn_free(pb_onednn *dnn)
{
    if (!dnn)
        return;
    while (dnn->packs) {
        pack *next = dnn->packs->next;
        free_pack(dnn->packs);
        dnn->packs = next;
    }
    pthread_mutex_destroy(&dnn->mutex);
    dnnl_engine_destroy(dnn->engine);
    pb_free(dnn);
}

size_t pb_onednn_packed_bytes(pb_onednn *dnn)
{
    return dnn->packed_bytes;
}

/* -- packed weights ------------------------------------------------------------------------ */

static pb_status make_layout(dnnl_memory_desc_t *desc, int rank, const dnnl_dims_t dims,
                             dnnl_data_type_t type, dnnl_format_tag_t tag, pb_error *error)
{
#if DNNL_VERSION_MAJOR < 3
    dnnl_status_t made = dnnl_memory_desc_init_by_tag(desc, rank, dims, type, tag);
#else
    dnnl_status_t made = dnnl_memory_desc_create_with_tag(desc, rank, dims, type, tag);
#endif
    return made == dnnl_success ? PB_OK : fail(error, made, "describing a tensor");
}

/* Frees what make_layout made. */
static void drop_layout(dnnl_memory_desc_t *desc)
{
#if DNNL_VERSION_MAJOR >= 3
    if (*desc)
        dnnl_memory_desc_destroy(*desc);
    *desc = NULL;
#else
    (void)desc;
#endif
}

static pb_status copy_memory(dnnl_engine_t engine, dnnl_memory_t from, dnnl_memory_t to,
                             layout from_layout, layout to_layout, pb_error *error)
{
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    pb_status status = PB_OK;

    DNN_TRY(dnnl_reorder_primitive_desc_create(&desc, LAYOUT(from_layout), engine,
                                               LAYOUT(to_layout), engine, NULL),
            "describing a reorder");
    DNN_TRY(dnnl_primitive_create(&reorder, desc), "creating a reorder");
    DNN_TRY(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "creating a stream");
    DNN_TRY(dnnl_primitive_execute(reorder, stream, 2, arguments), "packing weights");
    DNN_TRY(dnnl_stream_wait(stream), "packing weights");
end:
    if (stream)
        dnnl_stream_destroy(stream);
    if (reorder)
        dnnl_primitive_destroy(reorder);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    return status;
}

/* A pack without its data. */
static pb_status new_pack(pack **out, dnnl_engine_t engine, const pb_stored *weight, bool rounded,
                          layout packed, pb_error *error)
{
    pack *p = pb_calloc(1, sizeof *p);
    dnnl_status_t made;

    if (!p)
        return pb_fail_memory(error, sizeof *p, weight->name);
    pthread_mutex_init(&p->mutex, NULL);
    p->weight = weight;
    p->rounded = rounded;
    p->bytes = dnnl_memory_desc_get_size(LAYOUT(packed));
    made = dnnl_memory_create(&p->memory, LAYOUT(packed), engine, DNNL_MEMORY_NONE);
    if (made != dnnl_success) {
        free_pack(p);
        return fail(error, made, "wrapping weights");
    }
    *out = p;
    return PB_OK;
}

/* Converts and packs its weight (o, i, k, k). */
static pb_status fill_pack(pack *p, dnnl_engine_t engine, const dnnl_dims_t dims, layout packed,
                           pb_error *error)
{
    dnnl_memory_desc_t plain = {0};
    dnnl_memory_t source = NULL;
    float *values, *data = NULL;
    pb_status status = pb_stored_load(&values, p->weight, error);

    if (status != PB_OK)
        goto end;
    if (p->rounded)
        pb_bfloat_round(p->weight->count, values, values);
    data = pb_malloc(p->bytes, 1);
    if (!data) {
        status = pb_fail_memory(error, p->bytes, p->weight->name);
        goto end;
    }
    status = make_layout(&plain, 4, dims, dnnl_f32, dnnl_oihw, error);
    if (status != PB_OK)
        goto end;
    DNN_TRY(dnnl_memory_create(&source, LAYOUT(plain), engine, values), "wrapping weights");
    DNN_TRY(dnnl_memory_set_data_handle(p->memory, data), "wrapping weights");
    status = copy_memory(engine, source, p->memory, plain, packed, error);
end:
    if (source)
        dnnl_memory_destroy(source);
    drop_layout(&plain);
    pb_free(values);
    if (status == PB_OK)
        p->data = data;
    else
        pb_free(data);
    return status;
}

static bool same_layout(const pack *p, layout wanted)
{
#if DNNL_VERSION_MAJOR < 3
    const dnnl_memory_desc_t *have;
#else
    const_dnnl_memory_desc_t have;
#endif
    return dnnl_memory_get_memory_desc(p->memory, &have) == dnnl_success &&
           dnnl_memory_desc_equal(have, LAYOUT(wanted));
}

/* The pack of a weight: there already, or added without its data; NULL if all packs would then be
 * of more than `most` bytes. */
static pb_status find_pack(pack **out, pb_onednn *dnn, const pb_stored *weight, bool rounded,
                           layout wanted, size_t most, pb_error *error)
{
    size_t bytes = dnnl_memory_desc_get_size(LAYOUT(wanted));
    pb_status status = PB_OK;
    pack *p;

    pthread_mutex_lock(&dnn->mutex);
    for (p = dnn->packs; p; p = p->next)
        if (p->weight == weight && p->rounded == rounded && same_layout(p, wanted))
            break;
    if (!p && dnn->bytes <= most && bytes <= most - dnn->bytes) {
        status = new_pack(&p, dnn->engine, weight, rounded, wanted, error);
        if (status == PB_OK) {
            p->next = dnn->packs;
            dnn->packs = p;
            dnn->bytes += bytes;
        }
    }
    pthread_mutex_unlock(&dnn->mutex);
    *out = p;
    return status;
}

/* The same with its data. Threads that need different ones do not wait for each other. */
static pb_status get_pack(const pack **out, pb_onednn *dnn, const pb_stored *weight, bool rounded,
                          const dnnl_dims_t dims, layout wanted, size_t most, pb_error *error)
{
    pb_status status = PB_OK;
    pack *p;

    PB_TRY(find_pack(&p, dnn, weight, rounded, wanted, most, error));
    *out = p;
    if (!p)
        return PB_OK;
    pthread_mutex_lock(&p->mutex);
    if (!p->data) {
        status = fill_pack(p, dnn->engine, dims, wanted, error);
        if (status == PB_OK)
            dnn->packed_bytes += p->bytes;
    }
    pthread_mutex_unlock(&p->mutex);
    return status;
}

/* -- convolutions -------------------------------------------------------------------------- */

typedef struct layouts {
    dnnl_memory_desc_t in, weight, bias, out;
} layouts;

static dnnl_status_t describe(dnnl_primitive_desc_t *desc, dnnl_engine_t engine, layouts *l,
                              const pb_convolution_shape *s, pb_direction direction, bool bias,
                              const_dnnl_primitive_attr_t attributes)
{
    const dnnl_dims_t stride = {(dnnl_dim_t)s->stride, (dnnl_dim_t)s->stride};
    const dnnl_dims_t before = {(dnnl_dim_t)s->top, (dnnl_dim_t)s->left};
    const dnnl_dims_t after = {(dnnl_dim_t)s->bottom, (dnnl_dim_t)s->right};
#if DNNL_VERSION_MAJOR < 3
    dnnl_convolution_desc_t convolution;
    dnnl_status_t status;

    if (direction == PB_CONVOLVE)
        status = dnnl_convolution_forward_desc_init(
            &convolution, dnnl_forward_inference, dnnl_convolution_direct, &l->in, &l->weight,
            bias ? &l->bias : NULL, &l->out, stride, before, after);
    else
        status =
            dnnl_convolution_backward_data_desc_init(&convolution, dnnl_convolution_direct, &l->in,
                                                     &l->weight, &l->out, stride, before, after);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(desc, &convolution, attributes, engine, NULL);
#else
    if (direction == PB_CONVOLVE)
        return dnnl_convolution_forward_primitive_desc_create(
            desc, engine, dnnl_forward_inference, dnnl_convolution_direct, l->in, l->weight,
            bias ? l->bias : NULL, l->out, stride, NULL, before, after, attributes);
    return dnnl_convolution_backward_data_primitive_desc_create(
        desc, engine, dnnl_convolution_direct, l->in, l->weight, l->out, stride, NULL, before,
        after, NULL, attributes);
#endif
}

/* native: input and weight in bfloat16. The input of a transpose is `out`. */
static pb_status make_layouts(layouts *l, const dnnl_dims_t in, const dnnl_dims_t weight,
                              const dnnl_dims_t out, pb_direction direction, bool native,
                              pb_error *error)
{
    const dnnl_data_type_t half = native ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t channels = {out[1]};

    PB_TRY(
        make_layout(&l->in, 4, in, direction == PB_CONVOLVE ? half : dnnl_f32, dnnl_nhwc, error));
    PB_TRY(
        make_layout(&l->out, 4, out, direction == PB_CONVOLVE ? dnnl_f32 : half, dnnl_nhwc, error));
    PB_TRY(make_layout(&l->bias, 1, channels, dnnl_f32, dnnl_x, error));
    return make_layout(&l->weight, 4, weight, half, dnnl_format_tag_any, error);
}

pb_status pb_convolution_new(pb_convolution **out, pb_onednn *dnn, const pb_convolution_shape *s,
                             pb_direction direction, bool bias, bool bf16, const pb_stored *weight,
                             size_t most, pb_error *error)
{
    const dnnl_dim_t n = (dnnl_dim_t)s->n, ic = (dnnl_dim_t)s->in_c, oc = (dnnl_dim_t)s->out_c;
    const dnnl_dim_t k = (dnnl_dim_t)s->kernel;
    const dnnl_dims_t in_dims = {n, ic, (dnnl_dim_t)s->in_h, (dnnl_dim_t)s->in_w};
    const dnnl_dims_t out_dims = {n, oc, (dnnl_dim_t)s->out_h, (dnnl_dim_t)s->out_w};
    const dnnl_dims_t weight_dims = {oc, ic, k, k};
    pb_convolution *c = pb_calloc(1, sizeof *c);
    layouts l = {0};
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t desc = NULL;
    pb_status status;
    layout scratch;

    if (!c)
        return pb_fail_memory(error, sizeof *c, "a convolution");
    c->direction = direction;
    c->bf16 = bf16;
    c->engine = dnn->engine;
    c->stored = weight;
    memcpy(c->weight_dims, weight_dims, sizeof weight_dims);
    c->in_count = direction == PB_CONVOLVE ? s->n * s->in_h * s->in_w * s->in_c
                                           : s->n * s->out_h * s->out_w * s->out_c;
    status = make_layouts(&l, in_dims, weight_dims, out_dims, direction, bf16 && pb_bfloat_native(),
                          error);
    if (status != PB_OK)
        goto end;
    DNN_TRY(dnnl_primitive_attr_create(&attributes), "creating attributes");
    DNN_TRY(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
            "setting the scratchpad");
    DNN_TRY(describe(&desc, dnn->engine, &l, s, direction, bias, attributes),
            "describing a convolution");
    DNN_TRY(dnnl_primitive_create(&c->primitive, desc), "creating a convolution");
    DNN_TRY(dnnl_stream_create(&c->stream, dnn->engine, dnnl_stream_default_flags),
            "creating a stream");
    DNN_TRY(dnnl_memory_create(&c->in, LAYOUT(l.in), dnn->engine, DNNL_MEMORY_NONE), "a tensor");
    DNN_TRY(dnnl_memory_create(&c->out, LAYOUT(l.out), dnn->engine, DNNL_MEMORY_NONE), "a tensor");
    if (bias)
        DNN_TRY(dnnl_memory_create(&c->bias, LAYOUT(l.bias), dnn->engine, DNNL_MEMORY_NONE),
                "a tensor");
    scratch = QUERY_LAYOUT(desc, dnnl_query_scratchpad_md, 0);
    c->scratch_bytes = dnnl_memory_desc_get_size(LAYOUT(scratch));
    DNN_TRY(dnnl_memory_create(&c->scratch, LAYOUT(scratch), dnn->engine, DNNL_MEMORY_NONE),
            "a tensor");
    status = get_pack(&c->weight, dnn, weight, bf16, weight_dims,
                      QUERY_LAYOUT(desc, dnnl_query_weights_md, 0), most, error);
end:
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (attributes)
        dnnl_primitive_attr_destroy(attributes);
    drop_layout(&l.in);
    drop_layout(&l.out);
    drop_layout(&l.bias);
    drop_layout(&l.weight);
    if (status == PB_OK)
        *out = c;
    else
        pb_convolution_free(c);
    return status;
}

void pb_convolution_free(pb_convolution *c)
{
    if (!c)
        return;
    dnnl_memory_t memories[] = {c->in, c->bias, c->out, c->scratch};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (c->stream)
        dnnl_stream_destroy(c->stream);
    if (c->primitive)
        dnnl_primitive_destroy(c->primitive);
    pb_free(c);
}

/* oneDNN's own part of the scratch; what follows it is aligned. */
static size_t own_scratch(const pb_convolution *c)
{
    return (c->scratch_bytes + PB_ALIGNMENT - 1) / PB_ALIGNMENT * PB_ALIGNMENT;
}

size_t pb_convolution_scratch(const pb_convolution *c)
{
    return own_scratch(c) + (c->bf16 ? c->in_count * sizeof(float) : 0);
}

/* The input rounded, behind oneDNN's part of the scratch. */
static const void *round_input(const pb_convolution *c, const float *in, void *scratch)
{
    void *rounded = (char *)scratch + own_scratch(c);

    if (pb_bfloat_native())
        pb_bfloat_pack(c->in_count, in, rounded);
    else
        pb_bfloat_round(c->in_count, in, rounded);
    return rounded;
}

/* The weight for one run, where there was no room to keep it. */
static pb_status widen(pack **out, const pb_convolution *c, pb_error *error)
{
    const_dnnl_primitive_desc_t desc;
    pb_status status = PB_OK;
    pack *p = NULL;

    DNN_TRY(dnnl_primitive_get_primitive_desc(c->primitive, &desc), "describing a convolution");
    status = new_pack(&p, c->engine, c->stored, c->bf16,
                      QUERY_LAYOUT(desc, dnnl_query_weights_md, 0), error);
    if (status == PB_OK)
        status = fill_pack(p, c->engine, c->weight_dims,
                           QUERY_LAYOUT(desc, dnnl_query_weights_md, 0), error);
end:
    if (status == PB_OK)
        *out = p;
    else if (p)
        free_pack(p);
    return status;
}

static pb_status run(const pb_convolution *c, const pack *weight, const float *in,
                     const float *bias, float *out, void *scratch, pb_error *error)
{
    bool forward = c->direction == PB_CONVOLVE;
    dnnl_memory_t from = forward ? c->in : c->out, to = forward ? c->out : c->in;
    dnnl_exec_arg_t arguments[5] = {
        {forward ? DNNL_ARG_SRC : DNNL_ARG_DIFF_DST, from},
        {DNNL_ARG_WEIGHTS, weight->memory},
        {forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_SRC, to},
        {DNNL_ARG_SCRATCHPAD, c->scratch},
        {DNNL_ARG_BIAS, c->bias},
    };
    const void *input = c->bf16 ? round_input(c, in, scratch) : in;
    pb_status status = PB_OK;

    /* oneDNN only reads through the handles of inputs. */
    DNN_TRY(dnnl_memory_set_data_handle(from, (void *)(uintptr_t)input), "setting a tensor");
    DNN_TRY(dnnl_memory_set_data_handle(to, out), "setting a tensor");
    DNN_TRY(dnnl_memory_set_data_handle(c->scratch, scratch), "setting the scratchpad");
    if (c->bias)
        DNN_TRY(dnnl_memory_set_data_handle(c->bias, (void *)(uintptr_t)bias), "setting a bias");
    DNN_TRY(dnnl_primitive_execute(c->primitive, c->stream, c->bias ? 5 : 4, arguments),
            "a convolution");
    DNN_TRY(dnnl_stream_wait(c->stream), "a convolution");
end:
    return status;
}

pb_status pb_convolution_run(const pb_convolution *c, const float *in, const float *bias,
                             float *out, void *scratch, pb_error *error)
{
    pack *own = NULL;
    pb_status status;

    if (c->weight)
        return run(c, c->weight, in, bias, out, scratch, error);
    PB_TRY(widen(&own, c, error));
    status = run(c, own, in, bias, out, scratch, error);
    free_pack(own);
    return status;
}

/* -- matrix products ------------------------------------------------------------------------- */

void pb_sgemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
              const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
              size_t ldc)
{
    /* Fails only on arguments that make no sense. */
    (void)dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', (dnnl_dim_t)m, (dnnl_dim_t)n,
                     (dnnl_dim_t)k, alpha, a, (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, beta, c,
                     (dnnl_dim_t)ldc);
}
