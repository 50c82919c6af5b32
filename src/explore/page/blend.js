// Previews: the cards' pictures, blended linearly.
import {make, picture} from "./dom.js";
import {scale} from "./weights.js";

function data(image, width, height) {
    const context = make("canvas", {width, height}).getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
}

// {width, height, data} of a URL: its pixels, at its own size or at another.
export async function pixels(url, size) {
    const image = await picture(url);
    const {width, height} = size || {width: image.naturalWidth, height: image.naturalHeight};
    return {width, height, data: data(image, width, height)};
}

// Has a picture no colours, but for traces?
export function grey({data: values}) {
    let colour = 0;
    for (let i = 0; i < values.length; i += 4)
        colour += Math.max(values[i], values[i + 1], values[i + 2]) - Math.min(values[i], values[i + 1], values[i + 2]);
    return colour < 4 * values.length / 4;
}

function put(canvas, {width, height}, values) {
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").putImageData(new ImageData(values, width, height), 0, 0);
    return canvas;
}

export class Blend {
    static async of(found) {
        const middle = await pixels(found.middle), side = async (url) => (await pixels(url, middle)).data;
        const sides = await Promise.all(found.cards.map(async (card) =>
            [card.direction, {minus: await side(card.minus), plus: await side(card.plus)}]));
        return Object.assign(new Blend(), {middle, sides: Object.fromEntries(sides)});
    }

    // Only where a picture is bright: its URL, or null.
    async within(url) {
        if (url === this.url)
            return;
        this.url = url;
        const mask = url ? (await pixels(url, this.middle)).data : null;
        if (url === this.url)
            this.mask = mask;
    }

    // What the edit adds to the middle.
    change(weights) {
        const {data: from} = this.middle, sum = new Float32Array(from.length), factor = scale(weights);
        for (const [number, weight] of Object.entries(weights)) {
            if (!this.sides[number])
                continue;
            const side = this.sides[number][weight > 0 ? "plus" : "minus"], share = Math.abs(weight) * factor;
            for (let i = 0; i < sum.length; i++)
                sum[i] += share * (side[i] - from[i]);
        }
        for (let i = 0; this.mask && i < sum.length; i++)
            sum[i] *= this.mask[i - i % 4] / 255;
        return sum;
    }

    // As the model sees it, on a canvas.
    draw(weights, canvas) {
        const sum = this.change(weights), values = new Uint8ClampedArray(this.middle.data);
        for (let i = 0; i < sum.length; i++)
            values[i] += sum[i];
        return put(canvas, this.middle, values);
    }

    // In a photo: its pixels, of any size.
    paste(weights, photo, canvas) {
        const sum = this.change(weights), halves = new Uint8ClampedArray(sum.length).fill(255);
        for (let i = 0; i < sum.length; i++)
            if (i % 4 !== 3)
                halves[i] = 128 + sum[i] / 2; // about grey: what a canvas can hold, and make larger
        const large = data(put(make("canvas"), this.middle, halves), photo.width, photo.height);
        const values = new Uint8ClampedArray(photo.data);
        for (let i = 0; i < values.length; i++)
            if (i % 4 !== 3)
                values[i] += 2 * (large[i] - 128);
        return put(canvas, photo, values);
    }
}
