// The picture before and after, with a divider; coarse at once, exact when it is there.
import {$, make, clamp} from "./dom.js";

function load(url) {
    return new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = () => resolve(image);
        image.onerror = () => reject(new Error("A picture is not there any longer: find directions again."));
        image.src = url;
    });
}

async function pixels(url, width, height) {
    const canvas = make("canvas", {width, height}), context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(await load(url), 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
}

export class Viewer {
    constructor(box) {
        this.before = make("img", {alt: "Before", class: "before", draggable: "false"});
        this.after = make("canvas", {role: "img", "aria-label": "After"});
        this.divider = make("div", {
            class: "divider", tabindex: "0", role: "slider", "aria-label": "Divider: before to the left, after to the right",
            "aria-valuemin": "0", "aria-valuemax": "100"}, make("span", {}, "‹ ›"));
        this.box = box;
        box.prepend(this.before, this.after, this.divider);
        this.cut(50);
        box.addEventListener("pointerdown", (event) => {
            if (event.button !== 0 || box.matches(".empty, .beside"))
                return;
            box.setPointerCapture(event.pointerId);
            this.dragged = true;
            this.point(event);
        });
        box.addEventListener("pointermove", (event) => this.dragged && this.point(event));
        for (const end of ["pointerup", "pointercancel"])
            box.addEventListener(end, () => this.dragged = false);
        this.divider.addEventListener("keydown", (event) => {
            const to = {ArrowLeft: this.share - 5, ArrowRight: this.share + 5, Home: 0, End: 100}[event.key];
            if (to === undefined)
                return;
            event.preventDefault();
            this.cut(to);
        });
        this.holding($("hold"));
        $("beside").onclick = () => {
            const on = box.classList.toggle("beside");
            $("beside").setAttribute("aria-pressed", on);
            $("hold").hidden = on;
        };
        this.clear();
    }

    point(event) {
        const place = this.box.getBoundingClientRect();
        this.cut(100 * (event.clientX - place.left) / place.width);
    }

    cut(share) {
        this.share = clamp(Math.round(share), 0, 100);
        this.box.style.setProperty("--cut", `${this.share}%`);
        this.box.style.setProperty("--nudge", (50 - this.share) / 50); // the handle stays inside
        this.divider.setAttribute("aria-valuenow", this.share);
    }

    holding(button) {
        const hold = (on) => {
            this.box.classList.toggle("held", on);
            button.setAttribute("aria-pressed", on);
        };
        button.addEventListener("pointerdown", (event) => {
            button.setPointerCapture(event.pointerId);
            hold(true);
        });
        for (const end of ["pointerup", "pointercancel", "blur", "keyup"])
            button.addEventListener(end, () => hold(false));
        button.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && hold(true));
        button.addEventListener("contextmenu", (event) => event.preventDefault());
    }

    clear() {
        this.blend = null;
        this.box.classList.add("empty");
        this.state("");
    }

    state(text, title) {
        $("exactness").textContent = text;
        $("exactness").className = `badge ${text}`;
        $("exactness").title = title || "";
    }

    setBefore(url) {
        if (url)
            this.before.src = url;
        else
            this.before.removeAttribute("src");
        this.before.hidden = !url;
    }

    // The pictures of which coarse ones are blended.
    async prepare(found, width, height) {
        const round = this.round = {};
        this.clear();
        const middle = await pixels(found.middle, width, height);
        const sides = await Promise.all(found.cards.map(async (card) =>
            [card.direction, {minus: await pixels(card.minus, width, height), plus: await pixels(card.plus, width, height)}]));
        if (round !== this.round)
            return false;
        this.after.width = width;
        this.after.height = height;
        this.box.style.setProperty("--aspect", width / height);
        this.blend = {middle, sides: Object.fromEntries(sides), width, height};
        this.box.classList.remove("empty");
        return true;
    }

    // The edit is one direction of length 1, its strength the root of the sum of squares, at most 1.
    coarse(weights) {
        if (!this.blend)
            return;
        const {middle, sides, width, height} = this.blend;
        const list = Object.entries(weights);
        const length = Math.hypot(...list.map((pair) => pair[1]));
        const scale = length > 1 ? 1 / length : 1;
        const sum = Float32Array.from(middle);
        for (const [number, weight] of list) {
            const side = sides[number][weight > 0 ? "plus" : "minus"], share = Math.abs(weight) * scale;
            for (let i = 0; i < sum.length; i++)
                sum[i] += share * (side[i] - middle[i]);
        }
        this.after.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(sum), width, height), 0, 0);
        this.url = "";
        this.drawn = {}; // an exact one that is being loaded is of before
        if (list.length)
            this.state("coarse", "Blended linearly of the cards' pictures; the exact one comes when the sliders rest");
        else
            this.state("unchanged", "The model's own picture of the photo, without an edit");
    }

    // Was it not there before, and is it now?
    async exact(url) {
        if (url === this.url)
            return false;
        const mine = this.drawn = {}, image = await load(url);
        if (mine !== this.drawn || !this.blend)
            return false;
        this.after.getContext("2d").drawImage(image, 0, 0, this.after.width, this.after.height);
        this.url = url;
        this.state("exact", "Made by the model");
        return true;
    }
}
