/* LoRAs as files name those of their model: a JSON list of objects with "file", "weight" and
 * "sha256" (pb_model_describe_loras). */
#ifndef PB_IO_LORAS_H
#define PB_IO_LORAS_H

/* For a message: "smile.safetensors:0.8 (0123abcd), …", "none" of NULL. Use as
 * pb_loras_words(text).text within one expression. */
typedef struct pb_loras_text {
    char text[240];
} pb_loras_text;
pb_loras_text pb_loras_words(const char *loras);

#endif
