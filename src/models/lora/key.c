#include "models/lora/key.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"

/* -- the part --------------------------------------------------------------------------------- */

static const char *behind(const char *name, const char *beginning)
{
    const size_t n = strlen(beginning);

    return strncmp(name, beginning, n) ? NULL : name + n;
}

const char *pb_lora_part(const char *name, bool *any, pb_role *role)
{
    static const struct {
        const char *beginning;
        pb_role role;
    } parts[] = {
        {"lora_unet_", PB_ROLE_UNET},
        {"lora_te_", PB_ROLE_TEXT_ENCODER},
        {"lora_te1_", PB_ROLE_TEXT_ENCODER},
        {"lora_te2_", PB_ROLE_TEXT_ENCODER_2},
        {"lycoris_", PB_ROLE_UNET},
        {"unet.", PB_ROLE_UNET},
        {"text_encoder.", PB_ROLE_TEXT_ENCODER},
        {"text_encoder_2.", PB_ROLE_TEXT_ENCODER_2},
        {"diffusion_model.", PB_ROLE_UNET},
    };
    static const char wrapper[] = "base_model.model.";
    const char *rest = behind(name, wrapper);

    name = rest ? rest : name;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if ((rest = behind(name, parts[i].beginning)) != NULL) {
            *any = false;
            *role = parts[i].role;
            name = rest;
            rest = behind(name, wrapper);
            return rest ? rest : name;
        }
    *any = true;
    *role = PB_ROLE_UNET;
    return name;
}

/* -- what it is to the layer ------------------------------------------------------------------ */

static const struct {
    const char *ending;
    pb_lora_slot slot;
    bool older; /* "attn1.processor.to_q_lora": of the layer attn1.to_q */
} endings[] = {
    {".lora_down.weight", PB_LORA_DOWN, false},
    {".lora_up.weight", PB_LORA_UP, false},
    {".lora_mid.weight", PB_LORA_MID, false},
    {".lora_A.weight", PB_LORA_DOWN, false},
    {".lora_B.weight", PB_LORA_UP, false},
    {".lora_linear_layer.down.weight", PB_LORA_DOWN, false},
    {".lora_linear_layer.up.weight", PB_LORA_UP, false},
    {".lora.down.weight", PB_LORA_DOWN, false},
    {".lora.up.weight", PB_LORA_UP, false},
    {"_lora.down.weight", PB_LORA_DOWN, true},
    {"_lora.up.weight", PB_LORA_UP, true},
    {".lora_linear_layer.alpha", PB_LORA_ALPHA, false},
    {".lora.alpha", PB_LORA_ALPHA, false},
    {"_lora.alpha", PB_LORA_ALPHA, true},
    {".alpha", PB_LORA_ALPHA, false},
    {".diff", PB_LORA_DIFF, false},
    {".w_norm", PB_LORA_DIFF, false},
    {".diff_b", PB_LORA_DIFF_BIAS, false},
    {".b_norm", PB_LORA_DIFF_BIAS, false},
};

/* ".lora_A.default.weight": the length of what is before it; 0: it does not end so. */
static size_t before_adapter(const char *name, pb_lora_slot *slot)
{
    const char *a = strstr(name, ".lora_A."), *b = strstr(name, ".lora_B."), *at = a ? a : b, *dot;

    if (!at || at == name)
        return 0;
    *slot = a ? PB_LORA_DOWN : PB_LORA_UP;
    dot = strchr(at + 8, '.');
    return dot && dot > at + 8 && !strcmp(dot, ".weight") ? (size_t)(at - name) : 0;
}

/* The length of what is before the ending; 0: none is known. */
static size_t before_ending(const char *name, pb_lora_slot *slot, bool *older)
{
    *older = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (pb_ends_with(name, endings[i].ending)) {
            *slot = endings[i].slot;
            *older = endings[i].older;
            return strlen(name) - strlen(endings[i].ending);
        }
    return before_adapter(name, slot);
}

/* Takes ".processor" out of the path, and gives its last part the name of today: attention
 * processors called all projections alike, those of text encoders too. */
static bool renew(char path[PB_NAME], bool is_unet)
{
    static const char *const of_text[][2] = {
        {".to_q", ".q_proj"}, {".to_k", ".k_proj"}, {".to_v", ".v_proj"}, {".to_out", ".out_proj"}};
    static const char *const of_unet[][2] = {{".to_out", ".to_out.0"}};
    const char *const(*names)[2] = is_unet ? of_unet : of_text;
    const size_t count = is_unet ? 1 : sizeof of_text / sizeof *of_text;
    char *processor = strstr(path, ".processor.");

    if (processor)
        memmove(processor, processor + 10, strlen(processor + 10) + 1);
    for (size_t i = 0; i < count; i++)
        if (pb_ends_with(path, names[i][0])) {
            const size_t n = strlen(path) - strlen(names[i][0]);
            return snprintf(path + n, PB_NAME - n, "%s", names[i][1]) < (int)(PB_NAME - n);
        }
    return true;
}

bool pb_lora_key_read(pb_lora_key *key, const char *name)
{
    const char *rest = pb_lora_part(name, &key->any, &key->role);
    bool older;
    const size_t n = before_ending(rest, &key->slot, &older);

    if (n == 0 || n >= PB_NAME)
        return false;
    snprintf(key->path, sizeof key->path, "%.*s", (int)n, rest);
    return !older || renew(key->path, key->role == PB_ROLE_UNET);
}

/* -- underscores ------------------------------------------------------------------------------ */

void pb_lora_flatten(char to[PB_NAME], const char *path)
{
    size_t i = 0;

    for (; path[i] && i < PB_NAME - 1; i++)
        to[i] = path[i] == '.' ? '_' : path[i];
    to[i] = '\0';
}

/* Is what stands before an underscore nothing but digits, back to another or a dot? */
static bool ends_number(const char *begin, const char *end)
{
    const char *c = end;

    while (c > begin && isdigit((unsigned char)c[-1]))
        c--;
    return c < end && (c == begin || c[-1] == '_' || c[-1] == '.');
}

bool pb_lora_undot(char to[PB_NAME], const char *flat)
{
    size_t i = 0;

    for (; flat[i]; i++) {
        if (i == PB_NAME - 1)
            return false;
        to[i] =
            flat[i] == '_' && (isdigit((unsigned char)flat[i + 1]) || ends_number(flat, flat + i))
                ? '.'
                : flat[i];
    }
    to[i] = '\0';
    return true;
}

/* -- what else there is ----------------------------------------------------------------------- */

const char *pb_lora_other(const char *name)
{
    static const struct {
        const char *part, *what;
        bool begins;
    } kinds[] = {
        {".hada_", "LoHa (….hada_w1_a)", false},
        {".lokr_", "LoKr (….lokr_w1)", false},
        {".on_input", "(IA)³ (….on_input)", false},
        {".ia3_", "(IA)³ (….ia3_l)", false},
        {".oft_", "OFT (….oft_…)", false},
        {".boft_", "BOFT (….boft_…)", false},
        {".a1.weight", "GLoRA (….a1.weight)", false},
        {".b1.weight", "GLoRA (….b1.weight)", false},
        {".dora_scale", "DoRA (….dora_scale), of which a norm of the whole weight is part", false},
        {".lora_magnitude_vector",
         "DoRA (….lora_magnitude_vector), of which a norm of the whole "
         "weight is part",
         false},
        {".lora_E", "AdaLoRA (….lora_E)", false},
        {".vera_lambda_", "VeRA (….vera_lambda_…)", false},
        {".lora_embedding_", "a LoRA of an embedding (….lora_embedding_…)", false},
        {".lora_A.bias", "a LoRA with biases (….lora_A.bias)", false},
        {".lora_B.bias", "a LoRA with biases (….lora_B.bias)", false},
        {".bias_indices", "a LoRA with sparse biases (….bias_indices)", false},
        {".set_weight", "a set of weights (….set_weight)", false},
        {".reshape_weight", "a LoRA that changes shapes (….reshape_weight)", false},
        {"lora_unet_double_blocks_", "of Flux (lora_unet_double_blocks_…)", true},
        {"lora_unet_single_blocks_", "of Flux (lora_unet_single_blocks_…)", true},
        {"lora_unet_joint_blocks_", "of Stable Diffusion 3 (lora_unet_joint_blocks_…)", true},
        {"lora_transformer_",
         "of a transformer, say Flux or Stable Diffusion 3 (lora_transformer_…)", true},
        {"transformer.", "of a transformer, say Flux or Stable Diffusion 3 (transformer.…)", true},
        {"lora_controlnet", "a ControlNet (lora_controlnet…)", true},
        {"control_model.", "a ControlNet (control_model.…)", true},
        {"emb_params", "a textual inversion (emb_params)", true},
        {"string_to_param", "a textual inversion (string_to_param)", true},
        {"model.diffusion_model.", "a model (model.diffusion_model.…)", true},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].begins ? !strncmp(name, kinds[i].part, strlen(kinds[i].part))
                            : strstr(name, kinds[i].part) != NULL)
            return kinds[i].what;
    return NULL;
}
