// What the sliders were set to before: undo, redo, and a small picture of each.
import {$, make, clamp} from "./dom.js";

const MOST = 40, SIZE = 64; // pictures, pixels
const SOON = 700; // ms: what follows so soon is the same step (a key held down)

export class History {
    // went(weights): somebody goes back to these.
    constructor(box, went) {
        this.box = box;
        this.went = went;
        this.clear({});
        $("undo").onclick = () => this.travel(-1);
        $("redo").onclick = () => this.travel(1);
    }

    clear(weights) {
        this.past = [];
        this.at = -1;
        this.added = 0; // when a step was
        this.push(weights);
    }

    push(weights) {
        const canvas = make("canvas", {width: SIZE, height: SIZE});
        const button = make("button", {type: "button", onclick: () => this.go(this.past.indexOf(entry))}, canvas);
        const entry = {weights, canvas, button};
        this.past.splice(this.at + 1, Infinity, entry);
        if (this.past.length > MOST)
            this.past.shift();
        this.at = this.past.length - 1;
        this.draw();
    }

    // The sliders came to rest.
    add(weights) {
        const now = performance.now(), same = this.at > 0 && now - this.added < SOON;
        if (JSON.stringify(weights) === JSON.stringify(this.past[this.at].weights))
            return;
        this.added = now;
        if (!same) {
            this.push(weights);
            return;
        }
        this.past[this.at].weights = weights;
        this.past.splice(this.at + 1);
        this.draw();
    }

    // What is set now looks so.
    picture(canvas) {
        const to = this.past[this.at].canvas;
        to.height = Math.max(1, Math.round(SIZE * canvas.height / canvas.width));
        to.getContext("2d").drawImage(canvas, 0, 0, to.width, to.height);
    }

    travel(step) {
        this.go(clamp(this.at + step, 0, this.past.length - 1));
    }

    go(to) {
        if (to < 0 || to === this.at)
            return;
        this.at = to;
        this.added = 0;
        this.draw();
        this.went(this.past[to].weights);
    }

    draw() {
        this.box.replaceChildren(...this.past.map((entry) => entry.button));
        this.past.forEach((entry, i) => {
            const name = Object.keys(entry.weights).length ? `Step ${i + 1} of ${this.past.length}` : "Unchanged";
            entry.button.title = name;
            entry.button.setAttribute("aria-label", name);
            entry.button.setAttribute("aria-current", i === this.at ? "step" : "false");
        });
        this.box.hidden = this.past.length < 2;
        this.box.scrollLeft = this.past[this.at].button.offsetLeft - this.box.clientWidth / 2;
        $("undo").disabled = this.at === 0;
        $("redo").disabled = this.at === this.past.length - 1;
    }
}
