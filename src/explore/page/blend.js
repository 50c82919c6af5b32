// Rough previews: the cards' pictures, blended linearly.
import {make, picture} from "./dom.js";
import {scale} from "./weights.js";

function data(image, width, height) {
    const context = make("canvas", {width, height}).getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
}

export async function pixels(url, width, height) {
    const image = await picture(url);
    return data(image, width || image.naturalWidth, height || image.naturalHeight);
}

function put(canvas, values, width, height) {
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(values), width, height), 0, 0);
    return canvas;
}

export class Blend {
    static async of(found) {
        const first = await picture(found.middle), {naturalWidth: width, naturalHeight: height} = first;
        const sides = await Promise.all(found.cards.map(async (card) =>
            [card.direction, {minus: await pixels(card.minus, width, height), plus: await pixels(card.plus, width, height)}]));
        return Object.assign(new Blend(), {middle: data(first, width, height), sides: Object.fromEntries(sides), width, height});
    }

    // What the edit adds to the middle.
    change(weights) {
        const {middle, sides} = this, sum = new Float32Array(middle.length), factor = scale(weights);
        for (const [number, weight] of Object.entries(weights)) {
            if (!sides[number])
                continue;
            const side = sides[number][weight > 0 ? "plus" : "minus"], share = Math.abs(weight) * factor;
            for (let i = 0; i < sum.length; i++)
                sum[i] += share * (side[i] - middle[i]);
        }
        return sum;
    }

    // As the model sees it, on a canvas.
    draw(weights, canvas) {
        return put(canvas, this.change(weights).map((value, i) => this.middle[i] + value), this.width, this.height);
    }

    // In the photo: base, an image of any size.
    paste(weights, base, canvas) {
        const {naturalWidth: width, naturalHeight: height} = base, all = data(base, width, height);
        // Halved, about grey: what a canvas can hold, and make larger.
        const small = put(make("canvas"), this.change(weights).map((value, i) => i % 4 === 3 ? 255 : 128 + value / 2), this.width, this.height);
        const change = data(small, width, height);
        return put(canvas, Float32Array.from(all, (value, i) => i % 4 === 3 ? 255 : value + 2 * (change[i] - 128)), width, height);
    }
}
