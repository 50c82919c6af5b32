// {"0": 0.5, "3": -0.25}: what the sliders are set to; those that are not there are 0.

const used = (weights) => Object.keys(weights).filter((key) => weights[key]);

export const empty = (weights) => !used(weights).length;

export function same(a, b) {
    return used(a).length === used(b).length && used(a).every((key) => a[key] === b[key]);
}

// Several are one direction of length 1: the strength is the root of the sum of squares, at most 1.
export function scale(weights) {
    const length = Math.hypot(...Object.values(weights));
    return length > 1 ? 1 / length : 1;
}

// Are they more than full strength together, so that each is weakened?
export const shared = (weights) => scale(weights) < 0.999;

// How much a picture changed, of a mean change of 255: "It …".
export function degree(change) {
    return change < 3 ? "hardly changed" : change < 8 ? "changed a little" : change < 20 ? "changed clearly" : "changed a lot";
}

// The same as a number.
export const amount = (change) => `mean change ${Number(change).toFixed(1)} of 255`;

export const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(2);

// What a direction is called: by the names that were given, or by its number.
export const title = (names, number) => names[number] || `Direction ${Number(number) + 1}`;

export const spell = (names, weights) => used(weights).map((key) => `${title(names, key)} ${signed(weights[key])}`).join(", ");
