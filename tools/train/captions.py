"""Captions of faces, composed from the expression's label and what can be computed of the picture,
and the words they are made of: prompts of equal and of different meaning exist."""

import numpy as np

# attribute -> words for it. The first is the plainest.
EXPRESSION_WORDS = {
    "anger": ["angry", "furious", "mad", "irritated"],
    "contempt": ["contemptuous", "scornful", "smug"],
    "disgust": ["disgusted", "repelled", "sickened"],
    "fear": ["afraid", "fearful", "scared", "frightened"],
    "happiness": ["happy", "smiling", "laughing", "joyful", "cheerful"],
    "neutral": ["neutral", "calm", "serious", "expressionless"],
    "sadness": ["sad", "unhappy", "sorrowful", "gloomy"],
    "surprise": ["surprised", "astonished", "amazed", "startled"],
}
LIGHT_WORDS = {
    "dark": ["dark", "dim", "shadowy"],
    "bright": ["bright", "light", "well lit"],
    "high contrast": ["high contrast", "hard light", "strong shadows"],
    "low contrast": ["low contrast", "soft light", "faint"],
}
SUBJECTS = ["face", "person", "man or woman", "somebody"]
MEDIA = ["photo", "picture", "portrait", "photograph"]


def attributes(pictures, labels, names):
    """For each picture the attributes it has: its expression, and the third of all that is darkest,
    brightest, of most and of least contrast."""
    light = pictures.reshape(len(pictures), -1).mean(1)
    contrast = pictures.reshape(len(pictures), -1).std(1)
    low, high = np.quantile(light, [1 / 3, 2 / 3])
    faint, hard = np.quantile(contrast, [1 / 3, 2 / 3])
    found = []
    for l, c, label in zip(light, contrast, labels):
        of = [names[label]]
        of += ["dark"] if l < low else ["bright"] if l > high else []
        of += ["low contrast"] if c < faint else ["high contrast"] if c > hard else []
        found.append(of)
    return found


def with_article(word):
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def compose(of, rng):
    """A caption for a list of attributes, sometimes all of them, sometimes only the expression or
    only the light, in one of several orders; and the list of those that it names."""
    expression, *light = of
    word = rng.choice(EXPRESSION_WORDS[expression])
    named = [a for a in light if rng.random() < 0.7]
    light = [rng.choice(LIGHT_WORDS[a]) for a in named]
    medium, subject = rng.choice(MEDIA), rng.choice(SUBJECTS)
    if light and rng.random() < 0.2:
        return f"a {medium} of a face, {', '.join(light)}", named
    form = rng.integers(4)
    if form == 0:
        text = f"{word} face"
    elif form == 1:
        text = f"a {medium} of {with_article(word)} face"
    elif form == 2:
        who = rng.choice(SUBJECTS[1:])
        text = f"a {medium} of {who if who == 'somebody' else with_article(who)} who is {word}"
    else:
        text = f"{subject}, {word}" if subject != "face" else f"a face, {word}"
    return ", ".join([text, *light]), [expression, *named]


def words():
    """attribute -> words, as pullback.json has it for the study of prompts."""
    return {**EXPRESSION_WORDS, **LIGHT_WORDS}
