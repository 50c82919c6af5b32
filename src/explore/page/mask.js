// Where the edit is wanted: a brush on what the model sees.
import {$, make} from "./dom.js";

const MOST = 20; // strokes that can be undone

export class Mask {
    // done(Blob of a PNG, or null: everywhere).
    constructor(box, done) {
        this.box = box;
        this.canvas = make("canvas", {width: 64, height: 64, tabindex: "0", role: "img",
            "aria-label": "Where the picture may change: bright, where it may. Paint with the mouse or a finger."});
        this.image = make("img", {alt: "", draggable: "false"});
        box.append(this.image, this.canvas);
        this.pen = this.canvas.getContext("2d", {willReadFrequently: true});
        this.canvas.addEventListener("pointerdown", (event) => this.grab(event));
        this.canvas.addEventListener("pointermove", (event) => this.from && this.stroke(event));
        for (const end of ["pointerup", "pointercancel"])
            this.canvas.addEventListener(end, () => this.from = null);
        $("mask-undo").onclick = () => this.undo();
        $("mask-invert").onclick = () => this.invert();
        $("mask-use").onclick = () => this.file().then(done);
        $("mask-none").onclick = () => {
            this.clear();
            done(null);
        };
        this.clear();
    }

    // What the model sees, and its size.
    set(seen, width, height) {
        this.image.src = seen;
        this.box.style.aspectRatio = `${width} / ${height}`;
        if (this.canvas.width === width && this.canvas.height === height)
            return;
        this.canvas.width = width;
        this.canvas.height = height;
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
        this.buttons();
    }

    buttons() {
        $("mask-undo").disabled = !this.past.length;
    }

    keep() {
        this.past.push(this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height));
        if (this.past.length > MOST)
            this.past.shift();
        this.buttons();
    }

    undo() {
        const before = this.past.pop();
        if (before)
            this.pen.putImageData(before, 0, 0);
        this.buttons();
    }

    invert() {
        this.keep();
        this.pen.globalCompositeOperation = "difference";
        this.fill("#fff");
        this.pen.globalCompositeOperation = "source-over";
    }

    place(event) {
        const r = this.canvas.getBoundingClientRect();
        return [(event.clientX - r.left) / r.width * this.canvas.width, (event.clientY - r.top) / r.height * this.canvas.height];
    }

    grab(event) {
        if (event.button !== 0)
            return;
        event.preventDefault();
        this.canvas.setPointerCapture(event.pointerId);
        this.keep();
        this.from = this.place(event);
        this.stroke(event);
    }

    // Soft dots along the way.
    stroke(event) {
        const to = this.place(event), [x, y] = this.from;
        const radius = Math.max(0.5, Number($("mask-size").value) / 100 * this.canvas.width / 2);
        const hard = 1 - Number($("mask-feather").value) / 100, tone = $("mask-tone").value === "white" ? 255 : 0;
        const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - x, to[1] - y) / (radius / 3)));
        for (let i = 1; i <= steps; i++) {
            const at = [x + (to[0] - x) * i / steps, y + (to[1] - y) * i / steps];
            const dot = this.pen.createRadialGradient(...at, radius * Math.min(hard, 0.99), ...at, radius);
            dot.addColorStop(0, `rgb(${tone} ${tone} ${tone})`);
            dot.addColorStop(1, `rgb(${tone} ${tone} ${tone} / 0)`);
            this.pen.fillStyle = dot;
            this.pen.beginPath();
            this.pen.arc(...at, radius, 0, 2 * Math.PI);
            this.pen.fill();
        }
        this.from = to;
    }

    file() {
        return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
    }
}
