#include "text/tokenizer.h"

#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "text/vectors.h"
#include "text/vocabulary.h"
#include "text/words.h"

struct pb_tokenizer {
    pb_vocabulary v;
    char bytes[256][3]; /* the character that stands for a byte, as UTF-8 */
};

void pb_tokenizer_free(pb_tokenizer *t)
{
    if (!t)
        return;
    pb_vocabulary_clear(&t->v);
    pb_free(t);
}

/* GPT-2's table: printable bytes stand for themselves, the others for 256, 257, … */
static void fill_bytes(pb_tokenizer *t)
{
    unsigned next = 256;

    for (unsigned b = 0; b < 256; b++) {
        bool printable = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
        unsigned c = printable ? b : next++;
        if (c < 128)
            t->bytes[b][0] = (char)c;
        else {
            t->bytes[b][0] = (char)(0xC0 | c >> 6);
            t->bytes[b][1] = (char)(0x80 | (c & 63));
        }
    }
}

pb_status pb_tokenizer_open(pb_tokenizer **out, const char *folder, pb_error *error)
{
    pb_tokenizer *t = pb_calloc(1, sizeof *t);
    pb_status status;

    if (!t)
        return pb_fail_memory(error, sizeof *t, "a tokenizer");
    fill_bytes(t);
    status = pb_vocabulary_read(&t->v, folder, error);
    if (status == PB_OK)
        *out = t;
    else
        pb_tokenizer_free(t);
    return status;
}

size_t pb_tokenizer_size(const pb_tokenizer *t)
{
    return t->v.size;
}

size_t pb_tokenizer_length(const pb_tokenizer *t)
{
    return t->v.length;
}

const char *pb_tokenizer_piece(const pb_tokenizer *t, uint32_t id)
{
    return id < t->v.size ? t->v.pieces[id] : NULL;
}

/* -- encoding -------------------------------------------------------------------------------- */

/* A prompt being encoded. */
typedef struct encoding {
    const pb_tokenizer *t;
    uint32_t *ids;
    size_t count, most;
    char *rest; /* room for all of the text and a space for each word, or NULL */
    size_t rest_length;
    const pb_special **met; /* those of several vectors that were met; room for all, or NULL */
    size_t met_count;
    pb_error *error;
} encoding;

/* A piece that was left out, behind a space unless it follows the one before it directly. */
static void leave_out(encoding *e, const char *text, size_t length)
{
    if (!e->rest)
        return;
    if (e->rest_length)
        e->rest[e->rest_length++] = ' ';
    memcpy(e->rest + e->rest_length, text, length);
    e->rest_length += length;
}

/* A token's text: that of a special token of several vectors, it may be, whatever it was found as.
 */
static void meet(encoding *e, const char *text, size_t length)
{
    for (size_t k = 0; e->met && k < e->t->v.count; k++) {
        const pb_special *s = &e->t->v.specials[k];
        size_t i = 0;
        if (!s->vectors || strlen(s->token) != length || memcmp(s->token, text, length))
            continue;
        while (i < e->met_count && e->met[i] != s)
            i++;
        e->met[i] = s;
        e->met_count += i == e->met_count;
    }
}

static void put(encoding *e, uint32_t id)
{
    if (e->count < e->most)
        e->ids[e->count] = id;
    e->count++;
}

/* One symbol of a word that is being put together: text[begin … end). */
typedef struct symbol {
    size_t begin, end;
    json_int_t rank; /* of merging it with the next; -1: none */
} symbol;

static json_int_t rank_of(const pb_tokenizer *t, const char *text, char *pair, symbol a, symbol b)
{
    size_t first = a.end - a.begin, second = b.end - b.begin;
    const json_t *rank;

    memcpy(pair, text + a.begin, first);
    pair[first] = ' ';
    memcpy(pair + first + 1, text + b.begin, second);
    pair[first + 1 + second] = '\0';
    rank = json_object_get(t->v.ranks, pair);
    return rank ? json_integer_value(rank) : -1;
}

/* Merges the pair of the lowest rank, the leftmost of equals, until there is none. */
static size_t merge(const pb_tokenizer *t, const char *text, char *pair, symbol *s, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++)
        s[i].rank = rank_of(t, text, pair, s[i], s[i + 1]);
    for (;;) {
        size_t best = count;
        for (size_t i = 0; i + 1 < count; i++)
            if (s[i].rank >= 0 && (best == count || s[i].rank < s[best].rank))
                best = i;
        if (best == count)
            return count;
        s[best].end = s[best + 1].end;
        memmove(s + best + 1, s + best + 2, (count - best - 2) * sizeof *s);
        count--;
        if (best + 1 < count)
            s[best].rank = rank_of(t, text, pair, s[best], s[best + 1]);
        if (best > 0)
            s[best - 1].rank = rank_of(t, text, pair, s[best - 1], s[best]);
    }
}

/* The tokens of one word: its bytes as characters, "</w>" at the last. */
static pb_status encode_word(encoding *e, const char *word, size_t length)
{
    const pb_tokenizer *t = e->t;
    symbol *symbols = pb_malloc(length, sizeof *symbols);
    char *text = pb_malloc(2 * length + 5, 1), *pair = pb_malloc(2 * length + 6, 1);
    size_t size = 0, count = length;
    pb_status status = PB_OK;

    if (!symbols || !text || !pair) {
        status = pb_fail_memory(e->error, 4 * length, "a word");
        goto end;
    }
    for (size_t i = 0; i < length; i++) {
        const char *c = t->bytes[(unsigned char)word[i]];
        symbols[i].begin = size;
        text[size++] = c[0];
        if (c[1])
            text[size++] = c[1];
        symbols[i].end = size;
    }
    memcpy(text + size, "</w>", 4);
    symbols[length - 1].end += 4;
    count = merge(t, text, pair, symbols, count);
    if (e->count + count > e->most)
        leave_out(e, word, length);
    for (size_t i = 0; i < count; i++) {
        size_t n = symbols[i].end - symbols[i].begin;
        const json_t *id;
        uint32_t number;
        memcpy(pair, text + symbols[i].begin, n);
        pair[n] = '\0';
        id = json_object_get(t->v.ids, pair);
        if (!id && !t->v.unknown) {
            status = pb_fail(e->error, PB_INVALID,
                             "a prompt with %s, which is not in the vocabulary, nor is a token for "
                             "what is unknown",
                             pb_quote(pair).text);
            goto end;
        }
        number = id ? (uint32_t)json_integer_value(id) : t->v.named[PB_UNKNOWN];
        put(e, number);
        meet(e, t->v.pieces[number], strlen(t->v.pieces[number]));
    }
end:
    pb_free(symbols);
    pb_free(text);
    pb_free(pair);
    return status;
}

/* A word; a special token's text in it that was not looked for (in upper case, say) is three. */
static pb_status encode_words(encoding *e, const char *text, size_t length)
{
    static const char *const marks[] = {"<|startoftext|>", "<|endoftext|>"};

    while (length > 0) {
        size_t begin, n = pb_text_word(text, length, &begin);
        const char *word = text + begin;
        if (n == 0)
            return PB_OK;
        for (size_t i = 0; i < 2; i++) {
            size_t mark = strlen(marks[i]);
            if (mark <= length - begin && !memcmp(word, marks[i], mark)) {
                PB_TRY(encode_word(e, word, 2));
                PB_TRY(encode_word(e, word + 2, mark - 4));
                PB_TRY(encode_word(e, word + mark - 2, 2));
                n = 0;
                begin += mark;
                break;
            }
        }
        if (n)
            PB_TRY(encode_word(e, word, n));
        text += begin + n;
        length -= begin + n;
    }
    return PB_OK;
}

/* The first special token of a kind in a text: its place, or length if there is none. Of those that
 * begin at one place, the longest. */
static size_t find_special(const pb_tokenizer *t, const char *text, size_t length, bool normalised,
                           const pb_special **found)
{
    for (size_t i = 0; i < length; i++) {
        size_t longest = 0;
        for (size_t k = 0; k < t->v.count; k++) {
            const pb_special *s = &t->v.specials[k];
            size_t n = strlen(s->text);
            if (s->normalised == normalised && n > longest && n <= length - i &&
                !memcmp(text + i, s->text, n)) {
                *found = s;
                longest = n;
            }
        }
        if (longest)
            return i;
    }
    return length;
}

static pb_status encode_part(encoding *e, const char *text, size_t length, bool normalised);

/* Text as given, between special tokens of the one kind: normalises it, and looks for the other. */
static pb_status encode_plain(encoding *e, const char *text, size_t length)
{
    pb_status status;
    char *normal;

    PB_TRY(pb_text_normalise(&normal, text, length, e->error));
    status = encode_part(e, normal, strlen(normal), true);
    pb_free(normal);
    return status;
}

/* Special tokens, those of the normalised text or of the text as given, and what is between them.
 */
static pb_status encode_part(encoding *e, const char *text, size_t length, bool normalised)
{
    for (;;) {
        const pb_special *s = NULL;
        size_t begin = find_special(e->t, text, length, normalised, &s), end;
        if (!s)
            return (normalised ? encode_words : encode_plain)(e, text, length);
        end = begin + strlen(s->text);
        if (s->left)
            begin -= pb_text_space_behind(text, begin);
        if (s->right)
            end += pb_text_space_before(text + end, length - end);
        PB_TRY((normalised ? encode_words : encode_plain)(e, text, begin));
        if (e->count >= e->most)
            leave_out(e, s->text, strlen(s->text));
        put(e, s->id);
        meet(e, text + begin, end - begin); /* its white space tells it from the token itself */
        text += end;
        length -= end;
    }
}

static pb_status check_prompt(const char *text, pb_error *error)
{
    size_t bytes = strlen(text);

    if (bytes > PB_PROMPT_BYTES)
        return pb_fail(error, PB_INVALID, "a prompt of %zu bytes: expected at most %d", bytes,
                       PB_PROMPT_BYTES);
    if (!pb_text_is_valid(text, bytes))
        return pb_fail(error, PB_INVALID, "a prompt that is not valid UTF-8");
    return PB_OK;
}

pb_status pb_tokenizer_encode(const pb_tokenizer *t, const char *text, size_t length, uint32_t *ids,
                              size_t *used, char **rest, pb_error *error)
{
    size_t bytes = strlen(text);
    encoding e = {.t = t, .ids = ids + 1, .most = length - 2, .error = error};
    pb_status status;

    if (rest)
        *rest = NULL;
    PB_TRY(check_prompt(text, error));
    if (rest) {
        e.rest = pb_malloc(4 * bytes + 8, 1);
        if (!e.rest)
            return pb_fail_memory(error, 4 * bytes + 8, "a prompt");
    }
    status = encode_part(&e, text, bytes, false);
    if (status == PB_OK) {
        size_t kept = e.count < e.most ? e.count : e.most;
        ids[0] = t->v.named[PB_BEGIN];
        ids[kept + 1] = t->v.named[PB_END];
        *used = kept + 2;
        for (size_t i = *used; i < length; i++)
            ids[i] = t->v.named[PB_PAD];
    }
    if (e.rest && e.rest_length && status == PB_OK) {
        e.rest[e.rest_length] = '\0';
        *rest = e.rest;
    } else
        pb_free(e.rest);
    return status;
}

/* -- tokens of several vectors --------------------------------------------------------------- */

pb_status pb_tokenizer_write_out(const pb_tokenizer *t, char **out, const char *text,
                                 pb_error *error)
{
    encoding e = {.t = t, .error = error};
    pb_status status;

    *out = NULL;
    PB_TRY(check_prompt(text, error));
    e.met = pb_malloc(t->v.count, sizeof *e.met);
    if (!e.met)
        return pb_fail_memory(error, t->v.count * sizeof *e.met, "special tokens");
    status = encode_part(&e, text, strlen(text), false);
    if (status == PB_OK && e.met_count)
        status = pb_vectors_write(out, text, e.met_count, e.met, PB_PROMPT_BYTES, error);
    pb_free(e.met);
    return status;
}
