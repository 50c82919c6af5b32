// A brush on a canvas: white and black, soft or hard, by mouse, finger and keys.
import {make, clamp} from "./dom.js";

const MOST = 20; // strokes that can be undone

export class Brush {
    // how(): {white, size (share of the width), feather (0 to 1)}; painted(): something else is there.
    constructor(box, how, painted) {
        this.how = how;
        this.painted = painted;
        this.canvas = make("canvas", {
            id: "mask-canvas", width: 64, height: 64, tabindex: "0", role: "application",
            "aria-label": "Where the picture may change: bright, where it may. Paint with the mouse or a finger; " +
                "or move the brush by arrow keys, and press the space bar to paint. With Shift, arrow keys paint on their way."});
        this.ring = make("div", {class: "ring", hidden: true});
        box.append(this.canvas, this.ring);
        this.pen = this.canvas.getContext("2d", {willReadFrequently: true});
        const on = (name, f) => this.canvas.addEventListener(name, f);
        on("pointerdown", (event) => this.grab(event));
        on("pointermove", (event) => this.move(event));
        for (const end of ["pointerup", "pointercancel"])
            on(end, () => this.from = null);
        on("pointerleave", () => this.ring.hidden = true);
        on("blur", () => this.ring.hidden = true);
        on("focus", () => this.point(this.at));
        on("keydown", (event) => this.key(event));
        this.size(64, 64);
    }

    size(width, height) {
        this.canvas.width = width;
        this.canvas.height = height;
        this.at = [width / 2, height / 2];
        this.clear();
    }

    clear() {
        this.past = [];
        this.from = null;
        this.fill("#000");
    }

    fill(colour) {
        this.pen.fillStyle = colour;
        this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
        this.painted();
    }

    // A picture in the place of what is painted; of it the part [x, y, width, height].
    draw(image, part) {
        this.keep();
        this.pen.drawImage(image, ...part, 0, 0, this.canvas.width, this.canvas.height);
        this.painted();
    }

    keep() {
        this.past.push(this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height));
        if (this.past.length > MOST)
            this.past.shift();
    }

    undo() {
        this.pen.putImageData(this.past.pop(), 0, 0);
        this.painted();
    }

    invert() {
        this.keep();
        this.pen.globalCompositeOperation = "difference";
        this.fill("#fff");
        this.pen.globalCompositeOperation = "source-over";
    }

    radius() {
        return Math.max(0.5, this.how().size * this.canvas.width / 2);
    }

    point(at) {
        const {width, height} = this.canvas, share = 100 * this.radius() / width;
        this.at = [clamp(at[0], 0, width), clamp(at[1], 0, height)];
        this.ring.hidden = false;
        this.ring.style.left = `${100 * this.at[0] / width - share}%`;
        this.ring.style.top = `${100 * this.at[1] / height - share * width / height}%`;
        this.ring.style.width = `${2 * share}%`;
    }

    place(event) {
        const r = this.canvas.getBoundingClientRect();
        return [(event.clientX - r.left) / r.width * this.canvas.width, (event.clientY - r.top) / r.height * this.canvas.height];
    }

    grab(event) {
        if (event.button !== 0)
            return;
        event.preventDefault();
        this.canvas.focus({preventScroll: true});
        this.canvas.setPointerCapture(event.pointerId);
        this.keep();
        this.from = this.place(event);
        this.stroke(this.from);
    }

    move(event) {
        this.point(this.place(event));
        if (this.from)
            this.stroke(this.place(event));
    }

    key(event) {
        const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
        const paints = event.key === " " || event.key === "Enter" || (step && event.shiftKey);
        if ((!step && !paints) || event.ctrlKey || event.metaKey || event.altKey)
            return;
        event.preventDefault();
        if (paints)
            this.keep();
        this.from = this.at;
        if (step)
            this.point(step.map((way, i) => this.at[i] + way * this.radius() / 2));
        if (paints)
            this.stroke(this.at);
        this.from = null;
    }

    // Soft dots on the way to there.
    stroke(to) {
        const [x, y] = this.from, {white, feather} = this.how(), radius = this.radius();
        const tone = white ? 255 : 0;
        const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - x, to[1] - y) / (radius / 3)));
        for (let i = 1; i <= steps; i++) {
            const at = [x + (to[0] - x) * i / steps, y + (to[1] - y) * i / steps];
            const dot = this.pen.createRadialGradient(...at, radius * Math.min(1 - feather, 0.99), ...at, radius);
            dot.addColorStop(0, `rgb(${tone} ${tone} ${tone})`);
            dot.addColorStop(1, `rgb(${tone} ${tone} ${tone} / 0)`);
            this.pen.fillStyle = dot;
            this.pen.beginPath();
            this.pen.arc(...at, radius, 0, 2 * Math.PI);
            this.pen.fill();
        }
        this.from = to;
        this.painted();
    }

    file() {
        return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
    }
}
